"""A world is a few small numbers: what the log, the ledger, two chains, three guards and the switchers have come to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from tests.model import guards, log, money, switching
from tests.model.chains import SIDES, STATES, Chain, Side, genesis, held_number
from tests.model.landing import funded, lands
from tests.model.money import MOVES, Folded, Move, say
from tests.model.orders import CHAINS, FUNDS, PRIMARY
from tests.model.rules import Rules

MANY = 99


class World(NamedTuple):
    log: int
    ledger: int
    one: int
    other: int
    guards: int
    desk: int
    """What switchers have written."""
    mishaps: int
    """How many of the bad things may still happen."""


Step: TypeAlias = tuple[str, World]
"""What happens, and the world after it."""
Action: TypeAlias = Callable[[World, type[Rules]], Iterator[Step]]


def final(world: World) -> tuple[int, int]:
    """What is never undone, of both chains."""
    return STATES[world.one].final, STATES[world.other].final


def first(rules: type[Rules]) -> World:
    """The primary chain is active, everybody has deposited, and every intent is accepted."""
    nothing = money.number_of(Folded(money.begin()))
    opening = MOVES.number(Move(1, PRIMARY, 0, nothing))
    ledger = say(rules, nothing, ("opened", 1, PRIMARY, 0))
    chains = []
    for chain in CHAINS:
        side = lands(rules, SIDES.number(Side(held_number(genesis(rules, chain)), 0)), "transit", opening)
        if chain == PRIMARY:
            side = SIDES.number(Side(funded(rules, SIDES[side].held), 0))
        chains.append(STATES.number(Chain(halted=False, soft=side, final=side)))
    for sequence, (who, asset, amount) in enumerate(FUNDS, 1):
        ledger = say(rules, ledger, ("deposited", PRIMARY, 1, sequence, who.id, asset, amount))
    for intent in rules.intents:
        for order in (0, 1):
            ledger = say(rules, ledger, ("accepted", intent, order))
    one, other = chains
    return World(log.BEGUN, ledger, one, other, guards.BEGUN, switching.BEGUN, MANY)
