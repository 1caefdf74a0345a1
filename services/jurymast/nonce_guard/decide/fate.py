"""What became of a claim, and whether its intent may be claimed again."""

from __future__ import annotations

from collections.abc import Sequence

from jurymast.nonce_guard.decide.words import Fate, Finalized, Identity, Permit


def fate(permit: Permit, identity: Identity, state: Finalized | None, refusals: int, guards: int, threshold: int) -> Fate | None:
    """From one finalized state that a quorum of independent providers gave; None: in doubt, which is never guessed.

    A used nonce without a record of the batch means that its owner cancelled, never that it executed. A record stands above any
    promise: a guard that broke its own has said nothing.
    """
    seen = state if state and state.chain == permit.chain else None
    if seen and (permit.epoch, permit.batch) in seen.executed:
        return "executed"
    if refusals > guards - threshold:
        return "released"
    if seen is None:
        return None
    if identity in seen.used:
        return "cancelled"
    return "released" if seen.shows_dead(permit, identity) else None


def next_attempt(fates: Sequence[Fate | None]) -> int | None:
    """The number of the attempt that may be claimed, given what became of those before; None: not yet, or never."""
    return len(fates) if all(fate == "released" for fate in fates) else None
