"""Mistakes planted in the contracts one at a time, contracts/evm/mutants.toml: the tests in Solidity have to notice each.

`python -m tests.contracts.mutants [WORD ...]` tries those whose names have one of the words, or all, and tells what noticed them.
"""

from __future__ import annotations

import sys
import tempfile
import tomllib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.contracts import forge, project
from tests.npm import PROJECT

LIST = PROJECT / "mutants.toml"
PROFILE = {"FOUNDRY_PROFILE": "mutants"}


class Mutant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    file: str
    what: str
    instead: str = msgspec.field(name="with")
    tests: str = ".*"
    """The test contracts that can notice it, as a pattern; only to be faster than all of them are."""


class Stale(Exception):
    """What a mutant replaces does not stand there exactly once."""

    def __init__(self, mutant: Mutant, times: int) -> None:
        super().__init__(f"'{mutant.name}': {mutant.what!r} stands {times} times in {mutant.file}")
        self.mutant = mutant
        self.times = times


def listed(path: Path) -> list[Mutant]:
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8"))["mutant"], list[Mutant])


def noticed(root: Path, mutant: Mutant) -> list[str]:
    """The tests that fail with it. One that does not compile was noticed by nobody: that is an error."""
    options = ("--match-contract", mutant.tests, "--no-match-path", "test/gas/*", "--fail-fast")
    with _planted(root, mutant):
        verdicts = forge.verdicts(root, *options, **PROFILE)
    return [f"{verdict.suite.partition(':')[2]}.{verdict.test}" for verdict in verdicts if verdict.failure is not None]


def chosen(mutants: Sequence[Mutant], changed: Collection[str] | None, turn: int, most: int) -> set[Mutant]:
    """Those in files that have changed, or all if nobody knows what has; of too many, as many as there is time for, by turns."""
    touched = [mutant for mutant in mutants if changed is None or mutant.file in changed or LIST.name in changed]
    first = turn % len(touched) if touched else 0
    return set((touched[first:] + touched[:first])[:most])


@contextmanager
def _planted(root: Path, mutant: Mutant) -> Iterator[None]:
    path = root / mutant.file
    source = path.read_text(encoding="utf-8")
    if (times := source.count(mutant.what)) != 1:
        raise Stale(mutant, times)
    path.write_text(source.replace(mutant.what, mutant.instead), encoding="utf-8")
    try:
        yield
    finally:
        path.write_text(source, encoding="utf-8")


def main(words: Sequence[str]) -> int:
    survivors = 0
    with tempfile.TemporaryDirectory() as directory:
        root = project.copy(Path(directory))
        for mutant in listed(LIST):
            if not words or any(word in mutant.name for word in words):
                tests = noticed(root, mutant)
                survivors += not tests
                print(f"{mutant.name}: {', '.join(tests) or 'SURVIVED'}", flush=True)
    return int(survivors > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
