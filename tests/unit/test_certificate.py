"""What makes a certificate, and above all what does not."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import permutations
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jurymast.certificate import (
    Halt,
    Summary,
    assemble,
    certificate_id,
    checks,
    from_json,
    halt_of,
    halted,
    longest_stall_ms,
    observation_problems,
    observe,
    policy_hash,
    policy_problems,
    recovered,
    to_json,
    verify,
)
from jurymast.errors import Rejected
from jurymast.messages.health import NEVER_MS, Certificate, Evidence, Observation, Policy
from tests.watching import (
    ADDRESSES,
    HALT,
    HEAD,
    KEYS,
    MADE,
    NOW_MS,
    POLICY,
    WINDOW_MS,
    halt_seen,
    moving,
    operators_of,
    policy,
    recovery_seen,
    signed_anew,
    silent,
    still,
)


def made(kind: Any, observations: Sequence[Observation], under: Policy = POLICY, now_ms: int = NOW_MS) -> Certificate:
    certificate = assemble(kind, observations, under, now_ms)
    assert isinstance(certificate, Certificate), certificate
    return certificate


def refused(kind: Any, observations: Sequence[Observation], under: Policy = POLICY, now_ms: int = NOW_MS) -> str:
    why = assemble(kind, observations, under, now_ms)
    assert isinstance(why, str), "this must not be certified"
    return why


# -- policies ----------------------------------------------------------------------------------------------------------


def test_the_policy_of_these_tests_is_in_order() -> None:
    assert policy_problems(POLICY) == []


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"application": b""}, "application"),
        ({"interval_ms": 0}, "interval_s"),
        ({"timeout_ms": 2_001}, "timeout_s"),
        ({"timeout_ms": 0}, "timeout_s"),
        ({"window_ms": 29_000}, "window_s"),
        ({"window_ms": 10_000, "max_skew_ms": 4_000, "lag_blocks": 4}, "window_s"),
        ({"lag_blocks": 25}, "lag_blocks"),
        ({"finality_step_ms": 20_001}, "finality_step_s"),
        ({"slot_ms": 3_001}, "window_s"),
        ({"max_skew_ms": 3_999}, "max_skew_s"),
        ({"max_skew_ms": 30_000}, "max_skew_s"),
        ({"max_age_ms": 9_000}, "max_age_s"),
        ({"observers": (), "threshold": 1}, "observers"),
        ({"observers": (ADDRESSES[0], ADDRESSES[0])}, "observers"),
        ({"observers": (ADDRESSES[0].lower(), ADDRESSES[1])}, "observers"),
        ({"observers": ("0x" + "aB" * 20,), "threshold": 1}, "observers"),
        ({"threshold": 4}, "threshold"),
        ({"threshold": 1}, "threshold"),
        ({"threshold": 0}, "threshold"),
        ({"observers": ADDRESSES[:1], "threshold": 1, "quorum": 1}, "quorum"),
    ],
)
def test_a_policy_that_cannot_work_names_the_setting(changed: dict[str, Any], key: str) -> None:
    assert key in [problem.partition(":")[0] for problem in policy_problems(policy(**changed))]


def test_where_blocks_are_far_apart_some_of_them_may_be_late() -> None:
    assert longest_stall_ms(POLICY) == 6_000, "what a failed answer hides"
    assert longest_stall_ms(policy(slot_ms=3_000)) == 15_000


def test_the_shortest_window_is_twice_what_may_pass_without_an_answer() -> None:
    assert policy_problems(policy(window_ms=12_000, lag_blocks=6)) == []


def test_a_single_observer_is_possible_with_a_quorum_of_operators_only() -> None:
    alone = policy(observers=ADDRESSES[:1], threshold=1)
    assert policy_problems(alone) == []
    made("halt", [halt_seen(0, alone)], alone)


def test_every_setting_is_part_of_the_hash() -> None:
    changed: dict[str, Any] = {
        "application": b"\1" * 32,
        "chain": "x",
        "family": "evm",
        "chain_id": "x",
        "observers": ADDRESSES[:2],
    }
    hashes = {
        policy_hash(policy(**{name: changed.get(name, getattr(POLICY, name) if name in changed else getattr(POLICY, name) + 1)}))
        for name in POLICY.__struct_fields__
    }
    assert len(hashes) == len(POLICY.__struct_fields__)
    assert policy_hash(POLICY) not in hashes


# -- what evidence shows -----------------------------------------------------------------------------------------------

A, B, C, D = "acme", "bolt", "core", "dawn"


def test_a_halt_is_a_quorum_that_answers_and_has_no_new_block() -> None:
    summary = halted([still(A), still(B, HEAD - 3), silent(C)], POLICY)
    assert not isinstance(summary, str)
    assert summary.operators == (A, B)
    assert summary.head_last == HEAD - 3, "the highest that a quorum reaches"
    assert summary.highest_head == HEAD, "the highest that anybody saw"


@pytest.mark.parametrize(
    "evidence",
    [
        [moving(A), moving(B), moving(C)],
        [still(A), silent(B), silent(C)],
        [silent(A), silent(B), silent(C)],
        [still(A), still(A, provider="acme-2"), silent(B)],
        [still(A), still(B, HEAD - 11), silent(C)],
        [still(A), still(B, longest_gap_ms=6_001)],
        [still(A), still(B, head_highest=HEAD + 1)],
        [still(A), still(B, head_last=HEAD - 11)],
        [still(A), still(B, answers=0)],
        [still(A), moving(A, provider="acme-2"), still(B)],
        [],
    ],
    ids=["producing", "one", "silence", "one operator", "far apart", "uncovered", "rose", "fell", "mute", "two minds", "nothing"],
)
def test_anything_less_is_no_halt(evidence: list[Evidence]) -> None:
    assert isinstance(halted(evidence, POLICY), str)


def test_answers_that_go_back_and_forth_between_nodes_are_no_new_blocks() -> None:
    summary = halted([still(A, head_last=HEAD - 10), still(B, HEAD + 5, head_last=HEAD + 4)], POLICY)
    assert not isinstance(summary, str)
    assert summary.head_last == HEAD
    behind = {"head_first": HEAD + 170, "head_last": HEAD + 190, "finalized_first": HEAD + 138}
    assert not isinstance(recovered([moving(o, HEAD + 200, **behind) for o in (A, B)], POLICY, HEAD), str)


def test_one_who_invents_blocks_neither_blocks_a_halt_nor_shows_in_it() -> None:
    summary = halted([still(A), still(B), moving(C, 10**12, 10**6)], POLICY)
    assert not isinstance(summary, str)
    assert (summary.head_last, summary.highest_head, summary.operators) == (HEAD, HEAD, (A, B))


def test_who_only_catches_up_does_not_speak_against_a_halt() -> None:
    evidence = [still(A), still(B), still(C), moving(D, HEAD - 50), moving("east", HEAD - 50)]
    assert not isinstance(halted(evidence, policy(quorum=3)), str)


@pytest.mark.parametrize(("quorum", "operators"), [(1, 2), (1, 5), (2, 4), (2, 5), (3, 6)])
def test_a_quorum_that_is_no_majority_of_the_operators_shows_nothing(quorum: int, operators: int) -> None:
    """Or a minority could make a halt of a chain that is well; and whoever verifies it sees that too."""
    names = [f"op{number}" for number in range(operators)]
    under = policy(quorum=quorum)
    said = f"{quorum} of {operators} independent operators are no majority: at most {2 * quorum - 1} fit the policy's quorum"
    assert halted([still(name) for name in names], under) == said
    assert recovered([moving(name, HEAD + 200) for name in names], under, HEAD) == said
    assert isinstance(halted([still(name) for name in names[1:]], under), str) is (2 * quorum <= operators - 1)
    honest = halt_seen(0, policy(quorum=2))
    more = signed_anew(honest, KEYS[0], evidence=(*honest.evidence, still("one"), still("two")))
    assert "no majority" in " ".join(observation_problems(more, POLICY))


def test_a_block_that_only_one_saw_counts_as_seen_when_it_is_near() -> None:
    near = halted([still(A), still(B), still(C, tip_highest=HEAD + 10)], POLICY)
    far = halted([still(A), still(B), still(C, tip_highest=HEAD + 11)], POLICY)
    assert not isinstance(near, str)
    assert not isinstance(far, str)
    assert (near.highest_head, far.highest_head) == (HEAD + 10, HEAD)


def test_blocks_that_a_quorum_saw_count_as_seen_however_far_they_are_above_what_was_confirmed() -> None:
    ahead = halted([still(A, tip_highest=HEAD + 200), still(B, tip_highest=HEAD + 205), still(C)], POLICY)
    one = halted([still(A, tip_highest=HEAD + 200), still(B), still(C)], POLICY)
    assert not isinstance(ahead, str)
    assert not isinstance(one, str)
    assert (ahead.head_last, ahead.highest_head, one.highest_head) == (HEAD, HEAD + 205, HEAD)


def test_a_recovery_is_a_quorum_that_produces_and_finalizes_at_normal_speed() -> None:
    summary = recovered([moving(A, HEAD + 200), moving(B, HEAD + 198), silent(C)], POLICY, HEAD)
    assert not isinstance(summary, str)
    assert (summary.head_last, summary.finalized_last) == (HEAD + 198, HEAD + 166)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"head_first": HEAD + 200 - MADE // 2 + 1}, "new blocks, normal are 60"),
        ({"head_first": HEAD + 200}, "0 new blocks"),
        ({"head_last": HEAD + 189}, "it fell back by 11 blocks"),
        ({"head_first": HEAD + 300}, "-100 new blocks"),
        ({"finalized_last": HEAD + 159}, "finalized is 41 blocks behind"),
        ({"finalized_first": HEAD + 99}, "finalized is 41 blocks behind"),
        ({"finalized_first": HEAD + 168 - MADE // 2 + 1}, "29 blocks were finalized, at least 30 are normal"),
        ({"finalized_first": HEAD + 169}, "-1 blocks were finalized"),
        ({"finalized_age_ms": 6_001}, "nothing became final for 6.001 s"),
        ({"finalized_age_ms": NEVER_MS}, "nothing became final while it was watched"),
        ({"clock_ms": NOW_MS - 1_800_000}, "clock is 1800 s behind"),
        ({"clock_ms": NOW_MS + 61_000}, "clock is -61 s behind"),
        ({"longest_gap_ms": 6_001}, "no answer for 6.001 s"),
        ({"longest_stall_ms": 6_001}, "no new block for 6.001 s"),
        ({"answers": 0}, "no answer"),
    ],
)
def test_anything_less_is_no_recovery(changed: dict[str, Any], why: str) -> None:
    evidence = [moving(A, HEAD + 200), moving(B, HEAD + 200, **changed), silent(C)]
    said = recovered(evidence, POLICY, HEAD)
    assert isinstance(said, str)
    assert why in said


def test_a_recovery_of_a_chain_that_takes_its_time_to_finalize_shows_that_all_the_same() -> None:
    """Solana's numbers: fewer blocks in a window than finality may be behind."""
    slowly = policy(slot_ms=400, finality_blocks=150)
    frozen = [moving(o, HEAD + 200, 75, finalized_first=HEAD + 60, finalized_last=HEAD + 60) for o in (A, B, C)]
    assert "0 blocks were finalized, at least 37 are normal" in str(recovered(frozen, slowly, HEAD))


