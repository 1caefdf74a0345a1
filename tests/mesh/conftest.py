"""Fixtures with real servers. Each test has its own: they start in well under a tenth of a second."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jurymast.bus import Bus
from jurymast.bus.query import Queries
from jurymast.messages import catalog
from jurymast.messages.channel import OPERATOR
from jurymast.messages.health import MONITOR
from jurymast.permissions import Access
from jurymast.streams import TABLE
from jurymast.telemetry import Tracer
from tests.echo.messages import ASKER
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import ACCESS, bus_of
from tests.mesh.observing import (
    SLOT_MS,
    Monitors,
    World,
)
from tests.rpc_stub import StubChain
from tests.servers import NatsServer, Service, running_bus
from tests.watching import ADDRESSES


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


# -- health monitors --------------------------------------------------------------------------------------------------


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    access = Access(TABLE, tuple(catalog.channels()), tuple(catalog.queries()), members={MONITOR: ADDRESSES})
    server = NatsServer(tmp_path / "nats", access=access)
    try:
        await server.start()
        await server.provision(TABLE)
        yield server
    finally:
        server.kill()


@pytest.fixture
async def monitors(nats_server: NatsServer, tmp_path: Path) -> AsyncIterator[Monitors]:
    async with nats_server.client(OPERATOR) as nc:
        started = Monitors(nats_server, Queries(nc, OPERATOR, Tracer("test")), tmp_path)
        try:
            yield started
        finally:
            for service in started.started:
                service.process.end()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield World(StubChain(slot_ms=SLOT_MS), stack)
