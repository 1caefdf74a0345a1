"""A guard's own memory decides what it signs, even if the bus has forgotten: the journal is written, and synced, before it signs.

Since more than half of the guards sign everything, any two things that were signed share a guard, and this guard would not have
signed both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from jurymast.nonce_guard.decide.words import BatchKey, Finalized, Identity, Permit, Reference

CHAINS = 2


@dataclass(frozen=True)
class Veto:
    """It does not sign."""

    reason: str


@dataclass
class Journal:
    """What this key has bound itself to; only ever added to. Whoever appends to it writes and syncs first."""

    permits: dict[Identity, list[Permit]] = field(default_factory=dict)
    bodies: dict[BatchKey, bytes] = field(default_factory=dict)
    """What it signed under each number of a batch, by chain, epoch and number: a record on a chain tells of no body."""
    refused: set[Reference] = field(default_factory=set)
    """Batches that it has promised never to sign, by chain, epoch, number and body."""
    frozen: int = -1
    """It signs nothing of this epoch or an older one."""
    transitions: dict[int, bytes] = field(default_factory=dict)
    """What it signed for each epoch: there is one transition for an epoch, ever."""
    lost_before: int | None = None
    """Its memory of epochs up to this one is gone; set when a journal is begun anew under an old key."""

    @property
    def last_ended(self) -> int:
        """It signs no permit of this epoch or an older one. What it has forgotten is over, once it signs again."""
        return self.frozen if self.lost_before is None else max(self.frozen, self.lost_before)

    def sign(self, permit: Permit) -> None:
        self.bodies[permit.key] = permit.body
        for identity in permit.identities:
            self.permits.setdefault(identity, []).append(permit)

    def refuse(self, permit: Permit) -> None:
        self.refused.add(permit.reference)

    def freeze(self, epoch: int) -> None:
        self.frozen = max(self.frozen, epoch)

    def of_epochs(self, epochs: range) -> set[Permit]:
        return {permit for permits in self.permits.values() for permit in permits if permit.epoch in epochs}


def may_sign(journal: Journal, permit: Permit, finalized: Mapping[int, Finalized]) -> Veto | None:
    """`finalized` has at most one state of each chain, read by this guard through its own providers."""
    if veto := _forgetful(journal, finalized):
        return veto
    if permit.epoch <= journal.last_ended:
        return Veto(f"epoch {permit.epoch} is frozen")
    if permit.reference in journal.refused:
        return Veto(f"batch {permit.batch} was refused before")
    for identity in permit.identities:
        others = [other for other in journal.permits.get(identity, ()) if other != permit]
        if veto := _still_alive(identity, others, finalized):
            return veto
    if journal.bodies.get(permit.key, permit.body) != permit.body:
        return Veto(f"another batch {permit.batch} of epoch {permit.epoch} was signed")
    return None


def may_refuse(journal: Journal, permit: Permit, finalized: Mapping[int, Finalized]) -> Veto | None:
    """Promise never to sign it. Enough such promises release its claim, so nobody makes one who has signed, or may have."""
    if veto := _forgetful(journal, finalized):
        return veto
    if any(permit in permits for permits in journal.permits.values()):
        return Veto(f"batch {permit.batch} was signed before")
    return None


def earlier(journal: Journal, permit: Permit) -> dict[int, set[Permit]]:
    """What was signed for the same identities before: of each chain, what its finalized state has to show as dead."""
    found: dict[int, set[Permit]] = {}
    for identity in permit.identities:
        for other in journal.permits.get(identity, ()):
            if other != permit:
                found.setdefault(other.chain, set()).add(other)
    return found


def _still_alive(identity: Identity, others: Iterable[Permit], finalized: Mapping[int, Finalized]) -> Veto | None:
    """A second permit for an identity needs every earlier one to be dead, all of a chain's by one state of it."""
    for other in others:
        state = finalized.get(other.chain)
        if state is None or not state.shows_dead(other, identity):
            nonce = identity[1]
            return Veto(f"nonce {nonce} may still execute in batch {other.batch} of epoch {other.epoch} on chain {other.chain}")
    return None


def may_sign_transition(
    journal: Journal,
    leaving: int,
    epoch: int,
    digest: bytes,
    cut: AbstractSet[Reference],
    finalized: Mapping[int, Finalized],
) -> Veto | None:
    """Into `epoch`, from a cut of the last one that was opened; numbers between are burnt. All of them are frozen here first.

    `cut` has the batches that are final or in doubt in it, and those that enough guards have refused. A permit of any other must
    be void by what this guard reads itself: what the bus has forgotten may still execute.
    """
    if veto := _forgetful(journal, finalized):
        return veto
    if epoch <= leaving:
        return Veto(f"epoch {epoch} is not after {leaving}")
    if journal.lost_before is not None and epoch <= journal.lost_before:
        return Veto(f"another transition for epoch {epoch} may have been signed, and the journal was lost")
    if journal.frozen < epoch - 1:
        return Veto(f"epoch {epoch - 1} is not frozen in the journal yet")
    if journal.transitions.get(epoch, digest) != digest:
        return Veto(f"another transition for epoch {epoch} was signed")
    for permit in sorted(journal.of_epochs(range(leaving, epoch))):
        state = finalized.get(permit.chain)
        if permit.reference not in cut and not (state and state.shows_void(permit)):
            return Veto(f"the cut does not know batch {permit.batch}, for which a permit was signed")
    return None


def _forgetful(journal: Journal, finalized: Mapping[int, Finalized]) -> Veto | None:
    """A key whose journal was lost may have signed anything up to some epoch: only a fence beyond it, final on every chain, makes
    that harmless."""
    if journal.lost_before is None:
        return None
    if len(finalized) >= CHAINS and all(state.epoch > journal.lost_before for state in finalized.values()):
        return None
    return Veto(f"the journal was lost: it waits for a transition after epoch {journal.lost_before}, final on every chain")
