"""How an intent lives in the ledger, and whatever else needs a permit: open, in a batch, and ended in one way for ever."""

from __future__ import annotations

from typing import TypeAlias

from jurymast.book.events import IntentAccepted, IntentCancelled, IntentExpired, IntentRejected
from jurymast.book.matches import agreed
from jurymast.book.refusals import AlreadyAccepted, Conflict, Expired, NotOpen, NotYetExpired, UnlikeTerms
from jurymast.book.signed import BridgeOut, Intent, Join, Verdict, Withdrawal
from jurymast.book.state import Identity, Ledger, Life, Status

Signed: TypeAlias = Intent | Withdrawal | BridgeOut | Join | Verdict


def identity(signed: Signed) -> Identity:
    return (signed.match, signed.step) if isinstance(signed, Verdict) else (signed.account, signed.nonce)


def accept(ledger: Ledger, event: IntentAccepted) -> None:
    signed, terms = event.action.signed, event.action.terms
    signed.content()  # Every value fits its type.
    owner, nonce = identity(signed)
    if known := ledger.lives.get((owner, nonce)):
        if known.action.signed == signed:
            raise AlreadyAccepted(owner, nonce)
        # An oracle may correct itself while nothing is planned: of a match there is no other step, and it must not hang.
        if not isinstance(signed, Verdict) or known.status in (Status.PLANNED, Status.EXECUTED):
            raise Conflict(owner, nonce)
    if isinstance(signed, Join | Verdict):
        agreed(terms, signed.match)
    if isinstance(signed, Join) and terms and (signed.asset, signed.stake) != (terms.asset, terms.stake):
        raise UnlikeTerms(signed.match)
    if not isinstance(signed, Verdict):
        ledger.know(owner).nonces.use(nonce)
        if event.now > signed.deadline:
            raise Expired(signed.deadline)
    ledger.put(ledger.lives, (owner, nonce), Life(event.action, Status.OPEN))


def check(ledger: Ledger, event: IntentAccepted) -> None:
    """Raises what `accept` would, and changes nothing."""
    with ledger.tried():
        accept(ledger, event)


def cancel(ledger: Ledger, event: IntentCancelled) -> None:
    _end(ledger, (event.owner, event.nonce), Status.CANCELLED)


def expire(ledger: Ledger, event: IntentExpired) -> None:
    signed = still_open(ledger, (event.owner, event.nonce)).action.signed
    if isinstance(signed, Verdict):
        raise NotOpen(event.owner, event.nonce)
    if event.now <= signed.deadline:
        raise NotYetExpired(signed.deadline, event.now)
    _end(ledger, (event.owner, event.nonce), Status.EXPIRED)


def reject(ledger: Ledger, event: IntentRejected) -> None:
    _end(ledger, (event.owner, event.nonce), Status.REJECTED, event.reason)


def still_open(ledger: Ledger, key: Identity) -> Life:
    life = ledger.life(key)
    if life is None or life.status is not Status.OPEN:
        raise NotOpen(*key)
    return life


def _end(ledger: Ledger, key: Identity, status: Status, reason: str = "") -> None:
    """For ever: its nonce is used up with it."""
    life = still_open(ledger, key)
    ledger.put(ledger.lives, key, Life(life.action, status, reason))
    if not isinstance(life.action.signed, Verdict):
        ledger.use(*key)
