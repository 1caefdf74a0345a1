"""A mesh under test: a supervisor process with quick bounds, a small service that misbehaves on request, and the command line."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import nats
import psutil
from nats.aio.client import Client

from jurymast.permissions import inbox
from tests.servers import Process, eventually

QUICK = {"start_s": 10, "stop_s": 5, "probe_every_s": 0.1, "probe_s": 0.5, "backoff_first_s": 0.2}

# A service in the standard library alone. `behaviour` beside it is read at every question and at the start.
STUB = """
import http.server, json, os, pathlib, signal, socket, subprocess, sys, urllib.parse, urllib.request
here = pathlib.Path(__file__).parent
behaviour = lambda: (here / "behaviour").read_text()
def log(message, **fields):
    entry = {"ts": "2026-01-01T00:00:00.000Z", "level": "info", "service": "stub", "instance": "-", "message": message, **fields}
    print(json.dumps(entry), flush=True)
def has_stream(name):
    mesh = json.loads((pathlib.Path(os.environ["JURYMAST_MESH"]) / "mesh.json").read_text())
    with urllib.request.urlopen(mesh["monitor_url"] + "/jsz?accounts=1&streams=1") as answer:
        return f'"{name}"' in answer.read().decode()
def redis_answers():
    url = urllib.parse.urlsplit(os.environ["JURYMAST_REDIS_URL"])
    with socket.create_connection((url.hostname, url.port), 5) as redis:
        redis.sendall(b"PING\\r\\n")
        return redis.recv(64) == b"+PONG\\r\\n"
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = behaviour() != "not ready"
        check = {"name": "store", "ok": ready, "reason": "" if ready else "the cellar is locked"}
        if self.path == "/healthz":
            body = json.dumps({"service": "stub", "instance": "-", "version": "1", "started_ms": 0, "ready": ready,
                               "checks": [check], "http_port": self.server.server_port})
        else:
            body = "ok" if ready or self.path == "/livez" else "store: the cellar is locked"
        self.send_response(200 if ready or self.path == "/livez" else 503)
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_):
        pass
def stop(number, _):
    log("asked to stop", signal=signal.Signals(number).name)
    if behaviour() != "deaf":
        os._exit(0)
signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, stop)
if behaviour() == "misconfigured":
    log("JURYMAST_MOON is not set")
    sys.exit(2)
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
(here / "grandchild").write_text(str(child.pid))
address = os.environ["JURYMAST_HTTP_HOST"], int(os.environ["JURYMAST_HTTP_PORT"])
server = http.server.ThreadingHTTPServer(address, Handler)
log("serving", stream=has_stream("GREETINGS"), redis=redis_answers())
server.serve_forever()
"""

RUN = """
from pathlib import Path
from jurymast.chains.local.evm.contracts import Deployment
from jurymast.cli.mesh.plan import Plan, Service, Timing
from jurymast.cli.mesh.up import up
from jurymast.messages.channel import Channel
from jurymast.messages.service import StatusAsked
from jurymast.streams import Stream, Table
greeted = Channel("greetings.hello", StatusAsked, summary="For tests.", owner="stub")
table = Table(streams=(Stream(name="GREETINGS", subjects=("greetings.>",), summary="For tests.", max_bytes={max_bytes}),))
services = (Service("stub", "stub", environment={{"PYTHONPATH": {path!r}}}),) if {stub} else ()
plan = Plan(services, table, {allow_lossy}, {log_bytes}, Timing(**{timing}), channels=(greeted,), queries=(), evm={evm},
    contracts=(Deployment("small", bytes.fromhex("600a600c600039600a6000f3602a60005260206000f3")),))
