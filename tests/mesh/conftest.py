"""Fixtures with real servers. Each test has its own: they start in well under a tenth of a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from jurymast.bus import Bus
from tests.echo.messages import ASKER
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import ACCESS, bus_of
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


# -- locked down -------------------------------------------------------------------------------------------------------


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server with the configuration of a deployment, and the echo table in it."""
    server = NatsServer(tmp_path / "nats", access=ACCESS)
    try:
        await server.start()
        await server.provision(ECHO_TABLE)
        yield server
    finally:
        server.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts the echo service as one of a locked-down server's roles."""
    started: list[Service] = []

    def start_echo(server: NatsServer, role: str = "echo", **settings: str) -> Service:
        environment = {"JURYMAST_DATABASE": str(tmp_path / "echo.db"), **server.settings(role), **settings}
        started.append(Service("tests.echo", server.url, tmp_path, **environment))
        return started[-1]

    yield start_echo
    for service in started:
        service.process.end()


@pytest.fixture
async def asker(locked: NatsServer) -> AsyncIterator[Bus]:
    async with bus_of(locked, ASKER) as bus:
        yield bus
