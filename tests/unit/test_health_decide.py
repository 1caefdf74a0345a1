"""Verdicts, replayed against the shapes of real outages."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurymast.certificate import assemble, halt_of, longest_gap_ms, longest_stall_ms
from jurymast.chains.calls import Failure
from jurymast.health_monitor.decide import certify, chain, provider
from jurymast.health_monitor.decide.provider import ProviderState
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.messages.health import Certificate, Observation, Policy
from jurymast.watchlist import Chain, Provider
from tests.outages import (
    REFUSED,
    TIMEOUT,
    Model,
    Seen,
    Truth,
    Watched,
    answer,
    balanced,
    down,
    honest,
    jittery,
    lagging,
    lying_high,
    replay,
    slow,
    verdicts,
)
from tests.watching import ADDRESSES, HEAD, KEYS, NOW_MS, POLICY, policy

THREE: dict[str, Model] = {"acme": honest, "bolt": honest, "core": honest}
FOUR = policy(quorum=3)
WINDOW_S, INTERVAL_S, TIMEOUT_S = (ms / 1000 for ms in (POLICY.window_ms, POLICY.interval_ms, POLICY.timeout_ms))


def reasons(watched: Watched, for_s: float) -> list[str]:
    return [moment.states[0].reason for moment in replay(watched, for_s=for_s)]


# -- the shapes --------------------------------------------------------------------------------------------------------


def test_a_chain_that_is_well_is_healthy_from_the_second_round_on() -> None:
    watched = Watched(Truth(), THREE)
    assert verdicts(watched, for_s=600) == [(0, "unknown"), (2, "healthy")]
    assert watched.state.head == HEAD + 2 * 600
    assert watched.state.finalized == watched.state.head - 32
    assert abs(watched.state.behind_ms or 0) < 3_000


def test_a_full_halt_is_certain_after_the_window_and_not_before() -> None:
    found = verdicts(Watched(Truth(halts=((60, 1e9),)), THREE), for_s=300)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "halted"]
    halted_s = found[-1][0]
    assert 60 + WINDOW_S <= halted_s <= 60 + WINDOW_S + INTERVAL_S + TIMEOUT_S


@pytest.mark.parametrize("halt_s", [60 + tenth / 10 for tenth in range(0, 40, 3)])
def test_wherever_between_two_rounds_a_chain_halts_it_is_detected_in_time(halt_s: float) -> None:
    at_s, verdict = verdicts(Watched(Truth(halts=((halt_s, 1e9),)), THREE), for_s=200)[-1]
    assert verdict == "halted"
    assert at_s <= halt_s + WINDOW_S + INTERVAL_S


@pytest.mark.parametrize("window_ms", range(12_000, 32_000, 2_000))
@pytest.mark.parametrize("out", [(0, 0), (2, 4), (2, 6), (0, 6)])
def test_a_chain_that_is_well_is_never_called_halted_however_the_watching_begins(
    window_ms: int, out: tuple[float, float]
) -> None:
    models = dict.fromkeys(THREE, down(TIMEOUT, out))
    found = verdicts(Watched(Truth(), models, policy(window_ms=window_ms)), for_s=90)
    assert "halted" not in dict(found).values()
    assert found[-1][1] == "healthy"


@pytest.mark.parametrize("out", [(0, 0), (18, 24), (24, 30)])
def test_a_halt_that_was_there_before_is_called_so_after_a_whole_window(out: tuple[float, float]) -> None:
    models = dict.fromkeys(THREE, down(TIMEOUT, out))
    found = verdicts(Watched(Truth(halts=((0, 1e9),)), models), for_s=90)
    assert found[-1][1] == "halted"
    assert found[-1][0] >= WINDOW_S


def test_a_restart_after_a_halt_is_healthy_after_a_whole_window_of_normal_speed() -> None:
    watched = Watched(Truth(halts=((60, 300),)), THREE)
    found = verdicts(watched, for_s=600)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "halted", "degraded", "healthy"]
    assert 300 < found[-2][0] <= 300 + 2 * INTERVAL_S
    assert found[-1][0] >= 300 + WINDOW_S


@pytest.mark.parametrize("seed", range(12))
def test_no_halt_is_missed_or_left_with_providers_as_they_are(seed: int) -> None:
    random = Random(seed)  # noqa: S311  A replay, not a secret.
    models = {f"op{number}": jittery(random) for number in range(5)}
    watched = Watched(Truth(hiccups=random, halts=((100, 400),)), models, policy(quorum=3))
    found = verdicts(watched, for_s=400)
    assert found[-1][1] == "halted", found
    assert [verdict for _, verdict in found].count("halted") == 1, found
    assert found[-1][0] <= 100 + WINDOW_S + INTERVAL_S + TIMEOUT_S


@pytest.mark.parametrize("models", [
    {"acme": balanced(0, 1), "bolt": balanced(2, 0), "core": honest},
    dict.fromkeys(THREE, balanced(0, 0, 3, 1)),
    {"acme": balanced(0, 9), "bolt": balanced(0, 1, 1, 1), "core": down(TIMEOUT, (0, 1e9))},
])  # fmt: skip
def test_nodes_behind_one_address_that_are_some_blocks_apart_hide_no_halt(models: dict[str, Model]) -> None:
    found = verdicts(Watched(Truth(halts=((60, 540),)), models), for_s=540)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "halted"]
    assert found[-1][0] <= 60 + WINDOW_S + 2 * INTERVAL_S


@pytest.mark.parametrize("speed", [1, 2])
@pytest.mark.parametrize("blocks", [1, 5, 10, 11, 16, 22, 40, 100, 900])
def test_a_chain_that_falls_back_and_goes_on_is_not_halted(blocks: int, speed: float) -> None:
    watched = Watched(Truth(falls=((61, blocks),), slowness=speed), THREE)
    found = verdicts(watched, for_s=200)
    assert "halted" not in dict(found).values()
    assert watched.state.verdict == "healthy"


def test_a_fall_is_named() -> None:
    assert "the chain fell back by more than 10 blocks" in reasons(Watched(Truth(falls=((61, 300),)), THREE), 90)


def test_a_chain_whose_finalized_blocks_are_taken_back_is_not_well() -> None:
    def taken_back(at_s: float, truth: Truth) -> Seen:
        seen = answer(truth)
        return Seen(seen._replace(finalized=seen.finalized - (300 if at_s >= 100 else 0)))

    watched = Watched(Truth(head=5_000, finalized=4_968), dict.fromkeys(THREE, taken_back), policy(finality_blocks=400))
    assert [verdict for _, verdict in verdicts(watched, for_s=200)] == ["unknown", "healthy", "degraded", "healthy"]


def test_a_head_that_only_falls_is_degraded() -> None:
    models = dict.fromkeys(THREE, lambda at_s, truth: Seen(answer(truth, head=-at_s)))
    watched = Watched(Truth(halts=((0, 1e9),)), models)
    assert {verdict for _, verdict in verdicts(watched, for_s=300)} == {"unknown"}
    went = Watched(Truth(halts=((60, 1e9),)), dict.fromkeys(THREE, lambda at_s, t: Seen(answer(t, head=-max(0, at_s - 60)))))
    assert verdicts(went, for_s=300)[-1][1] == "degraded"


@pytest.mark.parametrize(("blocks", "by_s"), [(5, 94), (10, 94), (11, 114), (500, 114)])
def test_a_small_fall_during_a_halt_changes_nothing_and_a_large_one_begins_a_window_of_its_own(blocks: int, by_s: float) -> None:
    at_s, verdict = verdicts(Watched(Truth(halts=((60, 1e9),), falls=((81, blocks),)), THREE), for_s=200)[-1]
    assert verdict == "halted"
    assert by_s - 4 <= at_s <= by_s


def test_a_halt_that_was_called_one_stays_one_whatever_it_falls_to() -> None:
    found = verdicts(Watched(Truth(halts=((60, 1e9),), falls=((121, 500),)), THREE), for_s=300)
    assert [verdict for _, verdict in found].count("halted") == 1
    assert found[-1][1] == "halted"


@pytest.mark.parametrize("blocks", [20, 600])
def test_a_chain_that_restarts_below_its_old_head(blocks: int) -> None:
    watched = Watched(Truth(halts=((60, 300),), falls=((300, blocks),)), THREE)
    found = verdicts(watched, for_s=600)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "halted", "degraded", "healthy"]
    assert found[-2][0] <= 320
    assert found[-1][0] <= 300 + 3 * WINDOW_S


def test_a_clock_30_minutes_behind_on_a_chain_that_produces_is_degraded_and_never_halted() -> None:
    watched = Watched(Truth(clock_behind_s=1_800), THREE)
    found = verdicts(watched, for_s=600)
    assert {verdict for _, verdict in found} == {"unknown", "degraded"}
    assert watched.state.reason == "the chain's clock is 1800 s behind ours"


def test_one_that_lies_high_evicts_nobody_and_is_marked() -> None:
    watched = Watched(Truth(), {**THREE, "liar": lying_high}, FOUR)
    assert verdicts(watched, for_s=120) == [(0, "unknown"), (2, "healthy")]
    health = {p.name: p.healthy for p in watched.state.providers}
    assert health == {"acme-1": True, "bolt-1": True, "core-1": True, "liar-1": False}
    assert "blocks above what a quorum has" in watched.state.providers[3].reason
    assert watched.state.head == HEAD + 240


@pytest.mark.parametrize(("quorum", "operators"), [(1, 2), (1, 5), (2, 4)])
def test_what_a_minority_could_move_is_no_verdict(quorum: int, operators: int) -> None:
    models = {"liar": lying_high, **{f"op{number}": honest for number in range(operators - 1)}}
    watched = Watched(Truth(), models, policy(quorum=quorum))
    assert verdicts(watched, for_s=60) == [(0, "unknown")]
    assert f"{quorum} of {operators} independent operators are no majority" in watched.state.reason
    assert "no majority" in certify.refusal(watched.state.chain, KEYS[0])
    assert all(p.healthy for p in watched.state.providers), "nor are providers measured by it"
    assert watched.state.head is None


def test_one_that_lags_is_marked() -> None:
    watched = Watched(Truth(), {**THREE, "late": lagging(11)}, FOUR)
    assert verdicts(watched, for_s=120) == [(0, "unknown"), (2, "healthy")]
    late = watched.state.providers[3]
    assert (late.healthy, late.reason) == (False, "11 blocks behind")
    assert Watched(Truth(), {**THREE, "late": lagging(10)}, FOUR).state.verdict == "unknown"


def test_with_the_limit_itself_nobody_lags() -> None:
    watched = Watched(Truth(), {**THREE, "late": lagging(10)}, FOUR)
    verdicts(watched, for_s=120)
    assert all(p.healthy for p in watched.state.providers)


@pytest.mark.parametrize("failure", [TIMEOUT, REFUSED, Failure("http", "status 503")], ids=str)
def test_all_but_one_down_is_silence_and_not_a_halt(failure: Failure) -> None:
    models = {"acme": honest, "bolt": down(failure, (60, 300)), "core": down(failure, (60, 300))}
    watched = Watched(Truth(), models)
    found = verdicts(watched, Watched(Truth(), THREE), for_s=600)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "unreachable", "degraded", "healthy"]


def test_all_but_one_down_while_the_chain_halts_is_not_called_a_halt_either() -> None:
    models = {"acme": honest, "bolt": down(TIMEOUT, (50, 1e9)), "core": down(TIMEOUT, (50, 1e9))}
    assert verdicts(Watched(Truth(halts=((60, 1e9),)), models), for_s=600)[-1][1] == "unreachable"


def test_a_quorum_that_cannot_be_reached_says_why() -> None:
    watched = Watched(Truth(), dict.fromkeys(THREE, down(Failure("http", "status 502"), (60, 1e9))))
    assert reasons(watched, 120)[-1] == "0 of 2 operators needed answer (http: status 502)"


def test_a_flapping_chain_stays_degraded_instead_of_flapping_along() -> None:
    stops = tuple((start, start + 10.0) for start in range(60, 600, 20))
    watched = Watched(Truth(halts=stops), THREE)
    assert [verdict for _, verdict in verdicts(watched, for_s=600)] == ["unknown", "healthy", "degraded"]


def test_a_flapping_provider_does_not_flap_along() -> None:
    often = tuple((start, start + 2.0) for start in range(60, 600, 4))
    watched = Watched(Truth(), {**THREE, "flap": down(TIMEOUT, *often)}, FOUR)
    turns = [change for moment in replay(watched, for_s=600) for change in moment.changes]
    flips = [turn for turn in turns if isinstance(turn, chain.ProviderTurn) and turn.provider.name == "flap-1"]
    assert len(flips) <= 3


def test_our_own_network_is_told_apart_from_the_chains() -> None:
    cut = (60.0, 120.0)
    chains = [Watched(Truth(), dict.fromkeys(THREE, down(failure, cut))) for failure in (TIMEOUT, REFUSED)]
    found = verdicts(*chains, for_s=300)
    assert [verdict for _, verdict in found] == ["unknown", "healthy", "degraded", "unknown", "degraded", "healthy"]
    chains = [Watched(Truth(), dict.fromkeys(THREE, down(TIMEOUT, cut))) for _ in range(2)]
    said = {moment.states[0].reason for moment in replay(*chains, for_s=110)}
    assert "nothing of any chain can be reached: our own network is down" in said


def test_one_answer_from_anywhere_shows_that_our_network_is_up() -> None:
    gone = Watched(Truth(), dict.fromkeys(THREE, down(TIMEOUT, (60, 1e9))))
    other = Watched(Truth(), {**dict.fromkeys(THREE, down(TIMEOUT, (60, 1e9))), "last": down(Failure("http", "429"), (60, 1e9))})
    assert verdicts(gone, other, for_s=300)[-1][1] == "unreachable"


def test_a_single_chain_has_nothing_to_compare_with() -> None:
    assert verdicts(Watched(Truth(), dict.fromkeys(THREE, down(TIMEOUT, (60, 1e9)))), for_s=300)[-1][1] == "unreachable"


def test_a_halt_that_begins_while_our_network_is_down_needs_a_whole_window_of_its_own() -> None:
    models = dict.fromkeys(THREE, down(TIMEOUT, (50, 80)))
    at_s, verdict = verdicts(Watched(Truth(halts=((60, 1e9),)), models), for_s=300)[-1]
    assert verdict == "halted"
    assert at_s >= 80 + WINDOW_S - longest_gap_ms(POLICY) / 1000


def test_finality_that_stalls_is_degraded() -> None:
    watched = Watched(Truth(finality_stalls=((60, 1e9),)), THREE)
    assert verdicts(watched, for_s=300)[-1][1] == "degraded"
    assert watched.state.reason.startswith("finality stalls: finalized is ")


def test_a_chain_on_which_nothing_becomes_final_for_a_whole_window_is_degraded() -> None:
    watched = Watched(Truth(slot_ms=400, finality_stalls=((60, 100),)), THREE, policy(slot_ms=400, finality_blocks=150))
    assert [verdict for _, verdict in verdicts(watched, for_s=160)] == ["unknown", "healthy", "degraded", "healthy"]


@pytest.mark.parametrize(("step_s", "verdict"), [(0, "degraded"), (50, "healthy")])
def test_where_finality_comes_in_steps_that_is_normal_when_the_policy_says_so(step_s: int, verdict: str) -> None:
    stepwise = policy(finality_blocks=150, finality_step_ms=step_s * 1_000)
    found = verdicts(Watched(Truth(finality_step_s=50), THREE, stepwise), for_s=340)
    assert found[-1][1] == verdict
    assert ("degraded" in dict(found).values()) is (verdict == "degraded")


@pytest.mark.parametrize(("until_s", "verdict"), [(66, "healthy"), (68, "degraded")])
def test_one_bad_round_is_nothing_and_two_are_something(until_s: float, verdict: str) -> None:
    """After three rounds without finality it is 44 blocks behind, which is too much, and in the fourth all is well again."""
    found = verdicts(Watched(Truth(finality_stalls=((60, until_s),)), THREE), for_s=80)
    assert found[-1][1] == verdict


def test_answers_that_are_lost_during_a_halt_do_not_end_it() -> None:
    models = {"acme": honest, "bolt": down(TIMEOUT, (120, 126)), "core": down(TIMEOUT, (0, 1e9))}
    found = verdicts(Watched(Truth(halts=((60, 1e9),)), models), for_s=300)
    assert [verdict for _, verdict in found].count("halted") == 1
    assert found[-1][1] == "halted"


def test_a_slow_chain_is_degraded() -> None:
    watched = Watched(Truth(slowness=2.5), THREE)
    assert verdicts(watched, for_s=300)[-1][1] == "degraded"
    assert watched.state.reason == "24 new blocks in 30 s, normal are 60"


def test_slow_answers_make_providers_unwell_and_too_few_well_ones_a_degraded_chain() -> None:
    watched = Watched(Truth(), {"acme": honest, "bolt": slow(501), "core": slow(900)})
    assert verdicts(watched, for_s=300)[-1][1] == "degraded"
    assert watched.state.reason.startswith("1 of 2 operators needed are well (bolt-1: slow: 501 ms)")
    assert verdicts(Watched(Truth(), dict.fromkeys(THREE, slow(500))), for_s=300)[-1][1] == "healthy"


def test_two_providers_of_one_operator_count_once() -> None:
    providers = tuple(Provider(name, "acme", "http://a.example") for name in ("one", "two"))
    state = chain.begin(Chain(POLICY, providers), 0, NOW_MS)
    assert state.reason == "1 independent operators are configured, the policy needs 2"
    for number in range(60):
        at_ms = number * 2_000
        samples = {p.name: Sample(at_ms, NOW_MS + at_ms, 50, Answer(HEAD, HEAD, HEAD, NOW_MS)) for p in providers}
        state, _ = chain.step(state, samples, at_ms, NOW_MS + at_ms, uplink_down=False)
    assert (state.verdict, state.reason) == ("unknown", "1 independent operators are configured, the policy needs 2")
    assert certify.refusal(state.chain, KEYS[0]).startswith("cannot certify: 1 independent operators")


def high(at_s: float, truth: Truth) -> Seen:
    """More of everything, and all the time."""
    seen = answer(truth, head=at_s)
    return Seen(seen._replace(finalized=seen.head))


def wrong_clock(ahead_s: int) -> Model:
    def model(_: float, truth: Truth) -> Seen:
        seen = answer(truth)
        return Seen(seen._replace(clock_ms=seen.clock_ms + ahead_s * 1_000))

    return model


def unfinal(_: float, truth: Truth) -> Seen:
    seen = answer(truth)
    return Seen(seen._replace(finalized=seen.finalized - 300))


LATE, AHEAD = wrong_clock(-1_800), wrong_clock(1_800)
ONE_OPERATOR: list[tuple[dict[str, Model], str, str]] = [
    ({"acme-1": honest, "acme-2": honest, "bolt": down(TIMEOUT, (60, 1e9)), "core": down(TIMEOUT, (60, 1e9))},
     "unreachable", "1 of 2 operators needed answer"),
    ({"acme-1": honest, "acme-2": honest, "bolt": slow(900), "core": slow(900)},
     "degraded", "1 of 2 operators needed are well"),
    ({"acme-1": lying_high, "acme-2": lying_high, "bolt": honest, "core": honest}, "healthy", ""),
    ({"acme-1": unfinal, "acme-2": honest, "bolt": honest, "core": unfinal}, "healthy", ""),
    ({"acme-1": honest, "acme-2": honest, "bolt": unfinal, "core": unfinal}, "degraded", "finality stalls: finalized is 3"),
    ({"acme-1": LATE, "acme-2": honest, "bolt": honest, "core": LATE}, "healthy", ""),
    ({"acme-1": honest, "acme-2": honest, "bolt": LATE, "core": LATE}, "degraded", "the chain's clock is 1800 s behind ours"),
]  # fmt: skip


@pytest.mark.parametrize(("models", "verdict", "reason"), ONE_OPERATOR)
def test_two_providers_of_one_operator_are_one_voice_the_better_one(models: dict[str, Model], verdict: str, reason: str) -> None:
    watched = Watched(Truth(head=5_000, finalized=4_968), models, policy(finality_blocks=200))
    assert verdicts(watched, for_s=200)[-1][1] == verdict
    assert reason in watched.state.reason


def test_what_two_providers_of_one_operator_say_is_not_what_a_quorum_says() -> None:
    models = {"acme-1": high, "acme-2": high, "bolt": honest, "core": honest}
    watched = Watched(Truth(slowness=2.5), models)
    assert verdicts(watched, for_s=200)[-1][1] == "degraded"
    assert watched.state.reason == "24 new blocks in 30 s, normal are 60"
    assert (watched.state.head, watched.state.finalized) == (int(watched.truth.head), int(watched.truth.finalized))
    assert [p.healthy for p in watched.state.providers] == [False, False, True, True]


def test_two_providers_of_one_operator_make_no_halt() -> None:
    def stuck(at_s: float, _: Truth) -> Seen:
        return Seen(Answer(HEAD + 10, HEAD + 10, HEAD, NOW_MS + round(at_s * 1_000)))

    assert verdicts(Watched(Truth(), {"acme-1": stuck, "acme-2": stuck, "bolt": honest, "core": honest}), for_s=90)[-1][1] == (
        "healthy"
    )


def test_a_clock_that_is_ahead_is_as_wrong_as_one_that_is_behind() -> None:
    watched = Watched(Truth(), dict.fromkeys(THREE, wrong_clock(90)))
    assert verdicts(watched, for_s=60)[-1][1] == "degraded"
    assert watched.state.reason in ("the chain's clock is 90 s ahead of ours", "the chain's clock is 89 s ahead of ours")


def test_one_clock_ahead_and_one_behind_do_not_make_a_right_one() -> None:
    assert verdicts(Watched(Truth(), {"acme": LATE, "bolt": honest, "core": AHEAD}), for_s=60)[-1][1] == "degraded"
    assert verdicts(Watched(Truth(), {"acme": honest, "bolt": honest, "core": AHEAD}), for_s=60)[-1][1] == "healthy"


def test_who_fell_silent_says_nothing_about_what_came_after() -> None:
    models: dict[str, Model] = {"acme": honest, "bolt": lambda at_s, truth: (unfinal if at_s > 60 else honest)(at_s, truth)}
    watched = Watched(
        Truth(head=5_000, finalized=4_968), {**models, "core": down(TIMEOUT, (60, 1e9))}, policy(finality_blocks=200)
    )
    assert verdicts(watched, for_s=90)[-1][1] == "degraded"


def test_silence_from_the_beginning_is_unreachable_once_there_was_time_to_answer() -> None:
    watched = Watched(Truth(), dict.fromkeys(THREE, down(TIMEOUT, (0, 1e9))))
    assert verdicts(watched, for_s=60) == [(0, "unknown"), (6, "unreachable")]


def test_well_again_is_healthy_after_a_whole_window_without_a_flaw() -> None:
    models = dict.fromkeys(THREE, lambda at_s, truth: (LATE if 60 <= at_s < 100 else honest)(at_s, truth))
    found = verdicts(Watched(Truth(), models), for_s=200)
    assert found[1:] == [(2, "healthy"), (62, "degraded"), (100 + WINDOW_S, "healthy")]


def test_the_highest_block_seen_at_a_halt_is_remembered_as_long_as_it_lasts() -> None:
    def ahead_at_first(at_s: float, truth: Truth) -> Seen:
        seen = answer(truth)
        return Seen(seen._replace(tip=seen.head + (7 if at_s < 110 else 0)))

    watched = Watched(Truth(halts=((60, 1e9),)), {**THREE, "core": ahead_at_first})
    for _ in replay(watched, for_s=400):
        pass
    assert max(e.tip_highest for e in watched.state.evidence) == int(watched.truth.head)
    assert watched.state.halt_head == int(watched.truth.head) + 7


def test_a_process_that_was_frozen_does_not_call_the_time_it_missed_a_halt() -> None:
    watched = Watched(Truth(), THREE)
    for at_s in range(0, 60, 2):
        watched.tick(at_s, uplink_down=False)
    watched.truth.halts = ((58, 200),)
    for at_s in range(200, 228, 2):
        watched.tick(at_s, uplink_down=False)
        assert watched.state.verdict != "halted"


@pytest.mark.parametrize("seed", range(3))
def test_no_false_verdict_in_healthy_minutes(seed: int) -> None:
    random = Random(seed)  # noqa: S311  A replay, not a secret.
    models = {f"op{number}": jittery(random) for number in range(5)}
    watched = Watched(Truth(hiccups=random), models, policy(quorum=3))
    found = verdicts(watched, for_s=100 * 60)
    assert [verdict for _, verdict in found] == ["unknown", "healthy"], found


LIES = st.lists(st.tuples(st.integers(0, 10**15), st.booleans()), min_size=1, max_size=8)


@settings(max_examples=40)
@given(LIES, st.booleans())
def test_adding_a_liar_never_changes_what_a_chain_is_called(lies: list[tuple[int, bool]], halts: bool) -> None:
    """Whatever it says, even another thing each time: a halted chain stays halted, a healthy one healthy."""

    def lie(at_s: float, truth: Truth) -> Any:
        height, silent = lies[int(at_s / INTERVAL_S) % len(lies)]
        return honest(at_s, truth)._replace(result=TIMEOUT if silent else Answer(height, height, height, height))

    halt = ((40.0, 1e9),) if halts else ()
    without = verdicts(Watched(Truth(halts=halt), THREE), for_s=120)
    assert verdicts(Watched(Truth(halts=halt), {**THREE, "liar": lie}, FOUR), for_s=120) == without


# -- providers ---------------------------------------------------------------------------------------------------------


def probed(*results: Answer | Failure, latency_ms: int = 50) -> ProviderState:
    state = ProviderState("acme-1", "acme")
    for number, result in enumerate(results):
        sample = Sample(number * 2_000, NOW_MS + number * 2_000, latency_ms, result)
        state = provider.step(state, sample, HEAD, POLICY, 0)
    return state


GOOD = Answer(HEAD, HEAD, HEAD - 32, NOW_MS)


def test_a_provider_is_well_after_one_good_answer_and_unwell_after_two_failures() -> None:
    assert probed(GOOD).healthy
    assert probed(*[GOOD] * 20, TIMEOUT).healthy
    unwell = probed(*[GOOD] * 20, TIMEOUT, TIMEOUT)
    assert (unwell.healthy, unwell.reason) == (False, "timeout: no answer within 2 s")
    assert unwell.since_ms == NOW_MS + 21 * 2_000


def test_hysteresis_asks_for_more_to_be_well_again_than_to_stay_so() -> None:
    down_and_up: list[Answer | Failure] = [*[GOOD] * 20, *[TIMEOUT] * 5]
    first_well = next(n for n in range(1, 20) if probed(*down_and_up, *[GOOD] * n).healthy)
    assert first_well >= 4
    assert probed(*down_and_up, *[GOOD] * first_well, TIMEOUT).healthy is True


def test_a_window_begins_with_the_last_answer_before_it() -> None:
    state = probed(*(GOOD._replace(head=HEAD + n) for n in range(11)))
    seen = provider.evidence(state, 5_000, 20_000)
    assert (seen.head_first, seen.head_last, seen.answers, seen.longest_gap_ms) == (HEAD + 2, HEAD + 10, 8, 2_000)
    assert provider.evidence(state, 6_000, 20_000).head_first == HEAD + 3


def test_a_window_begins_with_the_highest_answer_before_it() -> None:
    back_and_forth = probed(*(GOOD._replace(head=HEAD - n % 3, finalized=HEAD - 40 - n % 3) for n in range(9)))
    seen = provider.evidence(back_and_forth, 10_000, 16_000)
    assert (seen.head_first, seen.head_last, seen.head_highest, seen.longest_stall_ms) == (HEAD, HEAD - 2, HEAD, 6_000)
    assert seen.finalized_first == HEAD - 40


def test_the_highest_tip_is_that_of_all_answers() -> None:
    state = probed(*(GOOD._replace(tip=HEAD + tip) for tip in (1, 7, 2, 3)))
    assert provider.evidence(state, 0, 6_000).tip_highest == HEAD + 7
    assert provider.evidence(state, 4_000, 6_000).tip_highest == HEAD + 7


def test_what_came_before_a_fall_is_forgotten_once_it_is_more_than_one_answer() -> None:
    low = GOOD._replace(head=HEAD - 40, finalized=HEAD - 80)
    once = probed(*[GOOD] * 8, low, *[GOOD] * 2)
    assert (len(once.history), once.fell_ms) == (11, None)
    fallen = probed(*[GOOD] * 8, *[low] * 4)
    assert (len(fallen.history), fallen.fell_ms) == (4, 22_000)
    assert provider.evidence(fallen, 2_000, 22_000).longest_gap_ms == 20_000, "it is not covered"
    unsettled = probed(*[GOOD] * 8, *[GOOD._replace(finalized=HEAD - 43)] * 4)
    assert (len(unsettled.history), unsettled.fell_ms) == (4, 22_000), "what was final is not any more"
    lost = probed(*[GOOD] * 8, *[TIMEOUT] * 3, low)
    assert (len(lost.history), lost.fell_ms) == (12, None)


def test_without_an_answer_at_its_beginning_or_before_a_window_is_not_covered() -> None:
    state = probed(*[GOOD] * 11)
    assert provider.evidence(state, 0, 20_000).longest_gap_ms == 2_000
    assert provider.evidence(state, -1, 20_000).longest_gap_ms == 20_001


def test_gaps_count_from_the_windows_beginning_to_its_end() -> None:
    state = probed(GOOD, *[TIMEOUT] * 4, GOOD, *[TIMEOUT] * 2)
    seen = provider.evidence(state, 0, 20_000)
    assert (seen.longest_gap_ms, seen.answers, seen.failures, seen.trouble) == (10_000, 2, 6, str(TIMEOUT))
    assert provider.evidence(state, 2_000, 14_000).longest_gap_ms == 8_000


def test_stalls_count_from_the_windows_beginning_to_its_end() -> None:
    heads = (0, 1, 1, 1, 2, 3, 3)
    state = probed(*(GOOD._replace(head=HEAD + n) for n in heads))
    assert provider.evidence(state, 0, 12_000).longest_stall_ms == 6_000
    assert provider.evidence(state, 8_000, 20_000).longest_stall_ms == 10_000
    assert provider.evidence(state, 4_000, 6_000).longest_stall_ms == 2_000


def test_silence_is_no_evidence() -> None:
    seen = provider.evidence(probed(GOOD, *[TIMEOUT] * 10), 4_000, 20_000)
    assert (seen.answers, seen.failures, seen.head_last, seen.longest_gap_ms) == (0, 9, 0, 16_000)


def test_old_samples_are_let_go() -> None:
    watched = Watched(Truth(), THREE)
    for _ in replay(watched, for_s=600):
        pass
    assert {len(p.history) for p in watched.state.providers} == {1 + 2 * POLICY.window_ms // 2_000}


# -- what is signed ----------------------------------------------------------------------------------------------------


def test_who_may_not_sign_is_told_why() -> None:
    three = tuple(Provider(f"{name}-1", name, "http://x.example") for name in THREE)
    assert certify.refusal(Chain(POLICY, three), KEYS[0]) == ""
    assert "no observer key" in certify.refusal(Chain(POLICY, three), None)
    assert f"{ADDRESSES[5]} is not one of the chain's observers" in certify.refusal(Chain(POLICY, three), KEYS[5])
    assert "no observers are configured" in certify.refusal(Chain(policy(observers=(), threshold=0), three), KEYS[0])
    assert "1 independent operators are configured" in certify.refusal(Chain(POLICY, three[:1]), KEYS[0])


def seen_by(observer: int, halts: tuple[tuple[float, float], ...], for_s: float, last: Certificate | None) -> Observation | str:
    """What an observer with operators of its own would sign at the end."""
    watched = Watched(Truth(halts=halts), {f"{name}{observer}": honest for name in THREE})
    for _ in replay(watched, for_s=for_s):
        pass
    return certify.observation(watched.state, KEYS[observer], last)


def certified(kind: Any, observations: list[Observation | str], now_ms: int, under: Policy = POLICY) -> Certificate:
    assert all(isinstance(o, Observation) for o in observations), observations
    certificate = assemble(kind, [o for o in observations if isinstance(o, Observation)], under, now_ms)
    assert isinstance(certificate, Certificate), certificate
    return certificate


def test_a_halt_and_its_recovery_are_signed_each_in_its_time() -> None:
    halts = ((60.0, 200.0),)
    assert seen_by(0, halts, 60 + WINDOW_S, None) == "nothing to certify: degraded"
    halt = certified("halt", [seen_by(n, halts, 62 + WINDOW_S + INTERVAL_S, None) for n in (0, 1)], NOW_MS + 95_000)
    assert halt_of(halt).highest_head == HEAD + 124
    assert seen_by(0, halts, 190, halt) == "not recovered: halted"
    early = seen_by(0, halts, 200 + WINDOW_S - longest_stall_ms(POLICY) / 1000, halt)
    assert isinstance(early, str), "not yet a whole window"
    recovery = certified("recovery", [seen_by(n, halts, 260, halt) for n in (0, 1)], NOW_MS + 260_000)
    assert recovery.observations[0].halt_id == halt_of(halt).id
    assert seen_by(0, halts, 300, recovery) == "nothing to certify: healthy"


def test_a_recovery_waits_until_every_block_seen_at_the_halt_is_final() -> None:
    halts = ((60.0, 200.0),)
    halt = certified("halt", [seen_by(n, halts, 120, None) for n in (0, 1)], NOW_MS + 120_000)
    watched = Watched(Truth(halts=halts, finality_stalls=((60, 1e9),)), {f"{name}0": honest for name in THREE})
    for _ in replay(watched, for_s=400):
        pass
    why = certify.observation(watched.state, KEYS[0], halt)
    assert isinstance(why, str)
    assert "finalized is" in why


@pytest.mark.parametrize("last_s", [230, 238])
def test_no_recovery_is_signed_of_a_chain_whose_finality_froze(last_s: float) -> None:
    """It jumped beyond every block seen at the halt, and stopped; less than `finality_blocks` ago."""
    patient = policy(slot_ms=400, finality_blocks=150)
    halt = None
    signed: list[Observation | str] = []
    for kind, until_s in (("halt", 120), ("recovery", 250)):
        signed = []
        for observer in (0, 1):
            truth = Truth(slot_ms=400, halts=((60, 200),), finality_stalls=((60, 222), (last_s, 1e9)))
            watched = Watched(truth, {f"{name}{observer}": honest for name in THREE}, patient)
            for _ in replay(watched, for_s=until_s):
                pass
            signed.append(certify.observation(watched.state, KEYS[observer], halt))
        if kind == "halt":
            halt = certified(kind, signed, NOW_MS + 120_000, patient)
    assert ["final" in str(why) for why in signed if isinstance(why, str)] == [True, True], signed


def test_a_recovery_where_finality_comes_in_steps_waits_for_one() -> None:
    stepwise = policy(finality_blocks=300, finality_step_ms=60_000)
    last, found = None, []
    for kind, until_s in (("halt", 120), ("recovery", 238), ("recovery", 250)):
        signed: list[Observation | str] = []
        for observer in (0, 1):
            watched = Watched(
                Truth(halts=((70, 200),), finality_step_s=60), {f"{name}{observer}": honest for name in THREE}, stepwise
            )
            for _ in replay(watched, for_s=until_s):
                pass
            signed.append(certify.observation(watched.state, KEYS[observer], last))
        found.append([isinstance(o, Observation) for o in signed])
        if kind == "halt":
            last = certified(kind, signed, NOW_MS + until_s * 1_000, stepwise)
    assert found == [[True, True], [False, False], [True, True]]


def test_a_recovery_covers_a_second_halt_that_nobody_certified() -> None:
    halts = ((60.0, 200.0), (220.0, 300.0))
    halt = certified("halt", [seen_by(n, halts, 120, None) for n in (0, 1)], NOW_MS + 120_000)
    recovery = seen_by(0, halts, 400, halt)
    assert isinstance(recovery, Observation)
    assert recovery.halt_id == halt_of(halt).id
    assert recovery.halt_head == halt_of(halt).highest_head + 40


def test_no_wall_time_is_trusted_for_how_long_a_chain_stood_still() -> None:
    """Our wall clock jumps an hour during a normal run."""
    watched = Watched(Truth(), THREE)
    for _ in replay(watched, for_s=20):
        pass
    at_ms = watched.state.at_ms + 2_000
    result = answer(watched.truth)
    samples = {f"{name}-1": Sample(at_ms, NOW_MS + 3_600_000, 50, result) for name in THREE}
    state, _ = chain.step(watched.state, samples, at_ms, NOW_MS + 3_600_000, uplink_down=False)
    assert state.verdict != "halted"
