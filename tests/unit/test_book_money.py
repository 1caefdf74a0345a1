"""Amounts, nonces, settlements and prizes: the rules by which value moves."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import matches, nonces
from jurymast.book.amounts import BPS, MOST, amount, share_down, share_up
from jurymast.book.nonces import LAST, WINDOW, Nonces
from jurymast.book.refusals import (
    AmountTooLarge,
    BadFee,
    BadPrizes,
    FeeTooHigh,
    FloorTooLow,
    LimitNotMet,
    NonceTooFar,
    NonceUsed,
    NoPrice,
    NotConserved,
    NothingSold,
    Refusal,
    SameAsset,
)
from jurymast.book.settle import Fill, Settlement, settle

A, B, C = (bytes([letter]) * 32 for letter in b"abc")
EUR, USD, JPY = 1, 2, 3


def test_a_refusal_says_which_rule_and_with_what() -> None:
    error = LimitNotMet(fill=3, bought=9, minimum=10)
    assert str(error) == "LimitNotMet: fill 3, bought 9, minimum 10"
    assert error.data == {"fill": 3, "bought": 9, "minimum": 10}


# -- amounts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [-1, MOST + 1])
def test_what_64_bits_cannot_hold_is_refused(value: int) -> None:
    with pytest.raises(AmountTooLarge):
        amount(value)
    assert (amount(0), amount(MOST)) == (0, MOST)


@given(st.integers(0, MOST), st.integers(0, BPS))
def test_the_two_roundings_enclose_the_true_share(whole: int, bps: int) -> None:
    true = Fraction(whole * bps, BPS)
    assert share_down(whole, bps) <= true <= share_up(whole, bps)
    assert share_up(whole, bps) - share_down(whole, bps) == (true.denominator != 1)


# -- nonces ------------------------------------------------------------------------------------------------------------


def test_the_floor_slides_over_what_is_used() -> None:
    state = Nonces()
    for nonce in (1, 2, 0):
        state = state.use(nonce)
    assert state == Nonces(3, 0)


def test_the_window_has_an_end_and_so_have_nonces() -> None:
    assert Nonces().use(WINDOW - 1).used(WINDOW - 1)
    with pytest.raises(NonceTooFar) as refused:
        Nonces().use(WINDOW)
    assert refused.value.data == {"nonce": WINDOW, "floor": 0}
    assert Nonces(LAST, 0).use(LAST) == Nonces(LAST + 1, 0)
    with pytest.raises(NonceTooFar):
        Nonces(LAST + 1, 0).use(LAST + 1)


def test_a_floor_only_rises() -> None:
    assert Nonces(5, 0b100).cancel_below(7) == Nonces(8, 0), "over the nonce 7, which was used already"
    for wanted in (0, 4, 5, LAST + 2):
        with pytest.raises(FloorTooLow):
            Nonces(5, 0).cancel_below(wanted)


@given(st.lists(st.one_of(st.integers(0, 400), st.tuples(st.integers(0, 400))), max_size=60))
def test_nonces_behave_like_the_set_of_those_that_are_used(steps: list[int | tuple[int]]) -> None:
    state, used = Nonces(), set[int]()
    for step in steps:
        before = state
        try:
            if isinstance(step, tuple):
                state = state.cancel_below(step[0])
                used |= set(range(step[0]))
            else:
                state = state.use(step)
                used.add(step)
        except Refusal as refused:
            expected = FloorTooLow if isinstance(step, tuple) else NonceUsed if step in used else NonceTooFar
            assert type(refused) is expected  # noqa: PT017  Which one depends on the example.
            assert isinstance(step, tuple) or step in used or step >= before.floor + WINDOW
        assert {nonce for nonce in range(700) if state.used(nonce)} == used
        assert not state.window & 1, "one word for one set"
        assert Nonces.of(state.word) == state


words = st.builds(Nonces, st.integers(0, 1 << 20), st.integers(0, (1 << WINDOW) - 1)).map(lambda state: Nonces.of(state.word))


@given(words, words)
def test_merging_is_the_union(one: Nonces, other: Nonces) -> None:
    merged = one.merged(other)
    assert merged == other.merged(one)
    for nonce in {*range(one.floor, one.floor + 200), *range(other.floor, other.floor + 200), 0}:
        assert merged.used(nonce) == (one.used(nonce) or other.used(nonce))


@given(st.binary(min_size=32, max_size=32))
def test_every_stored_word_means_something(word: bytes) -> None:
    state = Nonces.of(word)
    assert not state.window & 1
    assert Nonces.of(state.word) == state
    assert len(nonces.Nonces().word) == 32


# -- settlement --------------------------------------------------------------------------------------------------------


def test_two_who_want_what_the_other_has_are_netted() -> None:
    fills = [Fill(A, EUR, USD, 100, 108, 10), Fill(B, USD, EUR, 110, 99, 10)]
    assert settle(fills, {EUR: 11, USD: 10}, fee_bps=10) == Settlement(
        bought=(109, 99),
        changes={(A, EUR): -100, (A, USD): 109, (B, USD): -110, (B, EUR): 99},
        fees={EUR: 1, USD: 1},
    )


def test_a_ring_of_three_needs_no_direct_counterpart() -> None:
    fills = [Fill(A, EUR, USD, 10, 10, 0), Fill(B, USD, JPY, 10, 10, 0), Fill(C, JPY, EUR, 10, 10, 0)]
    assert settle(fills, {EUR: 1, USD: 1, JPY: 1}, 0).fees == {}


def test_what_one_account_buys_and_sells_is_netted() -> None:
    fills = [Fill(A, EUR, USD, 10, 10, 0), Fill(A, USD, EUR, 10, 10, 0)]
    assert settle(fills, {EUR: 1, USD: 1}, 0).changes == {}


ONE = Fill(A, EUR, USD, 100, 0, 50)
BACK = Fill(B, USD, EUR, 100, 0, 50)


@pytest.mark.parametrize(
    ("fills", "prices", "error", "data"),
    [
        ([ONE], {EUR: 1, USD: 1}, NotConserved, {"asset": USD, "sold": 0, "bought": 99}),
        ([ONE, BACK._replace(sell=98)], {EUR: 1, USD: 1}, NotConserved, {"asset": USD, "sold": 98, "bought": 99}),
        ([ONE._replace(buy_asset=EUR)], {EUR: 1}, SameAsset, {"fill": 0, "asset": EUR}),
        ([ONE, BACK._replace(sell=0)], {EUR: 1, USD: 1}, NothingSold, {"fill": 1}),
        ([ONE, BACK], {EUR: 1}, NoPrice, {"asset": USD}),
        ([ONE, BACK], {EUR: 1, USD: 0}, NoPrice, {"asset": USD}),
        ([ONE, BACK._replace(max_fee_bps=49)], {EUR: 1, USD: 1}, FeeTooHigh, {"fill": 1, "fee_bps": 50, "most": 49}),
        ([ONE._replace(min_buy=100), BACK], {EUR: 1, USD: 1}, LimitNotMet, {"fill": 0, "bought": 99, "minimum": 100}),
        ([ONE._replace(sell=MOST + 1), BACK], {EUR: 1, USD: 1}, AmountTooLarge, {"amount": MOST + 1}),
        ([ONE._replace(sell=MOST), BACK], {EUR: 2, USD: 1}, AmountTooLarge, {"amount": 2 * MOST}),
        ([ONE, BACK], {EUR: MOST + 1, USD: 1}, AmountTooLarge, {"amount": MOST + 1}),
    ],
)
def test_a_batch_that_breaks_a_rule_is_refused_by_name(
    fills: list[Fill], prices: dict[int, int], error: type[Refusal], data: dict[str, int]
) -> None:
    with pytest.raises(error) as refused:
        settle(fills, prices, 50)
    assert refused.value.data == data


fills_strategy = st.lists(
    st.builds(
        Fill,
        account=st.sampled_from([A, B, C]),
        sell_asset=st.sampled_from([EUR, USD, JPY]),
        buy_asset=st.sampled_from([EUR, USD, JPY]),
        sell=st.one_of(st.integers(1, 50), st.integers(1, 1 << 40)),
        min_buy=st.integers(0, 5),
        max_fee_bps=st.integers(0, BPS),
    ),
    max_size=8,
)
prices_strategy = st.fixed_dictionaries({asset: st.integers(1, 1_000) for asset in (EUR, USD, JPY)})


@given(fills_strategy, prices_strategy, st.integers(0, BPS))
def test_a_settlement_conserves_every_asset_and_gives_nobody_more_than_the_price(
    fills: list[Fill], prices: dict[int, int], fee_bps: int
) -> None:
    try:
        settlement = settle(fills, prices, fee_bps)
    except Refusal:
        return
    total = Counter(settlement.fees)
    for (_, asset), change in settlement.changes.items():
        total[asset] += change
    assert not any(total.values())
    assert all(fee > 0 for fee in settlement.fees.values())
    for fill, bought in zip(fills, settlement.bought, strict=True):
        gross = Fraction(fill.sell * prices[fill.sell_asset], prices[fill.buy_asset])
        assert fill.min_buy <= bought <= gross * (BPS - fee_bps) / BPS
        assert bought > gross * (BPS - fee_bps) / BPS - 2, "no more than the two roundings is kept"


@given(st.integers(1, MOST), st.integers(1, MOST), st.integers(1, MOST), st.integers(0, BPS))
def test_no_round_trip_gains_a_unit(sell: int, price: int, other_price: int, fee_bps: int) -> None:
    def bought(amount_: int, from_: int, to: int) -> int:
        counterpart = Fill(B, USD, EUR, MOST, 0, BPS)
        prices = {EUR: from_, USD: to}
        try:
            return settle([Fill(A, EUR, USD, amount_, 0, BPS), counterpart], prices, fee_bps).bought[0]
        except Refusal:
            return 0

    there = bought(sell, price, other_price)
    assert not there or bought(there, other_price, price) <= sell


# -- matches -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stakes", "fee_bps", "prizes_bps", "expected"),
    [
        ([100, 100], 500, [BPS], matches.Payout(10, (190,))),
        ([100, 100, 100], 0, [5_000, 3_000, 2_000], matches.Payout(0, (150, 90, 60))),
        ([1, 1, 1], 3_333, [3_334, 3_333, 3_333], matches.Payout(0, (3, 0, 0))),  # Everything is rounded down to nothing.
        ([7, 7], 999, [5_000, 5_000], matches.Payout(1, (7, 6))),  # The odd unit goes to the first place.
        ([100, 100], BPS, [BPS], matches.Payout(200, (0,))),
        ([0, 0], 100, [BPS], matches.Payout(0, (0,))),
        (
            [MOST - 1, 1],
            1,
            [9_999, 1],
            matches.Payout(1_844_674_407_370_955, (18_443_054_909_362_250_442, 1_844_489_939_930_218)),
        ),
    ],
)
def test_prizes(stakes: list[int], fee_bps: int, prizes_bps: list[int], expected: matches.Payout) -> None:
    assert matches.payout(stakes, fee_bps, prizes_bps) == expected


@pytest.mark.parametrize(
    ("stakes", "fee_bps", "prizes_bps", "error"),
    [
        ([1, 1], BPS + 1, [BPS], BadFee),
        ([1, 1], -1, [BPS], BadFee),
        ([1, 1], 0, [], BadPrizes),
        ([1, 1], 0, [9_999], BadPrizes),
        ([1, 1], 0, [5_000, 5_001], BadPrizes),
        ([1, 1], 0, [4_000, 6_000], BadPrizes),
        ([1, 1], 0, [10_001, -1], BadPrizes),
        ([1, 1], 0, [4_000, 3_000, 3_000], BadPrizes),
        ([MOST, 1], 0, [BPS], AmountTooLarge),
        ([-1, 1], 0, [BPS], AmountTooLarge),
    ],
)
def test_prizes_that_nobody_could_pay_are_refused(
    stakes: list[int], fee_bps: int, prizes_bps: list[int], error: type[Refusal]
) -> None:
    with pytest.raises(error):
        matches.payout(stakes, fee_bps, prizes_bps)


@given(st.lists(st.integers(0, 1 << 58), min_size=1, max_size=30), st.integers(0, BPS), st.lists(st.integers(0, BPS), max_size=9))
def test_fee_and_prizes_are_the_stakes_to_the_unit(stakes: list[int], fee_bps: int, cuts: list[int]) -> None:
    marks = [0, *sorted(cuts), BPS]
    prizes_bps = sorted((high - low for low, high in pairwise(marks)), reverse=True)[: len(stakes)]
    prizes_bps[0] += BPS - sum(prizes_bps)
    result = matches.payout(stakes, fee_bps, prizes_bps)
    assert result.fee + sum(result.prizes) == sum(stakes)
    assert list(result.prizes) == sorted(result.prizes, reverse=True)
    assert result.fee == sum(stakes) * fee_bps // BPS
