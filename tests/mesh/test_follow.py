"""Whoever follows a stream sees all of it, in order and once, whatever the connection and the publishers do."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jurymast.bus import Bus
from jurymast.bus.follow import PAGE, Followed
from jurymast.cli.keys import read_seed
from jurymast.envelope import stamp
from jurymast.errors import Fatal, Undecodable
from jurymast.messages.channel import Channel, Message
from jurymast.permissions import Access
from jurymast.streams import MIB, TABLE, Stream
from tests.mesh.locked import visitor
from tests.proxy import Proxy
from tests.servers import NatsServer, eventually, running_bus


class Told(Message, frozen=True, kw_only=True):
    number: int


TOLD = Channel("told.told", Told, summary="One of many.", owner="teller")
STREAM = Stream(
    name="TOLD",
    subjects=("told.>",),
    summary="A log.",
    max_bytes=64 * MIB,
    allow_direct=True,
    republish=True,
    followers=("listener",),
)
FORGETFUL = replace(STREAM, name="FORGETFUL", subjects=("forgotten.>",), max_age_s=0.2)
FORGOTTEN = Channel("forgotten.told", Told, summary="Gone after a moment.", owner="teller")
THE_TABLE = TABLE.with_streams(STREAM, FORGETFUL)


@pytest.fixture
async def log_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats", access=Access(THE_TABLE, (TOLD, FORGOTTEN), ()))
    try:
        await server.start()
        await server.provision(THE_TABLE)
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def bus_of(server: NatsServer, role: str, url: str = "") -> AsyncIterator[Bus]:
    assert server.keys is not None
    async with running_bus(url or server.url, THE_TABLE, service=role, seed=read_seed(server.keys.file(role))) as bus:
        yield bus


@pytest.fixture
async def teller(log_server: NatsServer) -> AsyncIterator[Bus]:
    async with bus_of(log_server, "teller") as bus:
        yield bus


async def tell(bus: Bus, *numbers: int) -> None:
    await asyncio.gather(*(bus.publish(TOLD, Told(number=number), id=str(number)) for number in numbers))


@dataclass
class Listener:
    task: asyncio.Task[None]
    followed: list[Followed] = field(default_factory=list)

    @property
    def numbers(self) -> list[int]:
        return [each.content.message.number for each in self.followed if not isinstance(each.content, Undecodable)]

    async def has(self, count: int) -> list[int]:
        async def enough() -> bool:
            if self.task.done():
                self.task.result()
            return len(self.followed) >= count

        await eventually(enough, what=f"{count} messages")
        assert [each.sequence for each in self.followed] == sorted({each.sequence for each in self.followed})
        return self.numbers


@asynccontextmanager
async def listening(bus: Bus, after: int = 0, stream: str = "TOLD", channel: Channel[Told] = TOLD) -> AsyncIterator[Listener]:
    async def listen(followed: list[Followed]) -> None:
        async for page in bus.follow(stream, channel, after=after):
            followed.extend(page)

    followed: list[Followed] = []
    task = asyncio.create_task(listen(followed))
    try:
        yield Listener(task, followed)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_there_comes_first_then_what_is_told_each_once(log_server: NatsServer, teller: Bus) -> None:
    there = 2 * PAGE + 7
    await tell(teller, *range(there))
    async with bus_of(log_server, "listener") as bus, listening(bus) as all_of_it, listening(bus, after=there - 2) as the_end:
        assert sorted(await all_of_it.has(there)) == list(range(there))
        for number in range(there, there + 20):
            await tell(teller, number)
        assert (await all_of_it.has(there + 20))[-20:] == list(range(there, there + 20))
        assert len(await the_end.has(22)) == 22


async def test_nothing_is_missed_while_the_connection_is_cut(log_server: NatsServer, teller: Bus) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(log_server.port))
        bus = await stack.enter_async_context(bus_of(log_server, "listener", f"nats://127.0.0.1:{proxy.port}"))
        listener = await stack.enter_async_context(listening(bus))
        await tell(teller, 0, 1, 2)
        await listener.has(3)
        proxy.swallow()
        await tell(teller, 3, 4, 5)
        proxy.forward()
        await tell(teller, 6)
        assert sorted(await listener.has(7)) == list(range(7))


async def test_a_message_that_the_wire_lost_is_asked_for(log_server: NatsServer, teller: Bus) -> None:
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(log_server.port))
        bus = await stack.enter_async_context(bus_of(log_server, "listener", f"nats://127.0.0.1:{proxy.port}"))
        listener = await stack.enter_async_context(listening(bus))
        await tell(teller, 0)
        await listener.has(1)
        for number in (1, 2):  # Once with a successor that shows the gap, once with silence after it.
            proxy.lose(b"stored.told.told")
            await tell(teller, number)
        assert await listener.has(3) == [0, 1, 2]
        assert proxy.lost


async def test_what_is_no_message_of_ours_has_its_place_and_stops_nobody(log_server: NatsServer, teller: Bus) -> None:
    hostile = {"Status": "204", "Nats-Stream": "OTHER", "Nats-Sequence": "9", "Nats-Num-Pending": "0", "Nats-Subject": "x"}
    await tell(teller, 0)
    await teller.js.publish("told.told", b"", headers=hostile)
    await teller.js.publish("told.told", b"\xff", headers=stamp(TOLD, "x"))
    await tell(teller, 1)
    async with bus_of(log_server, "listener") as bus, listening(bus) as listener:
        await listener.has(4)
        await teller.js.publish("told.told", b"", headers=hostile)
        await tell(teller, 2)
        assert await listener.has(6) == [0, 1, 2]
        assert [each.sequence for each in listener.followed] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("others", [(), (7, 8, 9)], ids=["shorter", "another end"])
async def test_a_log_that_lost_its_end_ends_whoever_folded_it(
    log_server: NatsServer, tmp_path: Path, others: tuple[int, ...]
) -> None:
    store, kept = tmp_path / "nats" / "jetstream", tmp_path / "kept"
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(Proxy(log_server.port))
        async with bus_of(log_server, "teller") as teller:
            await tell(teller, 0)
        log_server.kill()
        shutil.copytree(store, kept)
        await log_server.start()
        bus = await stack.enter_async_context(bus_of(log_server, "listener", f"nats://127.0.0.1:{proxy.port}"))
        listener = await stack.enter_async_context(listening(bus))
        async with bus_of(log_server, "teller") as teller:
            await tell(teller, 1, 2)
        await listener.has(3)
        proxy.vanish()
        log_server.kill()
        shutil.rmtree(store)
        kept.rename(store)
        await log_server.start()
        async with bus_of(log_server, "teller") as teller:
            await tell(teller, *others)
        await proxy.appear()
        with pytest.raises(Fatal, match="TOLD lost its end: what was read at 3 is not there any more"):
            await asyncio.wait_for(listener.task, 10)


async def test_a_stream_that_forgets_has_not_lost_its_end(log_server: NatsServer, teller: Bus) -> None:
    async def gone() -> bool:
        return (await teller.js.stream_info(FORGETFUL.name)).state.messages == 0

    async with bus_of(log_server, "listener") as bus, listening(bus, stream=FORGETFUL.name, channel=FORGOTTEN) as listener:
        for number in range(3):
            await teller.publish(FORGOTTEN, Told(number=number), id=str(number))
            assert (await listener.has(number + 1))[-1] == number
            await eventually(gone, what="an empty stream")
            with pytest.raises(TimeoutError):  # It asks for what was there, after a second of silence.
                await asyncio.wait_for(asyncio.shield(listener.task), 1.5)


async def test_only_who_follows_hears(log_server: NatsServer) -> None:
    async with visitor(log_server, "teller") as guest:
        assert await guest.subscribes("stored.told.>") == ["stored.told.>"]
        assert await guest.publishes("$JS.API.DIRECT.GET.TOLD") == ["$js.api.direct.get.told"]
