"""The outbox relay against a real server and a real database, with deaths at the worst moments."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from jurymast.bus import Bus
from jurymast.errors import Rejected, Transient
from jurymast.outbox import Outbox, OutboxRow
from tests.echo.messages import ANSWERED, MEASURED, Answered, Measured
from tests.echo.store import Store, open_store
from tests.servers import NatsServer, eventually

Relay = Callable[[], asyncio.Task[None]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(str(tmp_path / "outbox.db")) as opened:
        yield opened


@pytest.fixture
def outbox(bus: Bus, store: Store) -> Outbox:
    return Outbox(bus, store.engine)


@pytest.fixture
async def relay(outbox: Outbox) -> AsyncIterator[Relay]:
    """Starts the relay in the background."""
    running: list[asyncio.Task[None]] = []

    def start() -> asyncio.Task[None]:
        running.append(asyncio.create_task(outbox.run()))
        return running[-1]

    yield start
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def answer(number: int) -> Answered:
    return Answered(id=f"q{number}", text="x", answer_number=number)


async def add(outbox: Outbox, store: Store, *numbers: int) -> None:
    async with store.transaction() as session:
        for number in numbers:
            outbox.add(session, ANSWERED, answer(number), id=f"a{number}")


async def stored(bus: Bus) -> list[int]:
    info = await bus.js.stream_info("ECHO")
    sequences = range(info.state.first_seq, info.state.last_seq + 1)
    messages = [await bus.js.get_msg("ECHO", sequence) for sequence in sequences] if info.state.messages else []
    return [int((message.subject or "").rpartition("q")[2]) for message in messages]


async def waiting(store: Store) -> list[OutboxRow]:
    async with AsyncSession(store.engine) as session:
        return list((await session.exec(select(OutboxRow).order_by(col(OutboxRow.id)))).all())


async def test_rows_are_published_in_their_order_and_forgotten(bus: Bus, outbox: Outbox, store: Store) -> None:
    await add(outbox, store, *range(250))
    while await outbox.relay():
        pass
    assert await stored(bus) == list(range(250))
    assert await waiting(store) == []


async def test_what_is_rolled_back_is_never_published(bus: Bus, outbox: Outbox, store: Store) -> None:
    with suppress(ZeroDivisionError):
        async with store.transaction() as session:
            outbox.add(session, ANSWERED, answer(1), id="a1")
            raise ZeroDivisionError
    await outbox.relay()
    assert await stored(bus) == []


async def test_a_death_between_publish_and_forgetting_publishes_once(
    bus: Bus, outbox: Outbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(outbox, store, 1, 2)

    async def die(_: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(outbox, "_forget", die)
    with pytest.raises(ConnectionResetError):
        await outbox.relay()
    assert await stored(bus) == [1, 2]
    assert len(await waiting(store)) == 2
    await Outbox(bus, store.engine).relay()
    assert await stored(bus) == [1, 2]
    assert await waiting(store) == []


async def test_an_outage_in_the_middle_keeps_the_rest_and_the_order(
    server: NatsServer, bus: Bus, outbox: Outbox, store: Store, relay: Relay
) -> None:
    await add(outbox, store, 1)
    relay()
    await eventually(lambda: _empty(store), what="the first row")
    server.kill()
    await eventually(lambda: _trouble(bus), what="noticing")
    await add(outbox, store, 2, 3)
    outbox.wake()
    await server.start()
    await eventually(lambda: _empty(store), what="the others")
    assert await stored(bus) == [1, 2, 3]


async def _empty(store: Store) -> bool:
    return not await waiting(store)


async def _trouble(bus: Bus) -> str:
    return bus.trouble


async def test_a_row_that_the_bus_will_never_take_steps_aside_with_the_reason(bus: Bus, outbox: Outbox, store: Store) -> None:
    async with store.transaction() as session:
        outbox.add(session, ANSWERED, answer(1), id="a1")
        session.add(OutboxRow(subject="echo.measured", headers=b'{"Jurymast-Schema":"echo.measured/1"}', payload=bytes(600_000)))
        outbox.add(session, ANSWERED, answer(2), id="a2")
    while await outbox.relay():
        pass
    assert await stored(bus) == [1, 2]
    (refused,) = await waiting(store)
    assert (counted(bus, "pending"), counted(bus, "refused")) == (0, 1)
    assert refused.refused is not None
    assert "message size" in refused.refused


async def test_a_message_too_large_is_refused_inside_the_transaction(outbox: Outbox, store: Store) -> None:
    with pytest.raises(Rejected, match=r"600\d\d\d bytes with headers, the bus takes 524288"):
        async with store.transaction() as session:
            outbox.add(session, MEASURED, Measured(number=1, payload=bytes(600_000)), id="m")
    assert await waiting(store) == []


async def test_own_commits_are_relayed_at_once_and_those_of_others_soon(
    bus: Bus, outbox: Outbox, store: Store, relay: Relay
) -> None:
    relay()
    await add(outbox, store, 1)  # Nobody wakes the relay: as if another process had committed.
    await eventually(lambda: _empty(store), within_s=5, what="a foreign commit")
    assert await stored(bus) == [1]


async def test_ending_relays_what_was_committed_last(bus: Bus, outbox: Outbox, store: Store, relay: Relay) -> None:
    relaying = relay()
    await eventually(lambda: _started(bus), what="the relay")
    await add(outbox, store, 1)
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)
    assert await stored(bus) == [1]


async def _started(bus: Bus) -> bool:
    return counted(bus, "pending") is not None


def counted(bus: Bus, state: str) -> float | None:
    return bus.metrics.registry.get_sample_value("jurymast_outbox_messages", {"state": state})


async def test_a_relay_that_cannot_publish_raises_transient_and_keeps_its_rows(bus: Bus, outbox: Outbox, store: Store) -> None:
    await bus.js.delete_stream("ECHO")
    await add(outbox, store, 1)
    with pytest.raises(Transient, match="no stream takes"):
        await outbox.relay()
    assert len(await waiting(store)) == 1


async def test_what_went_out_before_a_failure_is_not_sent_again(
    bus: Bus, outbox: Outbox, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(outbox, store, 1, 2)
    publish, sent = bus.publish_raw, list[str]()

    async def failing(subject: str, payload: bytes, headers: dict[str, str]) -> int:
        sent.append(subject)
        if len(sent) == 2:
            raise Transient("the server is away")
        return await publish(subject, payload, headers)

    monkeypatch.setattr(bus, "publish_raw", failing)
    with pytest.raises(Transient):
        await outbox.relay()
    assert len(await waiting(store)) == 1
    await outbox.relay()
    assert sent == [sent[0], sent[1], sent[1]]
    assert await stored(bus) == [1, 2]
