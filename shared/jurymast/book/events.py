"""What the one `LEDGER` order is made of: everything that changes value, or an intent's life.

An event is identified by what it says, so nobody can take the id of another's. Whoever publishes one has checked what the fold
cannot: signatures, and what is final on a chain. Heights and times are those of the chain that the event tells of.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

from jurymast.book.execute import Action
from jurymast.book.orders import Side
from jurymast.book.refusals import Malformed
from jurymast.crypto.keccak import keccak256

_ENCODER = msgspec.msgpack.Encoder()


class Said(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    @property
    def id(self) -> bytes:
        try:
            return keccak256(_ENCODER.encode(self))
        except (OverflowError, TypeError, ValueError) as error:
            raise Malformed(str(error)) from None


# -- intents, and what else needs a permit ------------------------------------------------------------------------------


class IntentAccepted(Said, frozen=True, kw_only=True):
    action: Action
    now: int


class _Ended(Said, frozen=True, kw_only=True):
    """Before it was ever planned, or after it was released."""

    owner: bytes
    """Its account, or its match."""
    nonce: int
    """Or the match's step."""


class IntentCancelled(_Ended, frozen=True, kw_only=True):
    pass


class IntentExpired(_Ended, frozen=True, kw_only=True):
    now: int


class IntentRejected(_Ended, frozen=True, kw_only=True):
    reason: str


# -- accounts ----------------------------------------------------------------------------------------------------------


class FloorRaised(Said, frozen=True, kw_only=True):
    """By the owner, on any chain at any time."""

    chain: int
    account: bytes
    floor: int


class Registered(Said, frozen=True, kw_only=True):
    account: bytes
    authority: bytes


class Deposited(Said, frozen=True, kw_only=True):
    """On the active chain, in its epoch."""

    chain: int
    epoch: int
    sequence: int
    account: bytes
    asset: int
    amount: int
    height: int


class Credited(Said, frozen=True, kw_only=True):
    """A deposit that no cut has counted: on another chain, or on this one before its epoch began."""

    chain: int
    sequence: int
    epoch: int
    """In which it is credited: told later, the chain does not take the credit any more."""
    account: bytes
    asset: int
    amount: int


# -- batches -----------------------------------------------------------------------------------------------------------


class _OfBatch(Said, frozen=True, kw_only=True):
    chain: int
    epoch: int
    batch: int

    @property
    def key(self) -> tuple[int, int, int]:
        return self.chain, self.epoch, self.batch


class BatchPlanned(_OfBatch, frozen=True, kw_only=True):
    """Its whole body, before it is claimed."""

    expiry: int
    actions: tuple[Action, ...]
    prices: Mapping[int, int]
    absent: tuple[tuple[bytes, int], ...] = ()
    dead: tuple[tuple[bytes, int], ...] = ()


class BatchExecuted(_OfBatch, frozen=True, kw_only=True):
    """Finally."""

    height: int


class BatchReleased(_OfBatch, frozen=True, kw_only=True):
    """It can never execute: what it would have done may be planned again."""


class BatchDoubted(_OfBatch, frozen=True, kw_only=True):
    """Its chain stopped before its outcome was final."""


class BatchResolved(_OfBatch, frozen=True, kw_only=True):
    executed: bool


# -- markets -----------------------------------------------------------------------------------------------------------


class MarketOpened(Said, frozen=True, kw_only=True):
    market: int
    base: int
    quote: int
    unit: int
    margin_bps: int


class OrderPlaced(Said, frozen=True, kw_only=True):
    market: int
    order: bytes
    account: bytes
    side: Side
    price: int
    quantity: int


class OrderCancelled(Said, frozen=True, kw_only=True):
    market: int
    order: bytes
    account: bytes


# -- the bridge --------------------------------------------------------------------------------------------------------


class BridgeArrived(Said, frozen=True, kw_only=True):
    """In the vault of its target: what a batch sent there."""

    transfer: bytes


# -- epochs ------------------------------------------------------------------------------------------------------------


class EpochOpened(Said, frozen=True, kw_only=True):
    epoch: int
    chain: int
    fee_bps: int
    opening: int
    """How many deposits the chain had when the epoch began there."""


class EpochFrozen(Said, frozen=True, kw_only=True):
    """Also of a number that is burnt before it was opened."""

    epoch: int


class EpochCut(Said, frozen=True, kw_only=True):
    """Every batch of the epoch has a fate. What a chain did above its height is not in the cut."""

    epoch: int
    heights: Mapping[int, int]


Event: TypeAlias = (
    IntentAccepted
    | IntentCancelled
    | IntentExpired
    | IntentRejected
    | FloorRaised
    | Registered
    | Deposited
    | Credited
    | BatchPlanned
    | BatchExecuted
    | BatchReleased
    | BatchDoubted
    | BatchResolved
    | MarketOpened
    | OrderPlaced
    | OrderCancelled
    | BridgeArrived
    | EpochOpened
    | EpochFrozen
    | EpochCut
)
