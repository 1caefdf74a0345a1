"""When a switch begins, and that it always ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.switcher.decide import start
from jurymast.switcher.decide.saga import (
    FAILOVER,
    PLANNED,
    PLANS,
    POINT_OF_NO_RETURN,
    Burn,
    Do,
    Done,
    Seen,
    Skip,
    Step,
    Switch,
    Wait,
    burnt,
    next_step,
)
from jurymast.switcher.decide.start import Begin, Chain, Policy, Situation, Stay

SOLANA, ARBITRUM = 1, 2
NOW = 10_000_000
POLICY = Policy(primary=SOLANA, failback=True)
HALTED = Chain(SOLANA, "halt", NOW - 1_000)
ALIVE = Chain(ARBITRUM, healthy=True)
FAILING = Situation(active=HALTED, other=ALIVE, opened_ms=0, debt=0)
RECOVERED = Situation(
    active=Chain(ARBITRUM, healthy=True), other=Chain(SOLANA, "recovery", NOW - 9_000_000, healthy=True), opened_ms=0, debt=0
)


# -- beginning ---------------------------------------------------------------------------------------------------------


def test_a_certified_halt_begins_a_failover_even_with_old_debt() -> None:
    assert start.decide(FAILING, POLICY, NOW) == Begin("failover", SOLANA, ARBITRUM)
    assert start.decide(FAILING._replace(debt=5), POLICY, NOW) == Begin("failover", SOLANA, ARBITRUM)


@pytest.mark.parametrize(
    ("situation", "why"),
    [
        (FAILING._replace(held=True), "an operator"),
        (FAILING._replace(active=Chain(SOLANA)), "not certified"),
        (FAILING._replace(active=HALTED._replace(certified_ms=NOW - 120_001)), "not certified"),
        (FAILING._replace(opened_ms=NOW - 999), "before this epoch"),
        (FAILING._replace(other=ALIVE._replace(healthy=False)), "no chain is alive"),
        (FAILING._replace(other=Chain(ARBITRUM, "halt", NOW, healthy=True)), "no chain is alive"),
        (RECOVERED._replace(debt=1), "not settled"),
        (RECOVERED._replace(other=RECOVERED.other._replace(certified="halt", certified_ms=0)), "no recovery"),
        (RECOVERED._replace(other=RECOVERED.other._replace(healthy=False)), "both chains alive"),
        (RECOVERED._replace(active=RECOVERED.active._replace(healthy=False)), "both chains alive"),
        (RECOVERED._replace(opened_ms=NOW - 599_999), "only just now"),
    ],
)
def test_without_certainty_chains_stay_as_they_are(situation: Situation, why: str) -> None:
    decided = start.decide(situation, POLICY, NOW)
    assert isinstance(decided, Stay)
    assert why in decided.reason


def test_going_back_is_planned_and_only_where_wanted() -> None:
    assert start.decide(RECOVERED, POLICY, NOW) == Begin("planned", ARBITRUM, SOLANA)
    assert isinstance(start.decide(RECOVERED, POLICY._replace(failback=False), NOW), Stay)
    asked = RECOVERED._replace(asked=True)
    assert start.decide(asked, POLICY._replace(failback=False), NOW) == Begin("planned", ARBITRUM, SOLANA)


def test_an_operator_may_go_where_nothing_ever_failed() -> None:
    quiet = Situation(Chain(SOLANA, healthy=True), Chain(ARBITRUM, healthy=True), opened_ms=0, debt=0, asked=True)
    assert start.decide(quiet, POLICY, NOW) == Begin("planned", SOLANA, ARBITRUM)
    assert isinstance(start.decide(quiet._replace(asked=False), POLICY, NOW), Stay)


# -- going on ----------------------------------------------------------------------------------------------------------

SWITCH = Switch("failover", SOLANA, ARBITRUM, leaving=4, entering=5)
PLAN = Switch("planned", ARBITRUM, SOLANA, leaving=5, entering=6)
BOTH = frozenset({SOLANA, ARBITRUM})


def seen(*done: Step, alive: frozenset[int] = BOTH, held: bool = False) -> Seen:
    return Seen(frozenset(done), alive, held)


def test_steps_follow_one_another_and_are_recorded_before_they_are_done() -> None:
    done: list[Step] = []
    for step in FAILOVER:
        assert next_step(SWITCH, seen(*done), 0) == Do(step)
        assert next_step(SWITCH._replace(begun={step: 0}), seen(*done), 1) == Do(step), "again, after a crash"
        done.append(step)
    assert next_step(SWITCH, seen(*done), 0) == Done()


def test_a_source_that_is_down_is_not_waited_for() -> None:
    begun = SWITCH._replace(begun={"fence": 0})
    down = seen("freeze", "cut", alive=frozenset({ARBITRUM}))
    assert next_step(begun, down, 4_999) == Wait("fence", 5_000)
    assert next_step(begun, down, 5_000) == Skip("fence")
    assert next_step(begun._replace(skipped={"fence"}), down, 5_000) == Do("activate")


def test_going_back_needs_the_fence() -> None:
    begun = PLAN._replace(begun={"fence": 0})
    done = seen("freeze", "drain", "pause", "cut", alive=frozenset({SOLANA}))
    assert next_step(begun, done, 119_999) == Wait("fence", 120_000)
    assert next_step(begun, done, 120_000) == Burn("fence", SOLANA, 7)


def test_a_target_that_dies_burns_the_number_for_whichever_chain_is_alive() -> None:
    begun = SWITCH._replace(begun={"activate": 0}, skipped={"fence"})
    before: tuple[Step, ...] = ("freeze", "cut")
    burn = next_step(begun, seen(*before, alive=frozenset({SOLANA})), 120_000)
    assert burn == Burn("activate", SOLANA, 6)
    assert isinstance(burn, Burn)
    assert burnt(begun, burn) == Switch("failover", SOLANA, SOLANA, leaving=4, entering=6)
    assert next_step(begun, seen(*before, alive=frozenset()), 120_000) == Wait("activate", None), "nothing is moved"


def test_a_switch_that_went_back_to_its_source_still_finds_the_other_chain() -> None:
    """The target was down, so the source got the next number; now the source is down, and the target has returned."""
    back = Switch("failover", SOLANA, SOLANA, leaving=4, entering=6, begun={"activate": 0}, skipped={"fence"})
    burn = next_step(back, seen("freeze", "cut", alive=frozenset({ARBITRUM})), 120_000)
    assert burn == Burn("activate", ARBITRUM, 7)


def test_once_opened_nothing_is_burnt() -> None:
    for plan in PLANS.values():
        steps = list(plan)
        assert all(plan[step].late != "burn" for step in steps[steps.index(POINT_OF_NO_RETURN) :])
        assert all(rule.deadline_ms > 0 for rule in plan.values())


def test_the_debt_stays_open_until_its_chain_returns() -> None:
    done = tuple(step for step in FAILOVER if step != "settle")
    begun = SWITCH._replace(begun={"settle": 0})
    assert next_step(begun, seen(*done, alive=frozenset({ARBITRUM})), 10**9) == Wait("settle", None)
    assert next_step(begun, seen(*done), 10**9) == Do("settle", late=True)


def test_an_operator_holds_any_step() -> None:
    assert next_step(SWITCH, seen("freeze", held=True), 0) == Wait("cut", None)
    assert next_step(SWITCH, seen(*FAILOVER, held=True), 0) == Done()


@given(
    st.sampled_from([SWITCH, PLAN]),
    st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from([SOLANA, ARBITRUM]))), max_size=60),
)
def test_with_a_chain_alive_a_switch_ends_whatever_fails_and_whoever_dies(
    switch: Switch, weather: list[tuple[bool, set[int]]]
) -> None:
    """Each round a step works or not, chains come and go, and the switcher is another one that reads the log."""
    done, now, numbers = set[Step](), 0, [switch.entering]
    calm = (True, {SOLANA, ARBITRUM})
    for works, alive in [*weather, *[calm] * 60]:
        match next_step(switch, Seen(done, alive), now):
            case Do(step):
                switch = switch._replace(begun={step: now, **switch.begun})
                done |= {step} if works else set()
            case Wait(_, until):
                now = until if until is not None else now + 1
            case Skip(step):
                switch = switch._replace(skipped={*switch.skipped, step})
            case Burn(step) as burn:
                assert "open" not in done
                assert burn.target in alive
                switch, done = burnt(switch, burn), {each for each in done if each == "freeze"}
                numbers.append(switch.entering)
            case Done():
                break
        now += 20_000
    assert next_step(switch, Seen(done, {SOLANA, ARBITRUM}), now) == Done()
    assert numbers == sorted(set(numbers)), "no number is used again"
    order = list(PLANNED)
    assert {"freeze", "cut", "activate", "open"} <= done
    assert order.index("cut") < order.index("activate") < order.index("open")
