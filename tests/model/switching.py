"""Switchers: nobody keeps anything but the log of the switch, so that there may be any number of them, dead or late.

Time is whatever it likes: a step that has begun is late, or not. What a step does is done by whoever asks what comes next; a
compare-and-set on the switch's own log, and the fence of the one log, let one through.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from jurymast.book.batches import to_resolve
from jurymast.book.state import Fate, Phase
from jurymast.switcher.decide import debt
from jurymast.switcher.decide.saga import PLANS, Burn, Do, Next, Seen, Skip, Step, Switch
from jurymast.switcher.decide.start import Begin, Chain, Kind, Policy, Situation
from tests.model.chains import HELD, SIDES, Facts
from tests.model.landing import FLOOR, STATEMENTS, Credited, Resolved
from tests.model.log import epochs, last_epoch
from tests.model.money import LEDGERS, MOVES, Move, cut_of, fates_of
from tests.model.names import Change, Names, remembered
from tests.model.orders import CHAINS, PERMITS, PRIMARY, named

if TYPE_CHECKING:
    from tests.model.rules import Rules

NOW, LATE = 0, 10**9
POLICY = Policy(primary=PRIMARY, cooldown_ms=0)


class Saga(NamedTuple):
    """What the log of a switch says."""

    kind: Kind
    source: int
    target: int
    leaving: int
    entering: int
    begun: frozenset[Step] = frozenset()
    skipped: frozenset[Step] = frozenset()

    def switch(self) -> Switch:
        return Switch(*self[:5], dict.fromkeys(self.begun, NOW), self.skipped)


class Desk(NamedTuple):
    saga: Saga | None = None
    burnt: Saga | None = None
    """The one before, with whose eyes a late switcher may still act."""
    asked: int = 0
    """Transitions that guards were asked to sign, as bits: a request may be repeated at any time."""
    attested: int = 0
    """Statements about debt, as bits."""


DESKS = Names[Desk]()
BEGUN = DESKS.number(Desk())


class Weather(NamedTuple):
    """What switchers see, in final states."""

    one: Facts
    other: Facts

    def of(self, chain: int) -> Facts:
        return self[chain - 1]

    @property
    def alive(self) -> frozenset[int]:
        return frozenset(chain for chain in CHAINS if not self.of(chain).halted)


WEATHERS = Names[Weather]()


# -- what is seen ------------------------------------------------------------------------------------------------------


def done(rules: type[Rules], saga: Saga, log: int, ledger: int, weather: Weather, *, settled: bool) -> frozenset[Step]:
    """What needs no doing any more, whoever has done it."""
    written = {(each.state, each.epoch) for each in epochs(log)}
    source, target = weather.of(saga.source), weather.of(saga.target)
    opened = ("open", saga.entering) in written
    root = _root(saga, log) if rules.opens_on_root else target.root
    facts: dict[Step, bool] = {
        "freeze": ("frozen", saga.entering - 1) in written,
        "drain": not _unfinished(ledger, saga.leaving),
        "pause": source.paused or source.epoch >= saga.entering,
        "cut": ("cut", saga.entering - 1) in written,
        "fence": source.epoch >= saga.entering,
        "activate": (target.epoch, target.active, target.root) == (saga.entering, saga.target, root),
        "open": opened,
        "replay": opened,  # Whoever plans goes on by himself.
        "settle": opened and settled,
    }
    return frozenset(step for step in PLANS[saga.kind] if facts[step])


def _root(saga: Saga, log: int) -> bytes:
    """Of the cut in the log: a chain may have been activated on another, which the bus has forgotten."""
    cut = cut_for(saga, log)
    return b"" if cut is None else cut_of(cut).root


def cut_for(saga: Saga, log: int) -> int | None:
    return next((each.cut for each in epochs(log) if (each.state, each.epoch) == ("cut", saga.entering - 1)), None)


def _unfinished(ledger: int, epoch: int) -> bool:
    return any(fate is Fate.PLANNED and PERMITS[permit].epoch == epoch for permit, fate in fates_of(ledger).items())


def over(saga: Saga, log: int) -> bool:
    return any(each.state == "open" and each.epoch >= saga.entering for each in epochs(log))


@remembered
def owes(ledger: int, chain: int, side: int) -> tuple[debt.Owed, debt.Source]:
    """What a chain is in debt with, and what its final state says. What landed in an epoch that still runs there is no debt."""
    known, held = LEDGERS[ledger].ledger, HELD[SIDES[side].held]
    doubted = tuple(key for key in to_resolve(known, chain) if known.fates[key] is Fate.IN_DOUBT)
    counted = {sequence for where, sequence in known.counted if where == chain}
    late = {number for number, landed in enumerate(held.deposits, 1) if landed.epoch < known.opened or known.chain != chain}
    floors = dict.fromkeys(held.cancelled if known.chain != chain else (), FLOOR)
    ledgers = {account: found.nonces.floor for account, found in known.accounts.items()}
    owed = debt.Owed(doubted, counted, ledgers, frozenset(), frozenset())
    return owed, debt.Source(chain, held.grid.epoch, set(held.grid.batches), late, floors, {}, frozenset())


@remembered
def debts(rules: type[Rules], ledger: int, sides: tuple[int, int]) -> tuple[tuple[int, debt.Next], ...]:
    """What comes next in settling with each chain that owes something."""
    if LEDGERS[ledger].ledger.phase is not Phase.OPEN:
        return ()
    epoch = LEDGERS[ledger].ledger.opened
    found = [(chain, rules.settle(*owes(ledger, chain, side), epoch)) for chain, side in zip(CHAINS, sides, strict=True)]
    return tuple((chain, step) for chain, step in found if not isinstance(step, debt.Settled))


# -- beginning ---------------------------------------------------------------------------------------------------------


@remembered
def begin(rules: type[Rules], desk: int, log: int, weather: int, owing: int, alarm: bool) -> tuple[Change, ...]:
    """`alarm`: the active chain is certified to have halted, and runs."""
    last, seen = last_epoch(log), WEATHERS[weather]
    if last.state != "open" or last.epoch >= rules.last_epoch:
        return ()
    source, target = last.chain, sum(CHAINS) - last.chain
    halted = seen.of(source).halted
    certified = Chain(source, "halt" if halted or alarm else "", NOW, healthy=not halted and not alarm)
    other = Chain(target, "halt" if seen.of(target).halted else "recovery", NOW, healthy=not seen.of(target).halted)
    decided = rules.start(Situation(certified, other, NOW, owing, asked=not alarm), POLICY, NOW)
    if not isinstance(decided, Begin):
        return ()
    saga = Saga(decided.kind, decided.source, decided.target, last.epoch, last.epoch + 1)
    found = DESKS[desk]
    if found.saga and not over(found.saga, log):
        return ()
    told = f"a {decided.kind} switch from chain {source} to {target} begins" + (", on a false alarm" if alarm else "")
    return ((told, DESKS.number(found._replace(saga=saga, burnt=None))),)


# -- going on ----------------------------------------------------------------------------------------------------------


class Effect(NamedTuple):
    """What a switcher does: it writes to the log of the switch, or does the step."""

    label: str
    desk: int
    step: Step | None = None
    saga: Saga | None = None


@remembered
def go_on(rules: type[Rules], desk: int, log: int, ledger: int, weather: int, settled: bool, now: int) -> tuple[Effect, ...]:
    """What whoever asks now does. What is not done differently late is not said twice."""
    effects: list[Effect] = []
    for saga in DESKS[desk][:2]:
        if saga:
            seen = Seen(done(rules, saga, log, ledger, WEATHERS[weather], settled=settled), WEATHERS[weather].alive)
            answer = rules.next_step(saga.switch(), seen, now)
            if now == NOW or not isinstance(answer, Do):
                effects += _effects(rules, desk, saga, answer)
    return tuple(effects)


def _effects(rules: type[Rules], desk: int, saga: Saga, answer: Next) -> Iterator[Effect]:
    found, current = DESKS[desk], saga is DESKS[desk].saga
    match answer:
        case Do(step) if step not in saga.begun:
            if current:
                begun = saga._replace(begun=saga.begun | {step})
                yield Effect(f"a switcher records '{step}' as begun", DESKS.number(found._replace(saga=begun)))
        case Do(step):
            yield Effect(f"a {'' if current else 'late '}switcher does '{step}'", desk, step, saga)
        case Skip(step) if current:
            skipped = saga._replace(skipped=saga.skipped | {step})
            yield Effect(f"'{step}' is late and skipped", DESKS.number(found._replace(saga=skipped)))
        case Burn(step) as burn if current and burn.entering <= rules.last_epoch:
            after = rules.burnt(saga.switch(), burn)
            new = Saga(after.kind, after.source, after.target, after.leaving, after.entering)
            label = f"'{step}' is late: epoch {saga.entering} is burnt, chain {burn.target} gets epoch {burn.entering}"
            yield Effect(label, DESKS.number(found._replace(saga=new, burnt=saga)))
        case _:
            pass


def ask(desk: int, saga: Saga, log: int) -> int:
    """Guards are asked for the transition that the cut in the log is for."""
    if (cut := cut_for(saga, log)) is None:
        return desk
    move = MOVES.number(Move(saga.entering, saga.target, saga.leaving, cut))
    return DESKS.number(DESKS[desk]._replace(asked=DESKS[desk].asked | 1 << move))


def attest(desk: int, step: debt.Next, chain: int, ledger: int, side: int) -> tuple[str, int]:
    """Guards sign what the chain's final state says."""
    match step:
        case debt.Resolve(batch, executed):
            statement: Resolved | Credited = Resolved(batch[2], executed)
            label = f"guards attest that {named(batch[2])} was {'' if executed else 'not '}executed"
        case debt.Credit(sequence):
            landed = HELD[SIDES[side].held].deposits[sequence - 1]
            statement = Credited(chain, sequence, LEDGERS[ledger].ledger.opened, landed)
            label = f"guards attest deposit {sequence} of chain {chain}"
        case _:
            return "", desk
    found = DESKS[desk]
    return label, DESKS.number(found._replace(attested=found.attested | 1 << STATEMENTS.number(statement)))
