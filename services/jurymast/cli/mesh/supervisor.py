"""Runs a mesh: looks at every process, decides, acts, and says in one sentence what it did and why."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil

from jurymast.chains.local.evm.prepare import prepare
from jurymast.cli.keys import read_seed
from jurymast.cli.mesh import keep, logs, plan, processes, servers, view
from jurymast.cli.mesh.decide import Action, Child, Ended, Health, Idle, Seen, State, decide, hopeless
from jurymast.cli.mesh.logs import Line, Tail
from jurymast.cli.mesh.plan import SUPERVISOR, Plan, Ports, Program
from jurymast.cli.mesh.processes import Running
from jurymast.cli.mesh.servers import Prober
from jurymast.cli.mesh.state import Identity, Mesh, MeshState, Record, StateDirectory
from jurymast.cli.mesh.view import Row, View
from jurymast.errors import Fatal, Misconfigured, Transient
from jurymast.permissions import PROVISIONER
from jurymast.tasks import cancel

TICK_S = 0.05
SHOW_S = 0.2
TABLE_S = 1.0
SPOKEN_CHANGES = 5
LAST_LINES = 5


class Unit:
    """One program, its process if there is one, and what is remembered of it."""

    def __init__(self, program: Program, log: Path, now: float) -> None:
        self.program = program
        self.log = log
        self.child = Child(since=now)
        self.running: Running | None = None
        self.tail = Tail.from_end(log)
        self.prepared = False
        self.probe_at = now

    @property
    def name(self) -> str:
        return self.program.name

    def record(self) -> Record:
        return Record(
            name=self.name,
            kind=self.program.kind,
            port=self.program.port,
            probe=self.program.probe,
            state=self.child.state,
            reason=self.child.reason,
            restarts=self.child.restarts,
            identity=self.running.identity if self.running else None,
        )

    def row(self) -> Row:
        usage = view.usage(self.running.process) if self.running else view.NO_USAGE
        return Row(
            name=self.name,
            state=self.child.state,
            pid=self.running.identity.pid if self.running else None,
            port=self.program.port,
            restarts=self.child.restarts,
            reason=self.child.reason,
            **usage,
        )


class Supervisor:
    def __init__(
        self,
        mesh_plan: Plan,
        programs: tuple[Program, ...],
        ports: Ports,
        state: StateDirectory,
        prober: Prober,
        shown: View,
        began: float,
    ) -> None:
        self._plan = mesh_plan
        self._programs = programs
        self._ports = ports
        self._state = state
        self._prober = prober
        self._view = shown
        self._began = began
        self._provisioner_seed = read_seed(state.keys.file(PROVISIONER))
        self._identity: Identity = processes.own_identity()
        self._units = {program.name: Unit(program, state.log(program.name), began) for program in programs}
        self._stopping = False
        self._ever_ready = False
        self._was_ready = False
        self._saved: Mesh | None = None
        self._save_failed = False

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set, or a failure ends it; in both cases nothing is left running."""
        try:
            self._save()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._watch(unit)) for unit in self._units.values()]
                tasks.append(group.create_task(self._show()))
                await stop.wait()
                await cancel(*tasks)
        except ExceptionGroup as group_of_errors:
            raise group_of_errors.exceptions[0] from None  # The first failure; the others are of tasks it cancelled.
        finally:
            await self._stop_all()

    # -- one process ---------------------------------------------------------------------------------------------------

    async def _watch(self, unit: Unit) -> None:
        while True:
            seen = await self._observe(unit)
            if seen is not None:
                self._decide(unit, seen)
            await asyncio.sleep(TICK_S)

    def _decide(self, unit: Unit, seen: Seen) -> None:
        decision = decide(unit.child, seen, time.monotonic(), self._plan.timing)
        unit.child = decision.child
        try:
            self._act(unit, decision.action)
        except Transient as error:  # It could not even be started: as if it had ended at once.
            self._decide(unit, Ended(str(error)))
        else:
            self._tell(unit, decision.sentence)

    async def _observe(self, unit: Unit) -> Seen | None:
        """What there is to decide on; None between two questions to a process that runs."""
        if unit.running is None:
            return Idle(tuple(name for name in unit.program.needs if self._units[name].child.state is not State.READY))
        code = unit.running.ended()
        if code is not None:
            unit.running = None
            return Ended(self._how(unit, code))
        if time.monotonic() < unit.probe_at:
            return None
        health = await self._prober.ask(unit.program.probe)
        if health.alive and (kept := unit.program.kept):
            await asyncio.to_thread(keep.remember, *kept)
        if health.ready and not unit.prepared:
            health = await self._prepare(unit)
        elif not health.alive and unit.program.kind == "server":
            health = replace(health, held=self._state.disk_full())
        # A start is watched closely, except where every look means another attempt to apply the streams.
        eager = unit.child.state is State.STARTING and not health.ready and (not health.alive or unit.program.kind == "service")
        unit.probe_at = time.monotonic() + (0 if eager else self._plan.timing.probe_every_s)
        return health

    async def _prepare(self, unit: Unit) -> Health:
        """NATS is of use once it is durable and has its streams, a chain once it has its contracts; all else once it says so."""
        if unit.program.probe.protocol == "evm":
            try:
                for sentence in await prepare(self._ports.evm_url, self._plan.contracts):
                    self.say("info", f"evm: {sentence}")
            except Transient as error:
                return Health(alive=True, ready=False, reason=str(error))
        if unit.program.probe.protocol == "nats":
            try:
                await self._prober.assert_durable(self._ports.monitor_url)
                changes = await servers.apply_streams(self._ports.nats_url, self._provisioner_seed, self._plan)
            except Transient as error:
                return Health(alive=True, ready=False, reason=str(error))
            except Misconfigured as error:
                free = f"{self._state.path} has {self._state.free_bytes() >> 20} MiB free"
                refused = f"the streams cannot be applied ({free}): {error}"
                if not unit.child.ever_ready:
                    raise Misconfigured(refused) from error
                return Health(alive=True, ready=False, reason=refused)
            self._tell_changes(changes)
        unit.prepared = True
        return Health(alive=True, ready=True)

    def _how(self, unit: Unit, code: int) -> str:
        self._read_logs()  # Its last words come before ours.
        how = processes.exit_text(code)
        if unit.child.state is State.KILLED:
            return f"{unit.child.reason}, {how}"
        last = self._last_words(unit, 1) if code > 0 else ""  # Whoever is killed has no say in it.
        return f"{how}: {last}" if last else how

    def _last_words(self, unit: Unit, count: int = LAST_LINES) -> str:
        with suppress(OSError):
            raw, _ = logs.last_lines(unit.log, LAST_LINES + count)
            return " | ".join([line.message for line in logs.parsed(unit.name, raw)][-count:])
        return ""

    def _act(self, unit: Unit, action: Action | None) -> None:
        if action is Action.START:
            unit.prepared = False
            if (kept := unit.program.kept) and keep.restore(*kept):
                self.say("warning", f"{unit.name}: {kept.path} was cut short when it was written last: going on from the copy")
            unit.probe_at = time.monotonic()
            unit.running = processes.spawn(unit.program, unit.log)
        elif action is Action.KILL and unit.running:
            unit.running.popen.kill()

    def _tell(self, unit: Unit, sentence: str) -> None:
        if sentence:
            level = "info" if unit.child.state is State.READY else "warning"
            words = f"; the end of its log: {self._last_words(unit)}" if unit.child.late else ""
            self.say(level, f"{unit.name}: {sentence}{words}")
        self._save()
        if unit.program.kind == "server" and (why := hopeless(unit.child, time.monotonic(), self._plan.timing)):
            raise Fatal(f"{unit.name} {why}; the end of {unit.log}: {self._last_words(unit)}")

    def _tell_changes(self, changes: list[str]) -> None:
        spoken = "info" if len(changes) <= SPOKEN_CHANGES else "debug"
        for change in changes:
            self.say(spoken, f"streams: {' '.join(change.split())}")
        if spoken == "debug":
            self.say("info", f"streams: {len(changes)} changes made (each in {self._state.log(SUPERVISOR)})")

    # -- all together --------------------------------------------------------------------------------------------------

    def _all_ready(self) -> bool:
        return all(unit.child.state is State.READY for unit in self._units.values())

    def say(self, level: str, message: str) -> None:
        now = datetime.now(UTC)
        self._view.line(Line(name=SUPERVISOR, message=message, level=level, time=now))
        with suppress(OSError), self._state.log(SUPERVISOR).open("ab") as journal:  # A full disk must not stop us.
            journal.write(logs.entry(SUPERVISOR, level, message, now))

    def _save(self) -> None:
        """Publish what has changed. A full disk delays this and nothing else."""
        self._tell_ready()
        mesh = Mesh(
            supervisor=self._identity,
            state=self._summary(),
            nats_url=self._ports.nats_url,
            monitor_url=self._ports.monitor_url,
            redis_url=self._ports.redis_url,
            websocket_url=self._ports.websocket_url,
            evm_url=self._ports.evm_url,
            processes=tuple(unit.record() for unit in self._units.values()),
        )
        if mesh == self._saved:
            return
        try:
            self._state.save(mesh)
        except OSError as error:
            if not self._save_failed:
                self.say("error", f"cannot write {self._state.mesh_file}: {error.strerror}; trying again")
            self._save_failed = True
        else:
            self._saved, self._save_failed = mesh, False

    def _summary(self) -> MeshState:
        if self._stopping:
            return "stopped" if all(unit.running is None for unit in self._units.values()) else "stopping"
        if self._all_ready():
            return "ready"
        return "not ready" if self._ever_ready else "starting"

    def _tell_ready(self) -> None:
        ready = self._all_ready() and not self._stopping
        if ready and not self._ever_ready:
            self._ever_ready = True
            urls = self._ports.nats_url, self._ports.redis_url, self._ports.evm_url
            self.say(
                "info",
                f"ready in {time.monotonic() - self._began:.1f} s: {' '.join(filter(None, urls))}, "
                f"NATS monitoring {self._ports.monitor_url}; stop with Ctrl-C or `jurymast down --state {self._state.path}`",
            )
        elif ready and not self._was_ready:
            self.say("info", "everything is ready again")
        self._was_ready = ready

    async def _show(self) -> None:
        """Carry the children's logs into the merged view, and keep them within their bound."""
        table_at = time.monotonic()
        while True:
            self._read_logs()
            if time.monotonic() >= table_at:
                table_at = time.monotonic() + TABLE_S
                self._show_table()
                self._save()
                for path in (*(unit.log for unit in self._units.values()), self._state.log(SUPERVISOR)):
                    logs.bound(path, self._plan.log_bytes)
            await asyncio.sleep(SHOW_S)

    def _show_table(self) -> None:
        self._view.table([unit.row() for unit in self._units.values()], f"jurymast mesh: {self._summary()}")

    def _read_logs(self) -> None:
        lines: list[Line] = []
        for unit in self._units.values():
            added = logs.parsed(unit.name, unit.tail.read())
            # Of servers only what is wrong: the thirty lines of a normal start are our one sentence, and stay in their file.
            lines += (line for line in added if unit.program.kind == "service" or line.level != "info")
        for line in logs.merged(lines):
            self._view.line(line)

    async def _stop_all(self) -> None:
        self._stopping = True
        showing = asyncio.create_task(self._show())  # A slow end explains itself in the logs.
        try:
            for names in plan.stop_order(self._programs):
                await self._stop_group([self._units[name] for name in names])
            rest = processes.leftovers(self._state.path, [])
            await processes.stop(rest, self._plan.timing.stop_s)
        finally:
            showing.cancel()
            await asyncio.wait({showing})
        self._read_logs()
        self.say("info", "stopped, nothing is left running")

    async def _stop_group(self, group: list[Unit]) -> None:
        targets = {unit.name: unit.running.process for unit in group if unit.running}
        if targets:
            self.say("info", f"stopping {', '.join(targets)}")
        killed = await processes.stop(targets.values(), self._plan.timing.stop_s)
        for unit in group:
            self._stopped(unit, killed)
        self._save()

    def _stopped(self, unit: Unit, killed: list[psutil.Process]) -> None:
        if unit.running:
            if unit.running.process in killed:
                self.say("warning", f"{unit.name}: still ran {self._plan.timing.stop_s:g} s after SIGTERM: killed")
            unit.running.ended()
            unit.running = None
        unit.child = replace(unit.child, state=State.STOPPED, since=time.monotonic(), reason="")
