"""How long a newcomer waits: for the environment, and for the mesh."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.figure import Figure, Goal, Scale
from tests.servers import ROOT, Process, eventually

READY_S = 10.0
INSTALL_S = 60.0
STOP_S = 30.0
GIVE_UP_S = 300.0


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    yield Figure("the mesh is ready, once installed", "s", await _up_s(), goal=Goal("ours", "most", READY_S))
    if scale.cold_install:
        seconds = await _install_s()
        if seconds > INSTALL_S:  # The target is for warm package caches; now they are.
            seconds = await _install_s()
        yield Figure("cold install", "s", seconds, goal=Goal("ours", "most", INSTALL_S))


async def _up_s() -> float:
    with TemporaryDirectory(prefix="jurymast-bench-") as temporary:
        directory, state = Path(temporary), str(Path(temporary) / "state")
        began = time.monotonic()
        mesh = Process(sys.executable, "-m", "jurymast.cli", "up", "--state", state, log=directory / "up.log")

        async def says_ready() -> bool:
            said = mesh.log.read_text()
            assert mesh.popen.poll() is None, said[-2000:]
            return "ready in " in said

        try:
            await eventually(says_ready, GIVE_UP_S, what="the mesh")
            seconds = time.monotonic() - began
            mesh.send(signal.SIGINT)
            await mesh.wait(STOP_S)
        finally:
            if mesh.popen.poll() is None:  # Killed, it leaves its servers behind; `down` finds them.
                mesh.end()
                await _run(sys.executable, "-m", "jurymast.cli", "down", "--state", state, cwd=str(ROOT))
    return seconds


async def _install_s() -> float:
    """As ./run and ./test do it, in a clean clone of what is committed."""
    with TemporaryDirectory(prefix="jurymast-bench-") as clone:
        await _run("git", "clone", "--quiet", str(ROOT), clone)
        began = time.monotonic()
        await _run("bash", "-euo", "pipefail", "-c", "source deploy/venv.sh && ensure_venv", cwd=clone)
        return time.monotonic() - began


async def _run(*command: str, cwd: str | None = None) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    process = await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), GIVE_UP_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0, said.decode()
