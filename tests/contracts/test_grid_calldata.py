"""Bytes that are no good call: refused with an error that has a name, or by the decoder without one, and nothing changes."""

from __future__ import annotations

import pytest

from jurymast.book.execute import MOST_ACTIONS
from jurymast.chains.evm import calldata
from jurymast.chains.operations import Execute
from tests.contracts.abi import STANDARD_ERRORS
from tests.contracts.driver import OnChain, actions, artifact, encoded, executing, interface, refusal
from tests.contracts.evm import MOST_GAS, Receipt, Refused
from tests.contracts.worlds import EVERYTHING, NOW, Step, batch, steps, world
from tests.unit.grids import ANN, BEN, EUR, PAUSER, USD

STEPS = steps()
UNSIGNED = {"pause", "deposit"}
"""Whoever changes these says something else."""


def typed() -> set[str]:
    """The errors that say something."""
    return {error.name for error in interface().errors.values()} - {error.name for error in STANDARD_ERRORS}


@pytest.fixture(scope="module")
def grid() -> OnChain:
    return world()


def good(grid: OnChain, step: Step) -> bytes:
    """It succeeds when it is sent next."""
    for before in step.before:
        grid.perform(before, NOW, PAUSER)
    return encoded(grid.contract, step.operation)


def sent(grid: OnChain, data: bytes, sender: bytes) -> Receipt | None:
    """Nothing if it is refused, with a name or by the decoder; anything else, a panic too, is raised."""
    try:
        return grid.chain.send(grid.address, data, sender)
    except Refused as refused:
        if refused.name in typed() or (refused.name, refused.fields) == ("", {"data": b""}):
            return None
        raise


@pytest.mark.parametrize("name", sorted(STEPS))
def test_half_a_call_is_none(grid: OnChain, name: str) -> None:
    """Unless only zeros are missing at the end, which the decoder does not look for."""
    step = STEPS[name]
    with grid.chain.undone():
        data = good(grid, step)
        before = grid.chain.storage(grid.address)
        for length in range(len(data)):
            with grid.chain.undone():
                done = sent(grid, data[:length], step.sender)
                assert done is None or not any(data[length:]), length
        assert grid.chain.storage(grid.address) == before
        assert sent(grid, data, step.sender)


@pytest.mark.parametrize("name", sorted(STEPS.keys() - UNSIGNED))
def test_a_changed_call_is_refused_or_says_the_same(grid: OnChain, name: str) -> None:
    """One bit of each byte, another one each time."""
    step = STEPS[name]
    with grid.chain.undone():
        data = good(grid, step)
        with grid.chain.undone():
            expected = sent(grid, data, step.sender)
            assert expected is not None
        before = grid.chain.storage(grid.address)
        for at in range(len(data)):
            with grid.chain.undone():
                changed = data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :]
                done = sent(grid, changed, step.sender)
                assert done is None or done.events == expected.events, at
        assert grid.chain.storage(grid.address) == before


@pytest.mark.parametrize("name", sorted(STEPS.keys() - UNSIGNED))
def test_more_bytes_at_the_end_say_nothing(grid: OnChain, name: str) -> None:
    step = STEPS[name]
    with grid.chain.undone():
        assert sent(grid, good(grid, step) + b"\1" * 33, step.sender)


def test_what_is_no_function_is_refused(grid: OnChain) -> None:
    for data in (b"", b"\0", b"\0\0\0\0", b"\xff" * 4, b"\xff" * 4_000):
        assert sent(grid, data, ANN.key.address) is None


def test_nobody_sends_coins() -> None:
    assert {entry.get("stateMutability") for entry in artifact().abi} == {None, "view", "nonpayable"}


# -- packed lists ------------------------------------------------------------------------------------------------------

PACKED = actions(EVERYTHING.batch.actions)


@pytest.mark.parametrize("at", [1, 40, 80, 250, 700])
def test_packed_actions_end_where_they_say(grid: OnChain, at: int) -> None:
    """By the place in the calldata, whoever signed whatever."""
    for changed in (PACKED[:at], PACKED + bytes(at), b"\0\0" + PACKED[2:], b"\0\x08" + PACKED[2:]):
        said = refusal(lambda changed=changed: grid.chain.send(grid.address, executing(grid.contract, EVERYTHING.batch, changed)))  # type: ignore[misc]
        assert said is not None
        assert said[0] == "BadEncoding"
        assert 0 < said[1]["place"] < 10_000


@pytest.mark.parametrize("kind", [0, 6, 0x7F, 0x80, 0x86, 0xFF])
def test_there_are_five_kinds_of_actions(grid: OnChain, kind: int) -> None:
    changed = PACKED[:2] + bytes([kind]) + PACKED[3:]
    said = refusal(lambda: grid.chain.send(grid.address, executing(grid.contract, EVERYTHING.batch, changed)))
    assert said is not None
    assert said[0] == "BadEncoding"


# -- the largest batch -------------------------------------------------------------------------------------------------


def many(count: int) -> Execute:
    pairs = [(ANN.intent(n, EUR, 1, USD), BEN.intent(n, USD, 1, EUR)) for n in range(192)]
    trades = [each for pair in pairs for each in pair]
    return batch(*trades, *(ANN.withdrawal(192 + n, EUR, 1) for n in range(count - len(trades))))


def test_a_batch_as_large_as_may_be_executes(grid: OnChain) -> None:
    with grid.chain.undone():
        receipt = grid.perform(many(MOST_ACTIONS), NOW)
        assert receipt.gas < MOST_GAS // 2


def test_a_larger_batch_is_refused_for_its_size(grid: OnChain) -> None:
    before = grid.chain.storage(grid.address)
    assert refusal(lambda: grid.perform(many(MOST_ACTIONS + 1), NOW)) == ("BatchTooLarge", {"actions": 401, "most": 400})
    huge = executing(grid.contract, EVERYTHING.batch, b"\xff\xff" + PACKED[2:])
    assert refusal(lambda: grid.chain.send(grid.address, huge)) == ("BatchTooLarge", {"actions": 65_535, "most": 400})
    assert grid.chain.storage(grid.address) == before


# -- one encoder -------------------------------------------------------------------------------------------------------


def test_a_batch_is_sent_as_the_chain_plug_in_sends_it(grid: OnChain) -> None:
    """But that it makes signatures short."""
    short = calldata.decode(calldata.encode(EVERYTHING))
    assert isinstance(short, Execute)
    assert len(calldata.encode(EVERYTHING)) < len(encoded(grid.contract, EVERYTHING))
    with grid.chain.undone():
        first = sent(grid, calldata.encode(EVERYTHING), ANN.key.address)
    with grid.chain.undone():
        second = grid.perform(EVERYTHING, NOW)
    assert first is not None
    assert first.events == second.events
