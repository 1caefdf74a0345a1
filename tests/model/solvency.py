"""S3: no money is made or lost, neither on a chain nor in the ledger, nor between the two."""

from __future__ import annotations

from collections import Counter

from jurymast.book.cut import imbalance
from jurymast.book.grid import Grid
from jurymast.book.leaves import NO_NONCE, BalanceLeaf, HoldLeaf
from jurymast.book.state import Fate, Phase
from jurymast.nonce_guard.decide.words import Identity
from tests.model.chains import HELD, SIDES
from tests.model.money import ASSETS, CUTS, LEDGERS, fates_of
from tests.model.names import NONE, remembered
from tests.model.orders import NAMES, PERMITS


@remembered
def broken(ledger: int, one: int, other: int) -> str:
    return (
        ledger_sound(ledger) or grid_sound(one) or grid_sound(other) or backed(one, other) or same_money(ledger, one, other)
    )  # fmt: skip


@remembered
def ledger_sound(ledger: int) -> str:
    """S3: balances, and tokens in vaults and on the way, are what the ledger owes."""
    off = imbalance(LEDGERS[ledger].ledger)
    return f"S3: the ledger is out of balance by {off}" if off else ""


@remembered
def grid_sound(side: int) -> str:
    """What everybody owns on a chain is what it owes; and its leaves brought no more than the totals."""
    held = SIDES[side].held
    grid = HELD[held].grid
    for asset in ASSETS:
        state, owned = grid.asset(asset), total_on(held, asset)
        left = grid.lock.totals.get(asset, 0) - state.entered
        if left < 0 or owned != state.liabilities + left:
            return f"S3: on chain {grid.lock.chain} accounts own {owned} of asset {asset}, of {state.liabilities + left}"
    return ""


@remembered
def backed(one: int, other: int) -> str:
    """Once the holds of what executed are settled, nobody owns on a chain what is not in one of the vaults."""
    grids = [HELD[SIDES[side].held].grid for side in (one, other)]
    for grid, side in zip(grids, (one, other), strict=True):
        for asset in ASSETS:
            owned = total_on(SIDES[side].held, asset) + to_come(SIDES[side].held, asset)
            tokens = sum(each.asset(asset).vault for each in grids)
            if owned > tokens:
                return f"S3: on chain {grid.lock.chain} accounts own {owned} of asset {asset}, of which there are {tokens}"
    return ""


@remembered
def total_on(held: int, asset: int) -> int:
    return sum(value for (_, what), value in owned_on(held).items() if what == asset)


@remembered
def to_come(held: int, asset: int) -> int:
    """Each hold of a batch is settled by itself: what the others bring, and take, of an asset."""
    grid, change = HELD[held].grid, 0
    for leaf in _executed(held):
        if not _settled(grid, leaf):
            change += leaf.in_amount * (leaf.in_asset == asset) - leaf.out_amount * (leaf.out_asset == asset)
    return change


@remembered
def posted_on(held: int) -> frozenset[Identity]:
    """Whose holds are posted on a chain in its epoch."""
    grid = HELD[held].grid
    return frozenset((leaf.account, leaf.nonce) for leaf in _executed(held) if leaf.nonce != NO_NONCE and _settled(grid, leaf))


def _executed(held: int) -> list[HoldLeaf]:
    """Holds of batches that executed, as the chain knows."""
    grid = HELD[held].grid
    known = {**grid.resolved, **{(grid.lock.chain, *batch): True for batch in grid.batches}}
    holds = (leaf for leaf in CUTS[grid.lock.root].leaves if isinstance(leaf, HoldLeaf))
    return [leaf for leaf in holds if known.get((leaf.origin, leaf.epoch, leaf.batch))]


def _settled(grid: Grid, leaf: HoldLeaf) -> bool:
    return grid.settled.get(leaf.content()) == grid.epoch


@remembered
def owned_on(held: int) -> dict[tuple[bytes, int], int]:
    """By account and asset: what has entered, and what its leaf still brings."""
    grid = HELD[held].grid
    owned = Counter[tuple[bytes, int]]()
    for account, asset in grid.balances:
        balance = grid.balance(account, asset)
        owned[account, asset] += balance.available + balance.held + balance.received
    for leaf in CUTS[grid.lock.root].leaves:
        if isinstance(leaf, BalanceLeaf) and not _entered(grid, leaf):
            owned[leaf.account, leaf.asset] += leaf.available + leaf.held
    return {key: value for key, value in owned.items() if value}


def _entered(grid: Grid, leaf: BalanceLeaf) -> bool:
    """Its leaf cannot enter any more."""
    return grid.balance(leaf.account, leaf.asset).entered or grid.account(leaf.account).new


@remembered
def same_money(ledger: int, one: int, other: int) -> str:
    """S3: where the active chain and the ledger have come to the same point, they say the same of every account."""
    known = LEDGERS[ledger].ledger
    held = SIDES[(one, other)[known.chain - 1]].held
    if known.phase is not Phase.OPEN or not same_point(ledger, held):
        return ""
    told = {key: value for key, each in known.balances.items() if (value := each.available + each.held + each.reserved)}
    if told != owned_on(held):
        off = {
            (NAMES.get(key[0], "TREASURY"), key[1]): (owned_on(held).get(key, 0), told.get(key, 0))
            for key in told.keys() | owned_on(held).keys()
        }
        return (
            f"S3: chain {known.chain} and the ledger differ: { ({key: both for key, both in off.items() if both[0] != both[1]}) }"
        )
    return ""


@remembered
def same_point(ledger: int, held: int) -> bool:
    """The ledger was told just what happened on its chain in this epoch."""
    known, (grid, deposits, *_) = LEDGERS[ledger].ledger, HELD[held]
    if grid.epoch != known.opened or grid.lock.active != known.chain:
        return False
    executed = {batch for epoch, batch in grid.batches if epoch == grid.epoch}
    told = {permit for permit, fate in fates_of(ledger).items() if fate is Fate.EXECUTED and PERMITS[permit].epoch == grid.epoch}
    landed = {(known.chain, number) for number, each in enumerate(deposits, 1) if each.epoch == grid.epoch}
    before = LEDGERS[LEDGERS[ledger].cut].ledger.counted.keys() if LEDGERS[ledger].cut != NONE else set()
    credited = {key for key, epoch in grid.credited.items() if epoch == grid.epoch}
    holds = _holds(ledger, held)
    settled = {leaf for leaf, _ in holds if _settled(grid, leaf)}
    resolved = {leaf for leaf, told in holds if told}
    return executed == told and landed | credited == known.counted.keys() - before and settled == resolved


def _holds(ledger: int, held: int) -> list[tuple[HoldLeaf, bool]]:
    """Those in the cut of a chain's epoch, and whether the ledger was told what became of their batch."""
    leaves = CUTS[HELD[held].grid.lock.root].leaves
    return [(leaf, fates_of(ledger)[leaf.batch] is not Fate.IN_DOUBT) for leaf in leaves if isinstance(leaf, HoldLeaf)]
