"""What every chain plug-in does, whatever its chain does."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from jurymast.book.signed import Cancel
from jurymast.chains.agreement import NoQuorum
from jurymast.chains.operations import CancelBelow
from jurymast.chains.trail import Added, Block, Change, Trail, Undone
from jurymast.chains.words import BadEvidence, Event, NotFinal, Standing, Wanted
from jurymast.errors import Rejected
from tests.conformance.actions import ANN_AND_BEN, a_batch, credit, every_operation, first_epoch, swap, transition
from tests.conformance.rig import Lie, Refused, Rig
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, USD

# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_batch_is_bounded_before_it_is_claimed(rig: Rig) -> None:
    chain = rig.chain
    small, larger = chain.measure(swap(chain.number, 1, 2)), chain.measure(swap(chain.number, 1, 4))
    assert small.actions == 2
    assert all(less < more for less, more in zip(small, larger, strict=True))
    chain.limits.check(small)
    with pytest.raises(Rejected) as refused:
        chain.limits.check(chain.measure(swap(chain.number, 1, chain.limits.actions + 2)))
    assert refused.value.has == chain.limits.actions + 2  # type: ignore[attr-defined]


# -- heads -------------------------------------------------------------------------------------------------------------


async def test_levels_are_in_order_and_what_is_final_follows(rig: Rig) -> None:
    before = await rig.chain.heads()
    await rig.blocks(3)
    after = await rig.chain.heads()
    assert after.soft.height == before.soft.height + 3
    assert after.final.height <= after.safe.height <= after.soft.height
    assert after.soft.clock >= before.soft.clock
    await rig.finalize()
    assert (await rig.chain.heads()).final.height >= after.soft.height


async def test_a_halted_chain_has_the_same_heads_and_the_same_time(rig: Rig) -> None:
    await rig.blocks(8)
    assert await rig.chain.heads() == await rig.chain.heads()


# -- following ---------------------------------------------------------------------------------------------------------


async def followed(rig: Rig, trail: Trail, known: list[Block]) -> tuple[Trail, list[Change]]:
    """To the soft head, telling `known` of every change."""
    told: list[Change] = []
    while True:
        trail, changes = await rig.chain.follow(trail)
        for change in changes:
            if isinstance(change, Undone):
                assert known.pop() == change.block
            else:
                assert not known or change.block.parent == known[-1].hash
                known.append(change.block)
        told += changes
        if not changes:
            return trail, told


async def test_every_block_is_told_of_once(rig: Rig) -> None:
    known: list[Block] = []
    trail, _ = await followed(rig, Trail(), known)
    first = known[0].height
    await rig.blocks(3)
    trail, _ = await followed(rig, trail, known)
    await rig.blocks(150)  # Somebody was away for a while.
    trail, told = await followed(rig, trail, known)
    assert [block.height for block in known] == list(range(first, first + 154))
    assert all(isinstance(change, Added) for change in told)
    assert known[-1] == (await rig.chain.heads()).soft


async def test_a_reorganisation_is_found_by_whoever_was_not_there(rig: Rig) -> None:
    known: list[Block] = []
    await rig.blocks(6)
    trail, _ = await followed(rig, Trail(), known)
    await rig.blocks(5)
    trail, _ = await followed(rig, trail, known)
    before = list(known)
    await rig.reorganise(3)
    await rig.blocks(2)
    trail, told = await followed(rig, trail, known)
    assert [change.block for change in told if isinstance(change, Undone)] == before[:-4:-1]
    assert [block.height for block in known] == list(range(before[0].height, before[-1].height + 3))
    assert known[-1] == (await rig.chain.heads()).soft


# -- events ------------------------------------------------------------------------------------------------------------


def credits_of(events: Sequence[Event]) -> list[object]:
    return [event.values["sequence"] for event in events if event.name == "Credited"]


async def test_no_event_is_missing_however_one_asks(rig: Rig) -> None:
    start = (await rig.chain.heads()).soft.height + 1
    await rig.run(first_epoch())
    for sequence in range(1, 6):
        await rig.run(credit(sequence, ANN, EUR, 10))
        await rig.blocks(sequence % 2)
    await rig.finalize()
    final = (await rig.chain.heads()).final.height
    together = await rig.chain.events(start, final)
    assert credits_of(together) == [1, 2, 3, 4, 5]
    one_by_one = [event for height in range(start, final + 1) for event in await rig.chain.events(height, height)]
    assert one_by_one == list(together)
    assert [event.name for event in together][:1] == ["Transitioned"]
    assert together[-1].values == {"origin": 1, "sequence": 5, "account": ANN.id, "asset": EUR, "amount": 10} | {
        name: value for name, value in together[-1].values.items() if name == "epoch"
    }


async def test_only_final_blocks_are_read_in_ranges(rig: Rig) -> None:
    await rig.blocks(6)
    heads = await rig.chain.heads()
    with pytest.raises(NotFinal) as refused:
        await rig.chain.events(0, heads.final.height + 1)
    assert (refused.value.height, refused.value.final) == (heads.final.height + 1, heads.final.height)


async def test_a_new_block_tells_its_events_and_one_that_was_replaced_has_none(rig: Rig) -> None:
    await rig.blocks(6)
    await rig.run(first_epoch())
    block = (await rig.chain.heads()).soft
    assert [event.name for event in await rig.chain.events_of(block)] == ["Transitioned"]
    await rig.reorganise(1)
    replaced = (await rig.chain.heads()).soft
    assert replaced.hash != block.hash
    assert await rig.chain.events_of(replaced) == []


# -- state -------------------------------------------------------------------------------------------------------------

FUNDED = Wanted(
    identities=frozenset({(ANN.id, 0), (BEN.id, 0), (ANN.id, 1)}),
    batches=frozenset({(1, 1), (1, 2)}),
    balances=frozenset({(ANN.id, EUR), (ANN.id, USD), (BEN.id, EUR), (BEN.id, USD)}),
)


async def funded(rig: Rig) -> None:
    await rig.run(first_epoch())
    await rig.run(credit(1, ANN, EUR, 100))
    await rig.run(credit(2, BEN, USD, 100))


async def test_a_batch_shows_in_the_state_and_before_it_that_it_was_not_there(rig: Rig) -> None:
    await funded(rig)
    await rig.finalize()
    before = (await rig.chain.heads()).final
    await rig.run(a_batch(rig.chain.number, 1, *ANN_AND_BEN))
    await rig.finalize()
    after = (await rig.chain.heads()).final
    early = (await rig.chain.state(FUNDED, before)).state
    late = (await rig.chain.state(FUNDED, after)).state
    assert (early.chain, early.at, early.epoch, early.active) == (rig.chain.number, before, 1, rig.chain.number)
    assert early.shows_unused((1, 1), (ANN.id, 0))
    assert early.used == frozenset()
    assert not late.shows_unused((1, 1), (ANN.id, 0))
    assert late.used == {(ANN.id, 0), (BEN.id, 0)}
    assert late.shows_unused((1, 2), (ANN.id, 1))
    assert set(late.outcomes) == {(1, 1)}
    assert early.balances[ANN.id, EUR] == Standing(entered=True, available=100, held=0, received=0)
    assert {key: each.available for key, each in late.balances.items()} == {
        (ANN.id, EUR): 60, (ANN.id, USD): 40, (BEN.id, EUR): 40, (BEN.id, USD): 60,
    }  # fmt: skip


async def test_a_cancelled_nonce_is_used_without_a_record(rig: Rig) -> None:
    await funded(rig)
    signed = Cancel(account=ANN.id, floor=1, chain=rig.chain.number)
    await rig.run(CancelBelow(signed, ANN.key.sign(signed.digest(DOMAIN))))
    state = (await rig.chain.state(FUNDED, (await rig.chain.heads()).soft)).state
    assert state.used == {(ANN.id, 0)}
    assert state.outcomes == {}
    assert state.nonces[ANN.id].floor == 1


async def test_a_state_is_shown_to_whoever_knows_the_block_and_nothing_else_is(rig: Rig) -> None:
    await funded(rig)
    await rig.run(a_batch(rig.chain.number, 1, *ANN_AND_BEN))
    head = (await rig.chain.heads()).soft
    proved = await rig.chain.state(FUNDED, head)
    assert rig.chain.verify(proved.evidence, FUNDED, head.hash) == proved.state
    less = Wanted(batches=frozenset({(1, 1)}))
    assert rig.chain.verify(proved.evidence, less, head.hash).outcomes == proved.state.outcomes
    for evidence in await rig.tampered(proved.evidence):
        with pytest.raises(BadEvidence):
            rig.chain.verify(evidence, FUNDED, head.hash)
    with pytest.raises(BadEvidence):
        rig.chain.verify(proved.evidence, FUNDED, head.parent)
    with pytest.raises(BadEvidence):
        rig.chain.verify(proved.evidence, Wanted(batches=frozenset({(9, 9)})), head.hash)


async def test_a_grid_that_is_not_paused_says_so(rig: Rig) -> None:
    await funded(rig)
    head = (await rig.chain.heads()).soft
    state = (await rig.chain.state(Wanted(), head)).state
    assert state.paused_until == 0


async def test_a_fence_is_read(rig: Rig) -> None:
    await funded(rig)
    other = 1 if rig.chain.number != 1 else 2
    await rig.run(transition(7, other))
    state = (await rig.chain.state(Wanted(), (await rig.chain.heads()).soft)).state
    assert (state.epoch, state.active) == (7, other)
    with pytest.raises(Refused):
        await rig.run(a_batch(rig.chain.number, 1, *ANN_AND_BEN))


# -- operations --------------------------------------------------------------------------------------------------------


def test_what_is_said_is_read_back(rig: Rig) -> None:
    for operation in every_operation(rig.chain.number):
        payload = rig.chain.payload(operation)
        assert rig.chain.operation(payload.data) == operation, type(operation).__name__


@pytest.mark.parametrize("data", [b"", b"\0", b"\xff" * 4, b"\xff" * 400])
def test_what_is_no_operation_is_refused(rig: Rig, data: bytes) -> None:
    with pytest.raises(Rejected):
        rig.chain.operation(data)


def test_an_operation_that_was_cut_short_is_refused(rig: Rig) -> None:
    data = rig.chain.payload(swap(rig.chain.number, 1, 2)).data
    for length in range(0, len(data), 37):
        with pytest.raises(Rejected):
            rig.chain.operation(data[:length])


# -- providers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lie", Lie)
async def test_one_provider_that_lies_changes_nothing(rig: Rig, lie: Lie) -> None:
    await funded(rig)
    await rig.finalize()
    rig.lie(lie)
    await rig.chain.heads()  # One that stands still has to have stood somewhere.
    await rig.run(a_batch(rig.chain.number, 1, *ANN_AND_BEN))
    await rig.finalize()
    rig.lie(None)
    honest = await rig.chain.heads()
    rig.lie(lie)
    began_s = time.monotonic()
    heads = await rig.chain.heads()
    assert heads == honest
    state = (await rig.chain.state(FUNDED, heads.final)).state
    assert set(state.outcomes) == {(1, 1)}
    events = await rig.chain.events(0, heads.final.height)
    assert "Executed" in [event.name for event in events]
    assert (await rig.chain.follow(Trail()))[0].tip == heads.soft
    assert time.monotonic() - began_s < 8


async def test_without_a_quorum_it_ends_in_time_and_says_who_said_what(rig: Rig) -> None:
    rig.hang()
    began_s = time.monotonic()
    with pytest.raises(NoQuorum) as refused:
        await rig.chain.heads()
    assert time.monotonic() - began_s < 4
    assert refused.value.need == 2
    assert set(refused.value.said) == set(rig.providers)
    assert "no answer within" in str(refused.value)
