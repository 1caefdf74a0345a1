"""What became of claims, and what the ledger is told of it: by finalized states, or by promises of guards; never by time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jurymast.book.events import BatchExecuted, BatchReleased, IntentCancelled
from jurymast.chains.words import State
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import Guards
from jurymast.messages.claims import Concluded
from jurymast.nonce_guard.decide.claims import Claim
from jurymast.nonce_guard.decide.fate import fate
from jurymast.nonce_guard.decide.words import Fate, Finalized, Identity, Permit

NOBODY = Permit(0, 0, 0, 0, b"", frozenset())
NONCE_BYTES = 8


def finalized(state: State) -> Finalized:
    return Finalized(state.chain, state.at.clock, state.epoch, frozenset(state.outcomes), state.used)


def promise(claim: Claim, genuine: Permit | None) -> bytes | None:
    """The body that no guard ever signs, so that this claim can never execute; None if it is one for a batch that is planned.

    A claim for something else than what the ledger has under the number is for its own body. One for a planned batch that the
    identity is no part of is for a body that stands for just that.
    """
    if genuine is None or claim.body != genuine.body:
        return claim.body
    if claim.identity not in genuine.identities:
        return keccak256(claim.body, claim.identity[0], claim.identity[1].to_bytes(NONCE_BYTES, "big"))
    return None


def by_promises(refusals: int, guards: Guards) -> Fate | None:
    """Enough guards never sign it."""
    return fate(NOBODY, (b"", 0), None, refusals, len(guards.addresses), guards.threshold)


def executed(permit: Permit, state: Finalized) -> bool:
    return state.chain == permit.chain and (permit.epoch, permit.batch) in state.executed


def dead(permit: Permit, state: Finalized) -> bool:
    """Its batch has no record, and never will: then it is worth to ask about its identities as well, in one state."""
    return (
        not executed(permit, state)
        and state.chain == permit.chain
        and (state.epoch > permit.epoch or state.clock > permit.expiry)
    )


def fates(
    permit: Permit, identities: Mapping[Identity, Claim], state: Finalized, refusals: int, guards: Guards
) -> dict[Identity, Fate]:
    count = len(guards.addresses)
    found = {identity: fate(permit, identity, state, refusals, count, guards.threshold) for identity in identities}
    return {identity: known for identity, known in found.items() if known}


class Contradiction(NamedTuple):
    reason: str


Told = BatchExecuted | BatchReleased | IntentCancelled


def told(permit: Permit, ended: Mapping[Identity, Concluded], *, unclaimable: bool) -> list[Told] | Contradiction:
    """What the ledger is told about a batch of which no claim is open; nothing while more of it may still be claimed."""
    chain, epoch, batch = permit.key
    known = {outcome.fate for outcome in ended.values()}
    if "executed" in known:
        if len(ended) < len(permit.identities) or len(known) > 1:
            return Contradiction(f"batch {batch} of epoch {epoch} was executed in part, say its outcomes")
        height = max(outcome.proof.height for outcome in ended.values())
        return [BatchExecuted(chain=chain, epoch=epoch, batch=batch, height=height)]
    if len(ended) < len(permit.identities) and not unclaimable:
        return []
    cancelled = sorted(identity for identity, outcome in ended.items() if outcome.fate == "cancelled")
    gone = [IntentCancelled(owner=owner, nonce=nonce) for owner, nonce in cancelled]
    return [BatchReleased(chain=chain, epoch=epoch, batch=batch), *gone]
