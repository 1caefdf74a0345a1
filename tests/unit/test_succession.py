"""Which of the stored certificates count, whatever an observer that was taken over stores between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from jurymast.certificate import Standing, advance, assemble, certificate_id, ending_problem, halt_of, succession_problems
from jurymast.health_monitor.decide.certify import named
from jurymast.messages.health import Certificate, Observation
from tests.watching import ADDRESSES, HEAD, KEYS, NOW_MS, POLICY, halt_seen, policy, recovery_seen, signed_anew

MOST = (1 << 63) - 1


def made(kind: Any, observations: Sequence[Observation], to_ms: int) -> Certificate:
    certificate = assemble(kind, observations, POLICY, to_ms)
    assert isinstance(certificate, Certificate), certificate
    return certificate


R_MS, H2_MS = NOW_MS + 40_000, NOW_MS + 55_000
H1 = made("halt", [halt_seen(n) for n in (0, 1)], NOW_MS)
R1 = made("recovery", [recovery_seen(n, to_ms=R_MS, halt=halt_of(H1)) for n in (0, 1)], R_MS)
H2 = made("halt", [halt_seen(n, to_ms=H2_MS, head=HEAD + 300) for n in (0, 1)], H2_MS)
HONEST = [(H1, NOW_MS + 500), (R1, R_MS + 500), (H2, H2_MS + 500)]

WEAK = policy(observers=ADDRESSES[5:6], threshold=1)
FORGED_HALT = replace(H1, policy=WEAK, observations=(halt_seen(5, WEAK),))
ALONE = replace(H1, observations=(H1.observations[0], signed_anew(H1.observations[1], KEYS[0])))
BORROWED = replace(H1, observations=tuple(replace(o, observer=ADDRESSES[n + 1]) for n, o in enumerate(H1.observations)))
FORGED_RECOVERY = replace(R1, observations=(R1.observations[0], signed_anew(R1.observations[1], KEYS[5])))
OTHER_CHAIN = replace(H1, chain="arbitrum")
EMPTY = replace(H1, observations=())
OLD_POLICY = policy(lag_blocks=POLICY.lag_blocks + 1)
OLDER = replace(H1, policy=OLD_POLICY, observations=tuple(halt_seen(n, OLD_POLICY) for n in (0, 1)))
HOSTILE = [None, FORGED_HALT, ALONE, BORROWED, FORGED_RECOVERY, OTHER_CHAIN, EMPTY, OLDER]


def after(*stored: tuple[Certificate | None, int]) -> Standing:
    standing = Standing()
    for sequence, (certificate, stored_ms) in enumerate(stored, 1):
        standing = advance(standing, certificate, POLICY, sequence, stored_ms)
    return standing


def test_halts_and_recoveries_follow_each_other() -> None:
    assert [after(*HONEST[:n]) for n in range(4)] == [Standing(), Standing(1, 1, H1), Standing(2, 2, R1), Standing(3, 3, H2)]


@given(st.lists(st.lists(st.sampled_from([*HOSTILE, H1, R1, H2]), max_size=4), min_size=3, max_size=3))
def test_what_a_hostile_observer_stores_after_what_counts_changes_nothing(between: list[list[Certificate | None]]) -> None:
    """Replays of valid ones included, from the moment on from which it can have them."""
    stored: list[tuple[Certificate | None, int]] = []
    for number, (honest, at_ms) in enumerate(HONEST):
        stored.append((honest, at_ms))
        known = [*HOSTILE, *(certificate for certificate, _ in HONEST[: number + 1])]
        stored += [(one, at_ms + 100) for one in between[number] if one in known]
    standing = after(*stored)
    assert standing.certificate == H2
    assert standing.stored == len(stored)
    assert stored[standing.counted - 1][0] == H2
    assert standing.ignored == len(stored) - standing.counted


@pytest.mark.parametrize(
    ("certificate", "last", "stored_ms", "why"),
    [
        (FORGED_HALT, None, NOW_MS, "the certificate's differs in observers, threshold"),
        (OLDER, None, NOW_MS, "the certificate's differs in lag_blocks"),
        (OTHER_CHAIN, None, NOW_MS, "chain: the policy is about solana, the certificate about arbitrum"),
        (EMPTY, None, NOW_MS, "observers: 0 different ones, 2 needed"),
        (R1, None, R_MS, "after none only a halt can follow"),
        (H1, H1, NOW_MS, "after a halt only a recovery can follow"),
        (R1, R1, R_MS, "after a recovery only a halt can follow"),
        (H1, R1, NOW_MS + 46_000, "its windows end no later than those of the certificate before"),
        (R1, H2, H2_MS, "its windows end no later than those of the certificate before"),
        (H1, None, NOW_MS + 60_001, "is 60 s old, at most 60 s are allowed"),
        (H1, None, NOW_MS - 10_001, "ends 10 s in the future"),
    ],
)
def test_why_one_does_not_follow(certificate: Certificate, last: Certificate | None, stored_ms: int, why: str) -> None:
    assert why in succession_problems(certificate, last, POLICY, stored_ms)[0]
    assert succession_problems(H1, None, POLICY, NOW_MS) == []


def test_a_recovery_ends_the_halt_that_counts() -> None:
    another = halt_of(replace(H1, observations=tuple(halt_seen(n) for n in (1, 2))))
    other = made("recovery", [recovery_seen(n, to_ms=R_MS, halt=another) for n in (0, 1)], R_MS)
    assert succession_problems(other, H1, POLICY, R_MS) == ["the recovery ends another halt"]


def test_every_part_of_a_recovery_ends_the_halt() -> None:
    of_another = recovery_seen(1, to_ms=R_MS, halt=halt_of(H2)._replace(highest_head=HEAD))
    less = replace(R1.observations[1], finalized_last=HEAD)
    for part, why in ((of_another, "the recovery ends another halt"), (less, f"the recovery has not finalized block {HEAD}")):
        assert ending_problem(R1, H1) == ""
        for observations in ((R1.observations[0], part), (part, R1.observations[0])):
            assert ending_problem(replace(R1, observations=observations), H1) == why


@pytest.mark.parametrize(("ends_ms", "follows"), [((0, 0), False), ((-2_000, 0), False), ((-2_000, 1), True), ((1, 1), True)])
def test_windows_end_later_than_those_of_the_certificate_before(ends_ms: tuple[int, int], follows: bool) -> None:
    next_ = [halt_seen(n, to_ms=R_MS + ms, head=HEAD + 300) for n, ms in enumerate(ends_ms)]
    problems = succession_problems(made("halt", next_, R_MS), R1, POLICY, R_MS)
    assert problems == ([] if follows else ["its windows end no later than those of the certificate before"])


def test_what_observers_say_of_the_halts_height_is_not_believed() -> None:
    """The halt's certificate says how high the chain was; a recovery of less leaves blocks out that may come back."""
    high = made("halt", [halt_seen(n, head=HEAD + 500) for n in (0, 1)], NOW_MS)
    less = halt_of(high)._replace(highest_head=HEAD)
    low = made("recovery", [recovery_seen(n, to_ms=R_MS, halt=less) for n in (0, 1)], R_MS)
    assert succession_problems(low, high, POLICY, R_MS) == [f"the recovery has not finalized block {HEAD + 500}"]


