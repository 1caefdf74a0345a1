"""Messages that end the process, and errors that must: nobody else pays, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import count

from jurymast.bus import Bus, Delivery
from jurymast.errors import Fatal
from jurymast.messages.dead import DeadLetter
from jurymast.settings import Settings
from jurymast.streams import TABLE
from jurymast.tasks import cancel
from jurymast.telemetry import Metrics, Tracer
from tests.echo.messages import ASKED, MEASURED, Asked, Measured
from tests.echo.streams import ECHO, ECHO_TABLE
from tests.mesh.handling import Died, Recorder, ask, dead_or_done, dying_bus, letters, true
from tests.servers import NatsServer, eventually, running_bus


async def test_what_stands_behind_a_message_that_kills_the_process_is_handled_all_the_same(server: NatsServer) -> None:
    """Two of them, with others in between, and new ones coming: each life handles what it can, and dies at one of the two."""
    handled: set[int] = set()

    async def handle(deliveries: Sequence[Delivery[Measured]]) -> None:
        for delivery in deliveries:
            if delivery.message.number in (3, 5):
                raise Died
        handled.update(delivery.message.number for delivery in deliveries)

    async def keep_coming(bus: Bus) -> None:
        for number in count(1_000):
            await bus.publish(MEASURED, Measured(number=number), id=f"m{number}")
            await asyncio.sleep(0.02)

    table = TABLE.with_streams(replace(ECHO, consumers=tuple(replace(c, ack_wait_s=1) for c in ECHO.consumers)))
    await server.provision(table)
    async with running_bus(server.url, table, service="tester") as bus:
        for number in range(8):
            await bus.publish(MEASURED, Measured(number=number), id=f"m{number}")
        coming = asyncio.create_task(keep_coming(bus))
        found: list[DeadLetter] = []
        while len(found) < 2:
            async with dying_bus(server.url, table) as (mortal, died):
                mortal.on_batch("echo-measured", MEASURED, handler=handle)
                await mortal.consume()
                await eventually(partial(dead_or_done, died, mortal), within_s=20, what="a death, or an end")
                found = await letters(mortal)
        await cancel(coming)
    assert handled >= set(range(8)) - {3, 5}
    assert [MEASURED.decode(letter.payload, schema="echo.measured/1", subject="echo.measured").number for letter in found] == [
        3,
        5,
    ]
    assert {(letter.cause, letter.subject, letter.attempts) for letter in found} == {("crashed", "echo.measured", 6)}
    assert "never settled" in found[0].reason


async def test_a_loop_that_dies_ends_its_process(server: NatsServer) -> None:
    async def handle(_: Sequence[Delivery[Measured]]) -> None:
        raise Died

    async with dying_bus(server.url, ECHO_TABLE) as (mortal, died):
        mortal.on_batch("echo-measured", MEASURED, handler=handle)
        await mortal.consume()
        await mortal.publish(MEASURED, Measured(number=1), id="m")
        await eventually(lambda: true(died), what="the end")
    assert [str(error) for error in died] == ["a bus task ended: Died()"]


async def test_a_fatal_error_asks_the_process_to_end_and_keeps_the_message(server: NatsServer) -> None:
    fatal: asyncio.Queue[Fatal] = asyncio.Queue()
    bus = Bus(
        Settings(nats_url=server.url),
        service="echo",
        table=ECHO_TABLE,
        metrics=Metrics(),
        tracer=Tracer("echo"),
        fatal=fatal.put_nowait,
    )
    await bus.connect()
    try:
        bus.on("echo-asked", ASKED, handler=Recorder({"a": [Fatal("disk gone")]}))
        await bus.consume()
        await ask(bus, "a")
        assert str(await asyncio.wait_for(fatal.get(), 5)) == "disk gone"
        assert (await bus.js.consumer_info("ECHO", "echo-asked")).num_ack_pending == 1
        assert await letters(bus) == []
    finally:
        await bus.close()


async def test_after_a_fatal_error_nothing_else_of_the_batch_is_tried(server: NatsServer) -> None:
    calls: list[int] = []

    async def handle(deliveries: Sequence[Delivery[Measured]]) -> None:
        calls.append(len(deliveries))
        raise Fatal("disk gone")

    async with dying_bus(server.url, ECHO_TABLE) as (mortal, died):
        for number in range(20):
            await mortal.publish(MEASURED, Measured(number=number), id=f"m{number}")
        mortal.on_batch("echo-measured", MEASURED, handler=handle)
        await mortal.consume()
        await eventually(lambda: true(died), what="the end")
        await mortal.drain()
    assert calls == [20]
    assert [str(error) for error in died] == ["disk gone"]


async def test_what_escapes_a_single_handler_ends_the_process(server: NatsServer) -> None:
    async def handle(_: Delivery[Asked]) -> None:
        raise Died

    async with dying_bus(server.url, ECHO_TABLE) as (mortal, died):
        mortal.on("echo-asked", ASKED, handler=handle)
        await mortal.consume()
        await ask(mortal, "a")
        await eventually(lambda: true(died), what="the end")
    assert "echo-asked ended: Died()" in str(died[0])
