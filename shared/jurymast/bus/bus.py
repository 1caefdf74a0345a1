"""The bus of one process: one connection, its handlers, and what it publishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from time import monotonic
from typing import Any

from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionReconnectingError, MaxPayloadError, NoRespondersError, OutboundBufferLimitError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from jurymast.bus.codec import Incoming, MessagePackCodec
from jurymast.bus.connection import abort, make_broker
from jurymast.bus.dead import Graveyard, Replays
from jurymast.bus.delivery import Delivery, Reader
from jurymast.bus.intake import BatchHandler, Intake
from jurymast.bus.pull import Connected, PullLoop
from jurymast.bus.query import Queries
from jurymast.envelope import stamp
from jurymast.errors import Misconfigured, Rejected, Transient, explain
from jurymast.messages.channel import SCHEMA_HEADER, AnyChannel, Channel, M
from jurymast.messages.dead import REPLAY
from jurymast.nats_failure import NATS_FAILURE
from jurymast.permissions import inbox
from jurymast.settings import Settings, without_credentials
from jurymast.streams import Table
from jurymast.tasks import cancel
from jurymast.telemetry import Metrics, Tracer

log = logging.getLogger(__name__)

BATCH = 500
PULL_S = 2.0
PUBLISH_S = 10.0
ATTEMPT_S = 2.0
PAUSE_S = 0.1
WATCH_S = 0.5
FORBIDDEN = 1_000
"""So many subjects are remembered, so that each is logged once."""

Handler = Callable[[Delivery[M]], Awaitable[None]]


class Bus:
    """Register handlers, `connect`, `consume`, later `drain` and `close`. `fatal` is called when the process must end."""

    def __init__(
        self,
        settings: Settings,
        *,
        service: str,
        table: Table,
        metrics: Metrics,
        tracer: Tracer,
        fatal: Callable[[str], None],
        name: str = "",
    ) -> None:
        self.service = service
        self.table = table
        self.trouble = "not connected to NATS yet"
        self._settings = settings
        self.metrics = metrics
        self._tracer = tracer
        self._fatal = fatal
        self._closing = False
        self._intakes: dict[str, Intake] = {}
        self._loops: list[PullLoop] = []
        self._graveyard = Graveyard(self)
        self._tasks: list[asyncio.Task[None]] = []
        self._pulling: list[asyncio.Task[None]] = []
        self._published: dict[str, tuple[Any, Any]] = {}
        self._forbidden: dict[str, float] = {}
        self._connected_once = False
        self._refusal = asyncio.Event()
        self.broker: NatsBroker = make_broker(
            settings,
            service=service,
            name=name or service,
            metrics=metrics,
            closed=self._closed,
            changed=self._changed,
            refused=self._refused,
            forbidden=self._forbid,
        )

    # -- life ----------------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Waits for a NATS server for as long as it takes; `trouble` says why meanwhile. One that refuses us is left."""
        self.trouble = f"no NATS server answers at {without_credentials(self._settings.nats_url)}"
        self.nc: Client = await self._connected()
        self.js: JetStreamContext = self.nc.jetstream(timeout=ATTEMPT_S)
        self.queries = Queries(self.nc, self.service, self._tracer)
        self.trouble = ""
        self._connected_once = True
        self._task(self._cut_stuck_connections())

    async def _connected(self) -> Client:
        connecting = asyncio.ensure_future(self.broker.connect())
        refused = asyncio.ensure_future(self._refusal.wait())
        try:
            await asyncio.wait({connecting, refused}, return_when=asyncio.FIRST_COMPLETED)
            if self._refusal.is_set() and not (connecting.done() and connecting.exception() is None):
                raise Misconfigured(self.trouble)
            return connecting.result()
        finally:
            connecting.cancel()
            refused.cancel()
            await asyncio.gather(connecting, refused, return_exceptions=True)

    async def consume(self) -> None:
        """Start every handler that was registered. From here on messages flow."""
        self._keep_house()
        await self.check_consumers()
        await self.broker.start()
        for subscriber in self.broker.subscribers:
            subscriber.subscription = Connected(subscriber.subscription, self.nc)  # type: ignore[attr-defined]
        self._pulling = [self._task(loop.run(self.nc, self.js)) for loop in self._loops]
        for intake in self._intakes.values():
            self._task(intake.keep_alive())

    async def drain(self) -> None:
        """Take nothing new, let running handlers finish. The caller bounds the time."""
        for loop in self._loops:
            loop.stop()
        await asyncio.gather(*(subscriber.stop() for subscriber in self.broker.subscribers), *self._pulling)

    async def close(self) -> None:
        self._closing = True
        for loop in self._loops:
            loop.stop()
        await cancel(*self._tasks)
        try:
            await self.broker.stop()
        except ConnectionReconnectingError:  # Nothing can be flushed to a server that is not there.
            await self.nc.close()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def on(self, consumer: str, *channels: Channel[M], handler: Handler[M], concurrency: int = 1) -> None:
        """One message per call. Order holds with `concurrency=1`, but for a retried message, which comes after its successors."""

        async def each(deliveries: Sequence[Delivery[Any]]) -> None:
            for delivery in deliveries:
                await handler(delivery)

        intake, stream = self._intake(consumer, channels, each)

        async def take(incoming: Incoming) -> None:
            await intake.one(incoming)

        self.broker.subscriber(
            intake.consumer.subjects[0],
            durable=consumer,
            stream=JStream(stream, declare=False),
            pull_sub=PullSub(batch_size=concurrency, timeout=PULL_S),
            codec=MessagePackCodec(intake.reader),
            inbox_prefix=f"{inbox(self.service)}.".encode(),  # FastStream does not take the connection's.
            no_reply=True,
        )(take)

    def on_batch(self, consumer: str, *channels: Channel[M], handler: BatchHandler, size: int = BATCH) -> None:
        """Up to `size` messages per call, in order; for hot paths. If the call fails, each message is tried by itself."""
        intake, stream = self._intake(consumer, channels, handler)
        codec = MessagePackCodec(intake.reader)

        async def take(raws: Sequence[Msg]) -> None:
            await intake.many([codec.incoming(raw) for raw in raws])

        self._loops.append(PullLoop(stream, consumer, size, take))

    def _intake(self, name: str, channels: tuple[AnyChannel, ...], handler: BatchHandler) -> tuple[Intake, str]:
        stream, consumer = self.table.consumer(name)
        if consumer.service != self.service:
            raise Misconfigured(f"consumer {name} belongs to {consumer.service}, not to {self.service}")
        intake = Intake(
            consumer,
            Reader(channels),
            handler,
            graveyard=self._graveyard,
            metrics=self.metrics,
            tracer=self._tracer,
            fatal=self._fatal,
        )
        self._intakes[name] = intake
        return intake, stream.name

    def _keep_house(self) -> None:
        """The consumer that each service with handlers has for replays of its dead letters."""
        if not self._intakes:
            return
        replays = Replays(self._graveyard, dict(self._intakes))
        self.on_batch(f"replays-{self.service}", REPLAY, handler=replays.handle, size=1)

    async def check_consumers(self) -> None:
        """Services never create consumers: one that is missing is an operator's matter. Also refreshes the backlog metric."""
        for stream, consumer in self.table.consumers_of(self.service):
            try:
                info = await self.js.consumer_info(stream.name, consumer.name)
            except NotFoundError:
                raise Misconfigured(f"consumer {stream.name}/{consumer.name} is missing: run `jurymast streams apply`") from None
            except NATS_FAILURE as error:
                raise Transient(f"JetStream did not tell about {stream.name}/{consumer.name}: {explain(error)}") from error
            self.metrics.backlog.labels(consumer.name).set((info.num_pending or 0) + (info.num_ack_pending or 0))

    # -- sending -------------------------------------------------------------------------------------------------------

    async def publish(self, channel: Channel[M], message: M, *, id: str, within_s: float = PUBLISH_S) -> int:  # noqa: A002
        """Store a message, return its sequence. `id` is deterministic: a repeat within the dedupe window stores nothing new."""
        return await self.publish_raw(channel.subject(message), channel.encode(message), stamp(channel, id), within_s=within_s)

    async def publish_raw(self, subject: str, payload: bytes, headers: dict[str, str], *, within_s: float = PUBLISH_S) -> int:
        """The one place that retries a publish: under the same id until it is stored, refused, or out of time."""
        ok, failed = self._publish_counters(headers[SCHEMA_HEADER].partition("/")[0])
        deadline = monotonic() + within_s
        while True:
            started = monotonic()
            try:
                if not self.nc.is_connected:  # Buffered, it would land after its caller gave up.
                    raise OutboundBufferLimitError
                attempt_s = max(min(ATTEMPT_S, deadline - monotonic()), PAUSE_S)
                async with asyncio.timeout(attempt_s + PAUSE_S):  # The client's own begins when the bytes are on their way.
                    ack = await self.js.publish(subject, payload, headers=headers, timeout=attempt_s)
            except NATS_FAILURE as error:
                failure = self._publish_failure(subject, len(payload), error, since=started)
                if isinstance(failure, Rejected) or monotonic() + PAUSE_S >= deadline:
                    failed.inc()
                    raise failure from error
                await asyncio.sleep(PAUSE_S)
            else:
                ok.inc()
                return ack.seq

    async def round_trip(self, within_s: float) -> float:
        """Seconds for a request through JetStream's API and back: what a ping cannot prove."""
        started = monotonic()
        try:
            reply = await self.nc.request("$JS.API.INFO", timeout=within_s)
        except NoRespondersError:
            raise Transient("JetStream is not available on this NATS server") from None
        except NATS_FAILURE as error:
            raise Transient(f"NATS did not answer within {within_s:g} s: {self.trouble or explain(error)}") from error
        if b'"error"' in reply.data:
            raise Transient(f"JetStream answers with an error: {reply.data.decode(errors='replace')[:200]}")
        return monotonic() - started

    def _publish_failure(self, subject: str, size: int, error: BaseException, *, since: float) -> Transient | Rejected:
        if self._forbidden.get(subject.lower(), 0) >= since:  # The client hears of it beside the publish, which only times out.
            return Rejected(f"{subject}: NATS does not let {self.service} publish there: see who owns the channel")
        match error:
            case MaxPayloadError():
                return Rejected(f"{subject}: a message of {size} bytes, the server takes {self.nc.max_payload}")
            case NoStreamResponseError():
                return Transient(f"no stream takes {subject}: run `jurymast streams apply`, or is JetStream down?")
            case OutboundBufferLimitError():
                return Transient(f"{subject}: not connected to NATS")
            case APIError(code=503):
                return Transient(f"{subject}: JetStream cannot store now: {error.description} (error {error.err_code})")
            case APIError(err_code=err_code, description=description):
                return Rejected(f"{subject}: refused by the stream: {description} (error {err_code})")
            case TimeoutError():
                return Transient(f"{subject}: no acknowledgement within {ATTEMPT_S:g} s; it may or may not be stored")
            case _:
                return Transient(f"{subject}: {explain(error)}")

    def _publish_counters(self, channel: str) -> tuple[Any, Any]:
        if (counters := self._published.get(channel)) is None:
            published = self.metrics.published
            counters = self._published[channel] = published.labels(channel, "ok"), published.labels(channel, "failed")
        return counters

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def _changed(self, trouble: str) -> None:
        self.trouble = trouble
        log.info(trouble or "connected to NATS again")

    def _refused(self, why: str) -> None:
        self.trouble = why
        self._refusal.set()
        if self._connected_once:  # The next start will say the same, and that an operator must act.
            self._fatal(why)

    def _forbid(self, subject: str) -> None:
        if subject not in self._forbidden:
            log.error("NATS does not let %s use %s", self.service, subject, extra={"subject": subject})
        if len(self._forbidden) >= FORBIDDEN:
            self._forbidden.clear()
        self._forbidden[subject] = monotonic()

    async def _closed(self) -> None:
        if not self._closing:
            self._fatal("the NATS connection was closed for good")

    async def _cut_stuck_connections(self) -> None:
        """nats-py tells of a lost connection, and connects anew, only after the old one has sent all its bytes: maybe never."""
        stuck = 0
        while True:
            await asyncio.sleep(WATCH_S)
            stuck = stuck + 1 if self.nc.is_reconnecting and not self.trouble else 0
            if stuck > 1:
                log.warning("cutting a connection to NATS that does not close")
                abort(self.nc)

    def _task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        task.add_done_callback(self._task_ended)
        self._tasks.append(task)
        return task

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        if self._closing:
            return
        if task.cancelled():
            self._fatal("a bus task was cancelled from inside")
        elif error := task.exception():
            log.error("a bus task died", exc_info=error)
            self._fatal(f"a bus task died: {error!r}")
