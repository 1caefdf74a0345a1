"""The echo service's stream with two consumers of the same settings: one for us, one for the raw client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from jurymast.streams import TABLE, Consumer
from tests.echo.messages import MEASURED
from tests.echo.streams import ECHO
from tests.servers import NatsServer

SERVICE = "echo"
STREAM = ECHO.name


def _consumer(name: str) -> Consumer:
    return Consumer(name=name, service=SERVICE, subjects=(MEASURED.name,), summary=f"Measurements for {name}.")


OURS, RAW = _consumer("bench-ours"), _consumer("bench-raw")
BENCH_TABLE = TABLE.with_streams(replace(ECHO, consumers=(OURS, RAW)))
SYNC_DEFAULT = "2m"
"""nats-server's own."""


@asynccontextmanager
async def bench_server(sync: str = SYNC_DEFAULT) -> AsyncIterator[NatsServer]:
    with TemporaryDirectory(prefix="jurymast-bench-") as directory:
        server = NatsServer(Path(directory), sync=sync)
        try:
            await server.start()
            await server.provision(BENCH_TABLE)
            yield server
        finally:
            server.kill()


async def emptied(server: NatsServer) -> None:
    async with server.client() as nc:
        await nc.jetstream().purge_stream(STREAM)
