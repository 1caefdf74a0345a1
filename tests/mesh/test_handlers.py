"""What becomes of messages whose handler succeeds, fails, or is given what nobody can read. Real server, handlers here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from jurymast.bus import Bus, Delivery
from jurymast.errors import Rejected, Transient
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.streams import TABLE
from jurymast.telemetry import Tracer
from tests.echo.messages import ASKED, MEASURED, Asked, Measured
from tests.echo.streams import ECHO
from tests.mesh.handling import Recorder, ask, asked, letters, one_letter, settled, take_questions, true
from tests.servers import NatsServer, eventually, running_bus


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
    take_questions(bus, handler, batch=batch)
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

    take_questions(bus, handle, batch=batch)
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
        await eventually(lambda: true(len(busy.calls) == 2), what="two attempts")
        for _ in range(2):
            await bus.check_consumers()
        ratio = bus.metrics.registry.get_sample_value("jurymast_consumer_unsettled_ratio", {"consumer": "echo-asked"})
    assert ratio == 1
    told = [record.getMessage() for record in caplog.records if "wait for another attempt" in record.getMessage()]
    assert told == ["echo-asked: 2 messages wait for another attempt, none else is delivered"]
    assert [name for name, _ in busy.calls] == ["a", "b"]


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
