"""Real servers and service processes for tests: free ports, stopped by id, waited for by asking, never by sleeping."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import nats
import nkeys  # type: ignore[import-untyped]  # It has no stubs.
from nats.aio.client import Client
from nats.errors import Error as NatsError

from jurymast.bus import Bus
from jurymast.cli.keys import KeyDirectory, read_seed
from jurymast.credentials import tls_context
from jurymast.errors import Fatal, JurymastError
from jurymast.messages.channel import OPERATOR
from jurymast.nats_conf import Server, Tls, nats_conf
from jurymast.permissions import PROVISIONER, Access, inbox
from jurymast.provision import provision
from jurymast.settings import Secret, Settings
from jurymast.streams import Table
from jurymast.telemetry import Metrics, Tracer

ROOT = Path(__file__).parent.parent
POLL_S = 0.02


FIRST_PORT, LAST_PORT = 10_000, 19_999
"""Below the ports that the kernel gives to outgoing connections: nothing takes a server's port while it is down."""

_ports = itertools.cycle(range(FIRST_PORT + os.getpid() * 37 % (LAST_PORT - FIRST_PORT), LAST_PORT + 1))


def free_port() -> int:
    """A port that no other test process will ask for soon: each begins somewhere else and goes on from there."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError


def new_seed() -> str:
    """Of a user that no server knows."""
    return bytes(nkeys.encode_seed(secrets.token_bytes(32), nkeys.PREFIX_BYTE_USER)).decode()


async def eventually(check: Callable[[], Awaitable[Any]], within_s: float = 15.0, what: str = "") -> Any:
    """The first true answer of `check`; fails when there is none in time."""
    last: object = None
    try:
        async with asyncio.timeout(within_s):
            while not (last := await check()):  # noqa: ASYNC110  Other processes send no events.
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise AssertionError(f"{what or check.__name__} not within {within_s:g} s, last answer: {last!r}") from None
    return last


async def all_sent(nc: Client) -> None:
    """The server has all that was sent. One flush does not say so: the client's ping overtakes what waits to be sent."""
    for _ in range(2):
        await nc.flush()


class Process:
    """A child that is stopped by its own id, whatever happens."""

    def __init__(self, *argv: str, log: Path, env: dict[str, str] | None = None) -> None:
        self.log = log
        with log.open("ab") as output:
            self.popen = subprocess.Popen(
                argv, stdout=output, stderr=subprocess.STDOUT, cwd=ROOT, env={**os.environ, **(env or {})}, start_new_session=True
            )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    async def wait(self, within_s: float = 20.0) -> int:
        return await asyncio.wait_for(asyncio.to_thread(self.popen.wait), within_s)

    def end(self) -> None:
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGCONT)  # A frozen process cannot end.
            self.popen.kill()
        self.popen.wait(10)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]


