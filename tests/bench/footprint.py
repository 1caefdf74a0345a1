"""What an idle mesh costs: eight services, NATS and Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from jurymast.cli.mesh.plan import redis_arguments
from jurymast.cli.mesh.servers import find_redis
from tests.bench.figure import Figure, Goal, Scale
from tests.echo.streams import ECHO_TABLE
from tests.servers import NatsServer, Process, Service, free_port

SERVICES = 8
SETTLE_S = 0.5
READY_S = 60.0
MIB = 1 << 20
RESIDENT_MB = 800


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    with TemporaryDirectory(prefix="jurymast-bench-") as temporary, ExitStack() as stack:
        directory = Path(temporary)
        server = NatsServer(directory / "nats")
        stack.callback(server.kill)
        await server.start()
        await server.provision(ECHO_TABLE)
        redis = Process(str(find_redis()), *redis_arguments(free_port(), directory), log=directory / "redis.log")
        stack.callback(redis.end)
        services = [Service("tests.echo", server.url, directory) for _ in range(SERVICES)]
        for service in services:
            stack.callback(service.process.end)
        await asyncio.gather(*(service.ready(READY_S) for service in services))
        await asyncio.sleep(SETTLE_S)  # The first checks and announcements are not idleness.

        assert server.process
        pids = [server.process.pid, redis.pid, *(service.process.pid for service in services)]
        busy = await _cpu_percent(pids, scale.idle_s)
        shared = f"{SERVICES} idle services, NATS and Redis"
        yield Figure(f"{shared}: RSS", "MB", sum(_memory_mb(pid, "Rss") for pid in pids), goal=Goal("ours", "most", RESIDENT_MB))
        yield Figure(f"{shared}: PSS", "MB", sum(_memory_mb(pid, "Pss") for pid in pids))
        yield Figure(f"{shared}: CPU", "% of a core", busy)


def _memory_mb(pid: int, kind: str) -> float:
    """Shared pages count whole in Rss, and by share in Pss."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{kind}:"):
            return int(line.split()[1]) * 1024 / MIB
    raise AssertionError(f"no {kind} of {pid}")


async def _cpu_percent(pids: Iterable[int], for_s: float) -> float:
    processes = [psutil.Process(pid) for pid in pids]

    def used_s() -> float:
        return sum(times.user + times.system for times in (process.cpu_times() for process in processes))

    began_s, before_s = time.monotonic(), used_s()
    await asyncio.sleep(for_s)
    return 100 * (used_s() - before_s) / (time.monotonic() - began_s)
