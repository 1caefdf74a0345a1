"""Real processes: start one, know it again later, stop it, and find what an earlier supervisor left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from jurymast.cli.mesh.plan import MARKER, Program
from jurymast.cli.mesh.state import Identity
from jurymast.errors import Transient

START_TOLERANCE_S = 2.0
"""Start times are kept relative to the boot time, which some kernels report a second off from one read to the next."""

MISCONFIGURED_EXIT = 2
POLL_S = 0.05


@dataclass
class Running:
    """A child of this process."""

    popen: subprocess.Popen[bytes]
    process: psutil.Process
    identity: Identity

    def ended(self) -> int | None:
        """The exit code once it is gone, together with whatever it had started in its own process group."""
        if self.popen.returncode is not None:
            return self.popen.returncode
        with suppress(psutil.NoSuchProcess):
            if self.process.status() != psutil.STATUS_ZOMBIE:
                return None
            # Not reaped yet, so the number still belongs to it and to its group, and to nobody else.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.popen.pid, signal.SIGKILL)
        return self.popen.poll()


def spawn(program: Program, log: Path) -> Running:
    """Start it in a session of its own, writing to its log by itself: Ctrl-C and the supervisor's death do not reach it."""
    try:
        with log.open("ab") as output:
            popen = subprocess.Popen(  # noqa: S603  The command comes from the plan.
                program.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment(os.environ, program.environment),
                start_new_session=True,
            )
    except OSError as error:
        raise Transient(f"cannot start {program.command[0]}: {error.strerror}") from error
    process = psutil.Process(popen.pid)  # Until we reap it, it exists at least as a zombie.
    return Running(popen, process, Identity(popen.pid, process.create_time()))


def environment(inherited: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Ours on top. A setting that the caller's shell gives in the other form, as text or as a file, would contradict ours."""
    others = {f"{name}_FILE" for name in own} | {name.removesuffix("_FILE") for name in own}
    return {name: value for name, value in inherited.items() if name not in others} | dict(own)


def exit_text(code: int) -> str:
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"ended with exit code {code}" + (" (misconfigured)" if code == MISCONFIGURED_EXIT else "")


def own_identity() -> Identity:
    return Identity(os.getpid(), psutil.Process().create_time())


def find(identity: Identity) -> psutil.Process | None:
    """The process if it is still the same one."""
    with suppress(psutil.Error):
        process = psutil.Process(identity.pid)
        if abs(process.create_time() - identity.started) <= START_TOLERANCE_S and runs(process):
            return process
    return None


def leftovers(state: Path, recorded: Iterable[Identity]) -> list[psutil.Process]:
    """Processes of a mesh in this state directory: those on record, and those that carry its mark (never on record: started
    just before the supervisor died, or started by a service)."""
    known = [process for identity in recorded if (process := find(identity))]
    ours = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    return [process for process in {*known, *_marked(state)} if process.pid not in ours]


def _marked(state: Path) -> list[psutil.Process]:
    user = os.getuid()
    marked = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # Gone meanwhile, or not ours to look at: then not one of ours either.
            if process.uids().real == user and process.environ().get(MARKER) == str(state):
                marked.append(process)
    return marked


async def stop(processes: Iterable[psutil.Process], bound_s: float) -> list[psutil.Process]:
    """SIGTERM, and at the bound SIGKILL. Returns those that needed the latter."""
    targets = list(processes)
    for process in targets:
        with suppress(psutil.Error):
            process.terminate()
            process.resume()  # A stopped process takes its SIGTERM only once it is continued.
    late = await _gone(targets, bound_s)
    for process in late:
        with suppress(psutil.Error):
            process.kill()
    await _gone(late, bound_s)
    return late


async def _gone(processes: list[psutil.Process], bound_s: float) -> list[psutil.Process]:
    """Those that still run at the bound. Zombies do not run: their parent may take its time, or never reap them."""
    deadline = time.monotonic() + bound_s
    alive = [process for process in processes if runs(process)]
    while alive and time.monotonic() < deadline:
        await asyncio.sleep(POLL_S)
        alive = [process for process in alive if runs(process)]
    return alive


def runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
