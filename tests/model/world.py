"""A world in which the protocol's own decisions run: chains that halt, re-organise and resume, three guards, a log, two intents.

A state is a tuple of small numbers, so that very many fit. What a decision needs is built from them, and its answer remembered:
the functions asked are those that the services run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple, TypeVar

from jurymast.nonce_guard.decide.fate import fate, next_attempt
from jurymast.nonce_guard.decide.veto import Journal, may_sign, may_sign_transition
from jurymast.nonce_guard.decide.words import Fate, Finalized, Permit

CHAINS = (0, 1)
INTENTS = (0, 1)
GUARDS = (0, 1, 2)
ATTEMPTS = 2
LAST_EPOCH = 3
LAST_CLOCK = 2
SLOTS = tuple((intent, attempt) for intent in INTENTS for attempt in range(ATTEMPTS))
FATES: tuple[Fate | None, ...] = (None, "executed", "cancelled", "released")
NONE = -1

T = TypeVar("T")


class Side(NamedTuple):
    """What a chain's state says at one height."""

    epoch: int
    active: int
    clock: int
    executed: int
    """Permits whose batch has a record, as bits."""
    used: int
    """Intents whose nonce is used, as bits."""


class Chain(NamedTuple):
    halted: bool
    soft: Side
    final: Side


class Guard(NamedTuple):
    signed: int
    """Permits, as bits."""
    frozen: int
    moves: int
    """Transitions, as bits."""


class World(NamedTuple):
    epoch: int
    """Of the last epoch record in the log."""
    frozen: bool
    active: tuple[int, ...]
    """The chain of every epoch that was opened, by number; NONE for one that was not."""
    claims: tuple[int, ...]
    """The permit that each attempt of each intent was claimed for."""
    fates: tuple[int, ...]
    chains: tuple[Chain, Chain]
    guards: tuple[Guard, ...]
    mishaps: int
    """How many of the bad things that are bounded may still happen."""


class Terms(NamedTuple):
    slot: int
    chain: int
    epoch: int
    expiry: int


class Move(NamedTuple):
    """A transition: into an epoch, to a chain, with a cut that knows these permits."""

    epoch: int
    target: int
    cut: int


class Names:
    """Numbers for things that are found on the way."""

    def __init__(self) -> None:
        self.things: list[tuple[int, ...]] = []
        self._numbers: dict[tuple[int, ...], int] = {}

    def number(self, thing: tuple[int, ...]) -> int:
        if (known := self._numbers.get(thing)) is None:
            known = self._numbers[thing] = len(self.things)
            self.things.append(thing)
        return known


PERMITS, MOVES = Names(), Names()


def permit_of(number: int) -> Permit:
    slot, chain, epoch, expiry = PERMITS.things[number]
    identity = (b"intent", SLOTS[slot][0])
    return Permit(chain, epoch, number, expiry, b"", frozenset({identity}))


def finalized(chain: int, side: Side) -> Finalized:
    executed = {(permit_of(number).epoch, number) for number in _bits(side.executed)}
    used = {(b"intent", intent) for intent in _bits(side.used)}
    return Finalized(chain, side.clock, side.epoch, executed, used)


def journal_of(guard: Guard) -> Journal:
    journal = Journal(frozen=guard.frozen)
    for number in _bits(guard.signed):
        journal.sign(permit_of(number))
    for number in _bits(guard.moves):
        journal.transitions[MOVES.things[number][0]] = repr(MOVES.things[number]).encode()
    return journal


# -- the decisions, remembered -----------------------------------------------------------------------------------------


