"""Handlers while servers go and come back, while they dawdle, and when they are asked to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from nats.aio.msg import Msg

from jurymast import clock
from jurymast.bus import Bus, Delivery
from jurymast.errors import Misconfigured
from tests.echo.messages import ASKED, MEASURED, Asked, Measured
from tests.echo.streams import ECHO_TABLE
from tests.mesh.handling import Recorder, ask, settled, take_questions, true
from tests.proxy import Proxy
from tests.servers import NatsServer, eventually, running_bus


async def test_a_service_does_not_start_without_its_consumers_and_says_how_to_get_them(bus: Bus) -> None:
    await bus.js.delete_consumer("ECHO", "echo-asked")
    bus.on("echo-asked", ASKED, handler=Recorder())
    with pytest.raises(Misconfigured, match=r"consumer ECHO/echo-asked is missing: run `jurymast streams apply`"):
        await bus.consume()
    names = [info.name for info in await bus.js.consumers_info("ECHO")]
    assert "echo-asked" not in names, "a service must never create a consumer"


async def test_a_consumer_of_another_service_is_refused(bus: Bus) -> None:
    with pytest.raises(Misconfigured, match="no consumer nobody"):
        bus.on("nobody", ASKED, handler=Recorder())


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_handlers_go_on_after_the_server_was_killed_and_came_back(server: NatsServer, bus: Bus, *, batch: bool) -> None:
    handler = Recorder()
    take_questions(bus, handler, batch=batch)
    await bus.consume()
    await ask(bus, "a")
    await settled(bus)
    server.kill()
    await eventually(lambda: true(bus.trouble), what="noticing")
    await server.start()
    await ask(bus, "b")
    await settled(bus)
    # A killed server may forget an acknowledgement, never a message: delivery is at least once.
    assert list(dict.fromkeys(name for name, _ in handler.calls)) == ["a", "b"]


async def test_what_was_handled_while_the_server_was_away_does_not_come_again(server: NatsServer, bus: Bus) -> None:
    calls: list[int] = []
    async with Proxy(server.port) as proxy, running_bus(f"nats://127.0.0.1:{proxy.port}", ECHO_TABLE) as far:

        async def handle(deliveries: Sequence[Delivery[Measured]]) -> None:
            calls.append(deliveries[0].position.attempt)
            proxy.vanish()
            await eventually(lambda: true(far.trouble), what="noticing")

        far.on_batch("echo-measured", MEASURED, handler=handle)
        await far.consume()
        await bus.publish(MEASURED, Measured(number=1), id="m")
        await eventually(lambda: true(far.trouble), what="noticing")
        await eventually(lambda: _idle(far), what="the end of the handler")
        await proxy.appear()
        await settled(bus, "echo-measured")
    assert calls == [1]


async def _idle(bus: Bus) -> bool:
    handled = bus.metrics.registry.get_sample_value(
        "jurymast_messages_handled_total", {"consumer": "echo-measured", "outcome": "ok"}
    )
    return handled == 1


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_nothing_is_asked_for_while_the_server_is_away(server: NatsServer, bus: Bus, *, batch: bool) -> None:
    """Every question asked meanwhile would be answered at once later, with messages that nobody is free to handle."""
    release = asyncio.Event()
    taken: list[str] = []

    async def handle(delivery: Delivery[Asked]) -> None:
        taken.append(delivery.message.id)
        await release.wait()

    take_questions(bus, handle, batch=batch, size=1)
    await bus.consume()
    server.kill()
    await eventually(lambda: true(bus.trouble), what="noticing")
    await asyncio.sleep(5)  # Long enough for several questions: it is the time without a server that is tested.
    await server.start()
    async with running_bus(server.url, ECHO_TABLE, service="tester") as tester:
        await ask(tester, *(f"q{number}" for number in range(10)))
        await eventually(lambda: true(taken), what="the first message")
        await eventually(lambda: true(not bus.trouble), what="reconnecting")
        info = await tester.js.consumer_info("ECHO", "echo-asked")
    release.set()
    assert info.num_ack_pending == 1


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_draining_finishes_what_runs_and_takes_nothing_new(server: NatsServer, *, batch: bool) -> None:
    running, release = asyncio.Event(), asyncio.Event()
    finished: list[str] = []

    async def handle(delivery: Delivery[Asked]) -> None:
        running.set()
        await release.wait()
        finished.append(delivery.message.id)

    async with running_bus(server.url, ECHO_TABLE) as bus:
        take_questions(bus, handle, batch=batch, size=1)
        await bus.consume()
        await ask(bus, "a")
        await asyncio.wait_for(running.wait(), 5)
        draining = asyncio.create_task(bus.drain())
        await ask(bus, "b")
        release.set()
        await asyncio.wait_for(draining, 5)
        assert finished == ["a"]
        info = await bus.js.consumer_info("ECHO", "echo-asked")
        assert info.ack_floor is not None
        assert info.ack_floor.stream_seq == 1, "a was acknowledged"
    async with running_bus(server.url, ECHO_TABLE) as successor:
        handler = Recorder()
        successor.on("echo-asked", ASKED, handler=handler)
        await successor.consume()
        await settled(successor)
        assert [name for name, _ in handler.calls] == ["b"]


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_what_comes_while_a_loop_ends_costs_no_attempt(server: NatsServer, *, batch: bool) -> None:
    """Its last question is still open at the server, and is answered with the next message: just then, or a little later."""
    handler = Recorder()

    async with running_bus(server.url, ECHO_TABLE, service="tester") as tester:
        for number in range(6):
            async with running_bus(server.url, ECHO_TABLE) as bus:
                take_questions(bus, handler, batch=batch)
                await bus.consume()
                await eventually(lambda: _waiting(tester), what="an open question")
                asking = asyncio.create_task(ask(tester, f"a{number}"))
                await asyncio.sleep(0.0003 * number)
                await bus.drain()
                await asking
                assert (await tester.js.consumer_info("ECHO", "echo-asked")).num_ack_pending == 0
    assert {attempt for _, attempt in handler.calls} == {1}


async def _waiting(bus: Bus) -> bool:
    return bool((await bus.js.consumer_info("ECHO", "echo-asked")).num_waiting)


async def test_a_handler_slower_than_the_deadline_keeps_its_message(server: NatsServer, bus: Bus) -> None:
    """The consumer's deadline is 1.5 s; without word from the handler the server would give the message to the other process."""
    calls: list[int] = []

    async def slow(delivery: Delivery[Asked]) -> None:
        calls.append(delivery.position.attempt)
        await asyncio.sleep(4)

    async with running_bus(server.url, ECHO_TABLE) as rival:
        for process in (bus, rival):
            process.on("echo-asked", ASKED, handler=slow)
            await process.consume()
        await ask(bus, "a")
        await settled(bus)
    assert calls == [1]


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_a_consumer_that_vanished_is_not_asked_for_in_a_hot_loop(server: NatsServer, *, batch: bool) -> None:
    asked_at: list[float] = []

    async def count(_: Msg) -> None:
        asked_at.append(clock.uptime_s())

    async with running_bus(server.url, ECHO_TABLE) as bus, server.client() as nc:
        take_questions(bus, Recorder(), batch=batch)
        await bus.consume()
        await bus.js.delete_consumer("ECHO", "echo-asked")
        await nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.ECHO.echo-asked", cb=count)
        await eventually(lambda: true(len(asked_at) >= 4), what="questions")
    assert asked_at[3] - asked_at[0] > 1
