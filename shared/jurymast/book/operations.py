"""What anybody, an owner or the guards may do on a chain besides batches and entering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jurymast.book.amounts import amount
from jurymast.book.grid import Grid
from jurymast.book.refusals import AlreadyDone, NotAuthorised, NothingMoved, PermitExpired, WrongChain
from jurymast.book.signed import BridgeIn, Cancel, LockTransition, Rotation, Unpause
from jurymast.crypto.secp256k1 import quorum, recover

Signatures = Sequence[bytes]


def transition(grid: Grid, signed: LockTransition, totals: Mapping[int, int], signatures: Signatures) -> None:
    """Always possible, whoever brings it: also late, also while paused."""
    lock = grid.lock.transition(signed, totals)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock = lock


def rotate(grid: Grid, signed: Rotation, signatures: Signatures) -> None:
    lock = grid.lock.rotate(signed)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock = lock


def unpause(grid: Grid, signed: Unpause, signatures: Signatures, now: int) -> None:
    lock = grid.lock.unpause(signed, now)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock = lock


def deposit(grid: Grid, account: bytes, asset: int, value: int, now: int) -> int:
    """What arrived, in grid units; returns the number of the deposit on this chain."""
    grid.lock.check_active(now)
    if not amount(value):
        raise NothingMoved(asset)
    with grid.whole():
        grid.owe(asset, value, vault=value)
        grid.change(account, asset, value)
        grid.deposits += 1
    return grid.deposits


def cancel(grid: Grid, signed: Cancel, signature: bytes) -> None:
    """Always possible: an owner can stop what he signed even where nothing else works."""
    if signed.chain != grid.lock.chain:
        raise WrongChain(signed.chain)
    account = grid.account(signed.account)
    if recover(signed.digest(grid.domain), signature) != account.authority:
        raise NotAuthorised(signed.account)
    grid.put(grid.accounts, signed.account, account._replace(nonces=account.nonces.cancel_below(signed.floor)))


def bridge_in(grid: Grid, signed: BridgeIn, signatures: Signatures, now: int) -> None:
    """Float for withdrawals, which belongs to nobody in particular."""
    grid.lock.check_running(now)
    if signed.chain != grid.lock.chain:
        raise WrongChain(signed.chain)
    if signed.id in grid.bridged:
        raise AlreadyDone(f"transfer {signed.id.hex()}")
    if now >= signed.expiry:
        raise PermitExpired(signed.expiry)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    with grid.whole():
        grid.put(grid.bridged, signed.id, signed.amount)
        grid.owe(signed.asset, 0, vault=signed.amount)
