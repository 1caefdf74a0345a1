"""The tests in Solidity, each counted: units, fuzzed cases, invariants between random calls."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.contracts import forge, project
from tests.npm import PROJECT

LONGEST_FILE = 250
RUN_BY_OTHERS = {"gas", "symbolic"}


def _files() -> list[str]:
    found = sorted(PROJECT.glob("test/**/*.t.sol"))
    return [str(path.relative_to(PROJECT)) for path in found if path.parent.name not in RUN_BY_OTHERS]


def _depth(deep: bool) -> tuple[str, ...]:
    """The same cases each time, or new ones; the seed is printed with a failure."""
    return ("--fuzz-seed", hex(secrets.randbits(64))) if deep else ()


@pytest.mark.parametrize("path", _files())
def test_solidity(path: str, deep: bool, subtests: pytest.Subtests) -> None:
    options = _depth(deep)
    variables = {"FOUNDRY_PROFILE": "deep"} if deep else {}
    for verdict in forge.verdicts(PROJECT, "--match-path", path, *options, **variables):
        with subtests.test(verdict.test, suite=verdict.suite.partition(":")[2]):
            assert verdict.failure is None, " ".join(options)
            assert verdict.idle == (), "calls that never did anything"


def test_formatted() -> None:
    done = forge.run(PROJECT, "fmt", "--check", ".", *map(str, project.PLANTED.rglob("*.sol")))
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_contract_is_longer_than_can_be_read() -> None:
    sizes = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in PROJECT.glob("src/**/*.sol")}
    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


@pytest.fixture(scope="module")
def verdicts(planted: Path) -> dict[tuple[str, str], forge.Verdict]:
    return {
        (verdict.suite.partition(":")[2], verdict.test): verdict
        for verdict in forge.verdicts(planted, "--match-path", "test/Counter.t.sol")
    }


def test_what_holds_passes(verdicts: dict[tuple[str, str], forge.Verdict]) -> None:
    passed = {key for key, verdict in verdicts.items() if verdict.failure is None}
    units = {"test_adds()", "test_refuses()", "testFuzz_adds(uint256)"}
    inherited = {("MistakenTest", test) for test in units}
    assert passed == {("CounterTest", test) for test in units} | inherited | {("CounterInvariants", "invariant_sum()")}


@pytest.mark.parametrize(
    ("suite", "test", "failure"),
    [
        ("MistakenTest", "test_mistaken()", "Failure: one is two: 1 != 2"),
        ("MistakenTest", "testFuzz_mistaken(uint256)", "Failure: TooMuch("),
        ("MistakenTest", "test_skipped()", "Skipped: for no reason"),
        ("BrokenTest", "setUp()", "Failure: no beginning"),
        ("CounterInvariants", "invariant_mistaken()", "\n  add("),
    ],
)
def test_what_does_not_hold_fails(verdicts: dict[tuple[str, str], forge.Verdict], suite: str, test: str, failure: str) -> None:
    assert failure in (verdicts[suite, test].failure or "")


def test_calls_that_never_did_anything_are_told(verdicts: dict[tuple[str, str], forge.Verdict]) -> None:
    assert verdicts["CounterInvariants", "invariant_sum()"].idle == ("test/Counter.t.sol:Actor.idle",)


def test_what_does_not_compile_has_not_passed(tmp_path: Path) -> None:
    root = project.containing(tmp_path, "contract Broken { uint256 count }")
    with pytest.raises(forge.Failed, match="Expected ';'"):
        forge.verdicts(root)


def test_warnings_are_errors(tmp_path: Path) -> None:
    root = project.containing(tmp_path, "contract Warned { function f() external { uint256 unused; } }")
    with pytest.raises(forge.Failed, match="Unused local variable"):
        forge.build(root)


def test_selecting_no_test_is_an_error(planted: Path) -> None:
    with pytest.raises(forge.Failed, match="No tests found"):
        forge.verdicts(planted, "--match-path", "test/Missing.t.sol")
