"""A position: how much, what it cost, and what came of the parts that were closed.

It keeps what was paid, not a price per unit: closing all of it realises what came in less what went out, whatever the steps.
"""

from __future__ import annotations

from typing import NamedTuple

from jurymast.book.amounts import share_up
from jurymast.book.refusals import BadTrade


class Position(NamedTuple):
    size: int = 0
    """Base units; negative when short."""
    cost: int = 0
    """Quote units that it took; negative when short, as they were received."""
    margin: int = 0
    """Held for it."""
    realised: int = 0

    def traded(self, size: int, quote: int, margin_bps: int) -> Position:
        """After buying (positive), or selling (negative), so much for so many quote units, with the same sign."""
        if size == 0 or size * quote < 0:
            raise BadTrade(size, quote)
        if self.size * size >= 0:
            return self._with(self.size + size, self.cost + quote, self.realised, margin_bps)
        closed = min(abs(size), abs(self.size))
        # Both shares are rounded so that what is realised now is never more than the truth; the rest keeps the difference.
        cost = _part(self.cost, closed, abs(self.size), up=True)
        proceeds = _part(-quote, closed, abs(size), up=False)
        realised = self.realised + proceeds - cost
        if closed == abs(self.size):  # What is left of the trade opens the other way.
            return self._with(self.size + size, quote + proceeds, realised, margin_bps)
        return self._with(self.size + size, self.cost - cost, realised, margin_bps)

    def entry(self, unit: int) -> int:
        """The average price, for people: nothing is computed from it."""
        return self.cost * unit // self.size if self.size else 0

    def unrealised(self, mark: int, unit: int) -> int:
        """If it were closed at this price; rounded down."""
        return self.size * mark // unit - self.cost

    def _with(self, size: int, cost: int, realised: int, margin_bps: int) -> Position:
        return Position(size, cost, share_up(abs(cost), margin_bps), realised)


def _part(whole: int, of: int, total: int, *, up: bool) -> int:
    return -(-whole * of // total) if up else whole * of // total
