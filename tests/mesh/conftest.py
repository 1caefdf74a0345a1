"""Fixtures with real servers. Each test has its own: they start in well under a tenth of a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from jurymast.bus import Bus
from tests.echo.streams import ECHO_TABLE
from tests.servers import NatsServer, Service, running_bus


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server that holds the echo table."""
    nats_server = NatsServer(tmp_path / "nats")
    try:
        await nats_server.start()
        await nats_server.provision(ECHO_TABLE)
        yield nats_server
    finally:
        nats_server.kill()


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    async with running_bus(server.url, ECHO_TABLE) as connected:
        yield connected


@pytest.fixture
def start_echo(server: NatsServer, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    started: list[Service] = []

    def start(**settings: str) -> Service:
        defaults = {"JURYMAST_DATABASE": str(tmp_path / "echo.db")}
        started.append(Service("tests.echo", server.url, tmp_path, **{**defaults, **settings}))
        return started[-1]

    yield start
    for service in started:
        service.process.end()
