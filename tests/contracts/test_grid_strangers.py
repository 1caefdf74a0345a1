"""What is foreign, stale, late, or for elsewhere is refused; and what was done once is not done again."""

from __future__ import annotations

import pytest

from jurymast.book.signed import SOLANA, Rotation
from jurymast.chains.operations import Pause
from jurymast.crypto.keccak import keccak256
from tests.contracts import told
from tests.contracts.driver import OnChain, changing, encoded, interface, refusal
from tests.contracts.worlds import CUT, NOW, SOON, Step, begun, guarded, performed, steps, transition, world
from tests.unit.grids import EUR, GUARD_KEYS, PAUSER, USD

STEPS = steps()
ANYBODY = {"pause", "deposit"}
"""Nothing of these is signed."""
ALWAYS = {"transition", "rotate", "listAsset", "cancel", "pause", "unpause"}


@pytest.fixture(scope="module")
def grid() -> OnChain:
    return world()


@pytest.fixture(scope="module")
def elsewhere() -> OnChain:
    return world(application=b"\7" * 32)


def each(names: set[str] | None = None) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("name", sorted(names or STEPS))


def refused_as(grid: OnChain, step: Step, now: int = NOW) -> str:
    """And nothing has changed."""
    before = grid.chain.storage(grid.address)
    said = refusal(lambda: grid.perform(step.operation, now, step.sender))
    assert said is not None
    assert grid.chain.storage(grid.address) == before
    return said[0]


def test_there_is_a_step_for_every_function() -> None:
    assert STEPS.keys() == changing()


@each()
def test_each_succeeds_and_tells_what_changed(grid: OnChain, name: str) -> None:
    with grid.chain.undone():
        performed(grid, STEPS[name])
        assert told.unlike(grid) == []


AGAIN = {
    "execute": "BatchUsed", "transition": "EpochNotNewer", "rotate": "WrongVersion", "unpause": "NotPaused",
    "listAsset": "AssetListed", "resolve": "AlreadyResolved", "credit": "AlreadyCredited", "bridgeIn": "AlreadyBridged",
    "enter": "AlreadyEntered", "enterAccount": "AlreadyEntered", "enterBalance": "AlreadyEntered", "cancel": "FloorTooLow",
    "enterMatch": "AlreadyEntered", "enterOrder": "AlreadyEntered", "settleHold": "AlreadySettled",
}  # fmt: skip


def test_all_that_changes_what_is_owned_happens_once() -> None:
    assert AGAIN.keys() == STEPS.keys() - ANYBODY - {"submit"}


@each(set(AGAIN))
def test_what_was_done_is_not_done_again(grid: OnChain, name: str) -> None:
    with grid.chain.undone():
        performed(grid, STEPS[name])
        assert refused_as(grid, STEPS[name]) == AGAIN[name]


LATER = {
    "execute": "WrongEpoch", "credit": "WrongEpoch", "transition": "EpochNotNewer", "enter": "BadProof",
    "enterAccount": "BadProof", "enterBalance": "BadProof", "enterMatch": "BadProof", "enterOrder": "BadProof",
    "settleHold": "BadProof",
}  # fmt: skip


@each(set(LATER))
def test_what_was_for_an_older_epoch_is_stale(grid: OnChain, name: str) -> None:
    """Also if the next one starts from the same leaves with other totals."""
    with grid.chain.undone():
        grid.perform(transition(3, CUT.root, {EUR: 1 << 40, USD: 1 << 40}), NOW)
        assert refused_as(grid, STEPS[name]) == LATER[name]


@each({"execute", "bridgeIn"})
def test_what_has_expired_is_late(grid: OnChain, name: str) -> None:
    with grid.chain.undone():
        assert refused_as(grid, STEPS[name], SOON) == "PermitExpired"


@each()
def test_while_another_chain_is_active_little_happens(grid: OnChain, name: str) -> None:
    with grid.chain.undone():
        grid.perform(transition(3, active=SOLANA), NOW)
        step = STEPS[name] if name != "transition" else Step(transition(4))
        if name in ALWAYS | {"bridgeIn"}:
            performed(grid, step)
        else:
            assert refused_as(grid, step) == "NotActive"


@each()
def test_while_paused_less_happens(grid: OnChain, name: str) -> None:
    with grid.chain.undone():
        grid.perform(Pause(SOON), NOW, PAUSER)
        if name in ALWAYS:
            performed(grid, STEPS[name])
        else:
            assert refused_as(grid, STEPS[name]) == "Paused"


GUARDED = {"execute", "transition", "rotate", "unpause", "listAsset", "resolve", "credit", "bridgeIn"}


@each(GUARDED)
def test_guards_of_before_decide_nothing(grid: OnChain, name: str) -> None:
    newer = Rotation(version=2, guards=(GUARD_KEYS[2].address,), threshold=1)
    with grid.chain.undone():
        for before in STEPS[name].before:
            grid.perform(before, NOW, PAUSER)
        grid.perform(guarded(newer), NOW)
        expected = {"rotate": "WrongVersion"}.get(name, "TooManySignatures")
        assert refused_as(grid, STEPS[name]) == expected


PROVED = {"enter", "enterAccount", "enterBalance", "enterMatch", "enterOrder", "settleHold"}


@each(set(STEPS) - ANYBODY - PROVED)
def test_another_application_takes_nothing_that_was_signed_for_this_one(elsewhere: OnChain, name: str) -> None:
    with elsewhere.chain.undone():
        for before in STEPS[name].before:
            elsewhere.perform(before, NOW, PAUSER)
        expected = {"execute": "WrongBatch", "cancel": "NotAuthorised", "submit": "NotAuthorised"}.get(name, "NoQuorum")
        assert refused_as(elsewhere, STEPS[name]) in {expected, "NotAscending"}, "whoever it is that seems to have signed"


CHAINS = {
    "execute": "NotActive", "unpause": "NoSuchChain", "listAsset": "WrongChain", "bridgeIn": "WrongChain",
    "resolve": "NotActive", "credit": "NotActive", "cancel": "WrongChain",
}  # fmt: skip


@each(set(CHAINS))
def test_what_names_a_chain_is_for_that_chain_alone(name: str) -> None:
    assert refused_as(OnChain(NOW, chain=SOLANA), STEPS[name]) == CHAINS[name]


@each()
def test_a_grid_without_an_epoch_does_little(name: str) -> None:
    grid = begun()
    if name in ALWAYS:
        performed(grid, STEPS[name])
    elif name != "bridgeIn":
        assert refused_as(grid, STEPS[name]) == "NotActive"


def test_the_code_that_is_delegated_to_changes_nothing_by_itself(grid: OnChain) -> None:
    """Called directly it runs on a state of its own, in which no chain is active."""
    annex = grid.chain.contract(keccak256(b"\xd6\x94", grid.address, b"\1")[12:], interface())
    before = grid.chain.storage(grid.address)
    with grid.chain.undone():
        for name, step in STEPS.items():
            refusal(lambda step=step: grid.chain.send(annex.address, encoded(annex, step.operation), step.sender))  # type: ignore[misc]
            assert grid.chain.storage(grid.address) == before, name
        assert annex.read("lock")["active"] == 0
        assert annex.read("guards")["addresses"] == ()
