"""A whole run, judged: what is to be read stands in a file.

application = "0x..."            # What the signatures are for.
treasury = "0x..."               # Whom the fees belong to.
guards = ["0x...", "0x..."]      # With which every grid was made, and how many of them decide.
threshold = 2
senders = ["senders.jsonl"]      # Paths beside this file.
open_until = 1800000000          # By the chains' clocks: until then what is in time may still be open.

[[chains]]
name = "arbitrum"
number = 2
url = "http://127.0.0.1:8545"
grid = "0x..."
from_block = 0                   # At most that of the grid's deployment.
bridge = "0x..."                 # Who gets what leaves over the bridge; left out where nothing may.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.checker import senders
from tests.checker.chain import Audited, Expected, audit
from tests.checker.findings import Finding
from tests.checker.history import Where
from tests.checker.judge import judge
from tests.checker.senders import Listed, unhexed


class Run(NamedTuple):
    expected: Expected
    chains: tuple[Where, ...]
    senders: tuple[Path, ...]
    open_until: int


class Verdict(NamedTuple):
    findings: tuple[Finding, ...]
    figures: Counter[str]
    chains: tuple[Audited, ...]

    @property
    def is_clean(self) -> bool:
        return not self.findings


class BadRun(Exception):
    """The file does not say what is to be judged."""


def load(path: Path) -> Run:
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
        expected = Expected(
            application=unhexed(given["application"]),
            treasury=unhexed(given["treasury"]),
            guards=tuple(map(unhexed, given["guards"])),
            threshold=given["threshold"],
        )
        chains = tuple(map(_where, given["chains"]))
        return Run(expected, chains, tuple(path.parent / name for name in given["senders"]), given["open_until"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRun(f"{path}: {error!r}") from None


def _where(given: dict[str, Any]) -> Where:
    bridge = unhexed(given.get("bridge", "0x" + bytes(20).hex()))
    return Where(given["name"], given["number"], given["url"], unhexed(given["grid"]), bridge, given["from_block"])


def check(run: Run) -> Verdict:
    lists = senders.read(list(run.senders), run.expected.application)
    accounts = sorted({account for listed in lists.values() for account in _accounts(listed)})
    chains = tuple(audit(where, run.expected, accounts) for where in run.chains)
    findings, figures = judge(lists, chains, run.open_until)
    findings += [finding for chain in chains for finding in chain.findings]
    return Verdict(tuple(findings), figures + _counted(chains), chains)


def _accounts(listed: Listed) -> Sequence[bytes]:
    if listed.kind == "Verdict":
        return tuple(listed.body["ranking"])
    return (listed.body["account"],)


def _counted(chains: Sequence[Audited]) -> Counter[str]:
    names = {"Executed": "batches", "Deposited": "deposits", "Withdrawn": "withdrawals", "Cancelled": "cancels"}
    told = (event.name for chain in chains for event in chain.history.events)
    return Counter(names[name] for name in told if name in names)