class Rules:
    """What the services decide. A seeded bug replaces one of these."""

    intents: tuple[int, ...] = INTENTS
    mishaps = 3
    """How many of the bad things that are bounded may happen."""
    threshold = 2
    final_opening = True
    final_fates = True

    @staticmethod
    @cache
    def signs(guard: Guard, permit: int, sides: tuple[Side, Side]) -> bool:
        states = {chain: finalized(chain, side) for chain, side in enumerate(sides)}
        return may_sign(journal_of(guard), permit_of(permit), states) is None

    @staticmethod
    @cache
    def signs_move(guard: Guard, leaving: int, move: int) -> bool:
        epoch, _, cut = MOVES.things[move]
        known = {(permit_of(number).chain, permit_of(number).epoch, number) for number in _bits(cut)}
        return may_sign_transition(journal_of(guard), leaving, epoch, repr(MOVES.things[move]).encode(), known, {}) is None

    @staticmethod
    @cache
    def executes(side: Side, chain: int, permit: int) -> bool:
        """What the contract checks."""
        slot, where, epoch, expiry = PERMITS.things[permit]
        alive = side.active == chain == where and side.epoch == epoch and side.clock <= expiry
        return alive and not side.executed >> permit & 1 and not side.used >> SLOTS[slot][0] & 1

    @staticmethod
    @cache
    def fate(permit: int, sides: tuple[Side, Side]) -> int:
        terms = permit_of(permit)
        (identity,) = terms.identities
        state = finalized(terms.chain, sides[terms.chain])
        return FATES.index(fate(terms, identity, state, 0, len(GUARDS), 2))

    @staticmethod
    @cache
    def attempt(fates: tuple[int, ...], claimed: int) -> int:
        """The attempt that may be claimed now, or NONE."""
        known = [FATES[number] for number in fates[:claimed]]
        following = next_attempt(known)
        return NONE if following is None or following >= ATTEMPTS else following


def begin(rules: type[Rules] = Rules) -> World:
    side = Side(epoch=1, active=0, clock=0, executed=0, used=0)
    chain = Chain(halted=False, soft=side, final=side)
    return World(
        epoch=1,
        frozen=False,
        active=(NONE, 0, *[NONE] * (LAST_EPOCH - 1)),
        claims=(NONE,) * len(SLOTS),
        fates=(0,) * len(SLOTS),
        chains=(chain, chain),
        guards=(Guard(0, -1, 0),) * len(GUARDS),
        mishaps=rules.mishaps,
    )


# -- what may happen ---------------------------------------------------------------------------------------------------

Step = tuple[str, World]


