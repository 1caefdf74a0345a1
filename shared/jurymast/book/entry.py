"""How state enters an epoch, leaf by leaf; and how what was in doubt, or landed late, on the other chain is settled."""

from __future__ import annotations

from collections.abc import Sequence

from jurymast.book.amounts import amount
from jurymast.book.grid import Grid, Match, real
from jurymast.book.leaves import NO_NONCE, NOBODY, AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import (
    AlreadyCredited,
    AlreadyEntered,
    AlreadyResolved,
    AlreadySettled,
    InsufficientBalance,
    NotEntered,
    NotLate,
    NotResolved,
    TotalsExceeded,
    UnlikeTerms,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.signed import Credit, Resolve, Terms
from jurymast.crypto.merkle import verify
from jurymast.crypto.secp256k1 import quorum

Proof = Sequence[bytes]


# -- entering ----------------------------------------------------------------------------------------------------------


def enter_account(grid: Grid, leaf: AccountLeaf, proof: Proof, now: int) -> None:
    """Who signs for it, if the cut knew, and never fewer used nonces than here or there."""
    grid.lock.check_active(now)
    if (account := grid.account(leaf.account)).entered:
        raise AlreadyEntered(leaf.content())
    verify(grid.lock.root, leaf.content(), proof)
    authority = account.authority if leaf.authority == NOBODY else leaf.authority
    nonces = account.nonces.merged(Nonces.of(leaf.nonces))
    grid.put(grid.accounts, leaf.account, account._replace(entered=True, authority=authority, nonces=nonces))


def enter_balance(grid: Grid, leaf: BalanceLeaf, proof: Proof, now: int) -> None:
    grid.lock.check_active(now)
    real(leaf.asset)
    balance = grid.balance(leaf.account, leaf.asset)
    if balance.entered or grid.account(leaf.account).new:
        raise AlreadyEntered(leaf.content())
    verify(grid.lock.root, leaf.content(), proof)
    with grid.whole():
        _count_in(grid, leaf.asset, leaf.available + leaf.held)
        entered = balance._replace(entered=True, available=leaf.available + balance.received, held=leaf.held, received=0)
        grid.put(grid.balances, (leaf.account, leaf.asset), entered)


def enter_match(grid: Grid, leaf: MatchLeaf, terms: Terms, proof: Proof, now: int) -> None:
    grid.lock.check_active(now)
    if terms.content() != leaf.terms:
        raise UnlikeTerms(leaf.terms)
    real(terms.asset)
    if (known := grid.matches.get(leaf.terms)) and known.epoch == grid.epoch:
        raise AlreadyEntered(leaf.content())
    verify(grid.lock.root, leaf.content(), proof)
    with grid.whole():
        _count_in(grid, terms.asset, terms.stake * len(leaf.players))
        grid.put(grid.matches, leaf.terms, Match(grid.epoch, leaf.step, leaf.players))


def enter_order(grid: Grid, leaf: OrderLeaf, proof: Proof, now: int) -> None:
    """It is on record here that it stands."""
    grid.lock.check_active(now)
    if grid.orders.get(leaf.id) == grid.epoch:
        raise AlreadyEntered(leaf.content())
    verify(grid.lock.root, leaf.content(), proof)
    grid.put(grid.orders, leaf.id, grid.epoch)


def _count_in(grid: Grid, number: int, value: int) -> None:
    """Even a wrong root cannot bring in more than the guards signed."""
    asset, total = grid.asset(number), grid.lock.totals.get(number, 0)
    entered = amount(asset.entered + amount(value))
    if entered > total:
        raise TotalsExceeded(number, entered, total)
    grid.put(grid.assets, number, asset._replace(entered=entered, liabilities=amount(asset.liabilities + value)))


# -- what was in doubt -------------------------------------------------------------------------------------------------


def resolve(grid: Grid, signed: Resolve, signatures: Sequence[bytes], now: int) -> None:
    """What became of a batch, once and for ever. About its own batches a chain needs no telling."""
    grid.lock.check_active(now)
    if signed.origin == grid.lock.chain:
        raise WrongChain(signed.origin)
    key = (signed.origin, signed.epoch, signed.batch)
    if key in grid.resolved:
        raise AlreadyResolved(*key)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    grid.put(grid.resolved, key, signed.executed)


def settle_hold(grid: Grid, leaf: HoldLeaf, proof: Proof, now: int) -> None:
    """Post it or void it, as its batch was resolved. Posting uses its nonce up, whatever the floor."""
    grid.lock.check_active(now)
    executed, hold = _executed(grid, leaf), leaf.content()
    real(leaf.out_asset, leaf.in_asset)
    if grid.settled.get(hold) == grid.epoch:
        raise AlreadySettled(hold)
    verify(grid.lock.root, hold, proof)
    account, balance = grid.entered(leaf.account), grid.balance(leaf.account, leaf.out_asset)
    if not balance.entered:
        raise NotEntered(leaf.account)
    if balance.held < leaf.out_amount:
        raise InsufficientBalance(leaf.account, leaf.out_asset, balance.held, leaf.out_amount)
    with grid.whole():
        grid.put(grid.settled, hold, grid.epoch)
        grid.put(grid.balances, (leaf.account, leaf.out_asset), balance._replace(held=balance.held - leaf.out_amount))
        if executed:
            grid.owe(leaf.out_asset, -leaf.out_amount)
            grid.owe(leaf.in_asset, leaf.in_amount)
            grid.change(leaf.account, leaf.in_asset, leaf.in_amount)
            if leaf.nonce != NO_NONCE and not account.nonces.used(leaf.nonce):
                grid.put(grid.accounts, leaf.account, account._replace(nonces=account.nonces.use(leaf.nonce)))
        else:
            grid.change(leaf.account, leaf.out_asset, leaf.out_amount)


def _executed(grid: Grid, leaf: HoldLeaf) -> bool:
    """As the guards resolved it; of this chain's own older epochs its records say."""
    batch = (leaf.origin, leaf.epoch, leaf.batch)
    own = leaf.origin == grid.lock.chain
    executed = (leaf.epoch, leaf.batch) in grid.batches if own else grid.resolved.get(batch)
    if executed is None or (own and leaf.epoch >= grid.epoch):
        raise NotResolved(*batch)
    return executed


def credit(grid: Grid, signed: Credit, signatures: Sequence[bytes], now: int) -> None:
    """A deposit that landed on a chain after the cut, once in an epoch by its number there; on this chain, in an older epoch."""
    grid.lock.check_active(now)
    real(signed.asset)
    if signed.origin == grid.lock.chain and signed.sequence > grid.opening:
        raise NotLate(signed.sequence, grid.opening)
    if signed.epoch != grid.epoch:
        raise WrongEpoch(signed.epoch, grid.epoch)
    if grid.credited.get((signed.origin, signed.sequence)) == grid.epoch:
        raise AlreadyCredited(signed.origin, signed.sequence)
    quorum(grid.lock.guards.guards, signed.digest(grid.domain), signatures)
    with grid.whole():
        grid.put(grid.credited, (signed.origin, signed.sequence), grid.epoch)
        grid.owe(signed.asset, signed.amount)
        grid.change(signed.account, signed.asset, signed.amount)
