"""What anybody, an owner or the guards may do on a chain besides batches and entering."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jurymast.book.amounts import in_grid_units
from jurymast.book.grid import EVM_PADDING, Grid
from jurymast.book.leaves import NOBODY
from jurymast.book.refusals import (
    AlreadyBridged,
    AlreadyRegistered,
    AssetListed,
    BadListing,
    Malformed,
    NotAuthorised,
    NothingMoved,
    PermitExpired,
    RateLimited,
    WrongChain,
)
from jurymast.book.signed import NO_ASSET, SOLANA, BridgeIn, Cancel, Listing, LockTransition, Rotation, Unpause
from jurymast.crypto.address import SIZE as ADDRESS_BYTES
from jurymast.crypto.secp256k1 import quorum, recover

Signatures = Sequence[bytes]
MOST_DECIMALS_LESS = 18


# -- by the guards, and by who pauses ----------------------------------------------------------------------------------


def transition(grid: Grid, signed: LockTransition, totals: Mapping[int, int], signatures: Signatures, now: int) -> None:
    """Always possible, whoever brings it: also late, also while paused."""
    lock = grid.lock.transition(signed, totals, now)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock, grid.opening = lock, grid.deposits


def rotate(grid: Grid, signed: Rotation, signatures: Signatures) -> None:
    lock = grid.lock.rotate(signed)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock = lock


def pause(grid: Grid, by: bytes, until: int, now: int) -> None:
    if by != grid.pauser:
        raise NotAuthorised(EVM_PADDING + by)
    grid.lock = grid.lock.pause(until, now)


def unpause(grid: Grid, signed: Unpause, signatures: Signatures, now: int) -> None:
    lock = grid.lock.unpause(signed, now)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.lock = lock


def list_asset(grid: Grid, signed: Listing, signatures: Signatures) -> None:
    """Always possible: nothing else depends on it but tokens that come in or leave."""
    if signed.chain != grid.lock.chain:
        raise WrongChain(signed.chain)
    if signed.asset in grid.listings:
        raise AssetListed(signed.asset)
    decimals_less = signed.token_decimals - signed.grid_decimals
    if signed.asset == NO_ASSET or not 0 <= decimals_less <= MOST_DECIMALS_LESS or not signed.bridge_window:
        raise BadListing(signed.asset)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.put(grid.listings, signed.asset, signed)


def bridge_in(grid: Grid, signed: BridgeIn, signatures: Signatures, now: int) -> None:
    """Float for withdrawals, which belongs to nobody in particular."""
    grid.lock.check_running(now)
    if signed.chain != grid.lock.chain:
        raise WrongChain(signed.chain)
    listing = grid.listed(signed.asset)
    if signed.id in grid.bridged:
        raise AlreadyBridged(signed.id)
    if now >= signed.expiry:
        raise PermitExpired(signed.expiry)
    window = now // listing.bridge_window
    last, before = grid.bridging.get(signed.asset, (window, 0))
    in_window = signed.amount + (before if last == window else 0)
    if in_window > listing.bridge_limit:
        raise RateLimited(signed.asset, in_window, listing.bridge_limit)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    with grid.whole():
        grid.put(grid.bridging, signed.asset, (window, in_window))
        grid.put(grid.bridged, signed.id, signed.amount)
        grid.owe(signed.asset, 0, vault=signed.amount)


# -- by owners ---------------------------------------------------------------------------------------------------------


def deposit(grid: Grid, account: bytes, asset: int, tokens: int, now: int) -> int:
    """Of the tokens that arrived all but the dust; returns the number of the deposit on this chain."""
    grid.lock.check_active(now)
    units, _ = in_grid_units(tokens, grid.listed(asset).scale)
    if not units:
        raise NothingMoved(asset)
    with grid.whole():
        grid.owe(asset, units, vault=units)
        grid.change(account, asset, units)
        grid.set(deposits=grid.deposits + 1)
    return grid.deposits


def register(grid: Grid, account: bytes, authority: bytes, now: int) -> None:
    """Who signs for a Solana key that asked for it, which the caller has seen to: where such keys can ask, and once."""
    if grid.lock.chain != SOLANA:
        raise WrongChain(grid.lock.chain)
    grid.lock.check_active(now)
    check_authority(account, authority)
    if (known := grid.account(account)).authority:
        raise AlreadyRegistered(account)
    grid.put(grid.accounts, account, known._replace(authority=authority))


def check_authority(account: bytes, authority: bytes) -> None:
    if len(authority) != ADDRESS_BYTES or authority == NOBODY or account.startswith(EVM_PADDING):
        raise Malformed("an authority is an address, of an account that is none")


def cancel(grid: Grid, signed: Cancel, signature: bytes) -> None:
    """Always possible: an owner can stop what he signed even where nothing else works."""
    if signed.chain != grid.lock.chain:
        raise WrongChain(signed.chain)
    account = grid.account(signed.account)
    if recover(signed.digest(grid.domain), signature) != account.authority:
        raise NotAuthorised(signed.account)
    grid.put(grid.accounts, signed.account, account._replace(nonces=account.nonces.cancel_below(signed.floor)))