def test_a_halt_of_an_older_policy_is_certified_anew() -> None:
    standing = after((OLDER, NOW_MS), (H1, NOW_MS + 500))
    assert (standing.counted, standing.certificate) == (2, H1)


def test_what_is_told_of_it() -> None:
    assert named(after()) == "no certificate yet"
    assert named(after(*HONEST[:2])) == "last certificate: recovery 2"
    one, two = after((None, 1)), after(HONEST[0], (None, 1), (H1, NOW_MS + 600))
    assert named(one) == "no certificate yet (one was stored that counts for nothing: it is none)"
    assert named(two).startswith("last certificate: halt 1 (2 were stored that count for nothing: after a halt only a recovery")


NUMBERS = st.sampled_from([0, 1, NOW_MS, NOW_MS + 40_000, MOST])
TEXTS = st.sampled_from(["", "x", "\x1b[2K", "\U0001f600" * 50, "0x" + "aB" * 20, "0x" + "0" * 40])
BYTES = st.sampled_from([b"", bytes(32), b"\xff" * 32, bytes(65), b"\x01" * 64 + b"\x1b"])


def scrambled(value: Any, draw: Any) -> Any:
    """The same kind of thing, and anything that decodes."""
    match value:
        case int():
            return draw(NUMBERS)
        case bytes():
            return draw(BYTES)
        case str():
            return draw(TEXTS)
        case tuple():
            return tuple(scrambled(one, draw) for one in value[: draw(st.integers(0, len(value)))])
        case _:
            chosen = draw(st.sets(st.sampled_from(value.__struct_fields__), max_size=3))
            return replace(value, **{name: scrambled(getattr(value, name), draw) for name in chosen})


@given(st.data(), st.sampled_from([H1, R1]), st.sampled_from([None, H1, R1]), NUMBERS)
def test_nothing_that_decodes_brings_a_reader_down(data: Any, honest: Certificate, last: Certificate | None, at_ms: int) -> None:
    observations = tuple(scrambled(o, data.draw) for o in honest.observations)
    hostile = replace(scrambled(honest, data.draw), policy=honest.policy, observations=observations)
    hostile = replace(hostile, kind=data.draw(st.sampled_from(["halt", "recovery"])))
    standing = advance(Standing(1, 1, last) if last else Standing(), hostile, POLICY, 2, at_ms)
    if standing.counted == 2:
        assert standing.certificate is not None
        assert certificate_id(standing.certificate) == certificate_id(honest)
