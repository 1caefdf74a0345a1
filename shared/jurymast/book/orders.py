"""One market's order book: best price first, then whoever came first. It says who trades what; money moves elsewhere.

Prices are quote units for `unit` base units. What a trade costs is rounded against the taker; a maker gets the price he named.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import msgspec

from jurymast.book.amounts import amount
from jurymast.book.refusals import BadOrder, NoSuchOrder, OrderExists

Side = Literal["buy", "sell"]
ID_BYTES = 32


class Order(msgspec.Struct, frozen=True, kw_only=True):
    id: bytes
    account: bytes
    side: Side
    price: int
    quantity: int
    """Of base units that are still wanted or offered."""
    sequence: int
    """Its place in the log."""

    @property
    def rank(self) -> tuple[int, int]:
        """Lower comes first."""
        return (self.price if self.side == "sell" else -self.price, self.sequence)


class Trade(NamedTuple):
    maker: Order
    """As it stood before."""
    taker: Order
    quantity: int
    quote: int


class Placed(NamedTuple):
    trades: tuple[Trade, ...]
    removed: tuple[Order, ...]
    """Of the same account, and in the way: nobody trades with himself."""
    rest: Order | None
    """What of the new order stands in the book now."""


@dataclass
class OrderBook:
    unit: int
    _orders: dict[bytes, Order] = field(default_factory=dict)
    _sides: dict[Side, list[tuple[tuple[int, int], bytes]]] = field(default_factory=lambda: {"buy": [], "sell": []})

    def __iter__(self) -> Iterator[Order]:
        """Asks, then bids, best first."""
        return (self._orders[id_] for side in ("sell", "buy") for _, id_ in self._sides[side])

    def quote(self, price: int, quantity: int, *, up: bool) -> int:
        product = price * quantity
        return amount(-(-product // self.unit) if up else product // self.unit)

    def place(self, order: Order) -> Placed:
        """Refused or carried out as a whole."""
        placed = self.plan(order)
        self.carry_out(placed)
        return placed

    def plan(self, order: Order) -> Placed:
        """What would happen; nothing has yet."""
        if order.id in self._orders:
            raise OrderExists(order.id)
        if not amount(order.price) or not amount(order.quantity) or len(order.id) != ID_BYTES:
            raise BadOrder(order.price, order.quantity)
        self.quote(order.price, order.quantity, up=True)  # What it may cost at most can be held.
        trades, removed, left = self._matched(order)
        return Placed(tuple(trades), tuple(removed), msgspec.structs.replace(order, quantity=left) if left else None)

    def carry_out(self, placed: Placed) -> None:
        """Of a plan for this book, as it was planned."""
        for trade in placed.trades:
            self._reduce(trade.maker, trade.quantity)
        for own in placed.removed:
            self._remove(own)
        if rest := placed.rest:
            self._orders[rest.id] = rest
            insort(self._sides[rest.side], (rest.rank, rest.id))

    def find(self, id_: bytes, account: bytes) -> Order:
        """Nobody learns of, or cancels, what is somebody else's."""
        order = self._orders.get(id_)
        if order is None or order.account != account:
            raise NoSuchOrder(id_)
        return order

    def cancel(self, id_: bytes, account: bytes) -> Order:
        order = self.find(id_, account)
        self._remove(order)
        return order

    def _matched(self, taker: Order) -> tuple[list[Trade], list[Order], int]:
        trades: list[Trade] = []
        removed: list[Order] = []
        left = taker.quantity
        for maker in self._opposite(taker):
            if not left or not _crosses(taker, maker):
                break
            if maker.account == taker.account:
                removed.append(maker)
                continue
            quantity = min(left, maker.quantity)
            trades.append(Trade(maker, taker, quantity, self.quote(maker.price, quantity, up=taker.side == "buy")))
            left -= quantity
        return trades, removed, left

    def _opposite(self, taker: Order) -> Iterator[Order]:
        return (self._orders[id_] for _, id_ in self._sides["sell" if taker.side == "buy" else "buy"])

    def _reduce(self, order: Order, quantity: int) -> None:
        if quantity == order.quantity:
            self._remove(order)
        else:
            self._orders[order.id] = msgspec.structs.replace(order, quantity=order.quantity - quantity)

    def _remove(self, order: Order) -> None:
        del self._orders[order.id]
        self._sides[order.side].remove((order.rank, order.id))


def _crosses(taker: Order, maker: Order) -> bool:
    return maker.price <= taker.price if taker.side == "buy" else maker.price >= taker.price
