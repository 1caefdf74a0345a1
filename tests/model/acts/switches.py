"""Switchers begin, go on, and settle what a chain owes; there are any number of them, and each may be late."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from jurymast.book.state import Phase
from jurymast.nonce_guard.decide import claims
from jurymast.switcher.decide import debt
from tests.model import guards, switching
from tests.model.chains import REFUSED, STATES, facts, with_soft
from tests.model.landing import lands
from tests.model.log import Epoch, last_epoch, publish, views
from tests.model.money import LEDGERS, outstanding, say
from tests.model.names import remembered
from tests.model.orders import PRIMARY
from tests.model.rules import Rules
from tests.model.switching import DESKS, LATE, NOW, WEATHERS, Effect, Weather
from tests.model.telling import landed
from tests.model.world import Step, World, final


@remembered
def _weather(one: int, other: int) -> int:
    return WEATHERS.number(Weather(facts(one), facts(other)))


def _seen(world: World, rules: type[Rules]) -> int:
    if rules.opens_on_final:
        return _weather(world.one, world.other)
    one, other = (STATES[chain] for chain in (world.one, world.other))
    return _weather(STATES.number(one._replace(final=one.soft)), STATES.number(other._replace(final=other.soft)))


def begin_switch(world: World, rules: type[Rules]) -> Iterator[Step]:
    owing = _owing(world, rules)
    for alarm in (False, True)[: 1 + (world.mishaps and "alarm" in rules.may)]:
        for label, desk in switching.begin(rules, world.desk, world.log, _seen(world, rules), owing, alarm):
            yield label, world._replace(desk=desk, mishaps=world.mishaps - alarm)


def _owing(world: World, rules: type[Rules]) -> int:
    """Not known, and so not nothing, before the ledger has come to the epoch that is open."""
    ledger = LEDGERS[world.ledger].ledger
    known = ledger.phase is Phase.OPEN and ledger.opened == last_epoch(world.log).epoch
    return len(switching.debts(rules, world.ledger, final(world))) if known else 1


def go_on(world: World, rules: type[Rules]) -> Iterator[Step]:
    """One of the switchers asks what comes next; one that is late, with the eyes of the switch before."""
    yield from _next_steps(world, rules, NOW)


def be_late(world: World, rules: type[Rules]) -> Iterator[Step]:
    """The same when a deadline has passed."""
    yield from _next_steps(world, rules, LATE)


def _next_steps(world: World, rules: type[Rules], now: int) -> Iterator[Step]:
    if DESKS[world.desk].saga is None:
        return
    settled = not switching.debts(rules, world.ledger, final(world))
    for effect in switching.go_on(rules, world.desk, world.log, world.ledger, _seen(world, rules), settled, now):
        if effect.step is None:
            yield effect.label, world._replace(desk=effect.desk)
        else:
            after = _EFFECTS[effect.step](world, rules, effect)
            if after != world:
                yield effect.label, after


def settle(world: World, rules: type[Rules]) -> Iterator[Step]:
    """The debt of a chain, piece by piece."""
    sides = final(world)
    for chain, step in switching.debts(rules, world.ledger, sides):
        if isinstance(step, debt.Raise):
            ledger = say(rules, world.ledger, ("floor", chain, *step))
            yield f"the ledger is told of the floor on chain {chain}", world._replace(ledger=ledger)
            continue
        label, desk = switching.attest(world.desk, step, chain, world.ledger, sides[chain - 1])
        if desk != world.desk:
            yield label, world._replace(desk=desk)


def _freeze(world: World, rules: type[Rules], effect: Effect) -> World:
    """The epoch that is left, or a number that is burnt; unless somebody else has opened that."""
    assert effect.saga
    epoch, last = effect.saga.entering - 1, last_epoch(world.log)
    found = DESKS[world.desk]
    if last.state == "open" and last.epoch == epoch > effect.saga.leaving:
        return world._replace(desk=DESKS.number(found._replace(saga=found.burnt or found.saga, burnt=None)))
    seen = [each for each in views(world.log) if each.epoch < epoch or (each.state, each.epoch) == ("open", effect.saga.leaving)]
    return _published(world, rules, Epoch("frozen", epoch, last.chain), seen)


def _cut(world: World, rules: type[Rules], effect: Effect) -> World:
    """The ledger is cut first, with everything that is known, also to guards; then the log says so."""
    assert effect.saga
    epoch, last = effect.saga.entering - 1, last_epoch(world.log)
    folded = LEDGERS[world.ledger]
    if (last.state, last.epoch) != ("frozen", epoch) or folded.ledger.epoch != epoch:
        return world
    if folded.ledger.phase is Phase.FROZEN:
        if guards.forgotten(world.guards, world.ledger, *final(world)):
            return world
        return world._replace(ledger=_snapshot(rules, world.ledger, epoch, final(world)))
    if folded.ledger.phase is not Phase.CUT:
        return world
    seen = [each for each in views(world.log) if (each.state, each.epoch) == ("frozen", epoch)]
    return _published(world, rules, Epoch("cut", epoch, last.chain, folded.cut), seen)


@remembered
def _snapshot(rules: type[Rules], ledger: int, epoch: int, sides: tuple[int, int]) -> int:
    """What is not final is in doubt, claimed or not: that the log knows no claim does not prove that there is none."""
    after, chain = ledger, LEDGERS[ledger].ledger.chain
    for said in landed(ledger, sides):
        after = say(rules, after, said)
    for permit in outstanding(after):
        after = say(rules, after, ("doubted", permit))
    return say(rules, after, ("cut", epoch, chain))


def _ask(world: World, _: type[Rules], effect: Effect) -> World:
    assert effect.saga
    return world._replace(desk=switching.ask(world.desk, effect.saga, world.log))


def _pause(world: World, rules: type[Rules], effect: Effect) -> World:
    assert effect.saga
    number = effect.saga.source
    chain = world[number + 1]
    if STATES[chain].halted or (soft := lands(rules, STATES[chain].soft, "pause", 0)) == REFUSED:
        return world
    return world._replace(**{"one" if number == PRIMARY else "other": with_soft(chain, soft)})


def _open(world: World, rules: type[Rules], effect: Effect) -> World:
    assert effect.saga
    seen = [each for each in views(world.log) if (each.state, each.epoch) == ("cut", effect.saga.entering - 1)]
    return _published(world, rules, Epoch("open", effect.saga.entering, effect.saga.target), seen)


def _published(world: World, rules: type[Rules], entry: Epoch, seen: list[claims.Record]) -> World:
    """By one who has seen one of these as the last epoch record, now or long ago."""
    for view in seen:
        if (log := publish(rules, world.log, entry, view.sequence)) != world.log:
            return world._replace(log=log)
    return world


def _nothing(world: World, _: type[Rules], __: Effect) -> World:
    """Others do it: claims end, planners go on, debt is settled."""
    return world


_EFFECTS: dict[str, Callable[[World, type[Rules], Effect], World]] = {
    "freeze": _freeze,
    "drain": _nothing,
    "pause": _pause,
    "cut": _cut,
    "fence": _ask,
    "activate": _ask,
    "open": _open,
    "replay": _nothing,
    "settle": _nothing,
}
