"""A paid match: who may pay in, and who gets what of the stakes. Rounding leaves nothing over."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from jurymast.book.amounts import BPS, amount, share_down
from jurymast.book.refusals import BadFee, BadPlayers, BadPrizes, BadRanking, NoSuchMatch, UnlikeTerms
from jurymast.book.signed import Terms, Verdict

MOST_PLAYERS = 64
"""So that a verdict fits into a transaction."""


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


def agreed(terms: Terms | None, match: bytes) -> Terms:
    """The terms that the match is known by."""
    if terms is None or terms.content() != match:
        raise UnlikeTerms(match)
    return terms


def joined(match: bytes, step: int, players: tuple[bytes, ...], account: bytes, terms: Terms) -> tuple[bytes, ...]:
    if terms.players > MOST_PLAYERS:
        raise BadPlayers(terms.players, MOST_PLAYERS)
    if step or len(players) >= terms.players or account in players:
        raise NoSuchMatch(match, step)
    return (*players, account)


def ended(step: int, players: tuple[bytes, ...], verdict: Verdict, terms: Terms, treasury: bytes) -> list[tuple[bytes, int]]:
    """Who gets what: prizes and the fee, or every stake back."""
    if step or verdict.step != 1:
        raise NoSuchMatch(verdict.match, step)
    if not verdict.ranking:
        return [(player, terms.stake) for player in players]
    if len(set(verdict.ranking)) != len(verdict.ranking) or not set(verdict.ranking) <= set(players):
        raise BadRanking(verdict.match)
    if len(verdict.ranking) != len(terms.prizes_bps):
        raise BadRanking(verdict.match)
    fee, prizes = payout([terms.stake] * len(players), terms.fee_bps, terms.prizes_bps)
    return [(treasury, fee), *zip(verdict.ranking, prizes, strict=True)]
