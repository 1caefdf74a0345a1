"""When a process is started, restarted or killed. Pure: time is an argument, in seconds of any monotonic clock."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from jurymast.cli.mesh.plan import Timing


class State(StrEnum):
    WAITING = "waiting"  # What it needs is not ready yet.
    STARTING = "starting"  # Runs, has not been ready since it was started.
    READY = "ready"
    UNREADY = "not ready"  # Runs, and was ready before.
    KILLED = "killed"  # We have sent SIGKILL; it is not gone yet.
    BACKOFF = "back-off"  # Has ended, starts again later.
    STOPPED = "stopped"  # Ended because the mesh stops.


HOPELESS_FAILURES = 3


class Action(StrEnum):
    START = "start"
    KILL = "kill"


@dataclass(frozen=True)
class Health:
    """What a running process said, or did not say, when asked."""

    alive: bool
    ready: bool
    reason: str = ""
    held: str = ""
    """Why starting it again would not help now."""


@dataclass(frozen=True)
class Ended:
    """The process is gone."""

    how: str


@dataclass(frozen=True)
class Idle:
    """There is no process."""

    needs: tuple[str, ...] = ()
    """What has to be ready before it is started, and is not."""


Seen = Health | Ended | Idle


@dataclass(frozen=True)
class Child:
    """All that is remembered of one process between two looks at it."""

    since: float
    """When it entered its state."""
    state: State = State.WAITING
    reason: str = ""
    alive_at: float = 0
    unready_at: float | None = None
    """Since when it has not been ready although it should be; restarts do not reset it."""
    late: bool = False
    ever_ready: bool = False
    failures: int = 0
    starts: int = 0
    start_at: float = 0

    @property
    def restarts(self) -> int:
        return max(0, self.starts - 1)


@dataclass(frozen=True)
class Decision:
    child: Child
    action: Action | None = None
    sentence: str = ""
    """What is done and why; empty when nothing happened that anybody wants to know."""


def backoff_s(failures: int, timing: Timing) -> float:
    """Delay before the next start after this many failures in a row."""
    doublings = min(max(failures - 1, 0), 32)  # Bounded, or a float overflows in a long night.
    return min(timing.backoff_first_s * 2.0**doublings, timing.backoff_most_s)


def hopeless(child: Child, now: float, timing: Timing) -> str:
    """Why a server that has never been ready will not become so by trying again; empty while there is hope."""
    if child.ever_ready:
        return ""
    if child.failures >= HOPELESS_FAILURES:
        return f"failed {child.failures} times and has never been ready: {child.reason}"
    waited = 0 if child.unready_at is None else now - child.unready_at
    return f"is not ready after {waited:.0f} s: {child.reason}" if waited >= timing.start_s else ""


def decide(child: Child, seen: Seen, now: float, timing: Timing) -> Decision:
    match seen:
        case Idle(needs):
            return _idle(child, needs, now)
        case Ended(how):
            return _ended(child, how, now, timing)
        case Health():
            return _asked(child, seen, now, timing)


def _idle(child: Child, needs: tuple[str, ...], now: float) -> Decision:
    if child.state is State.STOPPED or now < child.start_at:
        return Decision(child)
    if needs:
        return Decision(replace(child, reason=f"waits for {' and '.join(needs)}"))
    started = replace(
        child,
        state=State.STARTING,
        since=now,
        alive_at=now,
        unready_at=now if child.unready_at is None else child.unready_at,
        starts=child.starts + 1,
        reason=child.reason if child.failures else "",
    )
    return Decision(started, Action.START)


def _ended(child: Child, how: str, now: float, timing: Timing) -> Decision:
    failures = child.failures + 1
    delay = backoff_s(failures, timing)
    ended = replace(
        child,
        state=State.BACKOFF,
        since=now,
        unready_at=now if child.unready_at is None else child.unready_at,
        failures=failures,
        start_at=now + delay,
        reason=how,
    )
    return Decision(ended, sentence=f"{how}; starting it again in {delay:g} s")


def _asked(child: Child, health: Health, now: float, timing: Timing) -> Decision:
    if health.alive:
        child = replace(child, alive_at=now)
    if child.state is State.KILLED:
        return Decision(child)
    if health.ready:
        return _ready(child, now, timing)
    if not health.alive and now - child.alive_at >= timing.liveness_s and not health.held:
        killed = replace(child, state=State.KILLED, since=now, reason=health.reason)
        return Decision(killed, Action.KILL, f"not alive for {now - child.alive_at:.0f} s ({health.reason}): killing it")
    return _unready(child, health, now, timing)


def _ready(child: Child, now: float, timing: Timing) -> Decision:
    if child.state is State.READY:
        healthy = now - child.since >= timing.healthy_s
        return Decision(replace(child, failures=0) if healthy and child.failures else child)
    took = f"ready in {now - child.since:.1f} s" if child.state is State.STARTING else "ready again"
    ready = replace(child, state=State.READY, since=now, unready_at=None, late=False, ever_ready=True, reason="")
    return Decision(ready, sentence=took)


def _unready(child: Child, health: Health, now: float, timing: Timing) -> Decision:
    held = f" ({health.held})" if health.held else ""
    if child.state is State.READY:
        unready = replace(child, state=State.UNREADY, since=now, unready_at=now, reason=health.reason)
        return Decision(unready, sentence=f"not ready: {health.reason}{held}")
    since = now if child.unready_at is None else child.unready_at
    child = replace(child, reason=health.reason, unready_at=since)
    if not child.late and now - since >= timing.start_s:
        return Decision(replace(child, late=True), sentence=f"still not ready after {now - since:.0f} s: {health.reason}{held}")
    return Decision(child)