@pytest.mark.parametrize(
    ("step_ms", "finalized", "age_ms", "why"),
    [
        (20_000, 10, 20_000, ""),
        (20_000, 9, 20_000, "9 blocks were finalized, at least 10 are normal"),
        (20_000, 10, 20_001, "nothing became final for 20.001 s"),
        (900_000, 0, 900_000, ""),
        (900_000, -1, 900_000, "-1 blocks were finalized, at least 0 are normal"),
        (900_000, 0, 900_001, "nothing became final for 900.001 s"),
        (900_000, 0, NEVER_MS, "nothing became final while it was watched"),
    ],
)
def test_where_finality_comes_in_steps_the_last_was_no_longer_ago_than_one(
    step_ms: int, finalized: int, age_ms: int, why: str
) -> None:
    stepwise = policy(finality_step_ms=step_ms, finality_blocks=1_800)
    assert policy_problems(stepwise) == []
    seen = {"finalized_first": HEAD + 50 - finalized, "finalized_last": HEAD + 50, "finalized_age_ms": age_ms}
    said = recovered([moving(o, HEAD + 200, **seen) for o in (A, B)], stepwise, HEAD)
    assert isinstance(said, str) is bool(why)
    assert why in str(said)


def test_operators_that_see_different_chains_show_no_recovery() -> None:
    assert not isinstance(recovered([moving(A, HEAD + 200), moving(B, HEAD + 210)], POLICY, HEAD), str)
    assert isinstance(recovered([moving(A, HEAD + 200), moving(B, HEAD + 211)], POLICY, HEAD), str)


