"""Intents that fill each other: wholly, at one price, and nobody gets less than he asked for."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book.amounts import MOST
from jurymast.book.execute import fill_of
from jurymast.book.settle import settle
from jurymast.book.signed import Intent
from jurymast.mirror.decide.crossing import cross

EUR, USD = 1, 2


def sells(amount: int, least: int, *, asset: int = EUR, nonce: int = 0, fee: int = 10_000) -> Intent:
    return Intent(
        account=nonce.to_bytes(32, "big"), sell_asset=asset, buy_asset=EUR + USD - asset, sell_amount=amount,
        min_buy_amount=least, nonce=nonce, deadline=1, max_fee_bps=fee,
    )  # fmt: skip


def pays(amount: int, least: int, *, nonce: int = 100) -> Intent:
    return sells(amount, least, asset=USD, nonce=nonce)


@pytest.mark.parametrize(
    ("intents", "nonces"),
    [
        ([sells(100, 90), pays(100, 90)], {0, 100}),
        ([sells(100, 110), pays(110, 100)], {0, 100}),  # Just what both asked for.
        ([sells(100, 111), pays(110, 100)], set()),
        ([sells(100, 90)], set()),
        ([pays(100, 90)], set()),
        ([], set()),
        ([sells(60, 50), sells(40, 40, nonce=1), pays(100, 95)], {0, 1, 100}),
        ([sells(60, 50), sells(1_000, 1_000, nonce=1), pays(55, 60)], {0, 100}),  # Too large for what is there.
        ([sells(1_000, 900), sells(50, 50, nonce=1), pays(50, 50)], {1, 100}),  # The best of its side, and too large.
        ([sells(100, 90), pays(100, 90), pays(100, 90, nonce=101)], {0, 100}),  # There is enough for one of them.
    ],
)
def test_who_agrees_is_found(intents: list[Intent], nonces: set[int]) -> None:
    found = cross(intents, fee_bps=0, most=400)
    assert {intent.nonce for intent in found.intents} == nonces if found else nonces == set()


def test_a_fee_is_taken_from_what_each_buys_and_nobody_pays_more_than_he_allows() -> None:
    assert cross([sells(1_000, 990), pays(1_000, 990)], fee_bps=100, most=10) is not None
    assert cross([sells(1_000, 991), pays(1_000, 990)], fee_bps=100, most=10) is None
    assert cross([sells(1_000, 900, fee=99), pays(1_000, 900)], fee_bps=100, most=10) is None
    assert cross([sells(1_000, 0), pays(1_000, 0)], fee_bps=10_000, most=10) is None


def test_no_more_than_fit_into_a_batch() -> None:
    intents = [*(sells(10, 10, nonce=number) for number in range(9)), *(pays(10, 10, nonce=100 + number) for number in range(9))]
    found = cross(intents, fee_bps=0, most=7)
    assert found is not None
    assert 2 <= len(found.intents) <= 7


amounts = st.integers(1, 1_000) | st.integers(1, MOST)


@st.composite
def many(draw: st.DrawFn) -> list[Intent]:
    count = draw(st.integers(0, 12))
    return [
        sells(draw(amounts), draw(amounts | st.just(0)), asset=draw(st.sampled_from((EUR, USD))), nonce=number)
        for number in range(count)
    ]


@given(many(), st.integers(0, 10_000), st.integers(2, 12))
def test_what_is_found_settles_and_only_rounding_and_fees_are_left(intents: list[Intent], fee_bps: int, most: int) -> None:
    found = cross(intents, fee_bps, most)
    if found is None:
        return
    assert 2 <= len(found.intents) <= most
    assert Counter(found.intents) <= Counter(intents)
    settlement = settle([fill_of(intent) for intent in found.intents], found.prices, fee_bps)
    for intent, bought in zip(found.intents, settlement.bought, strict=True):
        assert bought >= intent.min_buy_amount
    if fee_bps == 0:
        exact = all(price < 1 << 60 for price in found.prices.values())
        assert not exact or all(left <= len(found.intents) for left in settlement.fees.values())


@given(st.integers(1, 1_000_000), st.integers(1, 1_000_000))
def test_two_who_ask_for_just_what_the_other_sells_always_agree(sold: int, paid: int) -> None:
    found = cross([sells(sold, paid), pays(paid, sold)], fee_bps=0, most=2)
    assert found is not None
    assert settle([fill_of(intent) for intent in found.intents], found.prices, 0).fees == {}
