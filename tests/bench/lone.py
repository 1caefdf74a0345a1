"""Why the bus has a pull loop of its own: FastStream's batch subscriber waits for company."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

from jurymast.envelope import stamp
from tests.bench.figure import Figure, Scale, compared, interleaved
from tests.bench.streams import bench_server, emptied
from tests.bench.subscribers import Received, Subscriber, faststream_batch, our_batch
from tests.echo.messages import MEASURED, Measured
from tests.servers import NatsServer

APART_S = 0.13
"""Also the time for a subscriber to be idle again."""
ARRIVE_S = 40.0
"""FastStream now and then drops what it has fetched; it comes again after the acknowledgement deadline of 30 s."""


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    async with bench_server() as server:
        wait = partial(_latency_ms, server, scale.lone)
        pairs = await interleaved(1, partial(wait, our_batch), partial(wait, faststream_batch))
    yield compared("a lone message to a batch handler / FastStream's", "ms", pairs)


async def _latency_ms(server: NatsServer, messages: int, subscriber: Subscriber) -> float:
    arrived: asyncio.Queue[float] = asyncio.Queue()

    def took(_: Sequence[Received]) -> None:
        arrived.put_nowait(time.perf_counter())

    await emptied(server)
    latencies = []
    async with AsyncExitStack() as stack:
        nc = await stack.enter_async_context(server.client())
        await stack.enter_async_context(subscriber(server.url, took))
        await stack.enter_async_context(asyncio.timeout(messages * ARRIVE_S))
        for _ in range(messages):
            await asyncio.sleep(APART_S)
            sent = time.perf_counter()
            await nc.jetstream().publish(MEASURED.name, MEASURED.encode(Measured(number=0)), headers=stamp(MEASURED))
            latencies.append(1e3 * (await arrived.get() - sent))
    return median(latencies)
