"""Handlers that remember, messages for them, and what became of those."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jurymast.bus import Bus, Delivery
from jurymast.bus.bus import BATCH, Handler
from jurymast.errors import Fatal
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.dead import DEAD, DeadLetter
from jurymast.settings import Settings
from jurymast.streams import Table
from jurymast.telemetry import Metrics, Tracer
from tests.echo.messages import ASKED, Asked
from tests.servers import eventually


def asked(name: str) -> Asked:
    return Asked(id=name, text="hello")


async def ask(bus: Bus, *names: str) -> None:
    for name in names:
        await bus.publish(ASKED, asked(name), id=name)


async def letters(bus: Bus) -> list[DeadLetter]:
    info = await bus.js.stream_info("DEAD", subjects_filter=f"{DEAD.name}.>")
    found = [await bus.js.get_last_msg("DEAD", subject) for subject in info.state.subjects or {}]
    return [DEAD.decode(raw.data or b"", schema=(raw.headers or {})[SCHEMA_HEADER], subject=raw.subject or "") for raw in found]


async def one_letter(bus: Bus) -> DeadLetter:
    async def buried() -> list[DeadLetter]:
        return await letters(bus)

    (letter,) = await eventually(buried, what="a dead letter")
    assert isinstance(letter, DeadLetter)
    return letter


async def settled(bus: Bus, consumer: str = "echo-asked") -> None:
    """Everything delivered, nothing waiting for an acknowledgement."""

    async def check() -> bool:
        info = await bus.js.consumer_info("ECHO", consumer)
        return not info.num_pending and not info.num_ack_pending

    await eventually(check, what=f"{consumer} settled")


class Recorder:
    """A handler that remembers, and fails as told."""

    def __init__(self, failures: dict[str, list[Exception]] | None = None) -> None:
        self.calls: list[tuple[str, int]] = []
        self.failures = failures or {}

    async def __call__(self, delivery: Delivery[Asked]) -> None:
        name = delivery.message.id
        self.calls.append((name, delivery.position.attempt))
        if self.failures.get(name):
            raise self.failures[name].pop(0)


def take_questions(bus: Bus, handler: Handler[Asked], *, batch: bool, size: int = BATCH) -> None:
    """The same handler for single messages, or for each of a batch."""

    async def each(deliveries: Sequence[Delivery[Asked]]) -> None:
        for delivery in deliveries:
            await handler(delivery)

    if batch:
        bus.on_batch("echo-asked", ASKED, handler=each, size=size)
    else:
        bus.on("echo-asked", ASKED, handler=handler)


async def true(value: object) -> object:
    return value


class Died(BaseException):
    """Takes everything with it that runs, as the end of a process does."""


@asynccontextmanager
async def dying_bus(url: str, table: Table) -> AsyncIterator[tuple[Bus, list[Fatal]]]:
    died: list[Fatal] = []
    metrics, tracer = Metrics(), Tracer("echo")
    bus = Bus(Settings(nats_url=url), service="echo", table=table, metrics=metrics, tracer=tracer, fatal=died.append)
    await bus.connect()
    try:
        yield bus, died
    finally:
        await bus.close()


async def dead_or_done(died: list[Fatal], bus: Bus) -> bool:
    return bool(died or len(await letters(bus)) == 2)
