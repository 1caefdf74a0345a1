"""What to pay, when to pay more, and never more than the operator allows. Pure.

Time is the chain's own: one that stands still takes no transaction, whatever it pays, and asks for no more.
"""

from __future__ import annotations

from typing import NamedTuple

from jurymast.chains.evm.transaction import Fees

LEAST_RISE_PERCENT = 10
"""What nodes want for a replacement, of cap and tip both."""


class Policy(NamedTuple):
    most: int
    """Wei for a unit of gas: no transaction is signed with a higher cap."""
    tip: int = 1
    """At first. Arbitrum's sequencer takes no account of it; other chains do."""
    headroom_percent: int = 100
    """Above the base fee of now, which may rise before the transaction is in a block."""
    rise_percent: int = 25
    patience_s: int = 15
    """By the chain's clock, before the same transaction is offered at a higher price."""


class Capped(NamedTuple):
    """The price is above what may be paid: what was sent is only repeated, until the price falls or an operator raises `most`."""

    wanted: int
    most: int


def first(base_fee: int, policy: Policy) -> Fees | Capped:
    return _within(_headroom(base_fee, policy) + policy.tip, Fees(base_fee + policy.tip, policy.tip), policy)


def raised(last: Fees, base_fee: int, policy: Policy) -> Fees | Capped:
    """Enough for nodes to take it for the last one, and for the base fee of now."""
    percent = max(policy.rise_percent, LEAST_RISE_PERCENT)
    tip = _risen(last.tip, percent)
    wanted = max(_risen(last.cap, percent), _headroom(base_fee, policy) + tip)
    return _within(wanted, Fees(max(_risen(last.cap, LEAST_RISE_PERCENT), base_fee + tip), tip), policy)


def due(sent_clock: int, clock: int, last: Fees, base_fee: int, policy: Policy) -> bool:
    """It has waited long enough, or can be in no block as it is."""
    return clock - sent_clock >= policy.patience_s or (last.cap < base_fee and clock > sent_clock)


def _within(wanted: int, least: Fees, policy: Policy) -> Fees | Capped:
    """Less headroom is better than none."""
    if least.cap > policy.most:
        return Capped(least.cap, policy.most)
    return Fees(max(min(wanted, policy.most), least.cap), least.tip)


def _headroom(base_fee: int, policy: Policy) -> int:
    return base_fee * (100 + policy.headroom_percent) // 100


def _risen(value: int, percent: int) -> int:
    """Rounded up: one wei less, and nodes refuse it."""
    return -(-value * (100 + percent) // 100)
