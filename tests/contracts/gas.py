"""What the contracts cost: measured by test/gas, kept in contracts/evm/gas.json, and held to budgets.

A measurement is a whole transaction, with its 21,000 gas and its calldata. `python -m tests.contracts.gas` writes the file anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from tests.contracts import forge
from tests.npm import PROJECT

SNAPSHOT = PROJECT / "gas.json"

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


def missed(lines: Mapping[str, int], budgets: Mapping[str, int]) -> dict[str, str]:
    """What is over its budget, and what nobody measured."""
    return {
        name: "not measured" if (used := lines.get(name)) is None else f"{used:,} of at most {most:,}"
        for name, most in budgets.items()
        if (used := lines.get(name)) is None or used > most
    }


if __name__ == "__main__":
    SNAPSHOT.write_text(text(measured(PROJECT)), encoding="ascii")