def test_of_two_groups_of_operators_that_are_as_large_the_higher_one_counts() -> None:
    summary = halted([still(A, HEAD - 20), still(B, HEAD - 10), still(C)], POLICY)
    assert not isinstance(summary, str)
    assert (summary.operators, summary.head_last) == ((B, C), HEAD - 10)


def test_providers_that_show_nothing_themselves_add_nothing_to_what_their_operators_show() -> None:
    """Of each operator one provider is in order, and another one, of which more is told, is not."""
    flaw = {"longest_gap_ms": 9_000}
    halt = halted([e for o in (A, B) for e in (still(o), still(o, HEAD + 5, provider=f"{o}-2", **flaw))], POLICY)
    assert not isinstance(halt, str)
    assert (halt.head_last, halt.finalized_last) == (HEAD, HEAD - 32)
    pairs = [(moving(o, HEAD + 200), moving(o, HEAD + 205, provider=f"{o}-2", **flaw)) for o in (A, B)]
    recovery = recovered([e for pair in pairs for e in pair], POLICY, HEAD)
    assert not isinstance(recovery, str)
    assert (recovery.head_last, recovery.finalized_last) == (HEAD + 200, HEAD + 168)


def test_who_did_not_answer_does_not_speak_against_a_halt() -> None:
    mute = moving(A, provider="acme-2", answers=0)
    assert not isinstance(halted([still(A), mute, still(B)], POLICY), str)


