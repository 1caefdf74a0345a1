"""What the decisions are about."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

Identity = tuple[bytes, int]
"""(account, nonce), or (match, step). Whatever the body: at most one of an identity ever executes."""

BatchKey = tuple[int, int, int]
"""Chain, epoch and number."""

Reference = tuple[int, int, int, bytes]
"""The same, and the body: whoever may claim at all may claim anything under any number."""

Fate = Literal["executed", "cancelled", "released"]


class Permit(NamedTuple):
    """What a guard is asked to sign, or has signed."""

    chain: int
    epoch: int
    batch: int
    expiry: int
    """By the chain's own clock."""
    body: bytes
    """Commits to actions, prices and lists."""
    identities: frozenset[Identity]

    @property
    def key(self) -> BatchKey:
        return self.chain, self.epoch, self.batch

    @property
    def reference(self) -> Reference:
        return (*self.key, self.body)


class Finalized(NamedTuple):
    """One finalized state of one chain, all of it at the same height: what was read at two heights proves nothing together."""

    chain: int
    clock: int
    epoch: int
    executed: AbstractSet[tuple[int, int]]
    """Batches that have a record, by epoch and number."""
    used: AbstractSet[Identity]

    def shows_dead(self, permit: Permit, identity: Identity) -> bool:
        """The permit can never execute this here any more: it has not, and the fence, or its expiry, stands before it.

        A clock stands still while its chain is halted, so only the finalized clock of the chain itself counts, never wall time.
        """
        return self._shows_unexecuted(permit) and identity not in self.used and self._shows_late(permit)

    def shows_void(self, permit: Permit) -> bool:
        """The batch has not executed here and never will: it is too late, or one of its nonces is used up without it."""
        return self._shows_unexecuted(permit) and (self._shows_late(permit) or not self.used.isdisjoint(permit.identities))

    def _shows_unexecuted(self, permit: Permit) -> bool:
        return self.chain == permit.chain and (permit.epoch, permit.batch) not in self.executed

    def _shows_late(self, permit: Permit) -> bool:
        return self.epoch > permit.epoch or self.clock > permit.expiry
