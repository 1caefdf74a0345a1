"""The veto journal of a guard that is killed, and what it tells on the bus."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jurymast.bus import Bus
from jurymast.errors import Fatal, Misconfigured
from jurymast.journal.entries import Lost, Permitted
from jurymast.journal.file import InUse, JournalFile, read
from jurymast.messages.claims import NONCE_GUARD
from jurymast.nonce_guard.decide.words import Permit
from jurymast.nonce_guard.store import BusHeads, VetoStore, veto_store
from jurymast.streams import TABLE
from jurymast.tasks import cancel
from tests.mesh.journaling import GUARD, LANES, permit
from tests.servers import NatsServer, Process, eventually, running_bus

ENOUGH = 400
"""Permits of one life."""


# -- kill -9 -----------------------------------------------------------------------------------------------------------


def acknowledged(log: Path) -> list[int]:
    """The last line may be half."""
    return [int(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("\n")] if log.exists() else []


def journaled(path: Path) -> dict[int, Permitted]:
    return {entry.batch: entry for entry in read(path).entries if isinstance(entry, Permitted)}


async def test_nothing_that_was_acknowledged_is_lost_by_a_guard_that_is_killed_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "guard.journal"
    told: set[int] = set()
    for life in range(4):
        log = tmp_path / f"life-{life}.log"
        child = Process(sys.executable, "-m", "tests.mesh.journaling", str(path), str(life * 100_000), log=log)
        try:

            async def enough(log: Path = log) -> bool:
                return len(acknowledged(log)) > ENOUGH

            await eventually(enough, what="permits")
            with pytest.raises(InUse):
                JournalFile.open(path, GUARD)
            child.send(signal.SIGKILL)
        finally:
            child.end()
        told |= set(acknowledged(log))
        kept = journaled(path)
        assert told <= kept.keys()
        for batch in told:
            number, lane = divmod(batch, LANES)
            assert set(kept[batch].identities) == permit(lane, number).identities
    assert len(told) > 4 * ENOUGH


# -- what is told ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def guard(server: NatsServer) -> AsyncIterator[Bus]:
    async with running_bus(server.url, TABLE, service=NONCE_GUARD) as bus:
        yield bus


@asynccontextmanager
async def running(path: Path, bus: Bus) -> AsyncIterator[VetoStore]:
    async with veto_store(path, GUARD, BusHeads(bus, GUARD)) as store:
        task = asyncio.create_task(store.run())
        try:
            yield store
        finally:
            await cancel(task)


def first(epoch: int, batch: int = 0) -> Permit:
    return permit(0, batch)._replace(epoch=epoch)


async def test_the_bus_remembers_what_a_disk_forgot(guard: Bus, tmp_path: Path) -> None:
    async with running(tmp_path / "one", guard) as store:
        assert await store.permit(first(epoch=5), {}) is None
    async with running(tmp_path / "one", guard) as store:
        assert store.journal.lost_before is None
    async with running(tmp_path / "two", guard) as store:
        assert store.journal.lost_before == 5
        assert await store.permit(first(epoch=6, batch=1), {}) is not None
    assert read(tmp_path / "two").entries == (Lost(5),)
    async with running(
        tmp_path / "one", guard
    ) as store:  # It went on elsewhere, under a journal of which this one knows nothing.
        assert store.journal.lost_before == 5


async def test_of_two_guards_with_one_key_the_one_that_was_there_before_ends(
    server: NatsServer, guard: Bus, tmp_path: Path
) -> None:
    async with (
        running_bus(server.url, TABLE, service=NONCE_GUARD) as other,
        veto_store(tmp_path / "one", GUARD, BusHeads(guard, GUARD)) as one,
    ):
        task = asyncio.create_task(one.run())
        assert await one.permit(first(epoch=5), {}) is None
        async with running(tmp_path / "two", other) as two:
            assert two.journal.lost_before == 5
            with pytest.raises(Fatal, match="another process signs with the key of 0x1111"):
                await one.permit(first(epoch=5, batch=1), {})
        with pytest.raises(Fatal):
            await task


async def test_what_was_told_and_cannot_be_read_is_no_reason_to_sign(guard: Bus, tmp_path: Path) -> None:
    await guard.js.publish("guard.journal.0x1111111111111111111111111111111111111111", b"?")
    with pytest.raises(Misconfigured, match="cannot be read"):
        async with veto_store(tmp_path / "one", GUARD, BusHeads(guard, GUARD)):
            pass
