"""What observers see, for tests: policies, evidence and observations that are in order, to be changed one thing at a time."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from jurymast.certificate import Halt, observation_digest, observe
from jurymast.crypto.address import checksummed
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.messages.health import NEVER_MS, Evidence, Observation, Policy

KEYS = tuple(SigningKey(bytes(31) + bytes([number])) for number in range(1, 8))
ADDRESSES = tuple(checksummed(key.address) for key in KEYS)

NOW_MS = 1_767_225_600_000
HEAD = 1_000
WINDOW_MS = 30_000
SLOT_MS = 500
MADE = WINDOW_MS // SLOT_MS
"""Blocks in a window at normal speed."""

POLICY = Policy(
    application=b"\xa5" * 32,
    chain="solana",
    family="solana",
    chain_id="5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d",
    observers=ADDRESSES[:3],
    threshold=2,
    quorum=2,
    window_ms=WINDOW_MS,
    interval_ms=2_000,
    timeout_ms=2_000,
    max_skew_ms=10_000,
    max_age_ms=60_000,
    slot_ms=SLOT_MS,
    speed_percent=50,
    lag_blocks=10,
    finality_blocks=40,
    finality_step_ms=0,
    drift_ms=60_000,
    slow_ms=500,
)


def policy(**changed: Any) -> Policy:
    return replace(POLICY, **changed)


def still(operator: str, head: int = HEAD, **changed: Any) -> Evidence:
    """A provider of this operator that answered all the time and had no new block."""
    evidence = Evidence(
        provider=f"{operator}-1",
        operator=operator,
        answers=16,
        failures=0,
        longest_gap_ms=2_000,
        longest_stall_ms=WINDOW_MS,
        head_first=head,
        head_last=head,
        head_highest=head,
        tip_highest=head,
        finalized_first=head - 32,
        finalized_last=head - 32,
        finalized_age_ms=WINDOW_MS,
        clock_ms=NOW_MS - WINDOW_MS,
        read_ms=NOW_MS,
        trouble="",
    )
    return replace(evidence, **changed)


def moving(operator: str, head: int = HEAD, made: int = MADE, **changed: Any) -> Evidence:
    """A provider of this operator on a chain that is well; `head` is that at the window's end."""
    evidence = still(
        operator,
        head,
        head_first=head - made,
        finalized_first=head - made - 32,
        longest_stall_ms=2_000,
        finalized_age_ms=2_000,
        clock_ms=NOW_MS - 400,
    )
    return replace(evidence, **changed)


def silent(operator: str) -> Evidence:
    heights = ("head_first", "head_last", "head_highest", "tip_highest", "finalized_first", "finalized_last")
    nothing: dict[str, Any] = dict.fromkeys((*heights, "answers", "clock_ms", "read_ms"), 0)
    nothing |= {"failures": 16, "longest_gap_ms": WINDOW_MS, "finalized_age_ms": NEVER_MS, "trouble": "timeout"}
    return still(operator, **nothing)


def operators_of(observer: int) -> tuple[str, ...]:
    """Three that no other observer has."""
    return tuple(f"{name}{observer}" for name in ("acme", "bolt", "core"))


def halt_seen(observer: int, under: Policy = POLICY, *, to_ms: int = NOW_MS, head: int = HEAD) -> Observation:
    evidence = [still(operator, head) for operator in operators_of(observer)]
    return _signed(observe("halt", evidence, under, KEYS[observer], to_ms))


HALT = Halt(id=b"\x77" * 32, highest_head=HEAD)


def recovery_seen(
    observer: int, under: Policy = POLICY, *, to_ms: int = NOW_MS, head: int = HEAD + 200, halt: Halt = HALT
) -> Observation:
    evidence = [moving(operator, head) for operator in operators_of(observer)]
    return _signed(observe("recovery", evidence, under, KEYS[observer], to_ms, halt))


def signed_anew(observation: Observation, key: SigningKey, under: Policy = POLICY, **changed: Any) -> Observation:
    """As a dishonest observer would: whatever it likes, under its own valid signature."""
    unsigned = replace(observation, observer=checksummed(key.address), **changed)
    return replace(unsigned, signature=key.sign(observation_digest(unsigned, under.application)))


def _signed(observation: Observation | str) -> Observation:
    assert isinstance(observation, Observation), observation
    return observation
