"""The money of a paid match: who gets what of the stakes. Rounding leaves nothing over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from jurymast.book.amounts import BPS, amount, share_down
from jurymast.book.refusals import BadFee, BadPrizes


class Payout(NamedTuple):
    fee: int
    prizes: tuple[int, ...]
    """From the first place on."""


def payout(stakes: Sequence[int], fee_bps: int, prizes_bps: Sequence[int]) -> Payout:
    """Of a match that was won. A draw or a cancelled match gives every stake back in full, which needs no rule."""
    if not 0 <= fee_bps <= BPS:
        raise BadFee(fee_bps)
    falling = all(one >= other for one, other in pairwise(prizes_bps))
    if sum(prizes_bps) != BPS or not falling or prizes_bps[-1] < 0 or len(prizes_bps) > len(stakes):
        raise BadPrizes(sum(prizes_bps), len(prizes_bps), len(stakes))
    total = amount(sum(amount(stake) for stake in stakes))
    fee = share_down(total, fee_bps)
    pot = total - fee
    first, *others = (share_down(pot, bps) for bps in prizes_bps)
    return Payout(fee, (first + pot - first - sum(others), *others))
