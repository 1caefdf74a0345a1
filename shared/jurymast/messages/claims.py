"""The log that decides who may execute what: epoch records, claims, and what became of them.

Each stands on a subject of its own, which takes one message: whoever comes second is refused, and nothing is ever changed. What
is claimed is an identity, (account, nonce) or (match, step); accounts and matches are 32 bytes in hexadecimal, as they are parts
of subjects.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from jurymast.messages.channel import Channel, Message

State = Literal["open", "frozen", "cut"]
Fate = Literal["executed", "cancelled", "released"]

Count = Annotated[int, Meta(ge=0)]
Chain = Annotated[int, Meta(ge=0, le=255)]
Id32 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Block = Annotated[bytes, Meta(max_length=32)]
Cid = Annotated[str, Meta(min_length=1, max_length=100)]
Short = Annotated[str, Meta(max_length=200)]

SWITCHER, NONCE_GUARD = "switcher", "nonce-guard"


class Height(Message, frozen=True, kw_only=True):
    """Up to which block the cut counts what happened on a chain."""

    chain: Chain
    height: Count
    block: Block
    """Its hash."""


class Total(Message, frozen=True, kw_only=True):
    """What may enter the next epoch, of one asset."""

    asset: Count
    amount: Count


class Cut(Message, frozen=True, kw_only=True):
    """The state that the next epoch starts from: the fold of the ledger up to a sequence, the same on every machine."""

    ledger: Count
    """The sequence in `LEDGER` up to which it counts."""
    heights: Annotated[tuple[Height, ...], Meta(min_length=1, max_length=16)]
    root: Hash
    totals: Annotated[tuple[Total, ...], Meta(max_length=1024)]
    cid: Cid
    """Where the snapshot is found, and its checksum."""


class EpochRecord(Message, frozen=True, kw_only=True):
    """What an epoch has come to. While the last record opens an epoch for a chain, and only then, that chain's intents are
    claimed."""

    epoch: Count
    state: State
    chain: Chain
    """The one that is active in the epoch, or was."""
    switch: Short
    """Which switch moved it."""
    recorded_ms: Count
    cut: Cut | None = None
    """Of a cut, and of nothing else."""

    def __post_init__(self) -> None:
        if (self.state == "cut") != (self.cut is not None):
            raise ValueError(f"a record that is {self.state} {'needs' if self.state == 'cut' else 'has no'} cut")


class Claimed(Message, frozen=True, kw_only=True):
    """The single execution of this attempt is assigned to a batch."""

    account: Id32
    """Or the match."""
    nonce: Count
    """Or the match's step."""
    attempt: Count
    """How often it was claimed before, each time released."""
    chain: Chain
    epoch: Count
    batch: Count
    expiry: Count
    """Of the batch's permit, by the chain's own clock."""
    body: Hash
    """Commits to the batch's actions and prices."""


class Proof(Message, frozen=True, kw_only=True):
    """Where it was seen: one finalized state, and what was kept of it."""

    height: Count
    block: Block
    """Its hash."""
    clock: Count
    """The chain's own, there."""
    fence: Count
    """The chain's epoch, there."""
    cid: Cid
    """Of the proof as it was stored."""


class Concluded(Message, frozen=True, kw_only=True):
    """How an attempt ended, for ever. Only after `released` is there another one."""

    account: Id32
    nonce: Count
    attempt: Count
    fate: Fate
    chain: Chain
    epoch: Count
    batch: Count
    proof: Proof


EPOCH = Channel(
    "claims.epoch.{epoch}.{state}.{chain}",
    EpochRecord,
    summary="An epoch was opened, frozen or cut. Every claim stands behind the record that it saw.",
    owner=SWITCHER,
)
INTENT = Channel(
    "claims.intent.{account}.{nonce}.{attempt}",
    Claimed,
    summary="An attempt to execute an intent, or whatever else needs a permit, was assigned to a batch.",
    owner=NONCE_GUARD,
)
OUTCOME = Channel(
    "claims.outcome.{account}.{nonce}.{attempt}",
    Concluded,
    summary="A claimed attempt was executed, was cancelled by its owner, or was released and may be claimed again.",
    owner=NONCE_GUARD,
)
EPOCHS = "claims.epoch.>"
"""The one pattern behind which everything here is written, epoch records included: the server puts writes behind the same pattern
one after the other, and lets a claim behind another one slip past a freeze."""
