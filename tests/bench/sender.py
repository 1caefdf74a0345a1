"""Sends at a fixed rate, whatever happens to the messages: `python -m tests.bench.sender NATS_URL`, one order a line on stdin."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Literal

import msgspec
import nats
import uvloop

from jurymast.envelope import stamp
from tests.bench.streams import BENCH_TABLE, SERVICE
from tests.echo.messages import MEASURED, Measured
from tests.servers import running_bus

PAYLOAD = bytes(230)
LEAD_S = 0.05

Send = Callable[[Measured], Awaitable[object]]


class Order(msgspec.Struct, kw_only=True):
    client: Literal["bus", "raw"]
    per_s: int
    messages: int


@asynccontextmanager
async def bus_client(url: str) -> AsyncIterator[Send]:
    async with running_bus(url, BENCH_TABLE, service=SERVICE) as bus:
        yield lambda message: bus.publish(MEASURED, message, id=f"bench.{message.number}")


@asynccontextmanager
async def raw_client(url: str) -> AsyncIterator[Send]:
    async with await nats.connect(url) as nc:
        js = nc.jetstream()
        yield lambda message: js.publish(
            MEASURED.name, MEASURED.encode(message), headers=stamp(MEASURED, f"bench.{message.number}")
        )


async def send_all(url: str, order: Order) -> None:
    """Each message starts at its time, even if those before it are still on their way."""
    loop = asyncio.get_running_loop()
    async with (bus_client if order.client == "bus" else raw_client)(url) as send, asyncio.TaskGroup() as sending:

        async def one(message: Measured) -> None:
            await send(message)

        def start(intended_ns: int) -> None:
            sending.create_task(one(Measured(number=intended_ns, payload=PAYLOAD)))

        def keep_time() -> None:  # In a thread: timers of the loop are a millisecond coarse.
            first_ns = time.monotonic_ns() + round(LEAD_S * 1e9)
            for number in range(order.messages):
                intended_ns = first_ns + number * 1_000_000_000 // order.per_s
                time.sleep(max(0, intended_ns - time.monotonic_ns()) / 1e9)
                loop.call_soon_threadsafe(start, intended_ns)

        await asyncio.to_thread(keep_time)


def main(url: str) -> None:
    for line in sys.stdin.buffer:
        uvloop.run(send_all(url, msgspec.json.decode(line, type=Order)))
        print("sent", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
