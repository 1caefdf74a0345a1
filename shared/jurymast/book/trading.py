"""Orders in the ledger. A trade swaps the two assets at once, out of what both orders reserved: nobody comes to owe anything.

In a market an account reserves what its orders would pay, and margin on its position and on all that it wants to buy. A trade
never takes more from a maker than his order frees, rounding included: only who takes can be short, and is refused.
"""

from __future__ import annotations

from collections import defaultdict

from jurymast.book.amounts import BPS, amount, share_up
from jurymast.book.events import MarketOpened, OrderCancelled, OrderPlaced
from jurymast.book.orders import Order, OrderBook, Trade
from jurymast.book.refusals import BadMarket, NoSuchMarket
from jurymast.book.signed import NO_ASSET
from jurymast.book.state import Ledger, Market, Standing

Moves = defaultdict[tuple[bytes, int], int]


def open_market(ledger: Ledger, event: MarketOpened) -> None:
    assets = {event.base, event.quote}
    numbers = all(0 <= number < NO_ASSET for number in (*assets, event.market))
    taken = event.market in ledger.markets
    if len(assets) < 2 or not numbers or taken or not 0 <= event.margin_bps <= BPS or not amount(event.unit):
        raise BadMarket(event.market)
    ledger.put(ledger.markets, event.market, Market(event.base, event.quote, event.margin_bps, OrderBook(event.unit)))


def place(ledger: Ledger, event: OrderPlaced) -> None:
    market = _market(ledger, event.market)
    order = Order(
        id=event.order, account=event.account, side=event.side, price=event.price, quantity=event.quantity,
        sequence=len(ledger.seen) + 1,
    )  # fmt: skip
    placed = market.book.plan(order)
    changed = _Changed(ledger, event.market)
    for own in placed.removed:
        changed.stands(own, -own.quantity)
    for trade in placed.trades:
        changed.trade(trade)
    if placed.rest:
        changed.stands(placed.rest, placed.rest.quantity)
    changed.save()
    market.book.carry_out(placed)


def cancel(ledger: Ledger, event: OrderCancelled) -> None:
    book = _market(ledger, event.market).book
    order = book.find(event.order, event.account)
    changed = _Changed(ledger, event.market)
    changed.stands(order, -order.quantity)
    changed.save()
    book.cancel(event.order, event.account)


def reserve(market: Market, standing: Standing) -> dict[int, int]:
    margin = share_up(abs(standing.position.cost) + standing.bids, market.margin_bps)
    return {market.base: standing.asks, market.quote: standing.bids + margin}


def _market(ledger: Ledger, number: int) -> Market:
    if (market := ledger.markets.get(number)) is None:
        raise NoSuchMarket(number)
    return market


class _Changed:
    """The standings that an order changes, and the money that changes hands."""

    def __init__(self, ledger: Ledger, number: int) -> None:
        self._ledger, self._number, self._market = ledger, number, ledger.markets[number]
        self._standings: dict[bytes, Standing] = {}
        self._money: Moves = defaultdict(int)

    def stands(self, order: Order, by: int) -> None:
        """So much more of it than of the order as it is given, or less."""
        was = self._standing(order.account)
        if order.side == "sell":
            now = was._replace(asks=was.asks + by)
        elif by > 0:
            now = was._replace(bids=was.bids + self._pays(order, by))
        else:
            now = was._replace(bids=was.bids + self._pays(order, order.quantity + by) - self._pays(order, order.quantity))
        self._standings[order.account] = now

    def trade(self, trade: Trade) -> None:
        self.stands(trade.maker, -trade.quantity)
        sides = (trade.maker, trade.taker) if trade.maker.side == "buy" else (trade.taker, trade.maker)
        for account, sign in zip((each.account for each in sides), (1, -1), strict=True):
            self._money[account, self._market.base] += sign * trade.quantity
            self._money[account, self._market.quote] -= sign * trade.quote
            was = self._standing(account)
            position = was.position.traded(sign * trade.quantity, sign * trade.quote, self._market.margin_bps)
            self._standings[account] = was._replace(position=position)

    def save(self) -> None:
        ledger, number, market = self._ledger, self._number, self._market
        for account, standing in self._standings.items():
            before = reserve(market, ledger.standings.get((account, number), Standing()))
            for asset, reserved in reserve(market, standing).items():
                more = reserved - before[asset]
                taken = more - self._money[account, asset]
                left = ledger.change(account, asset, available=-taken, reserved=more)
                if taken > 0:
                    ledger.require(account, asset, left.available, taken)
            ledger.put(ledger.standings, (account, number), standing)

    def _standing(self, account: bytes) -> Standing:
        return self._standings.get(account) or self._ledger.standings.get((account, self._number), Standing())

    def _pays(self, order: Order, quantity: int) -> int:
        return self._market.book.quote(order.price, quantity, up=True)
