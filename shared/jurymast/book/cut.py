"""What the next epoch starts from: a leaf of everything, the totals, the root; and whether money and tokens agree."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeAlias

from jurymast.book.batches import paid_out
from jurymast.book.leaves import NOBODY, AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.state import Ledger, Match
from jurymast.crypto.merkle import leaf
from jurymast.crypto.snapshot import Engine, SnapshotTree

Leaf: TypeAlias = AccountLeaf | BalanceLeaf | HoldLeaf | MatchLeaf | OrderLeaf


def leaves(ledger: Ledger) -> Iterator[Leaf]:
    """What orders and positions reserve is available there: chains know of no orders, and guards permit nothing against them."""
    running = _running(ledger)
    for id_, account in ledger.accounts.items():
        yield AccountLeaf(account=id_, authority=account.authority or NOBODY, nonces=account.nonces.word)
    for (id_, asset), balance in ledger.balances.items():
        available = balance.available + balance.reserved - _escrow(running.get(id_), asset)
        yield BalanceLeaf(account=id_, asset=asset, available=available, held=balance.held)
    for batch in ledger.outstanding.values():
        yield from batch.holds
    for id_, match in running.items():
        yield MatchLeaf(terms=id_, step=match.step, players=match.players)
    for number, market in ledger.markets.items():
        for order in market.book:
            yield OrderLeaf(
                id=order.id, account=order.account, market=number, buy=order.side == "buy",
                price=order.price, quantity=order.quantity, sequence=order.sequence,
            )  # fmt: skip


def tree(ledger: Ledger, engine: Engine | None = None) -> SnapshotTree:
    return SnapshotTree({each.key: leaf(each.content()) for each in leaves(ledger)}, engine)


def totals(ledger: Ledger) -> dict[int, int]:
    """What may enter the next epoch, by asset."""
    return {asset: total for asset, total in ledger.liabilities.items() if total}


def imbalance(ledger: Ledger) -> dict[int, int]:
    """By how much balances, or tokens in vaults and under way, differ from what is owed, by asset: always nothing."""
    owned, tokens = Counter[int](), Counter[int]()
    for (_, asset), balance in ledger.balances.items():
        owned[asset] += balance.available + balance.held + balance.reserved
    for (_, asset), vault in ledger.vaults.items():
        tokens[asset] += vault
    for transfer in ledger.transfers.values():
        tokens[transfer.asset] += 0 if transfer.arrived else transfer.amount
    for batch in ledger.outstanding.values():
        for each in paid_out(batch.planned):
            tokens[each.asset] += each.amount
    assets = owned.keys() | tokens.keys() | ledger.liabilities.keys()
    off = {
        asset: max((owned[asset] - owed, tokens[asset] - owed), key=abs) for asset in assets for owed in [_owed(ledger, asset)]
    }
    return {asset: by for asset, by in off.items() if by}


def _owed(ledger: Ledger, asset: int) -> int:
    return ledger.liabilities.get(asset, 0)


def _running(ledger: Ledger) -> dict[bytes, Match]:
    """Matches that have not ended, and of which no end is in doubt: the stakes of such a one are held in its holds."""
    ending = {id_ for batch in ledger.outstanding.values() for id_, match in batch.matches.items() if match.step}
    return {id_: match for id_, match in ledger.matches.items() if not match.step and id_ not in ending}


def _escrow(match: Match | None, asset: int) -> int:
    return match.terms.stake * len(match.players) if match and match.terms.asset == asset else 0
