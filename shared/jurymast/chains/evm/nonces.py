"""Which nonce of our account comes next, and what is to be done about those that are under way. Pure.

What is stored was stored before it was sent, so after any crash the stored transactions and the chain's count say everything:
what is above the count is offered again, byte for byte; what is below it is in a block, or somebody else used our key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jurymast.chains.evm import fees
from jurymast.chains.evm.fees import Capped, Policy
from jurymast.chains.evm.transaction import Fees

MOST_OFFERED = 16
"""At once. Those above them wait anyway."""


class Attempt(NamedTuple):
    """The same transaction at one price."""

    hash: bytes
    raw: bytes
    fees: Fees
    clock: int
    """Of the chain, when it was signed."""


class Slot(NamedTuple):
    """One nonce, and what it is used for. Its attempts exclude each other: at most one can ever be in a block."""

    nonce: int
    purpose: str
    attempts: tuple[Attempt, ...]


class Counts(NamedTuple):
    """How many nonces of the account are used."""

    final: int
    """In final blocks."""
    latest: int
    """In any block."""
    pending: int
    """With those that wait in nodes, as far as they tell."""


class Offer(NamedTuple):
    """Send these bytes again: nodes forget, and a re-organisation takes back."""

    slot: Slot


class Raise(NamedTuple):
    """Sign it once more, at this price; store it; send it."""

    slot: Slot
    fees: Fees


class Held(NamedTuple):
    """It would have to pay more than it may: only repeated."""

    slot: Slot
    capped: Capped


class Look(NamedTuple):
    """Its nonce is used: ask which attempt did it."""

    slot: Slot
    final: bool


Step = Offer | Raise | Held | Look


def next_nonce(slots: Sequence[Slot], counts: Counts) -> int:
    """The lowest that is neither used, nor ours, nor somebody else's who has our key."""
    taken = {slot.nonce for slot in slots}
    nonce = counts.latest
    while nonce in taken or nonce < counts.pending:
        nonce += 1
    return nonce


def steps(slots: Sequence[Slot], counts: Counts, base_fee: int, clock: int, policy: Policy) -> list[Step]:
    """For every slot, by rising nonce."""
    found: list[Step] = []
    offered = 0
    for slot in sorted(slots):
        if slot.nonce < counts.latest:
            found.append(Look(slot, final=slot.nonce < counts.final))
        elif offered < MOST_OFFERED:
            offered += 1
            found.append(_waiting(slot, base_fee, clock, policy))
    return found


def gaps(slots: Sequence[Slot], counts: Counts) -> list[int]:
    """Nonces that nobody has sent, below ours: whatever stands above them waits until they are used."""
    waiting = {slot.nonce for slot in slots if slot.nonce >= counts.latest}
    return [nonce for nonce in range(max(counts.latest, counts.pending), max(waiting, default=0)) if nonce not in waiting]


def _waiting(slot: Slot, base_fee: int, clock: int, policy: Policy) -> Step:
    last = slot.attempts[-1]
    if not fees.due(last.clock, clock, last.fees, base_fee, policy):
        return Offer(slot)
    match fees.raised(last.fees, base_fee, policy):
        case Capped() as capped:
            return Held(slot, capped)
        case Fees() as higher:
            return Raise(slot, higher)
