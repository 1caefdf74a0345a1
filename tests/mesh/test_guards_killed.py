"""Guards that are killed at every point of their work: nothing is signed twice, nothing is lost, and everything ends once."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest

from jurymast.book.events import BatchExecuted, BatchPlanned
from jurymast.journal.entries import Permitted
from jurymast.journal.file import read
from jurymast.messages.permits import SIGNED, PermitSigned
from tests.mesh.dying_guard import POINTS
from tests.mesh.guarding import Guarded, guarded, swap
from tests.servers import eventually

DYING = "tests.mesh.dying_guard"


@pytest.mark.parametrize("point", POINTS)
async def test_killed_guards_go_on_where_they_were(tmp_path: Path, point: str) -> None:
    async with guarded(tmp_path) as world:
        await world.ready(module=DYING, JURYMAST_TEST_DIES=point)
        batches = [await world.plan(*swap(nonce)) for nonce in range(3)]
        await eventually(lambda: _permitted_while_reviving(world, batches), 90, what="permits")
        for planned in batches:
            await world.execute(planned, await world.permits(planned))
        await world.rig.finalize()
        await eventually(lambda: _concluded_while_reviving(world, batches), 90, what="outcomes in the ledger")
        await _once(world, batches)
        assert signal.SIGKILL in [-(service.process.popen.poll() or 0) for service in world.started], "nobody died there"


async def _permitted_while_reviving(world: Guarded, batches: list[BatchPlanned]) -> bool:
    await world.revive()
    return all([await world.said(planned, number) for planned in batches for number in range(3)])


async def _concluded_while_reviving(world: Guarded, batches: list[BatchPlanned]) -> bool:
    await world.revive()
    ended = [event for event in await world.events() if isinstance(event, BatchExecuted)]
    return {event.batch for event in ended} == {planned.batch for planned in batches}


async def _once(world: Guarded, batches: list[BatchPlanned]) -> None:
    for planned in batches:
        for life in await world.lives(*planned.actions):
            assert len(life.claims) == 1
            assert [kept.message.fate for kept in life.outcomes] == ["executed"]
    said = await _all_said(world)
    assert set(Counter((each.guard, each.batch, each.signature) for each in said)) == {
        (each.guard, each.batch, each.signature) for each in {(one.guard, one.batch): one for one in said}.values()
    }
    for number in range(3):
        permitted = [entry for entry in read(world.journal(number)).entries if isinstance(entry, Permitted)]
        assert Counter(identity for entry in permitted for identity in entry.identities).most_common(1)[0][1] == 1
        assert {entry.batch for entry in permitted} == {planned.batch for planned in batches}


async def _all_said(world: Guarded) -> list[PermitSigned]:
    bus, found, first = world.buses["mirror"], [], 1
    while stored := await bus.read(SIGNED, SIGNED.wildcard, first):
        assert stored.message is not None
        found.append(stored.message)
        first = stored.sequence + 1
    return found
