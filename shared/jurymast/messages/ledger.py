"""The one order that the economic state is folded from: a channel for each who may say something, of just those events."""

from __future__ import annotations

from typing import TypeAlias

from jurymast.book.events import (
    BatchDoubted,
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
    BridgeArrived,
    Credited,
    Deposited,
    EpochCut,
    EpochFrozen,
    EpochOpened,
    FloorRaised,
    IntentAccepted,
    IntentCancelled,
    IntentExpired,
    IntentRejected,
    MarketOpened,
    OrderCancelled,
    OrderPlaced,
    Registered,
)
from jurymast.messages.channel import OPERATOR, Channel, Message

BRIDGE, MIRROR, NONCE_GUARD, SWITCHER = "bridge", "mirror", "nonce-guard", "switcher"


class IntentChanged(Message, frozen=True, kw_only=True):
    event: IntentAccepted | IntentCancelled | IntentExpired | IntentRejected


class IntentGone(Message, frozen=True, kw_only=True):
    """Its nonce was used on a chain, finally, and not by a batch: its owner cancelled it there."""

    event: IntentCancelled


class OrderChanged(Message, frozen=True, kw_only=True):
    event: OrderPlaced | OrderCancelled


class MarketChanged(Message, frozen=True, kw_only=True):
    event: MarketOpened


class Planned(Message, frozen=True, kw_only=True):
    event: BatchPlanned


class Ended(Message, frozen=True, kw_only=True):
    event: BatchExecuted | BatchReleased


class Doubt(Message, frozen=True, kw_only=True):
    event: BatchDoubted | BatchResolved


class Landed(Message, frozen=True, kw_only=True):
    event: Deposited | Registered | FloorRaised


class CarriedOver(Message, frozen=True, kw_only=True):
    event: Credited | Registered | FloorRaised


class EpochMoved(Message, frozen=True, kw_only=True):
    event: EpochOpened | EpochFrozen | EpochCut


class Arrived(Message, frozen=True, kw_only=True):
    event: BridgeArrived


Told: TypeAlias = (
    IntentChanged
    | IntentGone
    | OrderChanged
    | MarketChanged
    | Planned
    | Ended
    | Doubt
    | Landed
    | CarriedOver
    | EpochMoved
    | Arrived
)

INTENTS = Channel(
    "ledger.intent.changed",
    IntentChanged,
    summary="An intent, or whatever else needs a permit, was accepted, or ended without executing.",
    owner=MIRROR,
    public=True,
)
GONE = Channel(
    "ledger.intent.gone",
    IntentGone,
    summary="An intent that was claimed is released, and was cancelled by its owner on the chain.",
    owner=NONCE_GUARD,
    public=True,
)
ORDERS = Channel("ledger.order.changed", OrderChanged, summary="An order was placed, or taken back.", owner=MIRROR, public=True)
MARKETS = Channel("ledger.market.changed", MarketChanged, summary="A market was opened.", owner=OPERATOR, public=True)
PLANNED = Channel(
    "ledger.batch.planned",
    Planned,
    summary="The whole body of a batch, before anything of it is claimed.",
    owner=MIRROR,
    public=True,
)
ENDED = Channel(
    "ledger.batch.ended",
    Ended,
    summary="A batch executed, finally, or can never execute any more.",
    owner=NONCE_GUARD,
    public=True,
)
DOUBT = Channel(
    "ledger.batch.doubted",
    Doubt,
    summary="The chain of a batch stopped before its outcome was final; or what became of it is known at last.",
    owner=SWITCHER,
    public=True,
)
LANDED = Channel(
    "ledger.chain.landed",
    Landed,
    summary="What users did for themselves on the active chain, finally.",
    owner=MIRROR,
    public=True,
)
CARRIED_OVER = Channel(
    "ledger.chain.carried",
    CarriedOver,
    summary="What users did on a chain that was given up, above its cut.",
    owner=SWITCHER,
    public=True,
)
EPOCHS = Channel("ledger.epoch.moved", EpochMoved, summary="An epoch was opened, frozen or cut.", owner=SWITCHER, public=True)
ARRIVED = Channel("ledger.bridge.arrived", Arrived, summary="Tokens arrived over the bridge.", owner=BRIDGE, public=True)

CHANNELS: tuple[Channel[Told], ...] = (
    INTENTS, GONE, ORDERS, MARKETS, PLANNED, ENDED, DOUBT, LANDED, CARRIED_OVER, EPOCHS, ARRIVED,
)  # type: ignore[assignment]  # fmt: skip