def test_a_chain_that_makes_nothing_has_not_recovered_however_slow_it_may_be() -> None:
    slowest = policy(speed_percent=1)
    stuck = [still(o, HEAD + 200, longest_stall_ms=0, clock_ms=NOW_MS, finalized_age_ms=0) for o in (A, B)]
    assert "0 new blocks, normal are 60" in str(recovered(stuck, slowest, HEAD))


def test_a_recovery_has_finalized_every_block_seen_at_the_halt() -> None:
    evidence = [moving(A, HEAD + 200), moving(B, HEAD + 200)]
    assert not isinstance(recovered(evidence, POLICY, HEAD + 167), str)
    why = recovered(evidence, POLICY, HEAD + 168)
    assert isinstance(why, str)
    assert "finalized 1168 is not above 1168, the highest block seen at the halt" in why


HEADS = st.integers(0, 2_000)
ANYTHING = st.builds(
    still,
    st.sampled_from(["acme", "bolt", "core"]),
    HEADS,
    head_first=HEADS,
    head_last=HEADS,
    head_highest=HEADS,
    finalized_first=HEADS,
    finalized_last=HEADS,
    longest_gap_ms=st.sampled_from([2_000, 6_000, 9_000]),
    longest_stall_ms=st.sampled_from([2_000, 30_000]),
    answers=st.sampled_from([0, 16]),
)


