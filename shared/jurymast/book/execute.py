"""A batch under its permit: checked, netted, applied, recorded; or refused without a trace.

The permit says which batch, when and where; each action is signed by whom it binds; what is taken was available; and what is
bought was sold. Only then anything changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

import msgspec

from jurymast.book.grid import Grid, Match, real, without_leaf
from jurymast.book.matches import agreed, ended, joined
from jurymast.book.refusals import (
    BatchTooLarge,
    BatchUsed,
    Expired,
    InsufficientFloat,
    NoSuchChain,
    NoSuchMatch,
    NotAuthorised,
    PermitExpired,
    UnlikeTerms,
    WrongBatch,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.settle import Fill, Settlement, settle
from jurymast.book.signed import (
    CHAINS,
    NO_ASSET,
    BridgeOut,
    Intent,
    Join,
    Permit,
    Terms,
    Verdict,
    Withdrawal,
    hash_of_absent,
    hash_of_actions,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import quorum, recover

Changes = defaultdict[tuple[bytes, int], int]
MOST_ACTIONS = 400


class Action(msgspec.Struct, frozen=True, kw_only=True):
    signed: Intent | Withdrawal | BridgeOut | Join | Verdict
    signature: bytes
    terms: Terms | None = None
    """Of the match, where the action is about one: its id is their hash."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    permit: Permit
    signatures: tuple[bytes, ...]
    actions: tuple[Action, ...]
    prices: Mapping[int, int]
    absent: tuple[tuple[bytes, int], ...] = ()
    """Balances of which the cut has no leaf; under the number that no asset has, accounts of which it has none at all."""
    dead: tuple[tuple[bytes, int], ...] = ()
    """Nonces of what expired or was rejected, so that windows never jam."""


def execute(grid: Grid, batch: Batch, now: int) -> bytes:
    """The outcome's hash, which is also recorded."""
    with grid.whole():
        digests = _permitted(grid, batch, now)
        _admit(grid, batch)
        settlement, changes = _netted(grid, batch)
        for action, digest in zip(batch.actions, digests, strict=True):
            _apply(grid, action, digest, changes, now)
        for (account, asset), change in changes.items():
            if change:
                grid.change(account, asset, change)
        for action in batch.actions:
            match action.signed:
                case Withdrawal() as withdrawal:
                    _pay_out(grid, withdrawal.asset, withdrawal.amount, owed=withdrawal.amount)
                case BridgeOut() as out:
                    _pay_out(grid, out.asset, out.amount, owed=0)
                    grid.put(grid.sent, out.content(), out.amount)
        return _record(grid, batch, settlement)


def _permitted(grid: Grid, batch: Batch, now: int) -> list[bytes]:
    """What the owners signed, once the guards are known to have permitted just this."""
    fits(batch.actions)
    grid.lock.check_active(now)
    permit = batch.permit
    if permit.chain != grid.lock.chain:
        raise WrongChain(permit.chain)
    if permit.epoch != grid.epoch:
        raise WrongEpoch(permit.epoch, grid.epoch)
    if (permit.epoch, permit.batch) in grid.batches:
        raise BatchUsed(permit.batch)
    if now >= permit.expiry:
        raise PermitExpired(permit.expiry)
    digests = [action.signed.digest(grid.domain) for action in batch.actions]
    hashes = (
        hash_of_actions(digests),
        hash_of_amounts(batch.prices),
        hash_of_absent(batch.absent),
        hash_of_nonces(batch.dead),
    )
    if hashes != (permit.actions, permit.prices, permit.absent, permit.dead):
        raise WrongBatch(permit.batch)
    quorum(grid.lock.guards.guards, permit.digest(grid.domain), batch.signatures)
    return digests


def fits(actions: Sequence[Action]) -> None:
    if len(actions) > MOST_ACTIONS:
        raise BatchTooLarge(len(actions), MOST_ACTIONS)


def _admit(grid: Grid, batch: Batch) -> None:
    """What is absent may be said again: whichever batch comes first says it."""
    for id_, asset in batch.absent:
        account = grid.account(id_)
        if asset != NO_ASSET:
            grid.put(grid.balances, (id_, asset), without_leaf(grid.balance(id_, asset)))
        elif not account.entered:
            grid.put(grid.accounts, id_, account._replace(entered=True, new=True))
    for id_, nonce in batch.dead:
        account = grid.entered(id_)
        if not account.nonces.used(nonce):
            grid.put(grid.accounts, id_, account._replace(nonces=account.nonces.use(nonce)))


