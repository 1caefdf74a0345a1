"""The commands of the local mesh: up, down, status, logs, kill."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import msgspec
import psutil
from rich.console import Console

from jurymast.cli.commands.printable import say
from jurymast.cli.mesh import logs as logfiles
from jurymast.cli.mesh import processes, view
from jurymast.cli.mesh import up as composed
from jurymast.cli.mesh.logs import Tail
from jurymast.cli.mesh.plan import PLAN, Timing
from jurymast.cli.mesh.servers import Prober
from jurymast.cli.mesh.state import Mesh, Record, StateDirectory, unknown_name
from jurymast.cli.mesh.view import Row
from jurymast.errors import Fatal, Misconfigured, Transient

FOLLOW_S = 0.2
PROBE_S = 2.0
SAMPLE_S = 0.2
DOWN_SLACK_S = 15.0

state_option = click.option(
    "--state",
    "state_path",
    type=click.Path(path_type=Path),
    default=Path(".jurymast"),
    envvar="JURYMAST_STATE",
    show_default=True,
    show_envvar=True,
    help="Directory of everything that the mesh stores.",
)
port = click.IntRange(0, 65_535)


@click.command()
@click.option("--nats-port", type=port, default=0, help="Port of NATS; 0, the default, takes a free one.")
@click.option("--redis-port", type=port, default=0, help="Port of Redis; 0, the default, takes a free one.")
@click.option("--evm/--no-evm", default=True, show_default=True, help="With a local EVM chain.")
@click.option("--allow-lossy", is_flag=True, help="Also make changes to streams that lose messages or guarantees.")
@state_option
def up(*, nats_port: int, redis_port: int, evm: bool, allow_lossy: bool, state_path: Path) -> None:
    """Start NATS, Redis, the local chain and the services, and watch over them until Ctrl-C."""
    composed.up(replace(PLAN, evm=evm, allow_lossy=allow_lossy), state_path, nats_port=nats_port, redis_port=redis_port)


# -- down --------------------------------------------------------------------------------------------------------------


@click.command()
@state_option
def down(state_path: Path) -> None:
    """Stop a running mesh, or what is left of one."""
    state = StateDirectory(state_path)
    if not (state.lock_file.exists() or state.mesh_file.exists()):
        raise _no_mesh(state)
    stopped = asyncio.run(_down(state, Timing().stop_s))
    print("\n".join(stopped) if stopped else f"nothing of a mesh runs in {state.path}")


async def _down(state: StateDirectory, stop_s: float) -> list[str]:
    stopped = []
    if running := _supervisor(state):
        # It stops services, Redis and NATS one after the other, each within its bound.
        late = await processes.stop([running], 3 * stop_s + DOWN_SLACK_S)
        stopped.append(f"stopped the mesh (supervisor {running.pid}{', which had to be killed' if late else ''})")
    with state.locked(processes.own_identity()):
        stopped += [f"stopped {what}, left behind by an earlier run" for what in await composed.clean(state, stop_s)]
        if mesh := state.load():
            state.save(mesh.ended())
    return stopped


def _supervisor(state: StateDirectory) -> psutil.Process | None:
    """The process that holds the lock now, by what it recorded about itself."""
    holder = state.holder()
    return processes.find(holder) if holder else None


# -- status ------------------------------------------------------------------------------------------------------------


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `jurymast status --json` prints."""

    ready: bool
    supervised: bool
    state_directory: str
    nats_url: str
    monitor_url: str
    redis_url: str
    websocket_url: str
    evm_url: str
    processes: list[Row]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@state_option
def status(*, as_json: bool, state_path: Path) -> None:
    """Show every process, and why it is not ready. Exit code 0: all are ready; 1: not."""
    state = StateDirectory(state_path)
    mesh = _running_mesh(state)
    report = asyncio.run(_report(state, mesh))
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(report)).decode())
    else:
        title = f"jurymast mesh in {state.path}: {'ready' if report.ready else 'not ready'}"
        Console().print(view.table(report.processes, title))
        for reason in view.reasons(report.processes):
            say(reason)
        print(f"{mesh.nats_url}  {mesh.websocket_url}  {mesh.redis_url}  NATS monitoring {mesh.monitor_url}")
        if mesh.evm_url:
            print(f"{mesh.evm_url}  a local EVM chain")
    if not report.supervised:
        raise Fatal(f"nobody watches this mesh: `jurymast up` stops what is left and starts it again (state {state.path})")
    click.get_current_context().exit(0 if report.ready else 1)


async def _report(state: StateDirectory, mesh: Mesh) -> Report:
    async with Prober(PROBE_S) as prober:
        rows = await asyncio.gather(*(_row(record, prober) for record in mesh.processes))
    supervised = processes.find(mesh.supervisor) is not None
    return Report(
        ready=supervised and all(row.state == "ready" for row in rows),
        supervised=supervised,
        state_directory=str(state.path),
        nats_url=mesh.nats_url,
        monitor_url=mesh.monitor_url,
        redis_url=mesh.redis_url,
        websocket_url=mesh.websocket_url,
        evm_url=mesh.evm_url,
        processes=rows,
    )


