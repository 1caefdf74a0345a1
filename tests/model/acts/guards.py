"""What guards do when they are asked, and what befalls them."""

from __future__ import annotations

from collections.abc import Iterator

from jurymast.book.state import Phase
from tests.model import guards
from tests.model.guards import GIVEN
from tests.model.log import last_epoch, signable
from tests.model.money import LEDGERS, outstanding
from tests.model.names import Change
from tests.model.rules import Rules
from tests.model.switching import DESKS
from tests.model.world import Step, World, final


def sign(world: World, rules: type[Rules]) -> Iterator[Step]:
    yield from _guarded(world, guards.sign(rules, world.guards, signable(rules, world.log), *final(world)))


def sign_move(world: World, rules: type[Rules]) -> Iterator[Step]:
    if asked := DESKS[world.desk].asked:
        refused = GIVEN[guards.given(rules, world.guards)].refused
        yield from _guarded(world, guards.sign_move(rules, world.guards, asked, refused, *final(world)))


def refuse(world: World, rules: type[Rules]) -> Iterator[Step]:
    if world.mishaps:
        yield from _guarded(world, guards.refuse(rules, world.guards, signable(rules, world.log), *final(world)), 1)


def make_way(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Guards hold a permit that the bus has forgotten, and sign no cut without it. They refuse what was planned instead, so that
    it can be told again."""
    if LEDGERS[world.ledger].ledger.phase is Phase.FROZEN and guards.forgotten(world.guards, world.ledger, *final(world)):
        yield from _guarded(world, guards.refuse(rules, world.guards, outstanding(world.ledger), *final(world)))


def crash(world: World, rules: type[Rules]) -> Iterator[Step]:
    """A guard, between its journal and its signature; or after it froze an epoch, before it signs a transition."""
    if world.mishaps:
        yield from _guarded(world, guards.crash(rules, world.guards, signable(rules, world.log), *final(world)), 1)
        if (last := last_epoch(world.log)).state != "open":
            yield from _guarded(world, guards.freeze(world.guards, last.epoch), 1)


def lose_journal(world: World, rules: type[Rules]) -> Iterator[Step]:
    if world.mishaps:
        yield from _guarded(world, guards.lose_journal(rules, world.guards), 1)


def _guarded(world: World, changes: tuple[Change, ...], mishaps: int = 0) -> Iterator[Step]:
    log, ledger, one, other, _, desk, left = world
    for label, number in changes:
        yield label, World(log, ledger, one, other, number, desk, left - mishaps)
