"""Composes a mesh and runs it: the function behind `jurymast up`, for any plan."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from jurymast.chains.local.evm.install import find_anvil
from jurymast.cli.mesh import plan, processes, servers, view
from jurymast.cli.mesh.plan import SUPERVISOR, Plan
from jurymast.cli.mesh.servers import Prober
from jurymast.cli.mesh.state import StateDirectory
from jurymast.cli.mesh.supervisor import Supervisor
from jurymast.errors import Misconfigured


def up(mesh_plan: Plan, state_path: Path, *, nats_port: int = 0, redis_port: int = 0) -> None:
    """Run this mesh until SIGINT, SIGTERM or SIGHUP. Returns when nothing of it runs any more."""
    began = time.monotonic()
    binaries = servers.find_nats(), servers.find_redis(), find_anvil() if mesh_plan.evm else None
    state = StateDirectory(state_path)
    state.make()
    with state.locked(processes.own_identity()):
        asyncio.run(_up(mesh_plan, state, binaries, (nats_port, redis_port), began))


async def _up(
    mesh_plan: Plan, state: StateDirectory, binaries: tuple[Path, Path, Path | None], wanted_ports: tuple[int, int], began: float
) -> None:
    cleaned = await clean(state, mesh_plan.timing.stop_s)
    # After the leftovers are off them.
    ports = servers.choose_ports(*wanted_ports, services=len(mesh_plan.services), evm=mesh_plan.evm)
    here = mesh_plan.members_here.items()
    mesh_plan = replace(mesh_plan, members={service: state.keys.members(service, here=count) for service, count in here})
    roles = mesh_plan.access.roles
    state.keys.make(roles)
    state.write_nats_conf(plan.nats_conf(mesh_plan, ports, state.path, state.keys.public_keys(roles)))
    seeds = {role: state.keys.file(role) for role in roles}
    services = plan.services(mesh_plan, ports, state.path, seeds, state.keys.key)
    programs = (*plan.servers(ports, state.path, *binaries), *services)
    async with AsyncExitStack() as stack:
        prober = await stack.enter_async_context(Prober(mesh_plan.timing.probe_s))
        shown = view.open_view([SUPERVISOR, *(program.name for program in programs)])
        stack.callback(shown.close)
        mesh = Supervisor(mesh_plan, programs, ports, state, prober, shown, began)
        for process in cleaned:
            mesh.say("warning", f"stopped {process}, left behind by an earlier run")
        with _signals() as stop:
            await mesh.run(stop)


async def clean(state: StateDirectory, stop_s: float) -> list[str]:
    """Stop what an earlier supervisor left behind, who serves last. The caller holds the lock. Returns what was stopped."""
    try:
        records = mesh.processes if (mesh := state.load()) else ()
    except Misconfigured:
        records = ()  # An unreadable file names nobody; the mark in the environment finds them all the same.
        state.mesh_file.unlink()
    names = {record.identity.pid: record for record in records if record.identity}
    found = processes.leftovers(state.path, [record.identity for record in records if record.identity])
    serving = [p for p in found if p.pid in names and names[p.pid].kind == "server"]
    told = [f"{names[p.pid].name if p.pid in names else 'a process'} (pid {p.pid})" for p in found]
    await processes.stop([p for p in found if p not in serving], stop_s)
    await processes.stop(serving, stop_s)
    return told


@contextmanager
def _signals() -> Iterator[asyncio.Event]:
    """Set once the mesh is asked to stop: Ctrl-C, `jurymast down`, or the terminal is closed."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    wanted = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # Under nohup a closed terminal is none of our business.
        wanted.append(signal.SIGHUP)
    for number in wanted:
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in wanted:
            loop.remove_signal_handler(number)
