"""The bus of one process: one connection, its handlers, and what it publishes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from jurymast.bus.atomic import Answer, Body, Creator
from jurymast.bus.codec import Incoming, MessagePackCodec
from jurymast.bus.connection import abort, make_broker
from jurymast.bus.dead import Graveyard, Replays
from jurymast.bus.delivery import Delivery, Reader
from jurymast.bus.follow import Followed, Follower
from jurymast.bus.intake import BatchHandler, Intake
from jurymast.bus.publish import ATTEMPT_S, WITHIN_S, Forbidden, Ids, Outgoing
from jurymast.bus.pull import Connected, PullLoop
from jurymast.bus.query import Queries
from jurymast.bus.read import Stored, read
from jurymast.envelope import ID_HEADER, fence, stamp
from jurymast.errors import Fatal, Misconfigured, Transient, explain
from jurymast.messages.channel import AnyChannel, Channel, M
from jurymast.messages.dead import REPLAY
from jurymast.nats_client import harden
from jurymast.nats_failure import NATS_FAILURE
from jurymast.permissions import inbox, stored
from jurymast.settings import Settings, without_credentials
from jurymast.streams import Consumer, Table
from jurymast.tasks import asked_to_end, cancel, ended_unasked
from jurymast.telemetry import Metrics, Tracer

log = logging.getLogger(__name__)

BATCH = 500
PULL_S = 1.0
"""A pull for a single handler waits this long on the server, and so may a drain."""
WATCH_S = 0.5

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
        fatal: Callable[[Fatal], None],
        name: str = "",
    ) -> None:
        self.service = service
        self.table = table
        self.trouble = "not connected to NATS yet"
        self._settings = settings
        self.metrics = metrics
        self._tracer = tracer
        self._fatal = fatal
        self._draining = False
        self._closing = False
        self._intakes: dict[str, Intake] = {}
        self._loops: list[PullLoop] = []
        self._singles: list[Connected] = []
        self._graveyard = Graveyard(self)
        self._tasks: list[asyncio.Task[None]] = []
        self._pulling: list[asyncio.Task[None]] = []
        self._full: set[str] = set()
        self._ids = Ids(settings.nats_seed)
        self._forbidden = Forbidden(service)
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
            forbidden=self._forbidden.add,
        )

    # -- life ----------------------------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Waits for a NATS server for as long as it takes; `trouble` says why meanwhile. One that refuses us is left."""
        self.trouble = f"no NATS server answers at {without_credentials(self._settings.nats_url)}"
        self.nc: Client = await self._connected()
        self.js: JetStreamContext = self.nc.jetstream(timeout=ATTEMPT_S)
        self.queries = Queries(self.nc, self.service, self._tracer, self._fatal)
        self._outgoing = Outgoing(self.nc, self.js, service=self.service, forbidden=self._forbidden, metrics=self.metrics)
        self._creator = Creator(self.nc, self.js, self._outgoing)
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
            harden(connecting.result())
            return connecting.result()
        finally:
            connecting.cancel()
            refused.cancel()
            await asyncio.gather(connecting, refused, return_exceptions=True)

    async def consume(self) -> None:
        """Start every handler that was registered. From here on messages flow."""
        self._keep_house()
        unsettled = await self.check_consumers()
        await self.broker.start()
        for subscriber in self.broker.subscribers:
            durable = subscriber.extra_options["durable"]  # type: ignore[attr-defined]
            pulls = subscriber.subscription = Connected(durable, subscriber.subscription, self.nc)  # type: ignore[attr-defined]
            self._singles.append(pulls)
        self._pulling = [self._task(loop.run(self.nc, self.js, unsettled)) for loop in self._loops]
        for intake in self._intakes.values():
            self._task(intake.keep_alive())

    async def drain(self) -> None:
        """Take nothing new, let running handlers finish. The caller bounds the time."""
        self._draining = True
        for loop in self._loops:
            loop.stop()
        await asyncio.gather(*(pulls.finish() for pulls in self._singles), *self._pulling)
        await asyncio.gather(*(subscriber.stop() for subscriber in self.broker.subscribers))

    async def close(self) -> None:
        self._draining = self._closing = True
        for loop in self._loops:
            loop.stop()
        await cancel(*self._tasks, *self.queries.running)
        try:
            await self.broker.stop()
        except (OSError, RuntimeError, *NATS_FAILURE):  # Nothing can be flushed to a server that is not there.
            with suppress(OSError, RuntimeError):  # The latter is what uvloop says of a transport that is closed already.
                await self.nc.close()

    # -- receiving -----------------------------------------------------------------------------------------------------

    def on(self, consumer: str, *channels: Channel[M], handler: Handler[M]) -> None:
        """One message per call, in order but for a retried one, which comes after its successors."""

        async def each(deliveries: Sequence[Delivery[Any]]) -> None:
            for delivery in deliveries:
                await handler(delivery)

        intake, stream = self._intake(consumer, channels, each)

        async def take(incoming: Incoming) -> None:
            try:
                await intake.many((incoming,))
            except BaseException as error:  # FastStream would go on without a word.
                if not (isinstance(error, asyncio.CancelledError) and asked_to_end()):
                    self._fatal(Fatal(f"{consumer} ended: {error!r}"))
                raise

        self.broker.subscriber(
            intake.consumer.subjects[0],
            durable=consumer,
            stream=JStream(stream, declare=False),
            pull_sub=PullSub(batch_size=1, timeout=PULL_S),
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

        self._loops.append(PullLoop(stream, intake.consumer, size, take))

    def follow(self, stream: str, *channels: AnyChannel, after: int = 0) -> AsyncIterator[Sequence[Followed]]:
        """The whole stream from behind a sequence on, in order, for ever: for folds, of which each replica has its own."""
        found = next(each for each in self.table.streams if each.name == stream)
        return Follower(self.nc, self.js, found, Reader(channels), after).run()

    async def hear(self, channel: AnyChannel, heard: Callable[[], None], **known: str) -> Subscription:
        """That something was stored there. A hint and no more: what is missed is not said again."""

        async def hear(_: Msg) -> None:
            heard()

        return await self.nc.subscribe(stored(channel.wildcard_with(**known)), cb=hear)

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

    async def check_consumers(self) -> set[str]:
        """Services never create consumers: one that is missing is an operator's matter. Also refreshes the backlog metric, and
        returns those of which somebody has messages that are not settled."""
        pending: set[str] = set()
        for stream, consumer in self.table.consumers_of(self.service):
            try:
                info = await self.js.consumer_info(stream.name, consumer.name)
            except NotFoundError:
                raise Misconfigured(f"consumer {stream.name}/{consumer.name} is missing: run `jurymast streams apply`") from None
            except NATS_FAILURE as error:
                raise Transient(f"JetStream did not tell about {stream.name}/{consumer.name}: {explain(error)}") from error
            unsettled = info.num_ack_pending or 0
            self.metrics.backlog.labels(consumer.name).set((info.num_pending or 0) + unsettled)
            self.metrics.unsettled.labels(consumer.name).set(unsettled / consumer.max_ack_pending)
            self._tell_if_full(consumer, unsettled)
            if unsettled:
                pending.add(consumer.name)
        return pending

    def _tell_if_full(self, consumer: Consumer, unsettled: int) -> None:
        """Messages that wait for another attempt count as delivered: with enough of them the server delivers nothing else."""
        full = unsettled >= consumer.max_ack_pending
        if full and consumer.name not in self._full:
            log.warning("%s: %d messages wait for another attempt, none else is delivered", consumer.name, unsettled)
        (self._full.add if full else self._full.discard)(consumer.name)

    # -- sending -------------------------------------------------------------------------------------------------------

    def stamp(self, channel: AnyChannel, id: str) -> dict[str, str]:  # noqa: A002
        """The headers of what is to be stored, for those who keep it before they publish it."""
        return self._ids.sealed(stamp(channel, id))

    async def publish(self, channel: Channel[M], message: M, *, id: str, within_s: float = WITHIN_S) -> int:  # noqa: A002
        """Store a message, return its sequence. `id` is deterministic: a repeat within the dedupe window stores nothing new."""
        subject, headers = channel.subject(message), self.stamp(channel, id)
        return await self.publish_raw(subject, channel.encode(message), headers, within_s=within_s)

    async def publish_raw(self, subject: str, payload: bytes, headers: dict[str, str], *, within_s: float = WITHIN_S) -> int:
        return await self._outgoing.store(subject, payload, headers, within_s=within_s)

    async def publish_after(
        self,
        after: int,
        channel: Channel[M],
        message: M,
        *,
        id: str,  # noqa: A002
        scope: str = "",
        within_s: float = WITHIN_S,
    ) -> int:
        """Compare-and-set: store it if the last message on `scope`, by default its own subject, has the sequence `after` (0: if
        there is none). `Overtaken` says that there is another one."""
        subject = channel.subject(message)
        headers = {**self.stamp(channel, id), **fence(after, scope or subject)}
        stream = self.table.stream_for(channel).name
        return await self._outgoing.store(subject, channel.encode(message), headers, within_s=within_s, stream=stream)

    async def publish_new(
        self,
        channel: Channel[M],
        messages: Sequence[M],
        *,
        after: int = 0,
        scope: str = "",
        id: str,  # noqa: A002
        within_s: float = WITHIN_S,
    ) -> Answer:
        """Store all of them, each as the only one of its subject, or none: if the last message on `scope`, where one is given,
        has the sequence `after` (0: if there is none). The same id and messages get the same answer for as long as they stand
        there. `Transient`: they may or may not be stored, ask again under the same id."""
        stream, headers = self.table.stream_for(channel), self.stamp(channel, id)
        if not (stream.create_only and stream.allow_atomic):
            raise Misconfigured(f"{stream.name} is not a stream of subjects that take one message")
        sealed = headers.pop(ID_HEADER)
        bodies = [Body(channel.subject(message), channel.encode(message)) for message in messages]
        return await self._creator.create(
            stream.name, channel.name, bodies, headers, after=after, scope=scope, id=sealed, within_s=within_s
        )

    async def read(self, channel: Channel[M], subject: str, first: int = 0) -> Stored[M] | None:
        """The last message on a subject or pattern, or the next one from the sequence `first` on, as the leader has it."""
        return await read(self.js, self.table.stream_for(channel).name, channel, subject, first)

    async def round_trip(self, within_s: float) -> float:
        """Seconds for a request through JetStream's API and back: what a ping cannot prove."""
        if unheard := ", ".join(sorted(self._forbidden.unheard)):
            raise Transient(f"NATS does not let {self.service} listen on {unheard}: correct it, then restart {self.service}")
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

    # -- callbacks -----------------------------------------------------------------------------------------------------

    def _changed(self, trouble: str) -> None:
        self.trouble = trouble
        self._forbidden.unheard.clear()  # A new connection listens anew, and is told anew.
        if not self._closing:  # Then it is meant.
            log.info(trouble or "connected to NATS again")

    def _refused(self, why: str) -> None:
        self.trouble = why
        self._refusal.set()
        if self._connected_once:  # The next start will say the same, and that an operator must act.
            self._fatal(Misconfigured(why))

    async def _closed(self) -> None:
        if not self._closing:
            self._fatal(Fatal("the NATS connection was closed for good"))

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
        if (reason := ended_unasked(task)) and not self._draining:
            self._fatal(Fatal(f"a bus task {reason}"))
