"""What becomes of messages whose handler succeeds, fails, dawdles or is asked to stop. Real server, handlers in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import msgspec
import pytest
from nats.aio.msg import Msg

from jurymast import clock
from jurymast.bus import Bus, Delivery
from jurymast.bus.dead import Graveyard
from jurymast.envelope import stamp
from jurymast.errors import Fatal, Misconfigured, Rejected, Transient
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.dead import DEAD, REPLAY, DeadLetter
from jurymast.settings import Settings
from jurymast.streams import TABLE, Consumer, Table, replay_consumer
from jurymast.tasks import cancel
from jurymast.telemetry import Metrics, Tracer
from tests.echo.messages import ASKED, MEASURED, Asked, Measured
from tests.echo.streams import ECHO, ECHO_TABLE
from tests.proxy import Proxy
from tests.servers import NatsServer, eventually, running_bus


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


async def test_a_handled_message_is_acknowledged_and_not_delivered_again(bus: Bus) -> None:
    handler = Recorder()
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    await settled(bus)
    assert handler.calls == [("a", 1), ("b", 1)]
    assert await letters(bus) == []


async def test_a_transient_failure_is_retried_after_a_delay_and_the_next_message_does_not_wait(bus: Bus) -> None:
    handler = Recorder({"a": [Transient("busy", retry_after_s=0.3)]})
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    await settled(bus)
    assert handler.calls == [("a", 1), ("b", 1), ("a", 2)]
    assert await letters(bus) == []


@pytest.mark.parametrize("error", [Transient("busy"), ZeroDivisionError("a bug")])
async def test_a_message_that_fails_at_every_attempt_becomes_a_dead_letter(bus: Bus, error: Exception) -> None:
    handler = Recorder({"a": [error] * 3})
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    letter = await one_letter(bus)
    await settled(bus)
    assert [attempt for name, attempt in handler.calls if name == "a"] == [1, 2, 3]
    assert (letter.cause, letter.attempts, letter.consumer, letter.stream) == ("exhausted", 3, "echo-asked", "ECHO")
    assert str(error) in letter.reason
    assert type(error).__name__ in letter.reason


async def test_a_rejected_message_is_dead_at_once_with_its_original_headers_and_payload(bus: Bus) -> None:
    handler = Recorder({"a": [Rejected("no answer to that")]})
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    letter = await one_letter(bus)
    await settled(bus)
    assert handler.calls == [("a", 1), ("b", 1)]
    assert (letter.cause, letter.subject, letter.attempts) == ("rejected", "echo.asked.a", 1)
    assert letter.payload == ASKED.encode(asked("a"))
    assert letter.headers["Nats-Msg-Id"] == "echo.asked/a"
    assert letter.headers[SCHEMA_HEADER] == "echo.asked/1"


GOOD = ASKED.encode(asked("a"))
BAD_MESSAGES = {
    "truncated": ("echo.asked.a", GOOD[:-3], {SCHEMA_HEADER: "echo.asked/1"}, "are not a echo.asked"),
    "newer version": ("echo.asked.a", GOOD, {SCHEMA_HEADER: "echo.asked/99"}, "needs a reader of version 99"),
    "malformed version": ("echo.asked.a", GOOD, {SCHEMA_HEADER: "echo.asked/x"}, "malformed"),
    "unknown schema": ("echo.asked.a", GOOD, {SCHEMA_HEADER: "echo.other/1"}, "expected echo.asked"),
    "no schema": ("echo.asked.a", GOOD, {"X": "y"}, f"has no {SCHEMA_HEADER} header"),
    "other subject": ("echo.asked.b", GOOD, {SCHEMA_HEADER: "echo.asked/1"}, "belongs on echo.asked.a"),
    "invalid text": (
        "echo.asked.a",
        b"\x82\xa2id\xa1a\xa4text\xa2\xff\xfe",
        {SCHEMA_HEADER: "echo.asked/1"},
        "are not a echo.asked",
    ),
    "unusable key": ("echo.asked.a", ASKED.encode(asked("a b")), {SCHEMA_HEADER: "echo.asked/1"}, "cannot be part of a subject"),
    "depth": ("echo.asked.a", b"\x83\xa1x" + b"\x91" * 100_000, {SCHEMA_HEADER: "echo.asked/1"}, "are not a echo.asked"),
    "not msgpack": ("echo.asked.a", b"<html>", {SCHEMA_HEADER: "echo.asked/1"}, "are not a echo.asked"),
}


@pytest.mark.parametrize("name", BAD_MESSAGES)
@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_what_cannot_be_read_is_dead_at_once_and_its_neighbours_are_handled(bus: Bus, name: str, *, batch: bool) -> None:
    subject, payload, headers, reason = BAD_MESSAGES[name]
    handler = Recorder()
    await bus.js.publish(subject, payload, headers=headers)
    await ask(bus, "good")
    if batch:

        async def handle_all(deliveries: Sequence[Delivery[Any]]) -> None:
            for delivery in deliveries:
                await handler(delivery)

        bus.on_batch("echo-asked", ASKED, handler=handle_all)
    else:
        bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    letter = await one_letter(bus)
    await settled(bus)
    assert handler.calls == [("good", 1)]
    assert reason in letter.reason
    assert (letter.cause, letter.payload, letter.subject) == ("rejected", payload, subject)


HOSTILE = {
    "subject that is not UTF-8": b"PUB echo.asked.\xff 1\r\nx\r\n",
    "subject with white space": b"PUB echo.asked.\x0b\x0c 1\r\nx\r\n",
    "header block without a line": b"HPUB echo.asked.a 8 9\r\nNATS/1.0x\r\n",
    "header that is not UTF-8": b"HPUB echo.asked.a 16 17\r\nNATS/1.0 \xff\xff\xff\r\n\r\nx\r\n",
    "inline status": b"HPUB echo.asked.a 16 17\r\nNATS/1.0 404\r\n\r\nx\r\n",
    "status header": b"HPUB echo.asked.a 25 26\r\nNATS/1.0\r\nStatus: 503\r\n\r\nx\r\n",
}
"""What the server takes, the stream keeps, and a client may stumble over at every delivery."""


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_hostile_bytes_become_a_dead_letter(server: NatsServer, bus: Bus, raw: bytes, *, batch: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n' + raw + b"PING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    await writer.wait_closed()
    handled = asyncio.Event()

    async def handle(_: object) -> None:
        handled.set()

    if batch:
        bus.on_batch("echo-asked", ASKED, handler=handle)
    else:
        bus.on("echo-asked", ASKED, handler=handle)
    await bus.consume()
    await ask(bus, "good")
    assert (await one_letter(bus)).payload == b"x"
    await asyncio.wait_for(handled.wait(), 5)
    await settled(bus)


async def test_in_a_failing_batch_only_the_culprit_pays(bus: Bus) -> None:
    sizes: list[int] = []
    handled: set[int] = set()

    async def handle(deliveries: Sequence[Delivery[Measured]]) -> None:
        sizes.append(len(deliveries))
        if any(delivery.message.number == 7 for delivery in deliveries):
            raise Rejected("seven")
        handled.update(delivery.message.number for delivery in deliveries)

    for number in range(20):
        await bus.publish(MEASURED, Measured(number=number), id=f"m{number}")
    bus.on_batch("echo-measured", MEASURED, handler=handle)
    await bus.consume()
    letter = await one_letter(bus)
    await settled(bus, "echo-measured")
    assert handled == set(range(20)) - {7}
    assert max(sizes) > 1
    assert letter.reason == "Rejected: seven"


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
                await eventually(partial(_dead_or_done, died, mortal), within_s=20, what="a death, or an end")
                found = await letters(mortal)
        await cancel(coming)
    assert handled >= set(range(8)) - {3, 5}
    assert [MEASURED.decode(letter.payload, schema="echo.measured/1", subject="echo.measured").number for letter in found] == [
        3,
        5,
    ]
    assert {(letter.cause, letter.subject, letter.attempts) for letter in found} == {("crashed", "echo.measured", 6)}
    assert "never settled" in found[0].reason


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


async def _dead_or_done(died: list[Fatal], bus: Bus) -> bool:
    return bool(died or len(await letters(bus)) == 2)


async def test_a_handler_whose_own_work_was_cancelled_has_failed_and_the_loop_lives(bus: Bus) -> None:
    calls: list[int] = []

    async def handle(deliveries: Sequence[Delivery[Measured]]) -> None:
        calls.append(deliveries[0].position.attempt)
        if len(calls) == 1:
            raise asyncio.CancelledError

    await bus.publish(MEASURED, Measured(number=1), id="m")
    bus.on_batch("echo-measured", MEASURED, handler=handle)
    await bus.consume()
    await settled(bus, "echo-measured")
    assert calls == [1, 2]


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


async def test_a_loop_that_dies_ends_its_process(server: NatsServer) -> None:
    async def handle(_: Sequence[Delivery[Measured]]) -> None:
        raise Died

    async with dying_bus(server.url, ECHO_TABLE) as (mortal, died):
        mortal.on_batch("echo-measured", MEASURED, handler=handle)
        await mortal.consume()
        await mortal.publish(MEASURED, Measured(number=1), id="m")
        await eventually(lambda: _true(died), what="the end")
    assert [str(error) for error in died] == ["a bus task ended: Died()"]


@pytest.mark.parametrize("batch", [False, True], ids=["single", "batch"])
async def test_a_consumer_that_vanished_is_not_asked_for_in_a_hot_loop(server: NatsServer, *, batch: bool) -> None:
    asked_at: list[float] = []

    async def count(_: Msg) -> None:
        asked_at.append(clock.uptime_s())

    async with running_bus(server.url, ECHO_TABLE) as bus, server.client() as nc:
        if batch:
            bus.on_batch("echo-asked", ASKED, handler=_unused)
        else:
            bus.on("echo-asked", ASKED, handler=Recorder())
        await bus.consume()
        await bus.js.delete_consumer("ECHO", "echo-asked")
        await nc.subscribe("$JS.API.CONSUMER.MSG.NEXT.ECHO.echo-asked", cb=count)
        await eventually(lambda: _true(len(asked_at) >= 4), what="questions")
    assert asked_at[3] - asked_at[0] > 1


async def _unused(_: Sequence[Delivery[Any]]) -> None:
    raise AssertionError


async def test_messages_that_wait_for_another_attempt_can_fill_a_consumer_which_is_told(
    server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    narrow = tuple(replace(c, max_ack_pending=2, max_deliver=9) for c in ECHO.consumers)
    table = TABLE.with_streams(replace(ECHO, consumers=narrow))
    await server.provision(table)
    async with running_bus(server.url, table) as bus:
        busy = Recorder({name: [Transient("busy", retry_after_s=60)] for name in "abc"})
        bus.on("echo-asked", ASKED, handler=busy)
        await bus.consume()
        await ask(bus, "a", "b", "c")
        await eventually(lambda: _true(len(busy.calls) == 2), what="two attempts")
        for _ in range(2):
            await bus.check_consumers()
        ratio = bus.metrics.registry.get_sample_value("jurymast_consumer_unsettled_ratio", {"consumer": "echo-asked"})
    assert ratio == 1
    told = [record.getMessage() for record in caplog.records if "wait for another attempt" in record.getMessage()]
    assert told == ["echo-asked: 2 messages wait for another attempt, none else is delivered"]
    assert [name for name, _ in busy.calls] == ["a", "b"]


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
        await eventually(lambda: _true(died), what="the end")
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
        await eventually(lambda: _true(died), what="the end")
    assert "echo-asked ended: Died()" in str(died[0])


async def test_a_message_that_could_not_be_buried_keeps_its_reason_and_holds_up_nobody(server: NatsServer, bus: Bus) -> None:
    handler = Recorder({"a": [Rejected("the price is negative")] * 9})
    await bus.js.delete_stream("DEAD")
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    started_s = clock.uptime_s()
    await ask(bus, "a", "b")
    await eventually(lambda: _true(("b", 1) in handler.calls), what="the next message")
    assert clock.uptime_s() - started_s < 4

    async def tried_often() -> bool:
        return bool((await bus.js.consumer_info("ECHO", "echo-asked")).num_redelivered)

    await eventually(tried_often, what="its return")
    await server.provision(ECHO_TABLE)
    letter = await one_letter(bus)
    assert (letter.cause, letter.reason) == ("rejected", "Rejected: the price is negative")
    assert handler.calls.count(("a", 1)) == sum(name == "a" for name, _ in handler.calls) == 1


async def test_a_message_that_cannot_be_buried_is_not_lost(server: NatsServer, bus: Bus) -> None:
    handler = Recorder({"a": [Rejected("no"), Rejected("no")]})
    await bus.js.delete_stream("DEAD")
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    await eventually(lambda: _true(("b", 1) in handler.calls), what="the next message")
    await server.provision(ECHO_TABLE)
    assert (await one_letter(bus)).subject == "echo.asked.a"


async def _true(value: object) -> object:
    return value


async def test_burying_the_same_message_twice_leaves_one_letter(bus: Bus) -> None:
    """As when the process dies between the dead letter and the acknowledgement: the message comes again."""
    subject, letter = "x", DeadLetter(
        service="echo", consumer="echo-asked", stream="ECHO", sequence=5, cause="rejected", reason="first", attempts=1,
        dead_ms=1, subject="echo.asked.a", headers={}, payload=b"",
    )  # fmt: skip
    await bus.publish(DEAD, letter, id=f"{subject}1")
    await bus.publish(DEAD, msgspec.structs.replace(letter, reason="second"), id=f"{subject}2")
    assert [found.reason for found in await letters(bus)] == ["second"]


# -- replay ------------------------------------------------------------------------------------------------------------

OTHER = Consumer(name="other-asked", service="other", subjects=("echo.asked.*",), summary="Another reader of the same questions.")


@pytest.fixture
async def shared_table(server: NatsServer) -> Table:
    table = TABLE.with_streams(replace(ECHO, consumers=(*ECHO.consumers, OTHER)))
    await server.provision(table)
    return table


@pytest.fixture
async def both(server: NatsServer, shared_table: Table) -> AsyncIterator[tuple[Bus, Bus]]:
    async with running_bus(server.url, shared_table) as echo, running_bus(server.url, shared_table, service="other") as other:
        yield echo, other


async def give_back(bus: Bus, letter: DeadLetter) -> None:
    await bus.js.publish(REPLAY.subject(letter), REPLAY.encode(letter), headers=stamp(REPLAY, f"replay {letter.dead_ms}"))


async def test_a_replayed_letter_reaches_only_the_consumer_that_failed(both: tuple[Bus, Bus]) -> None:
    echo, other = both
    failing, happy = Recorder({"a": [Rejected("not now")]}), Recorder()
    echo.on("echo-asked", ASKED, handler=failing)
    other.on("other-asked", ASKED, handler=happy)
    await echo.consume()
    await other.consume()
    await ask(echo, "a")
    await give_back(echo, await one_letter(echo))
    await eventually(lambda: _true(len(failing.calls) == 2), what="the replay")
    assert failing.calls == [("a", 1), ("a", 1)]
    assert happy.calls == [("a", 1)]


async def test_a_replayed_letter_that_fails_again_returns_as_itself(bus: Bus) -> None:
    bus.on("echo-asked", ASKED, handler=Recorder({"a": [Rejected("first"), Rejected("second")]}))
    await bus.consume()
    await ask(bus, "a")
    first = await one_letter(bus)
    await give_back(bus, first)

    async def second() -> bool:
        return (await one_letter(bus)).reason == "Rejected: second"

    await eventually(second, what="the letter's return")
    again = await one_letter(bus)
    assert (again.stream, again.sequence, again.subject, again.payload) == (
        first.stream,
        first.sequence,
        first.subject,
        first.payload,
    )
    assert again.attempts == 2


async def test_a_replay_that_kills_the_process_each_time_returns_as_itself(bus: Bus) -> None:
    letter = DeadLetter(
        service="echo", consumer="echo-asked", stream="ECHO", sequence=5, cause="rejected", reason="first", attempts=2,
        dead_ms=1, subject="echo.asked.a", headers={}, payload=b"x",
    )  # fmt: skip
    await give_back(bus, letter)
    subscription = await bus.js.pull_subscribe_bind(consumer="replays-echo", stream="REPLAYS")
    (raw,) = await subscription.fetch(1)
    await Graveyard(bus).bury(raw, replay_consumer("echo"), "crashed", "died each time")
    again = await one_letter(bus)
    assert (again.consumer, again.stream, again.sequence, again.payload) == ("echo-asked", "ECHO", 5, b"x")
    assert (again.cause, again.reason, again.attempts) == ("crashed", "died each time", 2)


# -- life --------------------------------------------------------------------------------------------------------------


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
    if batch:

        async def handle(deliveries: Sequence[Delivery[Any]]) -> None:
            for delivery in deliveries:
                await handler(delivery)

        bus.on_batch("echo-asked", ASKED, handler=handle)
    else:
        bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a")
    await settled(bus)
    server.kill()
    await eventually(lambda: _true(bus.trouble), what="noticing")
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
            await eventually(lambda: _true(far.trouble), what="noticing")

        far.on_batch("echo-measured", MEASURED, handler=handle)
        await far.consume()
        await bus.publish(MEASURED, Measured(number=1), id="m")
        await eventually(lambda: _true(far.trouble), what="noticing")
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

    async def handle_all(deliveries: Sequence[Delivery[Any]]) -> None:
        for delivery in deliveries:
            await handle(delivery)

    if batch:
        bus.on_batch("echo-asked", ASKED, handler=handle_all, size=1)
    else:
        bus.on("echo-asked", ASKED, handler=handle)
    await bus.consume()
    server.kill()
    await eventually(lambda: _true(bus.trouble), what="noticing")
    await asyncio.sleep(5)  # Long enough for several questions: it is the time without a server that is tested.
    await server.start()
    async with running_bus(server.url, ECHO_TABLE, service="tester") as tester:
        await ask(tester, *(f"q{number}" for number in range(10)))
        await eventually(lambda: _true(taken), what="the first message")
        await eventually(lambda: _true(not bus.trouble), what="reconnecting")
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

    async def handle_all(deliveries: Sequence[Delivery[Any]]) -> None:
        for delivery in deliveries:
            await handle(delivery)

    async with running_bus(server.url, ECHO_TABLE) as bus:
        if batch:
            bus.on_batch("echo-asked", ASKED, handler=handle_all, size=1)
        else:
            bus.on("echo-asked", ASKED, handler=handle)
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

    async def handle_all(deliveries: Sequence[Delivery[Asked]]) -> None:
        for delivery in deliveries:
            await handler(delivery)

    async with running_bus(server.url, ECHO_TABLE, service="tester") as tester:
        for number in range(6):
            async with running_bus(server.url, ECHO_TABLE) as bus:
                if batch:
                    bus.on_batch("echo-asked", ASKED, handler=handle_all)
                else:
                    bus.on("echo-asked", ASKED, handler=handler)
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


async def test_a_trace_goes_from_publish_to_handler_and_on_to_what_the_handler_publishes(bus: Bus) -> None:
    seen: asyncio.Queue[str | None] = asyncio.Queue()

    async def first(delivery: Delivery[Asked]) -> None:
        await bus.publish(MEASURED, Measured(number=1), id="m")
        seen.put_nowait(delivery.headers.get("traceparent"))

    async def second(deliveries: Sequence[Delivery[Measured]]) -> None:
        seen.put_nowait(deliveries[0].headers.get("traceparent"))

    bus.on("echo-asked", ASKED, handler=first)
    bus.on_batch("echo-measured", MEASURED, handler=second)
    await bus.consume()
    with Tracer("test").span("outermost") as trace:
        await ask(bus, "a")
    headers = {await asyncio.wait_for(seen.get(), 5) for _ in range(2)}
    assert len(headers) == 2, "each hop is a span of its own"
    assert all(header is not None and header.startswith(f"00-{trace.trace_id}-") for header in headers)