def majority_of(operators: int) -> Policy:
    return policy(quorum=operators // 2 + 1)


HONEST = st.lists(st.integers(HEAD - 10, HEAD), min_size=2, max_size=5).map(
    lambda heads: [still(f"honest{n}", head) for n, head in enumerate(heads)]
)
LIE = st.builds(
    moving,
    st.just("liar"),
    st.integers(0, 10**15),
    st.just(0),
    head_first=st.integers(0, 10**15),
    head_highest=st.integers(0, 10**15),
    tip_highest=st.integers(0, 10**15),
    finalized_first=st.integers(0, 10**15),
    finalized_last=st.integers(0, 10**15),
)


@given(HONEST, LIE)
def test_no_lie_of_one_operator_undoes_a_halt_or_moves_it(honest: list[Evidence], lie: Evidence) -> None:
    under = majority_of(len(honest) + 1)
    before, after = halted(honest, under), halted([*honest, lie], under)
    assert not isinstance(before, str)
    assert not isinstance(after, str)
    assert abs(after.head_last - before.head_last) <= POLICY.lag_blocks
    assert after.highest_head <= HEAD + POLICY.lag_blocks
    assert isinstance(recovered([*honest, lie], under, 0), str)


@given(st.lists(st.integers(HEAD, HEAD + 10), min_size=2, max_size=5), LIE)
def test_no_lie_of_one_operator_makes_a_halt_of_a_chain_that_is_well(heads: list[int], lie: Evidence) -> None:
    honest = [moving(f"honest{n}", head) for n, head in enumerate(heads)]
    under = majority_of(len(honest) + 1)
    assert isinstance(halted([*honest, lie], under), str)
    assert not isinstance(recovered([*honest, lie], under, 0), str)


@given(st.lists(ANYTHING, max_size=8))
def test_nothing_is_halted_and_recovered_through_one_quorum(evidence: list[Evidence]) -> None:
    halt, recovery = halted(evidence, POLICY), recovered(evidence, POLICY, 0)
    if not isinstance(halt, str) and not isinstance(recovery, str):
        assert not set(halt.operators) & set(recovery.operators)


@given(st.lists(ANYTHING, max_size=8), st.randoms())
def test_the_order_of_evidence_does_not_matter(evidence: list[Evidence], random: Any) -> None:
    shuffled = random.sample(evidence, len(evidence))
    assert same(halted(evidence, POLICY), halted(shuffled, POLICY))
    assert same(recovered(evidence, POLICY, 0), recovered(shuffled, POLICY, 0))


def same(one: Summary | str, two: Summary | str) -> bool:
    """Reasons may name others first."""
    return one == two or (isinstance(one, str) and isinstance(two, str))


@given(st.lists(ANYTHING, max_size=8))
def test_more_silence_makes_no_halt(evidence: list[Evidence]) -> None:
    """Who falls silent can take a halt away, and never adds one; but for those who saw newer blocks."""
    if isinstance(halted(evidence, POLICY), str):
        calm = [e for e in evidence if e.head_highest <= e.head_first]
        for gone in calm:
            rest = [silent(e.operator) if e is gone else e for e in evidence]
            if not isinstance(halted(rest, POLICY), str):
                assert gone.head_first != gone.head_last or gone.operator in {e.operator for e in evidence if e is not gone}


# -- certificates that hold --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "seen"), [("halt", halt_seen), ("recovery", recovery_seen)])
def test_enough_observers_make_a_certificate_that_verifies(kind: Any, seen: Any) -> None:
    certificate = made(kind, [seen(0), seen(1), seen(2)])
    assert len(certificate.observations) == POLICY.threshold
    assert verify(certificate, POLICY) == []
    assert verify(certificate, POLICY, NOW_MS) == []
    assert all(not check.problem for check in checks(certificate, POLICY))


def test_whoever_assembles_it_from_the_same_observations_makes_the_same() -> None:
    seen = [halt_seen(0), halt_seen(1)]
    ids = {certificate_id(made("halt", order)) for order in permutations(seen)}
    assert len(ids) == 1
    assert certificate_id(made("halt", [halt_seen(0), halt_seen(2)])) not in ids


def test_the_newest_observations_come_first() -> None:
    certificate = made("halt", [halt_seen(0), halt_seen(1, to_ms=NOW_MS - 9_000), halt_seen(2, to_ms=NOW_MS - 1_000)])
    assert [o.observer for o in certificate.observations] == [ADDRESSES[0], ADDRESSES[2]]


def test_of_one_observer_only_the_newest_counts() -> None:
    why = refused("halt", [halt_seen(0), halt_seen(0, to_ms=NOW_MS - 2_000)])
    assert why == "1 of 2 observers needed"


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 1, 2, 5]), st.integers(-70_000, 12_000), st.sampled_from([HEAD, HEAD + 50])), max_size=4
    )
)
def test_what_others_add_never_takes_a_certificate_away(more: list[tuple[int, int, int]]) -> None:
    """Whatever they sign, as long as the two themselves sign nothing newer."""
    added = [halt_seen(n, to_ms=NOW_MS + min(shift, -1) if n in (0, 1) else NOW_MS + shift, head=head) for n, shift, head in more]
    certificate = made("halt", [halt_seen(0), halt_seen(1), *added])
    assert verify(certificate, POLICY, NOW_MS) == []