class NatsServer:
    """A nats-server with JetStream that can be frozen, killed and started again on the same port and store.

    Open to everybody, or with `access` locked down as a deployment is: then each role has its seed in `keys`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int = 0,
        sync: str = "10s",
        access: Access | None = None,
        tls: Tls | None = None,
        ca: str = "",
        more: str = "",
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.url = f"{'tls' if tls else 'nats'}://127.0.0.1:{self.port}"
        self.ca = ca
        self._directory = directory
        self.keys: KeyDirectory | None = None
        self.process: Process | None = None
        if access is None:
            config = f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{directory}", sync_interval: {sync} }}\n'
        else:
            self.keys = KeyDirectory(directory / "keys")
            self.keys.make(access.roles)
            websocket, monitor = free_port(), free_port()
            self.websocket_url = f"{'wss' if tls else 'ws'}://127.0.0.1:{websocket}"
            addresses = Server(
                listen=f"127.0.0.1:{self.port}",
                monitor=f"127.0.0.1:{monitor}",
                websocket=f"127.0.0.1:{websocket}",
                store=str(directory),
                tls=tls,
            )
            config = nats_conf(addresses, access, self.keys.public_keys(access.roles))
            config = config.replace("sync_interval: always", f"sync_interval: {sync}")
        (directory / "nats.conf").write_text(config + more)

    async def start(self) -> None:
        binary = Path(sys.executable).parent / "nats-server"
        self.process = Process(str(binary), "-c", str(self._directory / "nats.conf"), log=self._directory / "nats.log")
        await eventually(self._answers, what="nats-server")

    async def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.popen.poll() is None, (self._directory / "nats.log").read_text()[-2000:]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        hello = await reader.readline()
        writer.close()
        return hello.startswith(b"INFO")

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.end()

    def login(self, role: str) -> dict[str, Any]:
        """What nats-py needs to come in as this role."""
        options: dict[str, Any] = {"inbox_prefix": inbox(role).encode()}
        if self.keys is not None:
            options["nkeys_seed_str"] = read_seed(self.keys.file(role))
        if (context := tls_context(self.url, self.ca)) is not None:
            options |= {"tls": context, "tls_handshake_first": True}
        return options

    @asynccontextmanager
    async def client(self, role: str = OPERATOR, **options: Any) -> AsyncIterator[Client]:
        nc = await nats.connect(self.url, allow_reconnect=False, **self.login(role), **options)
        try:
            yield nc
        finally:
            await nc.close()

    def settings(self, role: str) -> dict[str, str]:
        """The same for a service of ours, as environment."""
        settings = {"JURYMAST_NATS_URL": self.url, "JURYMAST_NATS_CA": self.ca}
        return settings | ({"JURYMAST_NATS_SEED_FILE": str(self.keys.file(role))} if self.keys else {})

    async def provision(self, table: Table, replicas: int = 1) -> list[str]:
        async with self.client(PROVISIONER) as nc:
            return await provision(nc, table, replicas=replicas)


class NatsCluster:
    """Three servers that hold every stream three times. Open to everybody."""

    def __init__(self, directory: Path, *, sync: str = "10s") -> None:
        routes = [free_port() for _ in range(3)]
        others = ", ".join(f'"nats://127.0.0.1:{port}"' for port in routes)
        self.nodes = [
            NatsServer(
                directory / f"n{number}",
                sync=sync,
                more=f'server_name: n{number}\ncluster {{ name: c, listen: "127.0.0.1:{port}", routes: [{others}] }}\n',
            )
            for number, port in enumerate(routes)
        ]

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    async def start(self, table: Table) -> None:
        await asyncio.gather(*(node.start() for node in self.nodes))

        async def provisioned() -> bool:
            with suppress(JurymastError):  # There is no leader yet, or not for all of the streams.
                await self.nodes[0].provision(table, replicas=3)
                return not await self.nodes[0].provision(table, replicas=3)
            return False

        await eventually(provisioned, 30, what="streams on three servers")
        await eventually(lambda: self.leader(table.streams[-1].name), 30, what="a leader")

    async def leader(self, stream: str) -> NatsServer | None:
        for node in self.nodes:
            with suppress(OSError, NatsError, TimeoutError):
                async with node.client() as nc:
                    cluster = (await nc.jetstream().stream_info(stream)).cluster
                    return self.nodes[int(cluster.leader[1:])] if cluster and cluster.leader else None
        return None

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()


@asynccontextmanager
async def running_bus(
    url: str, table: Table, *, service: str = "echo", drain_s: float = 5.0, seed: str = "", ca: str = ""
) -> AsyncIterator[Bus]:
    """A connected bus in this process; call `consume` after registering handlers. A fatal error fails the test."""
    ended: list[Fatal] = []
    bus = Bus(
        Settings(nats_url=url, drain_s=drain_s, nats_seed=Secret(seed), nats_ca=ca),
        service=service,
        table=table,
        metrics=Metrics(),
        tracer=Tracer(service),
        fatal=ended.append,
    )
    await bus.connect()
    try:
        yield bus
    finally:
        await bus.close()
    assert not ended, ended


class Service:
    """A service process and its health endpoints."""

    def __init__(self, module: str, nats_url: str, directory: Path, **settings: str) -> None:
        env = {"JURYMAST_NATS_URL": nats_url, **settings}
        log = directory / f"{module}-{secrets.token_hex(4)}.log"
        self.process = Process(sys.executable, "-m", module, log=log, env=env)

    @property
    def url(self) -> str:
        """Where it says that its health endpoints are; a closed port before it says so."""
        ports = [line["http_port"] for line in self.process.lines() if "http_port" in line]
        return f"http://127.0.0.1:{ports[0] if ports else 1}"

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text; status 0 when nobody listens."""
        try:
            timeout = aiohttp.ClientTimeout(total=5)
            async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{self.url}{path}") as response:
                return response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError):
            return 0, ""

    async def status_becomes(self, status: int, within_s: float = 15.0) -> str:
        async def check() -> str:
            ended = self.process.popen.poll()
            assert ended is None, f"the service ended with {ended}: {self.process.lines()[-3:]}"
            answered, text = await self.get("/readyz")
            return text or "-" if answered == status else ""

        text: str = await eventually(check, within_s, what=f"/readyz {status}")
        return text

    async def ready(self, within_s: float = 15.0) -> Service:
        await self.status_becomes(200, within_s)
        return self
