"""What the contracts cost: measured by test/gas, kept in contracts/evm/gas.json, and held to budgets.

A measurement is a whole transaction, with its 21,000 gas and its calldata. `python -m tests.contracts.gas` writes the file anew,
and the figures in contracts/evm/GAS.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.contracts import forge
from tests.npm import PROJECT

SNAPSHOT = PROJECT / "gas.json"
REPORT = PROJECT / "GAS.md"
FIGURES = (
    ("<!-- Made of gas.json by python -m tests.contracts.gas -->\n", "<!-- So far the figures. -->\n"),
    ("<!-- Made like the figures -->\n", "<!-- So far the comparison. -->\n"),
)
"""Between these lines of the report stands what is generated."""

BUDGETS = {
    "settled intent of 50": 30_000,
    "settled intent of 50, bytes of calldata": 170,
    "execute 400 intents": 16_700_000,
    "transition, first": 70_000,
    "transition, later": 55_000,
    "enter at depth 24, fresh account with one asset": 115_000,
    "enter at depth 24, again": 60_000,
}
"""The most that each may be, by the name under which it is measured. Intents are settled for accounts that are warm: their slots
hold something. Two of three guards sign."""


PUBLISHED = {
    "CoW, 10 trades": 762_375 // 10,
    "CoW, large batches": 60_000,
    "UniswapX, limit order alone": 136_118,
    "UniswapX, limit orders by two": 175_300 // 2,
}
"""Gas for each trade, from where GAS.md says."""


class Contradiction(Exception):
    """Two measurements have one name."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def measured(root: Path, files: str = "test/gas/*.t.sol") -> dict[str, int]:
    lines: dict[str, int] = {}
    for verdict in forge.verdicts(root, "--match-path", files, "--isolate"):
        if verdict.failure is not None:
            raise forge.Failed(f"{verdict.test}: {verdict.failure}")
        for name, used in verdict.gas.items():
            if lines.setdefault(name, used) != used:
                raise Contradiction(name)
    return dict(sorted(lines.items()))


def text(lines: Mapping[str, int]) -> str:
    return json.dumps(lines, indent=1) + "\n"


def table(lines: Mapping[str, int]) -> str:
    rows = [f"| {name} | {used:,} | {_budget(name)} |\n" for name, used in lines.items()]
    return "".join(["| what | measured | at most |\n|---|---|---|\n", *rows])


def comparison(lines: Mapping[str, int]) -> str:
    """With others, who move tokens from wallet to wallet in each trade: ours come into the vault once, and leave it once."""
    trade, ways = lines["settled intent of 50"], lines["deposit, later"] + lines["withdrawal of 50"]
    rows = [f"| {name} | {theirs:,} | {trade:,} | {ways // (theirs - trade) + 1} |\n" for name, theirs in PUBLISHED.items()]
    return "".join(["| who | their trade | our trade | ours is less from so many trades on |\n|---|---|---|---|\n", *rows])


def reported(report: str, lines: Mapping[str, int]) -> str:
    """The report with these figures in it."""
    for (first, last), figures in zip(FIGURES, (table(lines), comparison(lines)), strict=True):
        head, begin, rest = report.partition(first)
        _, end, tail = rest.partition(last)
        report = "".join([head, begin, "\n", figures, "\n", end, tail])
    return report


def _budget(name: str) -> str:
    return f"{BUDGETS[name]:,}" if name in BUDGETS else ""


def missed(lines: Mapping[str, int], budgets: Mapping[str, int]) -> dict[str, str]:
    """What is over its budget, and what nobody measured."""
    return {
        name: "not measured" if (used := lines.get(name)) is None else f"{used:,} of at most {most:,}"
        for name, most in budgets.items()
        if (used := lines.get(name)) is None or used > most
    }


if __name__ == "__main__":
    found = measured(PROJECT)
    SNAPSHOT.write_text(text(found), encoding="ascii")
    REPORT.write_text(reported(REPORT.read_text(encoding="utf-8"), found), encoding="utf-8")
