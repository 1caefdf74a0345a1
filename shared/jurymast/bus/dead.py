"""Dead letters: written by every service for its own consumers, replayed to exactly the consumer that failed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec
from nats.aio.msg import Msg

from jurymast import clock
from jurymast.bus.delivery import Delivery, Position, Reader, position_of
from jurymast.bus.failure import Bury, Retry, Stop, judge
from jurymast.errors import Rejected, Transient, Undecodable
from jurymast.messages.channel import SCHEMA_HEADER, Channel, Message
from jurymast.messages.dead import DEAD, REPLAY, Cause, DeadLetter
from jurymast.streams import Consumer, replay_consumer

log = logging.getLogger(__name__)

BURY_S = 2.0
"""Neighbours wait so long when there is no stream of dead letters."""


class Publisher(Protocol):
    async def publish(self, channel: Channel[Any], message: Message, *, id: str, within_s: float) -> int: ...  # noqa: A002


class Graveyard:
    """Keeps what a consumer gave up on. Burying twice leaves one letter: a subject holds one, per consumer and original."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    async def bury(self, raw: Msg, consumer: Consumer, cause: Cause, reason: str) -> None:
        stream, sequence, attempts = position_of(raw)
        if consumer == replay_consumer(consumer.service) and (
            letter := _replayed(raw)
        ):  # Back to its place, not wrapped in another.
            attempts += letter.attempts - (cause == "crashed")
            await self.keep(
                msgspec.structs.replace(letter, cause=cause, reason=reason, attempts=attempts, dead_ms=clock.now_ms())
            )
            return
        letter = DeadLetter(
            service=consumer.service,
            consumer=consumer.name,
            stream=stream,
            sequence=sequence,
            cause=cause,
            reason=reason,
            attempts=attempts - (cause == "crashed"),  # The delivery that finds it so is no attempt.
            dead_ms=clock.now_ms(),
            subject=raw.subject,
            headers=dict(raw.headers or {}),
            payload=raw.data,
        )
        await self.keep(letter)

    async def keep(self, letter: DeadLetter) -> None:
        # The time is part of the id: a letter that fails again after a replay is news, not a duplicate.
        name = f"{letter.consumer}.{letter.stream}.{letter.sequence}"
        await self._publisher.publish(DEAD, letter, id=f"{name}.{letter.attempts}.{letter.dead_ms}", within_s=BURY_S)
        log.error("dead letter %s (%s): %s", name, letter.cause, letter.reason, extra={"subject": letter.subject})


def _replayed(raw: Msg) -> DeadLetter | None:
    try:
        return REPLAY.decode(raw.data, schema=(raw.headers or {}).get(SCHEMA_HEADER), subject=raw.subject)
    except Undecodable:
        return None


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
                case Stop(fatal):
                    raise fatal
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
