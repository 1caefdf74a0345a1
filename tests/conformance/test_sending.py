"""What the sender of every plug-in does: each purpose ends in one transaction, whatever happens on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from jurymast.chains.chain import Sender
from jurymast.chains.words import Included, Payload, Progress, Waiting, Wanted
from jurymast.errors import Misconfigured
from tests.conformance.actions import ANN_AND_BEN, a_batch, credit, first_epoch
from tests.conformance.rig import Lie, Rig
from tests.unit.grids import ANN, BEN, EUR, USD

BATCHES = Wanted(batches=frozenset({(1, 1), (1, 2)}))


async def only(sender: Sender) -> Progress:
    [progress] = await sender.tend()
    return progress


async def prepared(rig: Rig) -> None:
    await rig.run(first_epoch(rig.chain.number))
    await rig.run(credit(1, ANN, EUR, 100))
    await rig.run(credit(2, BEN, USD, 100))


def batch(rig: Rig) -> Payload:
    return rig.chain.payload(a_batch(rig.chain.number, 1, *ANN_AND_BEN))


async def test_a_transaction_is_followed_from_waiting_to_final(rig: Rig, tmp_path: Path) -> None:
    await prepared(rig)
    async with rig.sender(tmp_path / "sent") as sender:
        assert await sender.submit("batch 1", batch(rig)) == Waiting("batch 1")
        assert await only(sender) == Waiting("batch 1")
        await rig.blocks(1)
        included = await only(sender)
        assert isinstance(included, Included)
        assert included.succeeded
        assert not included.final
        assert included.block == (await rig.chain.heads()).soft
        await rig.finalize()
        final = await only(sender)
        assert final == included._replace(final=True)
        assert await only(sender) == final, "told until it is settled"
        await sender.settle("batch 1")
        assert await sender.tend() == []


async def test_a_purpose_has_one_transaction_however_often_it_is_submitted(rig: Rig, tmp_path: Path) -> None:
    await prepared(rig)
    swap = batch(rig)
    async with rig.sender(tmp_path / "sent") as sender:
        for _ in range(3):
            assert await sender.submit("batch 1", swap) == Waiting("batch 1")
        await rig.blocks(1)
        included = await only(sender)
        await rig.finalize()
        assert isinstance(included, Included)
        await only(sender)
        again = await sender.submit("batch 1", swap)
        assert isinstance(again, Included)
        assert again.transaction == included.transaction


async def test_what_the_contract_refuses_is_told_as_that(rig: Rig, tmp_path: Path) -> None:
    await prepared(rig)
    swap = batch(rig)._replace(cost=1_000_000)
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("first", swap)
        await sender.submit("second", swap)
        await rig.blocks(1)
        told = {each.purpose: each for each in await sender.tend()}
        assert isinstance(told["first"], Included)
        assert isinstance(told["second"], Included)
        assert (told["first"].succeeded, told["second"].succeeded) == (True, False)


async def test_a_reorganisation_takes_a_transaction_back_and_it_comes_again(rig: Rig, tmp_path: Path) -> None:
    await prepared(rig)
    await rig.blocks(4)
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("batch 1", batch(rig))
        await rig.blocks(1)
        before = await only(sender)
        assert isinstance(before, Included)
        await rig.reorganise(1)
        assert isinstance(await only(sender), Waiting), "it is not in a block any more, and was sent again"
        await rig.blocks(1)
        after = await only(sender)
        assert isinstance(after, Included)
        assert after.transaction == before.transaction, "the same bytes"
        assert after.block != before.block


async def test_a_new_process_goes_on_where_the_last_one_was(rig: Rig, tmp_path: Path) -> None:
    await prepared(rig)
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("batch 1", batch(rig))
    async with rig.sender(tmp_path / "sent") as sender:
        assert await only(sender) == Waiting("batch 1")
        await rig.blocks(1)
        await rig.finalize()
        assert isinstance(await only(sender), Included)
    async with rig.sender(tmp_path / "sent") as sender:
        assert isinstance(await only(sender), Included), "its end is told until somebody has heard it"


async def test_two_processes_do_not_send_from_one_account(rig: Rig, tmp_path: Path) -> None:
    async with rig.sender(tmp_path / "sent"):
        with pytest.raises(Misconfigured, match="one process at a time"):
            async with rig.sender(tmp_path / "sent"):
                pass


@pytest.mark.parametrize("lie", [lie for lie in Lie if lie is not Lie.STATE])
async def test_one_provider_that_lies_keeps_nothing_out_of_the_chain(rig: Rig, tmp_path: Path, lie: Lie) -> None:
    await prepared(rig)
    await rig.finalize()
    rig.lie(lie)
    async with rig.sender(tmp_path / "sent") as sender:
        await sender.submit("batch 1", batch(rig))
        await rig.blocks(1)
        assert isinstance(await only(sender), Included)
        await rig.finalize()
        final = await only(sender)
        assert isinstance(final, Included)
        assert final.final
    rig.lie(None)
    state = (await rig.chain.state(BATCHES, (await rig.chain.heads()).final)).state
    assert set(state.outcomes) == {(1, 1)}
