"""Whether a switch should begin. No doubt begins one: without a certificate chains stay as they are."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["failover", "planned"]


class Chain(NamedTuple):
    number: int
    certified: Literal["halt", "recovery", ""] = ""
    """What the last certificate that counts says of it."""
    certified_ms: int = 0
    healthy: bool = False
    """By the verdict of this moment."""


class Policy(NamedTuple):
    primary: int
    cooldown_ms: int = 600_000
    """After a switch, before another one that is not a failover of the chain it went to: no flapping."""
    certificate_ms: int = 120_000
    """Longer ago, a certificate is not about now."""
    failback: bool = False
    """Go back by itself, or only when an operator asks."""


class Situation(NamedTuple):
    active: Chain
    other: Chain
    opened_ms: int
    """When the current epoch was opened."""
    debt: int
    """Batches in doubt and deposits not accounted for."""
    held: bool = False
    """An operator wants no switch to begin."""
    asked: bool = False
    """An operator wants a planned switchover."""


class Begin(NamedTuple):
    kind: Kind
    source: int
    target: int


class Stay(NamedTuple):
    reason: str


def decide(situation: Situation, policy: Policy, now_ms: int) -> Begin | Stay:
    if situation.held:
        return Stay("an operator holds all switches")
    if _certified(situation.active, "halt", policy, now_ms):
        return _failover(situation, policy, now_ms)
    if situation.asked or (policy.failback and situation.other.number == policy.primary):
        return _planned(situation, policy, now_ms)
    return Stay("the active chain is not certified as halted")


def _failover(situation: Situation, policy: Policy, now_ms: int) -> Begin | Stay:
    """Does not wait for old debt: holds travel with the cut."""
    active, other = situation.active, situation.other
    if active.certified_ms < situation.opened_ms:
        return Stay("the halt was certified before this epoch was opened")
    if not other.healthy or _certified(other, "halt", policy, now_ms):
        return Stay("no chain is alive: intake queues, and nothing is moved")
    return Begin("failover", active.number, other.number)


def _planned(situation: Situation, policy: Policy, now_ms: int) -> Begin | Stay:
    active, other = situation.active, situation.other
    if not active.healthy or not other.healthy:
        return Stay("a planned switch needs both chains alive")
    if not _certified(other, "recovery", policy, now_ms) and not _never_failed(other):
        return Stay("no recovery of the other chain is certified")
    if situation.debt:
        return Stay(f"{situation.debt} batches and deposits of the other chain are not settled yet")
    if now_ms - situation.opened_ms < policy.cooldown_ms:
        return Stay("the last switch was only just now")
    return Begin("planned", active.number, other.number)


def _certified(chain: Chain, kind: str, policy: Policy, now_ms: int) -> bool:
    """A recovery holds until a halt; a halt that nobody confirms any more may be over."""
    return chain.certified == kind and (kind == "recovery" or now_ms - chain.certified_ms <= policy.certificate_ms)


def _never_failed(chain: Chain) -> bool:
    return not chain.certified
