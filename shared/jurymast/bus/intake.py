"""What happens to every message of a consumer: handle, then acknowledge, retry, bury or stop. Nothing else acknowledges."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import perf_counter
from typing import Any

from nats.aio.msg import Msg

from jurymast.bus.codec import Incoming
from jurymast.bus.dead import Graveyard
from jurymast.bus.delivery import Delivery, Reader, position_of
from jurymast.bus.failure import Bury, Retry, Stop, Verdict, judge
from jurymast.errors import Fatal, JurymastError, Undecodable, explain
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import Consumer
from jurymast.tasks import asked_to_end
from jurymast.telemetry import Metrics, Trace, Tracer

log = logging.getLogger(__name__)

UNBURIED = 10_000
"""So many reasons are remembered, while the dead letters' stream is away."""

BatchHandler = Callable[[Sequence[Delivery[Any]]], Awaitable[None]]


class Intake:
    """Handles in batches; one message is a batch of one. Used by the single and the batch subscriber and by replays."""

    def __init__(
        self,
        consumer: Consumer,
        reader: Reader,
        handler: BatchHandler,
        *,
        graveyard: Graveyard,
        metrics: Metrics,
        tracer: Tracer,
        fatal: Callable[[Fatal], None],
    ) -> None:
        self.consumer = consumer
        self.reader = reader
        self._handler = handler
        self._graveyard = graveyard
        self._tracer = tracer
        self._fatal = fatal
        self._span = f"handle {consumer.name}"
        self._held: dict[int, Msg] = {}
        self._unburied: dict[int, Bury] = {}
        """By sequence: what could not be dead-lettered when it should have been, and is not tried again."""
        self._ended = False
        self._seconds = metrics.handle_seconds.labels(consumer.name)
        self._outcomes = {name: metrics.handled.labels(consumer.name, name) for name in ("ok", "retried", "dead")}

    async def many(self, batch: Sequence[Incoming]) -> None:
        self._held.update((id(item.raw), item.raw) for item in batch)
        try:
            good: list[Incoming] = []
            again: list[Incoming] = []
            for item in batch:
                if isinstance(item.content, Undecodable):
                    await self._settle(item, judge(item.content, 1, self.consumer))
                elif item.content.position.attempt == 1:
                    good.append(item)
                else:
                    again.append(item)
            if good:
                await self._handle(good)
            for item in again:
                await self._handle_again(item)
        finally:
            for item in batch:
                del self._held[id(item.raw)]

    async def keep_alive(self) -> None:
        """Tells the server that slow handlers are still at work, well before it would deliver their messages to somebody else."""
        while True:
            await asyncio.sleep(self.consumer.ack_wait_s / 3)
            for raw in list(self._held.values()):
                try:
                    await raw.in_progress()
                except NATS_FAILURE as error:
                    log.warning("%s: cannot extend a delivery: %s", self.consumer.name, explain(error))

    async def attempt(self, deliveries: Sequence[Delivery[Any]]) -> Exception | None:
        """Run the handler; its error is a value, to be judged."""
        parent: Trace | None = deliveries[0].trace if len(deliveries) == 1 else None
        started = perf_counter()
        with self._tracer.span(self._span, parent):
            try:
                await self._handler(deliveries)
            except JurymastError as error:
                log.warning("%s: %s: %s", self.consumer.name, type(error).__name__, error, extra=_where(deliveries))
                return error
            except asyncio.CancelledError as error:
                if asked_to_end():
                    raise
                log.exception("%s failed", self.consumer.name, extra=_where(deliveries))
                return RuntimeError(f"cancelled from inside: {error!r}")
            except Exception as error:
                log.exception("%s failed", self.consumer.name, extra=_where(deliveries))
                return error
            finally:
                self._seconds.observe(perf_counter() - started)
        return None

    async def _handle_again(self, item: Incoming) -> None:
        """By itself: it may be the one that killed the process. Having done so at every attempt that it has, it gets no other."""
        _, sequence, attempt = position_of(item.raw)
        if unburied := self._unburied.pop(sequence, None):
            await self._settle(item, unburied)
        elif 0 < self.consumer.max_deliver < attempt:
            reason = (
                f"tried {attempt - 1} times, never settled: the process ended each time, killed by it or for a reason in its log"
            )
            await self._settle(item, Bury("crashed", reason))
        else:
            await self._handle((item,))

    async def _handle(self, good: Sequence[Incoming]) -> None:
        if self._ended:
            return
        error = await self.attempt([item.content for item in good])  # type: ignore[misc]  # Undecodable ones were settled.
        if error is None:
            await self._acknowledge(good)
        elif len(good) == 1 or isinstance(error, Fatal):
            await self._settle(good[0], judge(error, position_of(good[0].raw).attempt, self.consumer))
        else:
            for item in good:  # One by one, so that the culprit alone pays.
                await self._handle((item,))

    async def _acknowledge(self, batch: Iterable[Incoming]) -> None:
        done = 0
        try:
            for item in batch:
                await item.raw.ack()
                done += 1
        except NATS_FAILURE as error:
            log.warning("%s: acknowledgement lost, the messages will come again: %s", self.consumer.name, explain(error))
        self._outcomes["ok"].inc(done)

    async def _settle(self, item: Incoming, verdict: Verdict) -> None:
        """A failure here leaves the message unacknowledged: the server delivers it again after the acknowledgement deadline."""
        try:
            match verdict:
                case Retry(delay_s):
                    await item.raw.nak(delay=delay_s)
                    self._outcomes["retried"].inc()
                case Bury(cause, reason):
                    await self._graveyard.bury(item.raw, self.consumer, cause, reason)
                    await item.raw.term()
                    self._outcomes["dead"].inc()
                case Stop(error):
                    self._ended = True
                    self._fatal(error)
        except (*NATS_FAILURE, JurymastError) as error:
            if isinstance(verdict, Bury) and len(self._unburied) < UNBURIED:
                self._unburied[position_of(item.raw).sequence] = verdict
            log.warning("%s: could not settle a message, it will come again: %s", self.consumer.name, explain(error))


def _where(deliveries: Sequence[Delivery[Any]]) -> dict[str, Any]:
    first = deliveries[0]
    return {
        "subject": first.subject,
        "stream": first.position.stream,
        "sequence": first.position.sequence,
        "batch": len(deliveries),
    }
