"""What guards say of batches: each its part of a permit, or its promise never to give it; and where an intent stands.

A permit is there as soon as enough guards have signed one digest. A promise is signed as well, so that whoever holds enough of
them can show that no permit will ever be.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from jurymast.messages.channel import OPERATOR, Channel, Message, Query
from jurymast.messages.claims import NONCE_GUARD, Chain, Cid, Count, Fate, Hash, Id32, Short
from jurymast.messages.health import Address
from jurymast.messages.intents import APPLICATION

Signature = Annotated[bytes, Meta(min_length=65, max_length=65)]
Evidence = Annotated[bytes, Meta(max_length=500_000)]


class PermitSigned(Message, frozen=True, kw_only=True):
    """One guard's part of a permit."""

    chain: Chain
    epoch: Count
    batch: Count
    guard: Address
    expiry: Count
    """By the chain's own clock."""
    body: Hash
    """The struct hash of the permit that is signed: it commits to all of the batch."""
    signature: Signature


class PermitRefused(Message, frozen=True, kw_only=True):
    """One guard's promise, in its journal before it is told, never to sign the permit with this body."""

    chain: Chain
    epoch: Count
    batch: Count
    guard: Address
    body: Id32
    """In hexadecimal, as it is a part of the subject: others may claim another body under the same number."""
    reason: Short
    signature: Signature
    """Over the promise."""


class ProofKept(Message, frozen=True, kw_only=True):
    """What an outcome was seen by, for whoever wants to see it too. It is known by its own bytes."""

    cid: Cid
    chain: Chain
    """Of which it is a state; 0 if it is a set of promises."""
    evidence: Evidence


class WhereAsked(Message, frozen=True, kw_only=True):
    account: Id32
    """Or the match."""
    nonce: Count
    """Or the match's step."""


class Attempted(Message, frozen=True, kw_only=True):
    attempt: Count
    chain: Chain
    epoch: Count
    batch: Count
    fate: Fate | None = None
    """None: it may still execute, or what became of it is not known yet."""
    cid: str = ""
    """Of the proof."""


class SeenOn(Message, frozen=True, kw_only=True):
    """What one chain says itself, finally."""

    chain: Chain
    height: Count
    used: bool | None = None
    """Executed there, or cancelled by its owner; None: the chain does not tell."""
    trouble: Short = ""


class Where(Message, frozen=True, kw_only=True):
    """Whether something was executed, on which chain, and how one knows. In the words of one guard."""

    guard: Address
    account: Id32
    nonce: Count
    executed_on: Chain
    """0: on none, as far as is known."""
    attempts: tuple[Attempted, ...]
    chains: tuple[SeenOn, ...]


class GuardAsked(Message, frozen=True, kw_only=True):
    guard: str = ""
    """Only this one; all when empty."""


class GuardStands(Message, frozen=True, kw_only=True):
    guard: Address
    instance: str
    leads: bool
    ledger: Count
    """The sequences up to which it has followed."""
    claims: Count
    journal: Count
    """Of the last record in its journal."""
    frozen: int
    """It signs nothing of this epoch or an older one; -1: of none."""
    lost_before: int
    """What it had signed up to this epoch is not all in its journal; -1: it is."""
    signed: Count
    """Permits in the journal that may matter yet."""
    waiting: Count
    """Batches that are planned and not signed."""
    unconcluded: Count
    """Claims of which it is not known what became of them."""
    troubles: tuple[Short, ...]


SIGNED = Channel(
    "permit.signed.{chain}.{epoch}.{batch}.{guard}",
    PermitSigned,
    summary="A guard has signed that a batch may execute, once, on one chain.",
    owner=NONCE_GUARD,
)
REFUSED = Channel(
    "permit.refused.{chain}.{epoch}.{batch}.{guard}.{body}",
    PermitRefused,
    summary="A guard has promised never to sign a batch.",
    owner=NONCE_GUARD,
)
KEPT = Channel(
    "proof.kept.{cid}",
    ProofKept,
    summary="What an outcome in the log of claims was seen by.",
    owner=NONCE_GUARD,
)
WHERE = Query(
    "permit.where",
    WhereAsked,
    Where,
    summary="Was it executed, and on which chain? Every guard answers.",
    asked_by=(APPLICATION, OPERATOR),
    answered_by=NONCE_GUARD,
)
GUARD = Query(
    "permit.guard",
    GuardAsked,
    GuardStands,
    summary="How does each guard stand?",
    asked_by=OPERATOR,
    answered_by=NONCE_GUARD,
)