def _netted(grid: Grid, batch: Batch) -> tuple[Settlement, Changes]:
    fills = [fill_of(action.signed) for action in batch.actions if isinstance(action.signed, Intent)]
    settlement = settle(fills, batch.prices, grid.lock.fee_bps)
    changes: Changes = defaultdict(int, settlement.changes)
    for asset, fee in settlement.fees.items():
        changes[grid.treasury, asset] += fee
    return settlement, changes


def fill_of(intent: Intent) -> Fill:
    return Fill(
        intent.account, intent.sell_asset, intent.buy_asset, intent.sell_amount, intent.min_buy_amount, intent.max_fee_bps
    )


def _apply(grid: Grid, action: Action, digest: bytes, changes: Changes, now: int) -> None:
    match action.signed:
        case Intent() as intent:
            _authorise(grid, intent, action.signature, digest, now)
        case Withdrawal() as withdrawal:
            _authorise(grid, withdrawal, action.signature, digest, now)
            if withdrawal.chain != grid.lock.chain:
                raise WrongChain(withdrawal.chain)
            grid.listed(withdrawal.asset)
            changes[withdrawal.account, withdrawal.asset] -= withdrawal.amount
        case BridgeOut() as out:
            _send(grid, out, action.signature, digest, now)
        case Join() as join:
            _authorise(grid, join, action.signature, digest, now)
            terms = agreed(action.terms, join.match)
            if (join.asset, join.stake) != (terms.asset, terms.stake):
                raise UnlikeTerms(join.match)
            real(terms.asset)
            _join(grid, join, terms)
            changes[join.account, terms.asset] -= terms.stake
        case Verdict() as verdict:
            terms = agreed(action.terms, verdict.match)
            if recover(digest, action.signature) != terms.oracle:
                raise NotAuthorised(verdict.match)
            for account, prize in _end(grid, verdict, terms):
                changes[account, terms.asset] += prize


def _authorise(grid: Grid, signed: Intent | Withdrawal | BridgeOut | Join, signature: bytes, digest: bytes, now: int) -> None:
    """By the owner, in time, and for the first time."""
    account = grid.entered(signed.account)
    if recover(digest, signature) != account.authority:
        raise NotAuthorised(signed.account)
    if now > signed.deadline:
        raise Expired(signed.deadline)
    grid.put(grid.accounts, signed.account, account._replace(nonces=account.nonces.use(signed.nonce)))


def _send(grid: Grid, out: BridgeOut, signature: bytes, digest: bytes, now: int) -> None:
    if out.account != grid.treasury:
        raise NotAuthorised(out.account)
    _authorise(grid, out, signature, digest, now)
    leaves_for(out, grid.lock.chain)
    grid.listed(out.asset)


def leaves_for(out: BridgeOut, chain: int) -> None:
    """From this chain for another one that there is."""
    if out.source != chain:
        raise WrongChain(out.source)
    if out.target not in CHAINS or out.target == chain:
        raise NoSuchChain(out.target)


def _pay_out(grid: Grid, asset: int, amount: int, owed: int) -> None:
    if (vault := grid.asset(asset).vault) < amount:
        raise InsufficientFloat(asset, vault, amount)
    grid.owe(asset, -owed, vault=-amount)


# -- matches -----------------------------------------------------------------------------------------------------------


def _join(grid: Grid, join: Join, terms: Terms) -> None:
    running = grid.matches.get(join.match, Match(grid.epoch, 0, ()))
    if running.epoch != grid.epoch:
        raise NoSuchMatch(join.match, running.step)
    players = joined(join.match, running.step, running.players, join.account, terms)
    grid.put(grid.matches, join.match, running._replace(players=players))


def _end(grid: Grid, verdict: Verdict, terms: Terms) -> list[tuple[bytes, int]]:
    running = grid.matches.get(verdict.match)
    if running is None or running.epoch != grid.epoch:
        raise NoSuchMatch(verdict.match, running.step if running else 0)
    paid = ended(running.step, running.players, verdict, terms, grid.treasury)
    grid.put(grid.matches, verdict.match, running._replace(step=verdict.step))
    return paid


# -- the record --------------------------------------------------------------------------------------------------------


def _record(grid: Grid, batch: Batch, settlement: Settlement) -> bytes:
    permit = batch.permit
    outcome = keccak256(permit.actions, *(bought.to_bytes(8, "big") for bought in settlement.bought))
    grid.put(grid.batches, (permit.epoch, permit.batch), outcome)
    before = grid.accumulator.get(permit.epoch, bytes(32))
    grid.put(grid.accumulator, permit.epoch, keccak256(before, permit.batch.to_bytes(8, "big"), outcome))
    return outcome
