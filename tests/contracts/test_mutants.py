"""Every mistake that somebody planted in the contracts is noticed by a test in Solidity."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contracts import changes, forge, mutants, project
from tests.contracts.mutants import Mutant
from tests.npm import PROJECT

MUTANTS = mutants.listed(mutants.LIST)
MOST = 6
"""As many as there is time for whenever all tests run."""


@pytest.fixture(scope="session")
def workshop(contracts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    forge.build(contracts)
    root = project.copy(tmp_path_factory.mktemp("mutants"))
    forge.build(root, **mutants.PROFILE)
    return root


@pytest.fixture(scope="session")
def due(deep: bool) -> set[Mutant]:
    return set(MUTANTS) if deep else mutants.chosen(MUTANTS, changes.changed(PROJECT), changes.turn(PROJECT), MOST)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_noticed(mutant: Mutant, due: set[Mutant], workshop: Path) -> None:
    if mutant not in due:
        pytest.skip("its file has not changed, or it is not its turn: --deep tries all")
    assert mutants.noticed(workshop, mutant) != []


def test_a_copy_is_compiled_already(contracts: Path, tmp_path: Path) -> None:
    forge.build(contracts)
    assert "No files changed" in forge.run(project.copy(tmp_path), "build").stdout


def test_every_mutant_can_be_planted() -> None:
    assert {mutant.name for mutant in MUTANTS if (PROJECT / mutant.file).read_text("utf-8").count(mutant.what) != 1} == set()


def test_no_two_mutants_have_one_name() -> None:
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


COUNTER = "src/Counter.sol"
UNCHECKED = Mutant("no limit", COUNTER, "if (more > limit)", "if (more > limit + 1)", "CounterTest")
HARMLESS = Mutant("another time", COUNTER, "block.timestamp", "block.timestamp + 1", "CounterTest")


def test_what_notices_a_mutant_is_told_and_nothing_of_it_stays(planted: Path) -> None:
    source = (planted / COUNTER).read_text(encoding="utf-8")
    assert mutants.noticed(planted, UNCHECKED) == ["CounterTest.test_refuses()"]
    assert mutants.noticed(planted, HARMLESS) == []
    assert (planted / COUNTER).read_text(encoding="utf-8") == source


@pytest.mark.parametrize(("what", "times"), [("nowhere", 0), ("uint256 more", 3)])
def test_a_mutant_stands_in_one_place(planted: Path, what: str, times: int) -> None:
    with pytest.raises(mutants.Stale) as stale:
        mutants.noticed(planted, Mutant("stale", COUNTER, what, "more"))
    assert stale.value.times == times


def test_a_mutant_that_does_not_compile_was_not_noticed(planted: Path) -> None:
    with pytest.raises(forge.Failed, match="Compiler run failed"):
        mutants.noticed(planted, Mutant("broken", COUNTER, "sum = count + more", "sum = count +"))


def test_a_mutant_that_no_test_could_notice_is_an_error(planted: Path) -> None:
    with pytest.raises(forge.Failed, match="No tests found"):
        mutants.noticed(planted, Mutant("unseen", COUNTER, "sum = count + more", "sum = count", "MissingTest"))


MANY = [Mutant(f"{number}", f"src/{number % 2}.sol", "", "") for number in range(10)]


@pytest.mark.parametrize(
    ("changed", "turn", "names"),
    [
        (set(), 5, ""),
        ({"src/other.sol"}, 5, ""),
        ({"src/0.sol"}, 0, "024"),
        ({"src/0.sol"}, 4, "802"),
        ({"src/0.sol", "src/1.sol"}, 21, "123"),
        ({"mutants.toml"}, 2, "234"),
        (None, 9, "901"),
    ],
)
def test_mutants_in_changed_files_take_turns(changed: set[str] | None, turn: int, names: str) -> None:
    assert {mutant.name for mutant in mutants.chosen(MANY, changed, turn, 3)} == set(names)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A trunk and a branch of it."""
    root = tmp_path / "repository" / "evm"
    root.mkdir(parents=True)
    (root / "first.sol").touch()
    _git(root, "init", "--quiet", "--initial-branch=main")
    _commit(root)
    (root / "second.sol").touch()
    _commit(root)
    return root


def _git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, capture_output=True, check=True)


def _commit(root: Path) -> None:
    _git(root, "add", "--all")
    _git(root, "commit", "--quiet", "--message", "More")


def test_on_the_trunk_the_last_commit_counts(repository: Path) -> None:
    assert changes.changed(repository) == {"second.sol"}


def test_on_a_branch_all_of_it_counts_and_what_is_not_committed(repository: Path) -> None:
    before = changes.turn(repository)
    _git(repository, "switch", "--quiet", "--create", "branch")
    for name in ("third.sol", "fourth.sol"):
        (repository / name).touch()
        _commit(repository)
    (repository / "first.sol").write_text("changed")
    (repository / "new.sol").touch()
    assert changes.changed(repository) == {"first.sol", "third.sol", "fourth.sol", "new.sol"}
    assert changes.turn(repository) != before


def test_without_a_history_nobody_knows(tmp_path: Path) -> None:
    assert changes.changed(tmp_path) is None
    assert changes.turn(tmp_path) == 0
