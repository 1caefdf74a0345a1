"""The economic state as the fold of the `LEDGER` order: every machine that has read as far has the same, to the byte."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

from jurymast.book import batches, intents, trading
from jurymast.book.amounts import BPS, amount
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
    Event,
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
from jurymast.book.operations import check_authority
from jurymast.book.refusals import (
    AlreadyBridged,
    AlreadyCounted,
    AlreadyRegistered,
    BadFee,
    CutTooLow,
    EpochNotNewer,
    Late,
    NoFate,
    NoSuchChain,
    NoSuchTransfer,
    NothingMoved,
    NotLate,
    Refusal,
    WrongChain,
    WrongPhase,
)
from jurymast.book.signed import CHAINS
from jurymast.book.state import Fate, Ledger, Phase


class Applied(Enum):
    NOW = "now"
    BEFORE = "before"
    """The very same event: nothing has changed again."""


def apply(ledger: Ledger, event: Event) -> Applied | Refusal:
    """In the order of the log. What is refused leaves no trace, and may be said again where it fits."""
    try:
        id_ = event.id
        if id_ in ledger.seen:
            return Applied.BEFORE
        with ledger.whole():
            _RULES[type(event)](ledger, event)
            ledger.put(ledger.seen, id_, len(ledger.seen) + 1)
    except Refusal as refusal:
        return refusal
    return Applied.NOW


# -- accounts ----------------------------------------------------------------------------------------------------------


def _raise_floor(ledger: Ledger, event: FloorRaised) -> None:
    if event.chain not in CHAINS:
        raise NoSuchChain(event.chain)
    account = ledger.know(event.account)
    ledger.put(ledger.accounts, event.account, account._replace(nonces=account.nonces.cancel_below(event.floor)))


def _register(ledger: Ledger, event: Registered) -> None:
    """Once: an address signs for itself."""
    check_authority(event.account, event.authority)
    account = ledger.know(event.account)
    if account.authority:
        raise AlreadyRegistered(event.account)
    ledger.put(ledger.accounts, event.account, account._replace(authority=event.authority))


def _deposit(ledger: Ledger, event: Deposited) -> None:
    if ledger.phase not in (Phase.OPEN, Phase.FROZEN) or event.epoch != ledger.opened:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if event.chain != ledger.chain:
        raise WrongChain(event.chain)
    if event.sequence <= ledger.opening:
        raise Late(amount(event.sequence), ledger.opening)
    _count(ledger, event)
    ledger.set(height=max(ledger.height, amount(event.height)))


def _credit(ledger: Ledger, event: Credited) -> None:
    if ledger.phase is not Phase.OPEN or event.epoch != ledger.epoch:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if event.chain == ledger.chain and event.sequence > ledger.opening:
        raise NotLate(event.sequence, ledger.opening)
    _count(ledger, event)


def _count(ledger: Ledger, event: Deposited | Credited) -> None:
    """Once, by its number on its chain."""
    key = (event.chain, amount(event.sequence))
    if key in ledger.counted:
        raise AlreadyCounted(*key)
    if not amount(event.amount):
        raise NothingMoved(event.asset)
    ledger.owe(event.asset, event.amount)
    ledger.change(event.account, event.asset, available=event.amount)
    ledger.move_tokens(event.chain, event.asset, event.amount)
    ledger.put(ledger.counted, key, event.amount)


# -- the bridge --------------------------------------------------------------------------------------------------------


def _arrive(ledger: Ledger, event: BridgeArrived) -> None:
    if (transfer := ledger.transfers.get(event.transfer)) is None:
        raise NoSuchTransfer(event.transfer)
    if transfer.arrived:
        raise AlreadyBridged(event.transfer)
    ledger.move_tokens(transfer.target, transfer.asset, transfer.amount)
    ledger.put(ledger.transfers, event.transfer, transfer._replace(arrived=True))


# -- epochs ------------------------------------------------------------------------------------------------------------


def _open(ledger: Ledger, event: EpochOpened) -> None:
    """On the last cut; the first one on nothing."""
    if ledger.phase not in (Phase.NONE, Phase.CUT):
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if amount(event.epoch) <= ledger.epoch:
        raise EpochNotNewer(event.epoch, ledger.epoch)
    if event.chain not in CHAINS:
        raise NoSuchChain(event.chain)
    if not 0 <= event.fee_bps <= BPS:
        raise BadFee(event.fee_bps)
    ledger.set(
        epoch=event.epoch, opened=event.epoch, phase=Phase.OPEN, chain=event.chain, fee_bps=event.fee_bps,
        opening=amount(event.opening), height=0,
    )  # fmt: skip


def _freeze(ledger: Ledger, event: EpochFrozen) -> None:
    """The epoch that is open; or, while none is, a newer number that is burnt, and with it the cut that it was to start from."""
    if ledger.phase is Phase.OPEN and event.epoch != ledger.epoch:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if ledger.phase is Phase.NONE:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if ledger.phase is not Phase.OPEN and amount(event.epoch) <= ledger.epoch:
        raise EpochNotNewer(event.epoch, ledger.epoch)
    ledger.set(epoch=event.epoch, phase=Phase.FROZEN)


def _cut(ledger: Ledger, event: EpochCut) -> None:
    if ledger.phase is not Phase.FROZEN or event.epoch != ledger.epoch:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    for key in ledger.outstanding:
        if ledger.fates[key] is Fate.PLANNED:
            raise NoFate(*key)
    height = event.heights.get(ledger.chain, -1)
    if height < ledger.height:
        raise CutTooLow(ledger.chain, height, ledger.height)
    ledger.set(phase=Phase.CUT, cuts=ledger.cuts + 1)


Rule: TypeAlias = Callable[[Ledger, Any], None]
_RULES: dict[type[Event], Rule] = {
    IntentAccepted: intents.accept,
    IntentCancelled: intents.cancel,
    IntentExpired: intents.expire,
    IntentRejected: intents.reject,
    FloorRaised: _raise_floor,
    Registered: _register,
    Deposited: _deposit,
    Credited: _credit,
    BatchPlanned: batches.plan,
    BatchExecuted: batches.execute,
    BatchReleased: batches.release,
    BatchDoubted: batches.doubt,
    BatchResolved: batches.resolve,
    MarketOpened: trading.open_market,
    OrderPlaced: trading.place,
    OrderCancelled: trading.cancel,
    BridgeArrived: _arrive,
    EpochOpened: _open,
    EpochFrozen: _freeze,
    EpochCut: _cut,
}
