"""What Jurymast needs of a chain. Every plug-in has just this, and passes `tests/conformance`.

Reading believes no single provider: heights and hashes are those of a quorum of independent operators, and what is read is of one
block, which is named by its hash. Every wait has a bound; what cannot be known raises, and says who said what.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jurymast.chains.operations import Operation
from jurymast.chains.trail import Block, Change, Trail
from jurymast.chains.words import Event, Heads, Limits, Payload, Progress, Proved, Size, State, Unit, Wanted


class Chain(Protocol):
    """Reads a chain, and says how things are said to it."""

    @property
    def name(self) -> str:
        """In settings and logs."""

    @property
    def number(self) -> int:
        """In permits and everything else that is signed."""

    @property
    def unit(self) -> Unit:
        """In which its clock counts."""

    @property
    def limits(self) -> Limits:
        """Of one transaction."""

    def measure(self, operation: Operation) -> Size:
        """What of the limits it takes. Pure: batches are bounded by it before they are claimed."""

    async def heads(self) -> Heads:
        """The heads that a quorum has reached."""

    async def follow(self, trail: Trail) -> tuple[Trail, Sequence[Change]]:
        """What has happened to the chain since then, as far as one step goes: blocks that were added, and before them those that
        were taken back. An empty trail begins at the soft head."""

    async def events(self, first: int, last: int) -> Sequence[Event]:
        """Of the contract, in their order, of final blocks from `first` to `last`: all of them. `NotFinal` if some are not."""

    async def events_of(self, block: Block) -> Sequence[Event]:
        """Of one block at whatever level, which may yet be taken back."""

    async def state(self, wanted: Wanted, at: Block) -> Proved:
        """What stood in the contract at the end of this block."""

    def verify(self, evidence: bytes, wanted: Wanted, block: bytes) -> State:
        """The state of the block with this hash, from its evidence alone; `BadEvidence` if that does not show it. Pure."""

    def payload(self, operation: Operation) -> Payload:
        """The call that does it. Pure."""

    def operation(self, data: bytes) -> Operation:
        """What a call says; `Rejected` if it is none of ours. Pure."""


class Sender(Protocol):
    """Brings transactions of one account into blocks. Only one at a time exists for an account."""

    async def submit(self, purpose: str, payload: Payload) -> Progress:
        """Store it, then send it. A purpose has one transaction, ever: asked again, it says how that one is."""

    async def tend(self) -> Sequence[Progress]:
        """What became of everything that is not settled yet; what still waits is sent again, the same or for a better price.
        To be called again and again. What is final is told until `settle` was called."""

    async def settle(self, purpose: str) -> None:
        """Its end is known to whoever asked for it, and need not be told any more."""
