"""Chains take transactions, run, halt, and take back what was not final."""

from __future__ import annotations

from collections.abc import Iterator

from tests.model import guards
from tests.model.chains import REFUSED, SIDES, STATES, Chain, Side, with_soft
from tests.model.guards import GIVEN
from tests.model.landing import HOLDS, STATEMENTS, Resolved, holds_of, lands
from tests.model.money import MOVES
from tests.model.names import Change, bits, remembered
from tests.model.orders import NAMES, OWNERS, PRIMARY, STANDBY, named
from tests.model.rules import Rules
from tests.model.switching import DESKS
from tests.model.world import Step, World


def on_chains(world: World) -> tuple[tuple[int, int], ...]:
    return ((PRIMARY, world.one), (STANDBY, world.other))


def include(world: World, rules: type[Rules]) -> Iterator[Step]:
    """A transaction lands, as soon or as late as it likes: whoever has the signatures can send it."""
    given, attested = GIVEN[guards.given(rules, world.guards)], DESKS[world.desk].attested
    if given.permits or given.moves or attested:
        for number, chain in on_chains(world):
            yield from _chained(world, number, _included(rules, number, chain, given.permits, given.moves, attested))


@remembered
def _included(rules: type[Rules], number: int, chain: int, permits: int, moves: int, attested: int) -> tuple[Change, ...]:
    if STATES[chain].halted:
        return ()
    soft = STATES[chain].soft
    resolved = [each.permit for number in bits(attested) if isinstance(each := STATEMENTS[number], Resolved)]
    holds = [hold for permit in resolved for hold in holds_of(SIDES[soft].held, permit)]
    things = {"execute": bits(permits), "transit": bits(moves), "settle": bits(attested), "hold": holds}
    return tuple(
        (f"chain {number} takes {_thing(kind, thing)}", with_soft(chain, after))
        for kind, numbers in things.items()
        for thing in numbers
        if (after := lands(rules, soft, kind, thing)) != REFUSED
    )


def _thing(kind: str, number: int) -> str:
    match kind:
        case "execute":
            return named(number)
        case "transit":
            return f"the transition to epoch {MOVES[number].epoch}, chain {MOVES[number].target}"
        case "hold":
            return f"the hold on {NAMES.get(HOLDS[number].account, 'the treasury')} of {named(HOLDS[number].batch)}"
    statement = STATEMENTS[number]
    if isinstance(statement, Resolved):
        return f"that {named(statement.permit)} was {'' if statement.executed else 'not '}executed"
    return f"the credit of deposit {statement.sequence} of chain {statement.origin}"


def tick(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Time passes: on a chain that runs, and nowhere else."""
    for number, chain in on_chains(world):
        if number in rules.ticking:
            yield from _chained(world, number, _ticked(number, chain, rules.last_clock))


@remembered
def _ticked(number: int, chain: int, last: int) -> tuple[Change, ...]:
    halted, soft, _ = STATES[chain]
    held, clock = SIDES[soft]
    if halted or clock >= last:
        return ()
    return ((f"time passes on chain {number}", with_soft(chain, SIDES.number(Side(held, clock + 1)))),)


def finalize(world: World, _: type[Rules]) -> Iterator[Step]:
    """What is soft is never undone any more."""
    for number, chain in on_chains(world):
        yield from _chained(world, number, _finalized(number, chain))


@remembered
def _finalized(number: int, chain: int) -> tuple[Change, ...]:
    halted, soft, final = STATES[chain]
    if halted or soft == final:
        return ()
    return ((f"chain {number} finalizes", STATES.number(Chain(halted, soft, final=soft))),)


def resume(world: World, _: type[Rules]) -> Iterator[Step]:
    """A halted chain goes on where it was, and whatever was sent before may still land."""
    for number, chain in on_chains(world):
        if STATES[chain].halted:
            running = STATES.number(STATES[chain]._replace(halted=False))
            yield from _chained(world, number, ((f"chain {number} resumes", running),))


def users(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Owners cancel and deposit, wherever a chain lets them."""
    if world.mishaps:
        for number, chain in on_chains(world):
            yield from _chained(world, number, _used(rules, number, chain), mishaps=1)


@remembered
def _used(rules: type[Rules], number: int, chain: int) -> tuple[Change, ...]:
    if STATES[chain].halted:
        return ()
    wishes = [("EVE deposits", "deposit", 0), *((f"{NAMES[OWNERS[each].id]} cancels", "cancel", each) for each in rules.intents)]
    return tuple(
        (f"{label} on chain {number}", with_soft(chain, soft))
        for label, kind, about in wishes
        if kind in rules.may and (soft := lands(rules, STATES[chain].soft, kind, about)) != REFUSED
    )


def break_down(world: World, rules: type[Rules]) -> Iterator[Step]:
    """A chain halts, or takes back all that is not final."""
    if world.mishaps:
        for number, chain in on_chains(world):
            yield from _chained(world, number, _broken_down(rules, number, chain), mishaps=1)


@remembered
def _broken_down(rules: type[Rules], number: int, chain: int) -> tuple[Change, ...]:
    halted, soft, final = STATES[chain]
    found: list[Change] = []
    if not halted and "halt" in rules.may:
        found.append((f"chain {number} halts", STATES.number(Chain(True, soft, final))))
    if not halted and soft != final and "reorg" in rules.may:
        found.append((f"chain {number} re-organises", with_soft(chain, final)))
    return tuple(found)


def _chained(world: World, number: int, changes: tuple[Change, ...], mishaps: int = 0) -> Iterator[Step]:
    log, ledger, one, other, guards_, desk, left = world
    for label, chain in changes:
        if number == PRIMARY:
            yield label, World(log, ledger, chain, other, guards_, desk, left - mishaps)
        else:
            yield label, World(log, ledger, one, chain, guards_, desk, left - mishaps)
