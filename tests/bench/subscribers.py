"""Everything that is compared, in one shape: while its context is open, what is received goes to `took`, then is acknowledged."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import nats
from faststream.message import StreamMessage
from faststream.middlewares import AckPolicy
from faststream.nats import JStream, NatsBroker, PullSub
from nats.aio.msg import Msg

from jurymast.bus import Delivery
from jurymast.bus.codec import Incoming, MessagePackCodec
from jurymast.bus.delivery import Reader
from tests.bench.streams import BENCH_TABLE, OURS, RAW, SERVICE, STREAM
from tests.echo.messages import MEASURED, Measured
from tests.servers import running_bus

BATCH = 500
PULL_S = 2.0

Received = Delivery[Measured] | Incoming | Msg
Took = Callable[[Sequence[Received]], None]
Subscriber = Callable[[str, Took], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def our_batch(url: str, took: Took) -> AsyncIterator[None]:
    async def handler(deliveries: Sequence[Delivery[Any]]) -> None:
        took(deliveries)

    async with running_bus(url, BENCH_TABLE, service=SERVICE) as bus:
        bus.on_batch(OURS.name, MEASURED, handler=handler, size=BATCH)
        await bus.consume()
        yield


@asynccontextmanager
async def our_single(url: str, took: Took) -> AsyncIterator[None]:
    async def handler(delivery: Delivery[Measured]) -> None:
        took((delivery,))

    async with running_bus(url, BENCH_TABLE, service=SERVICE) as bus:
        bus.on(OURS.name, MEASURED, handler=handler)
        await bus.consume()
        yield


def raw_fetch(size: int) -> Subscriber:
    """nats-py by itself; decodes nothing."""

    @asynccontextmanager
    async def subscribed(url: str, took: Took) -> AsyncIterator[None]:
        nc = await nats.connect(url)
        subscription = await nc.jetstream().pull_subscribe_bind(consumer=RAW.name, stream=STREAM)

        async def fetch_forever() -> None:
            while True:
                with suppress(TimeoutError):
                    batch = await subscription.fetch(size, timeout=PULL_S)
                    took(batch)
                    for raw in batch:
                        await raw.ack()

        task = asyncio.create_task(fetch_forever())
        try:
            yield
        finally:
            await nc.close()  # Ends the fetch. A cancellation may be lost in it: asyncio.wait_for of Python 3.11 does that.
            await asyncio.gather(task, return_exceptions=True)

    return subscribed


@asynccontextmanager
async def bare_faststream(url: str, took: Took) -> AsyncIterator[None]:
    async def handler(incoming: Incoming) -> None:
        took((incoming,))

    async with _consuming(url, PullSub(batch_size=1, timeout=PULL_S), handler, codec=_codec()):
        yield


@asynccontextmanager
async def faststream_batch(url: str, took: Took) -> AsyncIterator[None]:
    async def handler(batch: list[Incoming]) -> None:
        took(batch)

    async def decoder(message: StreamMessage[Sequence[Msg]]) -> list[Incoming]:
        return [_codec().incoming(raw) for raw in message.raw_message]

    async with _consuming(url, PullSub(batch_size=BATCH, timeout=1, batch=True), handler, decoder=decoder):
        yield


@asynccontextmanager
async def _consuming(url: str, pull_sub: PullSub[Any], handler: Callable[..., Any], **decoding: Any) -> AsyncIterator[None]:
    broker = NatsBroker(url, apply_types=False, logger=None, ack_policy=AckPolicy.ACK)
    broker.subscriber(
        MEASURED.name,
        durable=RAW.name,
        stream=JStream(STREAM, declare=False),
        pull_sub=pull_sub,
        **decoding,
        no_reply=True,
    )(handler)
    async with broker:
        await broker.start()
        yield


def _codec() -> MessagePackCodec:
    return MessagePackCodec(Reader((MEASURED,)))
