"""What a chain that failed still owes the active one, and in which order it is settled.

Nothing it says counts before a fence on it is final: until then old permits may execute there, and deposits land. After it its
word is complete, and each piece is carried over once: deposits, since batches may have paid out of them; batches, in the order in
which the ledger resolves them; then what its users did for themselves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import NamedTuple

BatchKey = tuple[int, int, int]
"""Chain, epoch, number."""


class Source(NamedTuple):
    """One finalized state of the chain that is in debt."""

    chain: int
    epoch: int
    executed: AbstractSet[tuple[int, int]]
    """Its batch records, by epoch and number."""
    deposits: AbstractSet[int]
    """The sequences of those that landed there."""
    floors: Mapping[bytes, int]
    """By account, as its owner raised it there."""
    registered: Mapping[bytes, bytes]
    """The authority that an account registered there."""
    submitted: AbstractSet[bytes]
    """Intents that were submitted there, by their content."""


class Owed(NamedTuple):
    """What the ledger knows of it."""

    batches: tuple[BatchKey, ...]
    """In doubt, in the order in which the ledger resolves them."""
    counted: AbstractSet[int]
    """Deposits of this chain that were counted or credited."""
    floors: Mapping[bytes, int]
    registered: AbstractSet[bytes]
    submitted: AbstractSet[bytes]
    """Those that were taken, or refused for good."""


class Await(NamedTuple):
    """Its chain gives no finalized state yet."""


class Fence(NamedTuple):
    """Bring it the transition of this epoch, and wait until that is final."""

    epoch: int


class Resolve(NamedTuple):
    batch: BatchKey
    executed: bool


class Credit(NamedTuple):
    sequence: int


class Raise(NamedTuple):
    account: bytes
    floor: int


class Register(NamedTuple):
    account: bytes
    authority: bytes


class Submit(NamedTuple):
    content: bytes


class Settled(NamedTuple):
    pass


Next = Await | Fence | Resolve | Credit | Raise | Register | Submit | Settled


def settle(owed: Owed, source: Source | None, epoch: int) -> Next:
    """What comes next, where `epoch` is the newest that was opened, on another chain."""
    if source is None:
        return Await()
    if source.epoch < epoch:
        return Fence(epoch)
    return next(_carried_over(owed, source), Settled())


def _carried_over(owed: Owed, source: Source) -> Iterator[Credit | Resolve | Raise | Register | Submit]:
    yield from (Credit(sequence) for sequence in sorted(source.deposits - owed.counted))
    yield from (Resolve(batch, batch[1:] in source.executed) for batch in owed.batches)
    yield from (Raise(*each) for each in sorted(source.floors.items()) if each[1] > owed.floors.get(each[0], 0))
    yield from (Register(*each) for each in sorted(source.registered.items()) if each[0] not in owed.registered)
    yield from (Submit(content) for content in sorted(source.submitted - owed.submitted))