def test_what_a_recovery_refers_to() -> None:
    certificate = made("halt", [halt_seen(0), halt_seen(1, head=HEAD + 5)])
    halt = halt_of(certificate)
    assert halt == Halt(certificate_id(certificate), HEAD + 5)
    assert made("recovery", [recovery_seen(n, halt=halt) for n in (0, 1)]).observations[0].halt_head == HEAD + 5


# -- those that do not -------------------------------------------------------------------------------------------------


def test_one_monitor_alone_certifies_nothing_whatever_it_signs() -> None:
    """With all keys but its own unknown to it, it can only repeat itself."""
    own = halt_seen(0)
    others = [
        replace(own, observer=ADDRESSES[1]),
        signed_anew(own, KEYS[0], to_ms=NOW_MS - 1, from_ms=NOW_MS - 1 - WINDOW_MS),
        signed_anew(replace(own, evidence=halt_seen(1).evidence), KEYS[3]),
    ]
    for other in others:
        assert "1 of 2 observers needed" in refused("halt", [own, other])
        forged = Certificate(chain="solana", kind="halt", policy=POLICY, observations=(own, other))
        assert verify(forged, POLICY) != []


FLAWS: list[tuple[dict[str, Any], str]] = [
    ({"chain": "other"}, "is about other"),
    ({"chain_id": "other"}, "is about solana (other)"),
    ({"policy_hash": bytes(32)}, "made under another policy"),
    ({"from_ms": NOW_MS - WINDOW_MS + 1}, "covers 29.999 s, the policy asks for 30 s"),
    ({"head_last": HEAD + 1}, "head_last are not what its evidence says"),
    ({"highest_head": HEAD - 1}, "highest_head are not what"),
    ({"halt_head": 1}, "names the halt"),
    ({"halt_id": bytes(32)}, "names the halt"),
    ({"evidence": ()}, "does not show a halt"),
    ({"evidence": (still("acme0"), silent("bolt0"))}, "does not show a halt: 1 of 2 operators"),
    ({"evidence": tuple(moving(o) for o in operators_of(0))}, "does not show a halt"),
    ({"evidence": (still("acme0"), still("bolt0"), still("bolt0"))}, "provider bolt0-1 stands in it twice"),
    ({"kind": "recovery"}, "does not show a recovery"),
]


@pytest.mark.parametrize(("changed", "why"), FLAWS)
def test_a_dishonest_observer_gains_nothing_by_signing_what_its_evidence_does_not_show(changed: dict[str, Any], why: str) -> None:
    lie = signed_anew(halt_seen(0), KEYS[0], **changed)
    assert why in " ".join(observation_problems(lie, POLICY))
    assert "1 of 2 observers needed" in refused("halt", [lie, halt_seen(1)])
    forged = Certificate(chain="solana", kind="halt", policy=POLICY, observations=(lie, halt_seen(1)))
    assert why in " ".join(verify(forged, POLICY))


@pytest.mark.parametrize("field", [f for f in Observation.__struct_fields__ if f != "signature"])
def test_everything_in_an_observation_is_signed(field: str) -> None:
    honest = recovery_seen(0)
    value = getattr(honest, field)
    other: Any = value + 1 if isinstance(value, int) else value[:-1] if field != "kind" else "halt"
    if field == "observer":
        other = ADDRESSES[1]
    if field == "policy_hash":
        other = bytes(32)
    problems = " ".join(observation_problems(replace(honest, **{field: other}), POLICY))
    assert "is signed by" in problems


@pytest.mark.parametrize("field", Evidence.__struct_fields__)
def test_everything_in_its_evidence_is_signed(field: str) -> None:
    honest = halt_seen(0)
    value = getattr(honest.evidence[0], field)
    changed = replace(honest.evidence[0], **{field: value + (1 if isinstance(value, int) else "x")})
    forged = replace(honest, evidence=(changed, *honest.evidence[1:]))
    assert "is signed by" in " ".join(observation_problems(forged, POLICY))


@pytest.mark.parametrize("signature", [b"", bytes(65), b"\1" * 64 + b"\x1b"])
def test_a_signature_that_is_none(signature: bytes) -> None:
    problems = " ".join(observation_problems(replace(halt_seen(0), signature=signature), POLICY))
    assert "its signature is none" in problems or "is signed by" in problems


