"""How fast a full stream is drained."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial

import nats

from jurymast.envelope import stamp
from tests.bench.figure import Figure, Goal, Scale, compared, interleaved
from tests.bench.streams import bench_server, emptied
from tests.bench.subscribers import BATCH, Received, Subscriber, bare_faststream, our_batch, our_single, raw_fetch
from tests.echo.messages import MEASURED, Measured
from tests.servers import NatsServer

PAYLOAD = bytes(230)
DRAIN_S = 60.0


class Pace:
    """The rate between the first and the last call: whole cycles, without connecting and stopping."""

    def __init__(self, expected: int) -> None:
        self.complete = asyncio.Event()
        self._expected = expected
        self._total = 0
        self._before_last = 0
        self._first_s = 0.0
        self._last_s = 0.0

    def took(self, batch: Sequence[Received]) -> None:
        self._last_s = time.perf_counter()
        self._first_s = self._first_s or self._last_s
        self._before_last = self._total
        self._total += len(batch)
        if self._total >= self._expected:
            self.complete.set()

    @property
    def per_s(self) -> float:
        return self._before_last / (self._last_s - self._first_s)


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    batch = Goal("ratio", "least", 0.7)
    single = Goal("ratio", "least", 0.65)
    async with bench_server() as server:
        drain = partial(_drained, server, scale.drains)
        pairs = await drain(scale.batched, our_batch, raw_fetch(BATCH))
        yield compared(f"batches of {BATCH} / raw fetch and ack", "msg/s", pairs, batch)
        pairs = await drain(scale.one_by_one, our_single, bare_faststream)
        yield compared("one per call / bare FastStream", "msg/s", pairs, single)


async def _drained(
    server: NatsServer, rounds: int, messages: int, ours: Subscriber, raw: Subscriber
) -> list[tuple[float, float]]:
    async def drain(subscriber: Subscriber) -> float:
        await emptied(server)
        await _fill(server.url, messages)
        pace = Pace(messages)
        async with subscriber(server.url, pace.took), asyncio.timeout(DRAIN_S):
            await pace.complete.wait()
        return pace.per_s

    return await interleaved(rounds, partial(drain, ours), partial(drain, raw))


async def _fill(url: str, messages: int) -> None:
    run = time.monotonic_ns()
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        stored = [
            await js.publish_async(
                MEASURED.name,
                MEASURED.encode(Measured(number=number, payload=PAYLOAD)),
                headers=stamp(MEASURED, f"bench.{run}.{number}"),
            )
            for number in range(messages)
        ]
        await asyncio.gather(*stored)
