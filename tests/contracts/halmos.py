"""What halmos proves of the contracts: for every input and every caller, not for those that were tried.

A property `check_...` in test/symbolic holds if its assertion cannot fail. It would also hold if nothing got there; so each
contract of properties has some `check_reaches_...` that gets there and whose assertion must fail.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.contracts import forge, tools

REACHES = "check_reaches_"
OUTCOMES = ("proved", "refuted", "timed out", "stuck", "reverted on every path", "failed")

_CONTRACT = re.compile(r"^contract (\w+)", re.MULTILINE)
_PROPERTY = re.compile(r"^    function (check_\w+)", re.MULTILINE)


class Answer(NamedTuple):
    contract: str
    name: str
    outcome: str

    @property
    def holds(self) -> bool:
        return self.outcome == ("refuted" if self.name.startswith(REACHES) else "proved")


class _Result(msgspec.Struct):
    name: str
    exitcode: int
    num_bounded_loops: int | None = None


class _Report(msgspec.Struct):
    test_results: dict[str, list[_Result]]


def answers(root: Path) -> list[Answer]:
    """One for each property that stands in the sources: what halmos says nothing about was not proved."""
    said = _said(root)
    return [Answer(contract, name, said.get((contract, name), "not tried")) for contract, name in properties(root)]


def properties(root: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(root.glob("test/symbolic/*.sol")):
        parts = _CONTRACT.split(path.read_text(encoding="utf-8"))
        for contract, body in zip(parts[1::2], parts[2::2], strict=True):
            for name in _PROPERTY.findall(body):
                yield contract, name


def without_reach(root: Path) -> set[str]:
    """Contracts of properties of which nothing shows that anything gets there."""
    found = list(properties(root))
    return {contract for contract, _ in found} - {contract for contract, name in found if name.startswith(REACHES)}


def _said(root: Path) -> dict[tuple[str, str], str]:
    forge.build(root)  # It does that too, but beside others.
    with tempfile.TemporaryDirectory() as directory:
        written = Path(directory) / "report.json"
        output = tools.run(root, "halmos", "--function", "check_", "--no-status", "--json-output", str(written))
        if not written.exists():
            raise forge.Failed(output)
        report = msgspec.json.decode(written.read_bytes(), type=_Report)
    return {
        (suite.partition(":")[2], result.name.partition("(")[0]): _outcome(result)
        for suite, results in report.test_results.items()
        for result in results
    }


def _outcome(result: _Result) -> str:
    outcome = OUTCOMES[result.exitcode]
    # A counterexample is one however few rounds of a loop were tried, a proof is not.
    return "proved for few rounds of a loop only" if outcome == "proved" and result.num_bounded_loops else outcome