def steps(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Every next state, with what led there."""
    for action in ACTIONS:
        yield from action(world, rules)


def claim(world: World, rules: type[Rules]) -> Iterator[Step]:
    """By whoever publishes: one who saw an older epoch record is refused by the log's fence, so nobody is late."""
    for intent in rules.intents:
        first = intent * ATTEMPTS
        claimed = sum(permit != NONE for permit in world.claims[first : first + ATTEMPTS])
        attempt = rules.attempt(world.fates[first : first + ATTEMPTS], claimed)
        if attempt == NONE or world.claims[first + attempt] != NONE:
            continue
        chain = world.active[world.epoch]
        if chain == NONE or world.frozen:
            continue
        slot = first + attempt
        expiry = min(world.chains[chain].soft.clock + 1, LAST_CLOCK - 1)
        permit = PERMITS.number(Terms(slot, chain, world.epoch, expiry))
        yield (
            f"claim intent {intent}, attempt {attempt}, epoch {world.epoch}",
            world._replace(claims=_put(world.claims, slot, permit)),
        )


def lose_tail(world: World, _: type[Rules]) -> Iterator[Step]:
    """The log forgets an acknowledged claim."""
    if world.mishaps:
        for slot, permit in enumerate(world.claims):
            if permit != NONE and not world.fates[slot]:
                yield (
                    f"the log loses claim {SLOTS[slot]}",
                    world._replace(claims=_put(world.claims, slot, NONE), mishaps=world.mishaps - 1),
                )


def sign(world: World, rules: type[Rules]) -> Iterator[Step]:
    sides = (world.chains[0].final, world.chains[1].final)
    for permit in world.claims:
        if permit == NONE:
            continue
        for number, guard in enumerate(world.guards):
            if not guard.signed >> permit & 1 and rules.signs(guard, permit, sides):
                signed = guard._replace(signed=guard.signed | 1 << permit)
                yield f"a guard signs permit {permit}", _guard(world, number, signed)


def include(world: World, rules: type[Rules]) -> Iterator[Step]:
    """A transaction lands, as soon or late as it likes: whoever has the signatures can send it."""
    for number, chain in enumerate(world.chains):
        if chain.halted:
            continue
        for permit in _signed(world, rules):
            side = chain.soft
            if rules.executes(side, number, permit):
                soft = side._replace(executed=side.executed | 1 << permit, used=side.used | 1 << _intent(permit))
                yield f"chain {number} executes permit {permit}", _chain(world, number, chain._replace(soft=soft))


def transit(world: World, rules: type[Rules]) -> Iterator[Step]:
    for move in _moved(world, rules):
        epoch, target, _ = MOVES.things[move]
        for number, chain in enumerate(world.chains):
            if not chain.halted and chain.soft.epoch < epoch:
                soft = chain.soft._replace(epoch=epoch, active=target)
                yield f"chain {number} takes epoch {epoch} for chain {target}", _chain(world, number, chain._replace(soft=soft))


def live(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Time, finality, and what users do."""
    for number, chain in enumerate(world.chains):
        if not chain.halted:
            if chain.soft.clock < LAST_CLOCK:
                later = chain.soft._replace(clock=chain.soft.clock + 1)
                yield f"time passes on chain {number}", _chain(world, number, chain._replace(soft=later))
            if chain.soft != chain.final:
                yield f"chain {number} finalizes", _chain(world, number, chain._replace(final=chain.soft))
            for intent in rules.intents:
                if not chain.soft.used >> intent & 1 and world.mishaps:
                    used = chain._replace(soft=chain.soft._replace(used=chain.soft.used | 1 << intent))
                    yield (
                        f"the owner cancels intent {intent} on chain {number}",
                        _chain(world, number, used)._replace(mishaps=world.mishaps - 1),
                    )


def break_down(world: World, _: type[Rules]) -> Iterator[Step]:
    for number, chain in enumerate(world.chains):
        if chain.halted:
            yield f"chain {number} resumes", _chain(world, number, chain._replace(halted=False))
        elif world.mishaps:
            halted = _chain(world, number, chain._replace(halted=True))._replace(mishaps=world.mishaps - 1)
            yield f"chain {number} halts", halted
            if chain.soft != chain.final:
                back = _chain(world, number, chain._replace(soft=chain.final))._replace(mishaps=world.mishaps - 1)
                yield f"chain {number} re-organises", back


def record(world: World, rules: type[Rules]) -> Iterator[Step]:
    """What became of a claim is written once."""
    one, other = world.chains
    sides = (one.final, other.final) if rules.final_fates else (one.soft, other.soft)
    for slot, permit in enumerate(world.claims):
        if permit != NONE and not world.fates[slot] and (known := rules.fate(permit, sides)):
            yield f"{SLOTS[slot]} is recorded as {FATES[known]}", world._replace(fates=_put(world.fates, slot, known))


def switch(world: World, rules: type[Rules]) -> Iterator[Step]:
    """By either of two switchers: the log's compare-and-set lets one of them through, so that they are one."""
    if world.epoch == LAST_EPOCH:
        return
    if not world.frozen:
        yield f"epoch {world.epoch} is frozen", world._replace(frozen=True)
        return
    yield from _sign_moves(world, rules)
    for target in CHAINS:
        chain = world.chains[target]
        side = chain.final if rules.final_opening else chain.soft
        if side.epoch == world.epoch + 1 and side.active == target:
            active = _put(world.active, world.epoch + 1, target)
            opened = world._replace(epoch=world.epoch + 1, frozen=False, active=active)
            yield f"epoch {world.epoch + 1} is opened for chain {target}", opened
    if world.epoch + 1 < LAST_EPOCH:
        yield f"epoch {world.epoch + 1} is burnt", world._replace(epoch=world.epoch + 1)


def _sign_moves(world: World, rules: type[Rules]) -> Iterator[Step]:
    cut = sum(1 << permit for permit in set(world.claims) - {NONE})
    for number, guard in enumerate(world.guards):
        if guard.frozen < world.epoch:
            yield f"a guard freezes epoch {world.epoch}", _guard(world, number, guard._replace(frozen=world.epoch))
        for target in CHAINS:
            move = MOVES.number(Move(world.epoch + 1, target, cut))
            if not guard.moves >> move & 1 and rules.signs_move(guard, world.epoch, move):
                signed = guard._replace(moves=guard.moves | 1 << move)
                yield f"a guard signs epoch {world.epoch + 1} for chain {target}", _guard(world, number, signed)


ACTIONS: tuple[Callable[[World, type[Rules]], Iterator[Step]], ...] = (
    claim, lose_tail, sign, include, transit, live, break_down, record, switch,
)  # fmt: skip


# -- what must never be ------------------------------------------------------------------------------------------------


def broken(world: World) -> str:
    """Which promise does not hold; empty when all do."""
    for intent in INTENTS:
        executed = [permit for chain in world.chains for permit in _bits(chain.final.executed) if _intent(permit) == intent]
        if len(executed) > 1:
            return f"S1: intent {intent} executed {len(executed)} times"
        for attempt in range(ATTEMPTS):
            slot = intent * ATTEMPTS + attempt
            permit, known = world.claims[slot], FATES[world.fates[slot]]
            if permit != NONE and known != "executed" and known is not None and permit in executed:
                return f"S4: intent {intent} is recorded as {known} and executed"
            if known == "cancelled" and executed:
                return f"S4: intent {intent} was cancelled and executed all the same"
            if permit != NONE and known == "executed" and permit not in executed:
                return f"S4: intent {intent} is recorded as executed and did not"
    one, other = (chain.final for chain in world.chains)
    if one.epoch == other.epoch and one.active != other.active:
        return f"S2: in epoch {one.epoch} both chains are active, or none"
    if world.active[world.epoch] != NONE and not world.frozen:
        side = world.chains[world.active[world.epoch]].final
        if side.epoch < world.epoch:
            return f"S2: epoch {world.epoch} is open and its chain does not know it"
    return ""


# -- small help --------------------------------------------------------------------------------------------------------


def _signed(world: World, rules: type[Rules]) -> list[int]:
    return _common([guard.signed for guard in world.guards], rules.threshold)


def _moved(world: World, rules: type[Rules]) -> list[int]:
    return _common([guard.moves for guard in world.guards], rules.threshold)


def _common(masks: list[int], threshold: int) -> list[int]:
    every = 0
    for mask in masks:
        every |= mask
    return [bit for bit in _bits(every) if sum(mask >> bit & 1 for mask in masks) >= threshold]


def _intent(permit: int) -> int:
    return SLOTS[PERMITS.things[permit][0]][0]


@cache
def _bits(mask: int) -> tuple[int, ...]:
    return tuple(bit for bit in range(mask.bit_length()) if mask >> bit & 1)


def _put(items: tuple[T, ...], at: int, item: T) -> tuple[T, ...]:
    return (*items[:at], item, *items[at + 1 :])


def _guard(world: World, number: int, guard: Guard) -> World:
    """Guards are alike: which of them it was does not matter."""
    return world._replace(guards=tuple(sorted(_put(world.guards, number, guard))))


def _chain(world: World, number: int, chain: Chain) -> World:
    return world._replace(chains=(chain, world.chains[1]) if number == 0 else (world.chains[0], chain))
