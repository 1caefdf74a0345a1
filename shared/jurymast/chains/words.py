"""What is said about any chain: values, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from jurymast.book.nonces import Nonces
from jurymast.chains.trail import Block
from jurymast.errors import Rejected, Transient

Identity = tuple[bytes, int]
"""(account, nonce), or (match, step): at most one of each ever executes."""

BatchKey = tuple[int, int]
"""Epoch and number of a batch."""

# -- heads -------------------------------------------------------------------------------------------------------------


class Heads(NamedTuple):
    """The highest block at each level, as far as a quorum of independent operators has come. A block's clock is the chain's own
    monotonic measure, and stands still with it: no two of these say how much time has passed."""

    soft: Block
    """In a block; may be taken back."""
    safe: Block
    """What the chain calls safe: on Arbitrum, posted to L1."""
    final: Block
    """Never taken back."""


# -- batches -----------------------------------------------------------------------------------------------------------


class Size(NamedTuple):
    """Of a batch, as this chain counts."""

    actions: int
    bytes: int
    """Of the transaction."""
    cost: int
    """Gas, or compute units: estimated from above."""


class TooLarge(Rejected):
    """No transaction of this chain executes such a batch, so it must not be claimed."""

    def __init__(self, what: str, has: int, most: int) -> None:
        super().__init__(f"{has} {what}, and at most {most} fit into a transaction")
        self.what, self.has, self.most = what, has, most


class Limits(NamedTuple):
    """What one transaction of this chain holds. Nothing is cut after a batch was claimed."""

    actions: int
    bytes: int
    cost: int

    def check(self, size: Size) -> None:
        """`TooLarge` if it does not fit."""
        for what, has, most in zip(Size._fields, size, self, strict=True):
            if has > most:
                raise TooLarge(what, has, most)


# -- the state of one block --------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """What to read."""

    identities: frozenset[Identity] = frozenset()
    batches: frozenset[BatchKey] = frozenset()
    balances: frozenset[tuple[bytes, int]] = frozenset()


class Standing(NamedTuple):
    """A balance, as the epoch of the block has it."""

    entered: bool
    available: int
    """If it has entered. What was received before that is not available."""
    held: int
    received: int


class State(NamedTuple):
    """Values of one block, all of them: what was read at two heights proves nothing together."""

    chain: int
    at: Block
    epoch: int
    active: int
    paused_until: int
    """By the chain's clock; 0 if it is not paused."""
    nonces: Mapping[bytes, Nonces]
    """Of the accounts of the identities that were asked for."""
    used: frozenset[Identity]
    """Of these identities, the ones that were executed or cancelled."""
    outcomes: Mapping[BatchKey, bytes]
    """Of the batches that were asked for, those that have a record."""
    balances: Mapping[tuple[bytes, int], Standing]

    def shows_unused(self, batch: BatchKey, identity: Identity) -> bool:
        """Neither has the batch executed here, nor was the identity used. With a fence or an expiry that has passed, a final
        state that shows this releases the claim."""
        return batch not in self.outcomes and identity not in self.used


class Proved(NamedTuple):
    """A state, and what shows it to anybody who knows the block's hash."""

    state: State
    evidence: bytes


class NotFinal(Rejected):
    """Only final blocks are read in ranges: others may be taken back."""

    def __init__(self, height: int, final: int) -> None:
        super().__init__(f"block {height} is not final, {final} is the last one that is")
        self.height, self.final = height, final


class BadEvidence(Rejected):
    """It does not show a state of the block that it is about."""


# -- sending -----------------------------------------------------------------------------------------------------------


class Payload(NamedTuple):
    """What a transaction does, without what changes from one attempt to the next: nonce, fee, block hash."""

    to: bytes
    data: bytes
    value: int = 0
    cost: int = 0
    """Gas, or compute units, that it may use; 0 has it estimated."""


class Waiting(NamedTuple):
    """Stored, sent, and in no block that is known."""

    purpose: str
    complaint: str = ""
    """What nodes have against it, where that may need an operator."""


class Included(NamedTuple):
    """In a block."""

    purpose: str
    transaction: bytes
    block: Block
    succeeded: bool
    """Or it was refused by the contract, and used its fee only."""
    final: bool


Progress = Waiting | Included


class Unaffordable(Transient):
    """The price is above what the operator allows, so nothing was signed."""

    def __init__(self, wanted: int, most: int) -> None:
        super().__init__(f"a transaction would have to offer {wanted} for a unit, and may offer {most}")
        self.wanted, self.most = wanted, most


# -- events ------------------------------------------------------------------------------------------------------------


class Event(NamedTuple):
    """Something that the contract says has happened."""

    height: int
    block: bytes
    transaction: bytes
    place: int
    """Among the events of its block."""
    name: str
    values: Mapping[str, object]
    """By the names of the contract's interface: numbers, bytes and truth."""


Unit = Literal["slot", "second"]
"""Of a chain's clock."""
