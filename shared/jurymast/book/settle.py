"""Netting at uniform prices: what a batch of fills changes, or why it may not.

Every fill sells its whole amount at the batch's prices, whatever the order of the fills. Rounding is always against the taker,
and what it leaves goes to the treasury with the fees: a batch moves value and never makes any.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from jurymast.book.amounts import amount, share_up
from jurymast.book.refusals import FeeTooHigh, LimitNotMet, NoPrice, NotConserved, NothingSold, SameAsset
from jurymast.book.signed import NO_ASSET

K = TypeVar("K")


class Fill(NamedTuple):
    """What an intent asks for. It is filled wholly or not at all: its nonce is used once, so a rest could never be sold."""

    account: bytes
    sell_asset: int
    buy_asset: int
    sell: int
    min_buy: int
    max_fee_bps: int


@dataclass(frozen=True)
class Settlement:
    bought: tuple[int, ...]
    """By each fill, after its fee."""
    changes: dict[tuple[bytes, int], int]
    """Net, by account and asset; never zero."""
    fees: dict[int, int]
    """By asset, with what rounding left; never zero."""


def settle(fills: Sequence[Fill], prices: Mapping[int, int], fee_bps: int) -> Settlement:
    """Prices are whole numbers of any common unit, by asset."""
    bought = tuple(_bought(number, fill, prices, fee_bps) for number, fill in enumerate(fills))
    changes: defaultdict[tuple[bytes, int], int] = defaultdict(int)
    left: defaultdict[int, int] = defaultdict(int)
    for fill, buys in zip(fills, bought, strict=True):
        changes[fill.account, fill.sell_asset] -= fill.sell
        changes[fill.account, fill.buy_asset] += buys
        left[fill.sell_asset] += fill.sell
        left[fill.buy_asset] -= buys
    for asset, rest in left.items():
        if rest < 0:
            sold = sum(fill.sell for fill in fills if fill.sell_asset == asset)
            raise NotConserved(asset, sold, sold - rest)
    return Settlement(bought, _changed(changes), _changed(left))


def _bought(number: int, fill: Fill, prices: Mapping[int, int], fee_bps: int) -> int:
    if fill.sell_asset == fill.buy_asset:
        raise SameAsset(number, fill.sell_asset)
    if amount(fill.sell) == 0:
        raise NothingSold(number)
    if fee_bps > fill.max_fee_bps:
        raise FeeTooHigh(number, fee_bps, fill.max_fee_bps)
    gross = amount(fill.sell * _price(fill.sell_asset, prices) // _price(fill.buy_asset, prices))
    net = gross - share_up(gross, fee_bps)
    if net < fill.min_buy:
        raise LimitNotMet(number, net, fill.min_buy)
    return net


def _price(asset: int, prices: Mapping[int, int]) -> int:
    if asset == NO_ASSET or not (price := prices.get(asset, 0)):
        raise NoPrice(asset)
    return amount(price)


def _changed(totals: Mapping[K, int]) -> dict[K, int]:
    return {key: total for key, total in totals.items() if total}