async def _row(record: Record, prober: Prober) -> Row:
    """What the process says now goes before what was last recorded; only the record knows why one is gone."""
    process = processes.find(record.identity) if record.identity else None
    if process is None:
        state = "gone" if record.identity else record.state
        return Row(name=record.name, state=state, port=record.port, restarts=record.restarts, reason=record.reason)
    view.usage(process)  # Processor time is measured from here.
    health, _ = await asyncio.gather(prober.examine(record.probe), asyncio.sleep(SAMPLE_S))
    # Answering is not all: the streams must have been applied, too.
    ready = health.ready and record.state == "ready"
    return Row(
        name=record.name,
        state="not ready" if record.state == "ready" and not ready else record.state,
        pid=process.pid,
        port=record.port,
        restarts=record.restarts,
        reason="" if ready else health.reason or record.reason,
        **view.usage(process),
    )


# -- logs --------------------------------------------------------------------------------------------------------------


@click.command()
@click.argument("service")
@click.option("-f", "--follow", is_flag=True, help="Go on with what is added, until Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0, 1_000_000), default=100, show_default=True, help="How many lines to begin with."
)
@click.option("--raw", is_flag=True, help="As it stands in the file.")
@state_option
def logs(*, service: str, follow: bool, lines: int, raw: bool, state_path: Path) -> None:
    """Show the log of a service, of nats, redis or evm, or of the supervisor (mesh)."""
    state = StateDirectory(state_path)
    known = state.known_logs()
    if not known:
        raise _no_mesh(state)
    if service not in known:
        raise unknown_name(service, known)
    path = state.log(service)
    last, end = logfiles.last_lines(path, lines)
    for text in _shown(service, last, raw=raw):
        print(text)
    if follow:
        asyncio.run(_follow(service, Tail(path, end), raw=raw))


async def _follow(service: str, tail: Tail, *, raw: bool) -> None:
    while True:
        for text in _shown(service, tail.read(), raw=raw):
            print(text, flush=True)
        await asyncio.sleep(FOLLOW_S)


def _shown(service: str, lines: list[str], *, raw: bool) -> Iterator[str]:
    if raw:
        yield from lines
    else:
        yield from (logfiles.readable(line, None, width=len(service)) for line in logfiles.parsed(service, lines))


# -- kill --------------------------------------------------------------------------------------------------------------

SIGNALS = [number.name.removeprefix("SIG") for number in signal.Signals]


class SignalName(click.Choice[str]):
    """With or without SIG before it, as for kill(1)."""

    def normalize_choice(self, choice: object, ctx: click.Context | None) -> str:
        return super().normalize_choice(choice, ctx).removeprefix("sig")


@click.command()
@click.argument("service")
@click.option(
    "--signal", "name", type=SignalName(SIGNALS, case_sensitive=False), default="KILL", show_default=True, metavar="NAME"
)
@state_option
def kill(service: str, name: str, state_path: Path) -> None:
    """Send a signal to a service, to nats, redis or evm, as a drill. The supervisor brings it back."""
    state = StateDirectory(state_path)
    mesh = _running_mesh(state)
    record = mesh.record(service)
    process = processes.find(record.identity) if record.identity else None
    if process is None:
        raise Transient(f"{service} does not run at the moment ({record.reason or record.state}): see `jurymast status`")
    try:
        process.send_signal(signal.Signals[f"SIG{name.upper()}"])
    except psutil.NoSuchProcess:
        raise Transient(f"{service} ended by itself a moment ago: see `jurymast status`") from None
    except psutil.AccessDenied:
        raise Misconfigured(f"not permitted to signal {service} (pid {process.pid}): it belongs to another user") from None
    print(f"sent SIG{name.upper()} to {service} (pid {process.pid})")
    if not processes.find(mesh.supervisor):
        print(f"nobody watches this mesh, and nobody restarts {service}: `jurymast up` does both", file=sys.stderr)


# -- for all -----------------------------------------------------------------------------------------------------------


def _running_mesh(state: StateDirectory) -> Mesh:
    """The mesh on record here, if anything of it runs."""
    mesh = state.load()
    identities = [] if mesh is None else [mesh.supervisor, *(record.identity for record in mesh.processes if record.identity)]
    if mesh is None or not any(processes.find(identity) for identity in identities):
        raise _no_mesh(state)
    return mesh


def _no_mesh(state: StateDirectory) -> Misconfigured:
    return Misconfigured(f"no mesh runs in {state.path}: start one with `jurymast up`, or name its directory with --state")
