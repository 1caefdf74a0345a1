"""From the moment a message should have been sent to the moment its handler runs."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from statistics import quantiles
from typing import Literal

import msgspec

from jurymast.bus import Delivery
from jurymast.bus.codec import Incoming
from tests.bench.figure import Figure, Goal, Scale, compared, interleaved
from tests.bench.sender import Order
from tests.bench.streams import SYNC_DEFAULT, bench_server, emptied
from tests.bench.subscribers import BATCH, Received, Subscriber, our_batch, our_single, raw_fetch
from tests.echo.messages import Measured
from tests.servers import ROOT, NatsServer

RATE = 1_000
WARM_UP = 200
"""Messages at the start of each round that are not counted: connections and code are still cold."""
LATE_S = 10.0
P99_MS = 10.0


@dataclass(frozen=True)
class Percentiles:
    p50_ms: float
    p99_ms: float


class Latencies:
    def __init__(self, expected: int) -> None:
        self.complete = asyncio.Event()
        self._expected = expected
        self._ms: list[float] = []

    def took(self, batch: Sequence[Received]) -> None:
        now_ns = time.monotonic_ns()
        self._ms += [(now_ns - intended_ns(received)) / 1e6 for received in batch]
        if len(self._ms) >= self._expected:
            self.complete.set()

    def percentiles(self) -> Percentiles:
        cuts = quantiles(self._ms[WARM_UP:], n=100)
        return Percentiles(cuts[49], cuts[98])


def intended_ns(received: Received) -> int:
    """Senders number messages by the time at which they should go out; monotonic time is the same in all processes."""
    match received:
        case Delivery(message=Measured(number=number)) | Incoming(content=Delivery(message=Measured(number=number))):
            return number
        case Incoming():
            raise AssertionError(received.content)
        case _:
            return msgspec.msgpack.decode(received.data, type=Measured).number


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    for sync in (SYNC_DEFAULT, "always"):
        async with bench_server(sync) as server:
            with _sender(server.url) as sender:
                meet = partial(_met, server, sender, scale)
                for what, ours, raw in (("batches", our_batch, raw_fetch(BATCH)), ("one per call", our_single, raw_fetch(1))):
                    pairs = await meet(ours, raw)
                    name = f"latency at {RATE:,}/s, {what}, fsync {sync}"
                    p50s = [(mine.p50_ms, theirs.p50_ms) for mine, theirs in pairs]
                    p99s = [(mine.p99_ms, theirs.p99_ms) for mine, theirs in pairs]
                    yield compared(f"{name}: p50", "ms", p50s)
                    yield compared(f"{name}: p99", "ms", p99s, Goal("ours", "most", P99_MS))


async def _met(
    server: NatsServer, sender: Sender, scale: Scale, ours: Subscriber, raw: Subscriber
) -> list[tuple[Percentiles, Percentiles]]:
    async def offer(client: Literal["bus", "raw"], subscriber: Subscriber) -> Percentiles:
        await emptied(server)
        order = Order(client=client, per_s=RATE, messages=WARM_UP + round(RATE * scale.offered_s))
        latencies = Latencies(order.messages)
        async with subscriber(server.url, latencies.took), asyncio.timeout(scale.offered_s + LATE_S):
            await sender.send(order)
            await latencies.complete.wait()
        return latencies.percentiles()

    return await interleaved(scale.offers, partial(offer, "bus", ours), partial(offer, "raw", raw))


class Sender:
    """Its own process: a busy handler must not delay the messages that it is measured by."""

    def __init__(self, popen: subprocess.Popen[bytes]) -> None:
        self._popen = popen

    async def send(self, order: Order) -> None:
        await asyncio.to_thread(self._send, msgspec.json.encode(order))

    def _send(self, order: bytes) -> None:
        assert self._popen.stdin
        assert self._popen.stdout
        self._popen.stdin.write(order + b"\n")
        self._popen.stdin.flush()
        assert self._popen.stdout.readline() == b"sent\n", "the sender failed"


@contextmanager
def _sender(url: str) -> Iterator[Sender]:
    command = [sys.executable, "-m", "tests.bench.sender", url]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as popen:
        try:
            yield Sender(popen)
        finally:
            popen.kill()