up(plan, Path({state!r}))
"""


class MeshUnderTest:
    """One state directory and the supervisors that run in it, one after the other."""

    def __init__(
        self,
        directory: Path,
        *,
        state: Path | None = None,
        stub: bool = True,
        evm: bool = False,
        script: str = "",
        max_bytes: int = 1 << 20,
        allow_lossy: bool = False,
        log_bytes: int = 1 << 20,
        **timing: float,
    ) -> None:
        self.directory = directory
        self.state = state or directory / "state"
        self.behave("well")
        (directory / "stub.py").write_text(STUB)
        script = script or RUN.format(
            path=str(directory),
            stub=stub,
            evm=evm,
            max_bytes=max_bytes,
            allow_lossy=allow_lossy,
            log_bytes=log_bytes,
            timing={**QUICK, **timing},
            state=str(self.state),
        )
        self.command = (sys.executable, "-c", script)
        self._supervisors: list[Process] = []

    def behave(self, how: str) -> None:
        (self.directory / "behaviour").write_text(how)

    def up(self) -> Process:
        log = self.directory / f"up-{len(self._supervisors)}.log"
        self._supervisors.append(Process(*self.command, log=log))
        return self._supervisors[-1]

    async def client(self, url: str) -> Client:
        """Logged in as the stub, who may greet."""
        seed = str(self.state / "keys" / "stub.seed")
        return await nats.connect(url, nkeys_seed=seed, inbox_prefix=inbox("stub").encode(), allow_reconnect=False)

    @property
    def supervisor(self) -> Process:
        return self._supervisors[-1]

    async def ready(self) -> dict[str, Any]:
        self.up()
        return await self.becomes("ready")

    async def becomes(self, state: str, within_s: float = 20) -> dict[str, Any]:
        async def check() -> dict[str, Any] | None:
            assert state == "stopped" or self.supervisor.popen.poll() is None, self.printed()
            mesh = self.recorded()
            # An earlier mesh's file says nothing about this one.
            current = mesh is not None and mesh["supervisor"]["pid"] == self.supervisor.pid
            return mesh if mesh is not None and current and mesh["state"] == state else None

        mesh: dict[str, Any] = await eventually(check, within_s, what=f"mesh {state}")
        return mesh

    async def restarted(self, name: str, before: dict[str, Any], within_s: float = 20) -> dict[str, Any]:
        """The mesh once `name` is ready again as another process than `before`."""

        async def check() -> dict[str, Any] | None:
            assert self.supervisor.popen.poll() is None, self.printed()
            mesh = self.recorded()
            new = process(mesh, name) if mesh else None
            changed = new and new["state"] == "ready" and new["identity"] != process(before, name)["identity"]
            return mesh if changed else None

        mesh: dict[str, Any] = await eventually(check, within_s, what=f"{name} restarted")
        return mesh

    def recorded(self) -> dict[str, Any] | None:
        with suppress(FileNotFoundError, json.JSONDecodeError):
            mesh: dict[str, Any] = json.loads((self.state / "mesh.json").read_bytes())
            return mesh
        return None

    def printed(self) -> str:
        return self.supervisor.log.read_text()

    def said(self) -> list[str]:
        """The supervisor's own sentences."""
        log = self.state / "logs" / "mesh.log"
        return [json.loads(line)["message"] for line in log.read_text().splitlines()] if log.exists() else []

    async def says(self, text: str, within_s: float = 20) -> str:
        async def check() -> str:
            return next((sentence for sentence in self.said() if text in sentence), "")

        sentence: str = await eventually(check, within_s, what=f"{text!r} in {self.state}/logs/mesh.log")
        return sentence

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        self.supervisor.send(number)
        return await self.supervisor.wait()

    async def fails(self) -> str:
        """The error with which `up` ends."""
        assert await self.up().wait() == 1
        assert self.marked() == []
        return self.printed().rstrip().rpartition("jurymast.errors.")[2]

    def marked(self) -> list[psutil.Process]:
        """Every process that belongs to this state directory."""
        found = []
        for candidate in psutil.process_iter():
            with suppress(psutil.Error):
                if candidate.environ().get("JURYMAST_MESH") == str(self.state) and candidate.status() != psutil.STATUS_ZOMBIE:
                    found.append(candidate)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for supervisor in self._supervisors:
            supervisor.end()
        for left in self.marked():
            with suppress(psutil.NoSuchProcess):
                left.kill()


def process(mesh: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(record for record in mesh["processes"] if record["name"] == name)
    return found


def pid(mesh: dict[str, Any], name: str) -> int:
    number: int = process(mesh, name)["identity"]["pid"]
    return number


def runs(number: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(number).status() != psutil.STATUS_ZOMBIE
    return False


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str


async def jurymast(*arguments: str, **env: str) -> Result:
    """The command as a user runs it."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jurymast.cli",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **env},
    )
    try:
        out, err = await asyncio.wait_for(child.communicate(), 30)
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    assert "Traceback" not in err.decode()
    return Result(child.returncode or 0, out.decode(), err.decode())


def one_line(result: Result) -> str:
    """The one line that a failed command prints."""
    assert result.err.startswith("jurymast: ")
    assert result.err.count("\n") == 1, result.err
    return result.err.removeprefix("jurymast: ").strip()
