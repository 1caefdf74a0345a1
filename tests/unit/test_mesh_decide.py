"""When the supervisor starts, restarts and kills: any sequence of observations, at any times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jurymast.cli.mesh.decide import Action, Child, Decision, Ended, Health, Idle, State, backoff_s, decide, hopeless
from jurymast.cli.mesh.plan import Timing

TIMING = Timing()
WELL = Health(alive=True, ready=True)
BUSY = Health(alive=True, ready=False, reason="loading")
SILENT = Health(alive=False, ready=False, reason="no answer within 2 s")


def started(now: float = 100) -> Child:
    decision = decide(Child(since=now), Idle(), now, TIMING)
    assert decision.action is Action.START
    return decision.child


def ready(now: float = 100) -> Child:
    return decide(started(now), WELL, now, TIMING).child


def test_backoff_doubles_from_half_a_second_to_a_quarter_of_a_minute() -> None:
    assert [backoff_s(failures, TIMING) for failures in range(1, 8)] == [0.5, 1, 2, 4, 8, 15, 15]


@given(st.integers(0, 10**9))
def test_backoff_is_bounded_for_any_number_of_failures(failures: int) -> None:
    assert TIMING.backoff_first_s <= backoff_s(failures, TIMING) <= TIMING.backoff_most_s


def test_nothing_starts_before_what_it_needs() -> None:
    waiting = decide(Child(since=0), Idle(needs=("nats", "redis")), 0, TIMING)
    assert (waiting.action, waiting.child.state, waiting.child.reason) == (None, State.WAITING, "waits for nats and redis")
    assert decide(waiting.child, Idle(), 1, TIMING).action is Action.START


def test_a_death_is_followed_by_a_start_after_the_delay() -> None:
    dead = decide(ready(), Ended("killed by SIGKILL"), 110, TIMING)
    assert dead == Decision(dead.child, None, "killed by SIGKILL; starting it again in 0.5 s")
    assert decide(dead.child, Idle(), 110.4, TIMING).action is None
    again = decide(dead.child, Idle(), 110.5, TIMING)
    assert (again.action, again.child.restarts, again.child.reason) == (Action.START, 1, "killed by SIGKILL")


def test_failures_are_forgotten_after_half_a_minute_of_health() -> None:
    dead = decide(ready(100), Ended("ended"), 101, TIMING).child
    healthy = decide(decide(dead, Idle(), 102, TIMING).child, WELL, 103, TIMING).child
    assert decide(healthy, WELL, 132, TIMING).child.failures == 1
    assert decide(healthy, WELL, 133, TIMING).child.failures == 0


def test_silence_is_answered_by_a_kill_after_the_bound_and_says_why() -> None:
    child = ready(100)
    unready = decide(child, SILENT, 101, TIMING)
    assert (unready.child.state, unready.sentence) == (State.UNREADY, "not ready: no answer within 2 s")
    assert decide(unready.child, SILENT, 119.9, TIMING).action is None
    killed = decide(unready.child, SILENT, 120, TIMING)
    assert (killed.action, killed.sentence) == (Action.KILL, "not alive for 20 s (no answer within 2 s): killing it")
    assert decide(killed.child, SILENT, 121, TIMING).action is None  # Once is enough.
    assert decide(killed.child, Ended("no answer within 2 s, killed by SIGKILL"), 122, TIMING).child.state is State.BACKOFF


def test_one_sign_of_life_starts_the_bound_anew() -> None:
    child = decide(ready(100), BUSY, 119, TIMING).child
    assert decide(child, SILENT, 138, TIMING).action is None
    assert decide(child, SILENT, 139, TIMING).action is Action.KILL


def test_no_kill_while_a_restart_would_not_help() -> None:
    held = Health(alive=False, ready=False, reason="write error", held="the disk is full")
    child = decide(ready(100), held, 101, TIMING)
    assert child.sentence == "not ready: write error (the disk is full)"
    later = decide(child.child, held, 1_000, TIMING)
    assert later.action is None
    assert decide(later.child, Health(alive=False, ready=False, reason="write error"), 1_001, TIMING).action is Action.KILL


def test_slow_starts_are_said_once_and_not_killed() -> None:
    late = decide(started(100), BUSY, 130, TIMING)
    assert (late.action, late.sentence) == (None, "still not ready after 30 s: loading")
    assert decide(late.child, BUSY, 160, TIMING) == Decision(late.child.__class__(**{**vars(late.child), "alive_at": 160}))
    assert decide(late.child, WELL, 161, TIMING).child.late is False


@pytest.mark.parametrize(
    ("failures", "now", "why"), [(2, 129, ""), (3, 101, "failed 3 times"), (0, 130, "is not ready after 30 s")]
)
def test_a_server_that_has_never_been_ready_is_given_up(failures: int, now: float, why: str) -> None:
    child = Child(since=100, unready_at=100, failures=failures, reason="exit code 1")
    assert hopeless(child, now, TIMING).startswith(why)
    assert bool(hopeless(child, now, TIMING)) is bool(why)
    assert hopeless(Child(since=100, unready_at=100, failures=9, ever_ready=True), 999, TIMING) == ""


class AnyLife(RuleBasedStateMachine):
    """A process that lives, dies, answers and keeps silent as it likes, and the promises that hold all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.child = Child(since=0)
        self.running = False
        self.killed = False
        self.ended_at: float | None = None
        self.heard_at = 0.0

    def take(self, decision: Decision) -> None:
        if decision.action is Action.START:
            assert not self.running, "started twice"
            if self.ended_at is not None:
                assert self.now - self.ended_at >= TIMING.backoff_first_s, "no delay"
            self.running, self.killed, self.heard_at = True, False, self.now
        if decision.action is Action.KILL:
            assert self.running, "killed nobody"
            assert not self.killed, "killed twice"
            assert self.now - self.heard_at >= TIMING.liveness_s, "killed too early"
            self.killed = True
        assert (decision.child.state is State.READY) <= self.running
        self.child = decision.child

    @rule(eighths=st.integers(0, 320))
    def time_passes(self, eighths: int) -> None:
        self.now += eighths / 8  # Binary fractions: differences of times are exact.

    @precondition(lambda self: not self.running)
    @rule(needs=st.sampled_from([(), ("nats",)]))
    def looks_for_work(self, needs: tuple[str, ...]) -> None:
        decision = decide(self.child, Idle(needs), self.now, TIMING)
        assert not (needs and decision.action)
        self.take(decision)

    @precondition(lambda self: self.running)
    @rule(health=st.sampled_from([WELL, BUSY, SILENT]))
    def answers(self, health: Health) -> None:
        if health.alive:
            self.heard_at = self.now
        self.take(decide(self.child, health, self.now, TIMING))

    @precondition(lambda self: self.running)
    @rule()
    def dies(self) -> None:
        self.running, self.ended_at = False, self.now
        self.take(decide(self.child, Ended("ended"), self.now, TIMING))

    @invariant()
    def it_is_started_again_within_the_longest_delay(self) -> None:
        if not self.running:
            assert decide(self.child, Idle(), self.now + TIMING.backoff_most_s, TIMING).action is Action.START

    @invariant()
    def silence_always_ends(self) -> None:
        if self.running and not self.killed:
            assert decide(self.child, SILENT, self.now + TIMING.liveness_s, TIMING).action is Action.KILL


TestAnyLife = AnyLife.TestCase
