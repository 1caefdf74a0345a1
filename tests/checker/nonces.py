"""Which nonces of an account are used: a floor, and a window of 192 above it, in one word."""

from __future__ import annotations

WINDOW = 192
BITS = (1 << WINDOW) - 1
LAST = (1 << 64) - 2
"""The floor above it is the last that fits."""


def used(word: int, nonce: int) -> bool:
    floor = word >> WINDOW
    return nonce < floor or (nonce - floor < WINDOW and bool(word >> (nonce - floor) & 1))


def usable(word: int, nonce: int) -> bool:
    return not used(word, nonce) and nonce - (word >> WINDOW) < WINDOW and nonce <= LAST


def use(word: int, nonce: int) -> int:
    """What cannot be used leaves it as it is."""
    floor = word >> WINDOW
    return _slid(floor, word & BITS | 1 << (nonce - floor)) if usable(word, nonce) else word


def cancel_below(word: int, floor: int) -> int:
    before = word >> WINDOW
    return word if floor <= before else _slid(floor, (word & BITS) >> (floor - before))


def _slid(floor: int, window: int) -> int:
    """The floor slides over used nonces: every set of them has one word."""
    while window & 1:
        floor, window = floor + 1, window >> 1
    return floor << WINDOW | window & BITS
