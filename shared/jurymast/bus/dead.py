"""Dead letters: written by every service for its own consumers, replayed to exactly the consumer that failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from jurymast import clock
from jurymast.bus.delivery import Delivery, Position, Reader, position_of
from jurymast.bus.failure import Bury, Retry, Stop, judge
from jurymast.errors import Fatal, Rejected, Transient, Undecodable
from jurymast.messages.channel import Channel, Message
from jurymast.messages.dead import DEAD, Cause, DeadLetter
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import Consumer, Table, replay_consumer

log = logging.getLogger(__name__)

TERM_S = 2.0


class Publisher(Protocol):
    async def publish(self, channel: Channel[Any], message: Message, *, id: str) -> int: ...  # noqa: A002


class MaxDeliveries(msgspec.Struct):
    """The server's advisory, as far as it is needed."""

    stream: str
    consumer: str
    stream_seq: int
    deliveries: int


class Graveyard:
    """Keeps what a consumer gave up on. Burying twice leaves one letter: a subject holds one, per consumer and original."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def bury(self, raw: Msg, consumer: Consumer, cause: Cause, reason: str) -> None:
        stream, sequence, attempts = position_of(raw)
        letter = DeadLetter(
            service=consumer.service,
            consumer=consumer.name,
            stream=stream,
            sequence=sequence,
            cause=cause,
            reason=reason,
            attempts=attempts,
            dead_ms=clock.now_ms(),
            subject=raw.subject,
            headers=dict(raw.headers or {}),
            payload=raw.data,
        )
        await self.keep(letter)

    async def keep(self, letter: DeadLetter) -> None:
        # The time is part of the id: a letter that fails again after a replay is news, not a duplicate.
        name = f"{letter.consumer}.{letter.stream}.{letter.sequence}"
        await self._publisher.publish(DEAD, letter, id=f"dead.{name}.{letter.attempts}.{letter.dead_ms}")
        log.error("dead letter %s (%s): %s", name, letter.cause, letter.reason, extra={"subject": letter.subject})


class Replayable(Protocol):
    """What a replay needs of the consumer that failed."""

    consumer: Consumer
    reader: Reader

    async def attempt(self, deliveries: Sequence[Delivery[Any]]) -> Exception | None: ...


class Replays:
    """Gives dead letters back to the consumer they belong to. One that fails again returns to its place among the dead."""

    def __init__(self, graveyard: Graveyard, intakes: Mapping[str, Replayable]) -> None:
        self._graveyard = graveyard
        self._intakes = intakes

    async def handle(self, deliveries: Sequence[Delivery[DeadLetter]]) -> None:
        for delivery in deliveries:
            letter, attempt = delivery.message, delivery.position.attempt
            error = await self._try(letter, attempt)
            if error is None:
                continue
            match judge(error, attempt, replay_consumer(letter.service)):
                case Retry(delay_s):
                    raise Transient(str(error), retry_after_s=delay_s)
                case Stop(reason):
                    raise Fatal(reason)
                case Bury(cause, reason):
                    attempts = letter.attempts + attempt
                    again = msgspec.structs.replace(letter, cause=cause, reason=reason, attempts=attempts, dead_ms=clock.now_ms())
                    await self._graveyard.keep(again)

    async def _try(self, letter: DeadLetter, attempt: int) -> Exception | None:
        intake = self._intakes.get(letter.consumer)
        if intake is None:
            return Rejected(f"{letter.service} no longer has a consumer {letter.consumer}")
        position = Position(letter.stream, letter.sequence, attempt)
        try:
            delivery = intake.reader.read(letter.subject, letter.headers, letter.payload, position)
        except Undecodable as problem:
            return problem
        return await intake.attempt([delivery])


class CrashWatch:
    """Buries messages that no attempt ever finished: the server gave up on them and told so in an advisory."""

    def __init__(self, graveyard: Graveyard, nc: Client, js: JetStreamContext, table: Table) -> None:
        self._graveyard = graveyard
        self._nc = nc
        self._js = js
        self._table = table

    async def handle(self, raws: Sequence[Msg]) -> None:
        for raw in raws:
            try:
                await self._bury(msgspec.json.decode(raw.data, type=MaxDeliveries))
                await raw.ack()
            except (*NATS_FAILURE, Transient) as error:
                log.warning("could not bury a crashed message, will try again: %r", error)
                await raw.nak(delay=5)

    async def _bury(self, advisory: MaxDeliveries) -> None:
        stream, consumer = self._table.consumer(advisory.consumer)
        try:  # From the leader: a replica may not have the message yet.
            lost = await self._js.get_msg(advisory.stream, advisory.stream_seq)
        except NotFoundError:
            log.warning("message %d of %s is gone before it could be buried", advisory.stream_seq, advisory.stream)
            return
        letter = DeadLetter(
            service=consumer.service,
            consumer=consumer.name,
            stream=advisory.stream,
            sequence=advisory.stream_seq,
            cause="crashed",
            reason=f"delivered {advisory.deliveries} times, never finished: the process died or overran its deadline each time",
            attempts=advisory.deliveries,
            dead_ms=clock.now_ms(),
            subject=lost.subject or "",
            headers=dict(lost.headers or {}),
            payload=lost.data or b"",
        )
        await self._graveyard.keep(letter)
        if stream.retention == "workqueue":
            # Nobody would ever take it out. Given up, not deleted: whoever may delete there may delete what is another's.
            place = f"{advisory.stream}.{advisory.consumer}.{advisory.deliveries}.{advisory.stream_seq}.0.0.0"
            await self._nc.request(f"$JS.ACK.{place}", b"+TERM", timeout=TERM_S)
