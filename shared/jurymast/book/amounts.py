"""Amounts are whole grid units in 64 bits, rates are basis points; nothing is ever a float."""

from __future__ import annotations

from jurymast.book.refusals import AmountTooLarge

BITS = 64
MOST = (1 << BITS) - 1
BPS = 10_000
"""One whole, in basis points."""


def amount(value: int) -> int:
    """The value, if a contract can hold it."""
    if not 0 <= value <= MOST:
        raise AmountTooLarge(value)
    return value


def signed_amount(value: int) -> int:
    """The same for what may be negative."""
    return amount(value) if value >= 0 else -amount(-value)


def in_grid_units(tokens: int, scale: int) -> tuple[int, int]:
    """So many grid units, and the dust of the token that makes no whole one and stays with whoever deposits."""
    return amount(tokens // scale), tokens % scale


def share_down(whole: int, bps: int) -> int:
    return whole * bps // BPS


def share_up(whole: int, bps: int) -> int:
    return -(-whole * bps // BPS)
