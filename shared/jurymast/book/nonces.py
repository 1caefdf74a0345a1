"""Which nonces of an account are used: a floor and a window above it, in the one 256-bit word that contracts store.

Below the floor everything is used, in the window what has its bit set, above it nothing may be used yet. The floor slides over
used nonces, so its own bit is never set: every set of used nonces has one word.
"""

from __future__ import annotations

from typing import NamedTuple

from jurymast.book.refusals import FloorTooLow, NonceTooFar, NonceUsed

WINDOW = 192
WORD_BYTES = 32
LAST = (1 << 64) - 2
"""The floor above it is the last that fits."""


class Nonces(NamedTuple):
    floor: int = 0
    window: int = 0
    """Bit i stands for the nonce floor + i."""

    def used(self, nonce: int) -> bool:
        return nonce < self.floor or bool(self.window >> (nonce - self.floor) & 1)

    def use(self, nonce: int) -> Nonces:
        if self.used(nonce):
            raise NonceUsed(nonce)
        if nonce >= self.floor + WINDOW or nonce > LAST:
            raise NonceTooFar(nonce, self.floor)
        return _slid(self.floor, self.window | 1 << (nonce - self.floor))

    def cancel_below(self, floor: int) -> Nonces:
        """What an owner does to all of his nonces below a new floor."""
        if not self.floor < floor <= LAST + 1:
            raise FloorTooLow(self.floor, floor)
        return _slid(floor, self.window >> (floor - self.floor))

    def merged(self, other: Nonces) -> Nonces:
        """Used in either: never less than each of them."""
        floor = max(self.floor, other.floor)
        window = self.window >> (floor - self.floor) | other.window >> (floor - other.floor)
        return _slid(floor, window)

    @property
    def word(self) -> bytes:
        return (self.floor << WINDOW | self.window).to_bytes(WORD_BYTES, "big")

    @classmethod
    def of(cls, word: bytes) -> Nonces:
        """Of a stored word; whatever its bits are, they mean something."""
        value = int.from_bytes(word[:WORD_BYTES], "big")
        return _slid(value >> WINDOW, value & (1 << WINDOW) - 1)


def _slid(floor: int, window: int) -> Nonces:
    run = (~window & window + 1).bit_length() - 1  # Trailing ones.
    return Nonces(floor + run, window >> run)
