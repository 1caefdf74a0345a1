"""Which intents of two assets fill each other, all wholly, at one price that each of them accepts.

Intents are filled wholly or not at all, so that what is sold of one asset must be what is bought of it: the price of a set of
intents is the ratio of what both sides sell. Of the best intents of each side as many are taken as agree on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import accumulate
from math import gcd
from typing import NamedTuple

from jurymast.book.amounts import BPS, MOST
from jurymast.book.execute import fill_of
from jurymast.book.refusals import Refusal
from jurymast.book.settle import settle
from jurymast.book.signed import Intent

TRIES = 8
"""An intent that is too large for what stands against it keeps others from crossing; so many of those are left out in turn."""


class Crossing(NamedTuple):
    intents: tuple[Intent, ...]
    prices: dict[int, int]


def cross(intents: Sequence[Intent], fee_bps: int, most: int) -> Crossing | None:
    """At most so many of these, which sell one of two assets for the other; None if no two of them agree."""
    willing = [intent for intent in intents if intent.max_fee_bps >= fee_bps and intent.sell_amount]
    if not willing or fee_bps >= BPS:
        return None
    base = min(willing[0].sell_asset, willing[0].buy_asset)
    for _ in range(TRIES):
        sellers = sorted((each for each in willing if each.sell_asset == base), key=lambda each: _limit(each, fee_bps))
        buyers = sorted((each for each in willing if each.sell_asset != base), key=lambda each: _limit(each, fee_bps))
        if not sellers or not buyers or _limit(sellers[0], fee_bps) * _limit(buyers[0], fee_bps) > 1:
            return None
        if (found := _agreed(sellers, buyers, fee_bps, most)) and _settles(found, fee_bps):
            return found
        willing.remove(_in_the_way(sellers, buyers))
    return None


def _limit(intent: Intent, fee_bps: int) -> Fraction:
    """The least that it wants for one unit, before the fee."""
    return Fraction(intent.min_buy_amount * BPS, intent.sell_amount * (BPS - fee_bps))


def _agreed(sellers: Sequence[Intent], buyers: Sequence[Intent], fee_bps: int, most: int) -> Crossing | None:
    """The largest sets of the best of each side that accept the ratio of what they sell as their price."""
    sold = list(accumulate(each.sell_amount for each in sellers))
    paid = list(accumulate(each.sell_amount for each in buyers))
    best: tuple[int, int] | None = None
    taken = 0
    for buying in range(1, min(len(buyers), most - 1) + 1):
        # The more the buyers pay, the more sellers their price satisfies; and the more sellers, the lower is the price.
        while taken < len(sellers) and _accepts(sellers[taken], Fraction(paid[buying - 1], sold[taken]), fee_bps):
            taken += 1
        selling = min(taken, most - buying)
        if not selling or not _accepts(buyers[buying - 1], Fraction(sold[selling - 1], paid[buying - 1]), fee_bps):
            continue
        if best is None or selling + buying > sum(best):
            best = selling, buying
    if best is None:
        return None
    selling, buying = best
    prices = _prices(sellers[0], paid[buying - 1], sold[selling - 1])
    return Crossing((*sellers[:selling], *buyers[:buying]), prices)


def _accepts(intent: Intent, price: Fraction, fee_bps: int) -> bool:
    return price >= _limit(intent, fee_bps)


def _prices(seller: Intent, paid: int, sold: int) -> dict[int, int]:
    """Whole numbers in this ratio, as exact as 64 bits are."""
    common = gcd(paid, sold)
    paid, sold = paid // common, sold // common
    while max(paid, sold) > MOST:
        paid, sold = max(paid >> 1, 1), max(sold >> 1, 1)
    return {seller.sell_asset: paid, seller.buy_asset: sold}


def _settles(found: Crossing, fee_bps: int) -> bool:
    """Rounding, too, leaves each of them what he asked for."""
    try:
        settle([fill_of(intent) for intent in found.intents], found.prices, fee_bps)
    except Refusal:
        return False
    return True


def _in_the_way(sellers: Sequence[Intent], buyers: Sequence[Intent]) -> Intent:
    """Of the best of both sides the one that sells more than the other could pay for."""
    seller, buyer = sellers[0], buyers[0]
    return seller if seller.min_buy_amount > buyer.sell_amount else buyer