def test_a_stranger_is_no_observer() -> None:
    assert "the observer is not one of the policy" in refused("halt", [halt_seen(0), halt_seen(5)])


@pytest.mark.parametrize(
    ("to_ms", "why"),
    [
        (NOW_MS - 60_001, "is 60 s old, at most 60 s are allowed"),
        (NOW_MS + 10_001, "ends 10 s in the future"),
    ],
)
def test_stale_and_future_observations(to_ms: int, why: str) -> None:
    seen = [halt_seen(0, to_ms=to_ms), halt_seen(1, to_ms=to_ms)]
    assert why in refused("halt", seen)
    certificate = Certificate(chain="solana", kind="halt", policy=POLICY, observations=tuple(seen))
    assert why in " ".join(verify(certificate, POLICY, NOW_MS))
    assert verify(certificate, POLICY) == [], "offline, later, age is no flaw"


def test_an_observation_for_another_chain_application_or_policy_cannot_be_replayed() -> None:
    for other in (
        policy(chain="arbitrum", chain_id="42161"),
        policy(chain_id="devnet"),
        policy(application=b"\1" * 32),
        policy(quorum=3),
        policy(window_ms=60_000),
    ):
        seen = [halt_seen(0, other), halt_seen(1, other)]
        made("halt", seen, other)
        assert "0 of 2 observers needed" in refused("halt", seen, POLICY)
        assert verify(made("halt", seen, other), POLICY) != []


def test_a_weaker_policy_of_the_certificates_own_is_not_believed() -> None:
    weak = policy(observers=ADDRESSES[5:6], threshold=1)
    certificate = made("halt", [halt_seen(5, weak)], weak)
    assert verify(certificate, weak) == []
    assert "policy: the certificate's differs in observers, threshold" in verify(certificate, POLICY)


def test_two_observers_that_share_an_operator_count_once() -> None:
    shared = observe("halt", [still("acme0"), still("bolt1"), still("core1")], POLICY, KEYS[1], NOW_MS)
    assert isinstance(shared, Observation)
    why = refused("halt", [halt_seen(0), shared])
    assert f"{ADDRESSES[0]} and {ADDRESSES[1]} share acme0" in why
    made("halt", [halt_seen(0), shared, halt_seen(2)]), "a third one that is independent makes up for it"
    forged = Certificate(chain="solana", kind="halt", policy=POLICY, observations=(halt_seen(0), shared))
    assert any("share acme0" in problem for problem in verify(forged, POLICY))


def test_an_operator_that_said_nothing_is_shared_too() -> None:
    shared = observe("halt", [silent("acme0"), still("bolt1"), still("core1")], POLICY, KEYS[1], NOW_MS)
    assert isinstance(shared, Observation)
    assert "share acme0" in refused("halt", [halt_seen(0), shared])


def test_windows_that_end_too_far_apart() -> None:
    made("halt", [halt_seen(0), halt_seen(1, to_ms=NOW_MS - 10_000)])
    why = refused("halt", [halt_seen(0), halt_seen(1, to_ms=NOW_MS - 10_001)])
    assert "the windows end 10.001 s apart, 10 s are allowed" in why


def test_observers_that_see_different_chains() -> None:
    made("halt", [halt_seen(0), halt_seen(1, head=HEAD + 10)])
    assert "they do not see the same chain" in refused("halt", [halt_seen(0), halt_seen(1, head=HEAD + 11)])


def test_a_chain_that_halted_does_not_move_between_two_windows() -> None:
    later = halt_seen(1, head=HEAD + 11, to_ms=NOW_MS - 2_000)
    assert "they do not see the same chain" in refused("halt", [halt_seen(0), later])


def test_a_longer_window_is_one_too() -> None:
    longer = signed_anew(halt_seen(0), KEYS[0], from_ms=NOW_MS - WINDOW_MS - 1)
    assert observation_problems(longer, POLICY) == []


def test_a_chain_that_recovers_moves_between_two_windows() -> None:
    later = recovery_seen(1, head=HEAD + 214, to_ms=NOW_MS + 2_000)
    made("recovery", [recovery_seen(0), later])
    too_far = recovery_seen(1, head=HEAD + 215, to_ms=NOW_MS + 2_000)
    assert "they do not see the same chain" in refused("recovery", [recovery_seen(0), too_far])


