"""Chains: each runs the reference grid, halts, resumes, and may be re-organised above what is final.

A chain is known by the number of its state. What an operation makes of a grid is found out once, by the reference itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from jurymast.book.grid import Grid
from jurymast.book.lock import GuardSet
from jurymast.errors import Rejected
from jurymast.nonce_guard.decide.words import Finalized
from tests.model.names import Names, copied, frozen, remembered
from tests.model.orders import IDENTITIES
from tests.unit import grids

if TYPE_CHECKING:
    from tests.model.rules import Rules

REFUSED = -1


class Landed(NamedTuple):
    """A deposit, as the contract's event tells of it; its sequence is its place."""

    account: bytes
    asset: int
    amount: int
    epoch: int


class Held(NamedTuple):
    """Everything on a chain at one height, but for its clock."""

    grid: Grid
    deposits: tuple[Landed, ...] = ()
    openings: tuple[tuple[int, int], ...] = ()
    """How many deposits there were when it took each epoch."""
    cancelled: frozenset[bytes] = frozenset()
    """Whose owners have raised their floors."""


class Side(NamedTuple):
    """A chain's state at one height."""

    held: int
    clock: int


class Chain(NamedTuple):
    halted: bool
    soft: int
    """The newest side."""
    final: int
    """The newest side that is never undone."""


HELD, SIDES, STATES = Names[Held](), Names[Side](), Names[Chain]()


def genesis(rules: type[Rules], chain: int) -> Held:
    grid = grids.begin(chain)
    grid.lock = grid.lock._replace(guards=GuardSet(rules.guard_set(grid.lock.guards.guards.addresses), 1))
    return Held(grid)


def held_number(held: Held) -> int:
    return HELD.number(held, (frozen(held.grid), *held[1:]))


def changed(held: int, operation: Callable[[Grid], object]) -> int:
    """The number of what the operation leaves, or that it is refused."""
    grid = copied(HELD[held].grid)
    try:
        operation(grid)
    except Rejected:
        return REFUSED
    return held_number(HELD[held]._replace(grid=grid))


@remembered
def finalized(side: int) -> Finalized:
    """What guards read of it, all at one height."""
    held, clock = SIDES[side]
    grid = HELD[held].grid
    used = {identity for identity in IDENTITIES if grid.account(identity[0]).nonces.used(identity[1])}
    return Finalized(grid.lock.chain, clock, grid.epoch, set(grid.batches), used)


class Facts(NamedTuple):
    """What switchers see of a chain."""

    halted: bool
    epoch: int
    """Final."""
    active: int
    root: bytes
    paused: bool


@remembered
def facts(chain: int) -> Facts:
    halted, _, final = STATES[chain]
    held, clock = SIDES[final]
    lock = HELD[held].grid.lock
    return Facts(halted, lock.epoch, lock.active, lock.root, clock < lock.paused_until)


@remembered
def with_soft(chain: int, side: int) -> int:
    return STATES.number(STATES[chain]._replace(soft=side))
