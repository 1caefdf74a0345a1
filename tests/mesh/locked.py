"""A locked-down server, visitors that try it, and what they find."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from nats.aio.client import Client
from nats.errors import Error as NatsError

from jurymast.bus import Bus
from jurymast.cli.keys import read_seed
from jurymast.credentials import violation
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR
from tests.echo.access import ECHO_ACCESS
from tests.echo.streams import ECHO_TABLE
from tests.servers import NatsServer, Service, all_sent, running_bus
from tests.watching import ADDRESSES

ACCESS = replace(ECHO_ACCESS, members={MONITOR: ADDRESSES[:2], NONCE_GUARD: ADDRESSES[3:5]})
"""Of a deployment with two observers and two guards."""


@asynccontextmanager
async def bus_of(server: NatsServer, role: str) -> AsyncIterator[Bus]:
    assert server.keys is not None
    seed = read_seed(server.keys.file(role))
    async with running_bus(server.url, ECHO_TABLE, service=role, seed=seed, ca=server.ca) as bus:
        yield bus


@dataclass
class Visitor:
    """A raw connection that remembers what it was refused."""

    nc: Client
    refused: list[str]

    async def tries(self, *attempts: Callable[[], Awaitable[Any]]) -> list[str]:
        """The subjects that the server refused, in lower case as the client tells them."""
        self.refused.clear()
        for attempt in attempts:
            await attempt()
        await all_sent(self.nc)
        return list(self.refused)

    async def publishes(self, *subjects: str, reply: str = "") -> list[str]:
        return await self.tries(*(lambda s=subject: self.nc.publish(s, b"{}", reply=reply) for subject in subjects))

    async def subscribes(self, *subjects: str) -> list[str]:
        return await self.tries(*(lambda s=subject: self.nc.subscribe(s) for subject in subjects))


@asynccontextmanager
async def visitor(server: NatsServer, role: str, url: str = "") -> AsyncIterator[Visitor]:
    refused: list[str] = []

    async def hear(error: Exception) -> None:
        if found := violation(error):
            refused.append(found.subject)

    async with connected(url or server.url, error_cb=hear, **server.login(role)) as nc:
        yield Visitor(nc, refused)


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Client]:
    """Also closes what did not come about."""
    nc = Client()
    try:
        await nc.connect(url, allow_reconnect=False, **{"error_cb": _ignored, **options})
        yield nc
    finally:
        await nc.close()


async def _ignored(_: Exception) -> None:
    pass


async def contents(server: NatsServer) -> dict[str, tuple[int, int]]:
    """Of every stream how many messages it ever took and holds, as the operator sees it."""
    async with server.client() as nc:
        return {
            info.config.name or "": (info.state.last_seq, info.state.messages) for info in await nc.jetstream().streams_info()
        }


async def last_of(bus: Bus, stream: str, subject: str) -> Any:
    try:
        return await bus.js.get_last_msg(stream, subject)
    except NatsError:
        return None


async def refusals(service: Service) -> float:
    _, text = await service.get("/metrics")
    (line,) = [line for line in text.splitlines() if line.startswith("jurymast_bus_permission_violations_total ")]
    return float(line.split()[1])


async def has_letter(server: NatsServer) -> bool:
    return (await contents(server))["DEAD"][1] == 1


async def ended(service: Service, code: int) -> str:
    """The one thing that it said when it ended by itself."""
    assert await service.process.wait() == code
    (critical,) = [line["message"] for line in service.process.lines() if line["level"] == "critical"]
    text: str = critical
    return text