def test_a_recovery_of_another_halt() -> None:
    other = recovery_seen(1, halt=Halt(b"\x78" * 32, HEAD))
    assert "end different halts" in refused("recovery", [recovery_seen(0), other])


def test_the_highest_block_that_any_observer_saw_at_the_halt_must_be_final() -> None:
    saw_more = recovery_seen(1, head=HEAD + 209, halt=Halt(HALT.id, HEAD + 170))
    why = refused("recovery", [recovery_seen(0), saw_more])
    assert "finalized 1168 is not above 1170, the highest block seen at the halt" in why


def test_halts_do_not_make_recoveries() -> None:
    assert refused("recovery", [halt_seen(0), halt_seen(1)]) == "0 of 2 observers needed"
    mixed = Certificate(chain="solana", kind="recovery", policy=POLICY, observations=(halt_seen(0), halt_seen(1)))
    assert "is about a halt, the certificate about a recovery" in " ".join(verify(mixed, POLICY))


def test_fewer_doubled_and_no_observations() -> None:
    seen = halt_seen(0)
    for observations in ((), (seen,), (seen, seen)):
        certificate = Certificate(chain="solana", kind="halt", policy=POLICY, observations=observations)
        assert any(problem.startswith("observers:") for problem in verify(certificate, POLICY))


def test_one_observer_that_signs_twice_through_different_operators() -> None:
    again = observe("halt", [still(o) for o in operators_of(2)], POLICY, KEYS[0], NOW_MS)
    assert isinstance(again, Observation)
    doubled = Certificate(chain="solana", kind="halt", policy=POLICY, observations=(halt_seen(0), again, halt_seen(1)))
    assert verify(doubled, POLICY) == ["observers: one of them stands in it twice"]


def test_a_chain_that_is_only_watched_is_never_certified() -> None:
    watched = policy(observers=(), threshold=0)
    assert "never certified" in refused("halt", [], watched)
    empty = Certificate(chain="solana", kind="halt", policy=watched, observations=())
    assert verify(empty, watched) != []


def test_a_policy_that_cannot_work_verifies_nothing() -> None:
    broken = policy(application=b"", observers=("0x" + "aB" * 20, ADDRESSES[1], ADDRESSES[2]))
    certificate = Certificate(chain="solana", kind="halt", policy=broken, observations=(halt_seen(0), halt_seen(1)))
    assert verify(certificate, broken)[0].startswith("policy: application: 32 bytes; observers:")


def test_too_few_operators_make_no_observation_rather_than_a_weaker_one() -> None:
    assert observe("halt", [still("acme")], POLICY, KEYS[0], NOW_MS) == (
        "1 of 2 operators needed answer all the time, agree and have no new block"
    )


# -- files -------------------------------------------------------------------------------------------------------------


def test_a_file_holds_all_of_it() -> None:
    certificate = made("recovery", [recovery_seen(0), recovery_seen(1)])
    text = to_json(certificate)
    assert from_json(text) == certificate
    assert json.loads(text)["observations"][0]["halt_id"] == "0x" + "77" * 32


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"{}", "missing required field"),
        (b"<html>", "malformed"),
        (b"\xff\xfe", "not a certificate"),
        (b"[" * 100_000, "not a certificate"),
    ],
)
def test_a_file_that_is_none(text: bytes, why: str) -> None:
    with pytest.raises(Rejected, match=why):
        from_json(text)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("policy", "application"), "zz"),
        (("policy", "application"), "0xzz"),
        (("policy", "application"), 5),
        (("policy", "quorum"), 0),
        (("policy", "slot_ms"), 0),
        (("kind",), "pause"),
        (("observations", 0, "to_ms"), -1),
        (("observations", 0, "to_ms"), 1 << 63),
        (("observations", 0, "observer"), "me"),
        (("observations", 0, "evidence", 0, "operator"), "Acme"),
    ],
)
def test_a_file_with_one_wrong_value(path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(to_json(made("halt", [halt_seen(0), halt_seen(1)])))
    node = document
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    with pytest.raises(Rejected, match="this is not a certificate"):
        from_json(msgspec.json.encode(document))
