"""Order books and positions."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book.amounts import MOST
from jurymast.book.orders import Order, OrderBook, Placed, Side
from jurymast.book.positions import Position
from jurymast.book.refusals import AmountTooLarge, BadOrder, BadTrade, NoSuchOrder, OrderExists, Refusal

ANN, BEN, EVE = (bytes([letter]) * 32 for letter in b"abe")
UNIT = 10


def order(number: int, account: bytes, side: Side, price: int, quantity: int) -> Order:
    return Order(id=bytes([number]) * 32, account=account, side=side, price=price, quantity=quantity, sequence=number)


def told(placed: Placed) -> list[tuple[int, int, int]]:
    return [(trade.maker.sequence, trade.quantity, trade.quote) for trade in placed.trades]


def standing(book: OrderBook) -> list[tuple[int, int]]:
    return [(each.sequence, each.quantity) for each in book]


# -- orders ------------------------------------------------------------------------------------------------------------


def test_the_best_price_trades_first_and_at_one_price_who_came_first() -> None:
    book = OrderBook(UNIT)
    for each in (order(1, ANN, "sell", 12, 10), order(2, BEN, "sell", 11, 10), order(3, ANN, "sell", 11, 10)):
        assert book.place(each) == Placed((), (), each)
    placed = book.place(order(4, EVE, "buy", 12, 25))
    assert told(placed) == [(2, 10, 11), (3, 10, 11), (1, 5, 6)]
    assert placed.rest is None
    assert standing(book) == [(1, 5)]


def test_what_finds_no_counterpart_stands_and_keeps_its_place() -> None:
    book = OrderBook(UNIT)
    book.place(order(1, ANN, "buy", 10, 10))
    book.place(order(2, BEN, "buy", 10, 10))
    assert told(book.place(order(3, EVE, "sell", 10, 4))) == [(1, 4, 4)]
    assert told(book.place(order(4, EVE, "sell", 9, 8))) == [(1, 6, 6), (2, 2, 2)]
    assert told(book.place(order(5, EVE, "sell", 11, 1))) == []
    assert standing(book) == [(5, 1), (2, 8)]


def test_rounding_is_against_the_taker() -> None:
    for side, other, quote in (("buy", "sell", 2), ("sell", "buy", 1)):
        book = OrderBook(UNIT)
        book.place(order(1, ANN, other, 15, 1))  # type: ignore[arg-type]
        assert told(book.place(order(2, BEN, side, 15, 1))) == [(1, 1, quote)]  # type: ignore[arg-type]


def test_nobody_trades_with_himself_and_the_older_order_goes() -> None:
    book = OrderBook(UNIT)
    own, others = order(1, ANN, "sell", 10, 5), order(2, BEN, "sell", 11, 5)
    book.place(own)
    book.place(others)
    placed = book.place(order(3, ANN, "buy", 11, 5))
    assert placed.removed == (own,)
    assert told(placed) == [(2, 5, 6)]
    assert standing(book) == []


def test_who_cancels_must_own_what_stands() -> None:
    book = OrderBook(UNIT)
    mine = order(1, ANN, "sell", 10, 5)
    book.place(mine)
    for id_, account in ((mine.id, BEN), (bytes(32), ANN)):
        with pytest.raises(NoSuchOrder):
            book.cancel(id_, account)
    assert book.cancel(mine.id, ANN) == mine
    with pytest.raises(NoSuchOrder):
        book.cancel(mine.id, ANN)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (order(1, ANN, "buy", 1, 1), OrderExists),
        (order(2, ANN, "buy", 0, 1), BadOrder),
        (order(2, ANN, "buy", 1, 0), BadOrder),
        (order(2, ANN, "buy", -1, 1), AmountTooLarge),
        (order(2, ANN, "buy", MOST, MOST), AmountTooLarge),
        (Order(id=b"", account=ANN, side="buy", price=1, quantity=1, sequence=2), BadOrder),
    ],
)
def test_an_order_that_cannot_be_is_refused_and_changes_nothing(bad: Order, error: type[Refusal]) -> None:
    book = OrderBook(UNIT)
    book.place(order(1, BEN, "sell", 1, 1))
    with pytest.raises(error):
        book.place(bad)
    assert standing(book) == [(1, 1)]


steps = st.lists(
    st.tuples(
        st.sampled_from([ANN, BEN, EVE]), st.sampled_from(["buy", "sell"]), st.integers(8, 12), st.integers(1, 9), st.booleans()
    ),
    max_size=40,
)


@given(steps)
def test_quantities_are_conserved_the_book_never_crosses_and_every_trade_is_within_both_limits(
    steps: list[tuple[bytes, Side, int, int, bool]],
) -> None:
    book, wanted = OrderBook(UNIT), Counter[bytes]()
    for number, (account, side, price, quantity, cancels) in enumerate(steps, 1):
        placed = book.place(new := order(number, account, side, price, quantity))
        wanted[new.id] += quantity
        for trade in placed.trades:
            low, high = (trade.maker, new) if side == "buy" else (new, trade.maker)
            assert low.price <= trade.maker.price <= high.price
            assert trade.maker.account != account
            wanted[trade.maker.id] -= trade.quantity
            wanted[new.id] -= trade.quantity
        for own in placed.removed:
            assert own.account == account
            wanted[own.id] -= own.quantity
        if cancels and placed.rest:
            wanted[new.id] -= book.cancel(new.id, account).quantity
        assert {each.id: each.quantity for each in book} == +wanted
        asks, bids = ([each.rank for each in book if each.side == kind] for kind in ("sell", "buy"))
        assert asks == sorted(asks)
        assert bids == sorted(bids)
        best = {each.side: each for each in reversed(list(book))}
        crossed = len(best) == 2 and best["buy"].price >= best["sell"].price
        assert not crossed


# -- positions ---------------------------------------------------------------------------------------------------------


def test_a_long_position_from_opening_to_close() -> None:
    position = Position().traded(100, 1_000, 1_000)
    assert position == Position(100, 1_000, 100, 0)
    assert (position.entry(UNIT), position.unrealised(120, UNIT)) == (100, 200)
    position = position.traded(-40, -480, 1_000)
    assert position == Position(60, 600, 60, 80)
    assert position.traded(-60, -540, 1_000) == Position(0, 0, 0, 20)


def test_a_short_position_gains_when_the_price_falls() -> None:
    position = Position().traded(-100, -1_000, 0)
    assert position.unrealised(90, UNIT) == 100
    assert position.traded(100, 900, 0) == Position(0, 0, 0, 100)


def test_a_trade_through_zero_closes_one_way_and_opens_the_other() -> None:
    assert Position().traded(10, 100, 0).traded(-30, -330, 0) == Position(-20, -220, 0, 10)


@pytest.mark.parametrize(("size", "quote"), [(0, 0), (0, 5), (5, -5), (-5, 5)])
def test_a_trade_that_cannot_be_is_refused(size: int, quote: int) -> None:
    with pytest.raises(BadTrade):
        Position(1, 1).traded(size, quote, 0)


trades = st.lists(st.tuples(st.integers(-50, 50).filter(bool), st.integers(0, 1_000)), max_size=20)


@given(trades)
def test_what_was_realised_and_what_is_tied_up_is_all_the_money_there_was(trades: list[tuple[int, int]]) -> None:
    position, paid = Position(), 0
    for size, money in trades:
        quote = money if size > 0 else -money
        position, before = position.traded(size, quote, 500), position
        paid += quote
        assert position.size == before.size + size
        assert position.realised - position.cost == -paid
        assert position.margin == -(-abs(position.cost) // 20)


@given(st.integers(1, 1_000), st.integers(1, 10_000), st.lists(st.integers(1, 50), min_size=1, max_size=10), st.integers(0, 100))
def test_no_part_that_is_closed_realises_more_than_the_truth(size: int, cost: int, parts: list[int], price: int) -> None:
    for sign in (1, -1):
        position, closed = Position(sign * size, sign * cost), 0
        for part in parts:
            if closed + part >= size:
                break
            closed += part
            position = position.traded(-sign * part, -sign * part * price, 0)
            true_gain = sign * (closed * price * size - closed * cost)
            assert position.realised * size <= true_gain
