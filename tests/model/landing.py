"""What a transaction does to a chain: it brings the leaves it needs, and the reference runs, once for each state it meets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from jurymast.book import entry, operations, signed
from jurymast.book.grid import Grid
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf
from tests.model.chains import HELD, REFUSED, SIDES, Landed, Side, changed, held_number
from tests.model.money import CUTS, MOVES, cut_of, transition_of
from tests.model.names import Names, copied, remembered
from tests.model.orders import DEPOSIT, FUNDS, OWNERS, PERMITS, batch, identities
from tests.unit.grids import DOMAIN, TREASURY, by_guards

if TYPE_CHECKING:
    from tests.model.rules import Rules

FLOOR = 1
"""Where an owner cancels to: above the one order that he has."""
PAUSE_S = 2
"""It ends by itself: also before the fence lands, and what happens then is debt."""


class Resolved(NamedTuple):
    permit: int
    executed: bool


class Credited(NamedTuple):
    origin: int
    sequence: int
    epoch: int
    """In which it was attested."""
    deposit: Landed


STATEMENTS = Names[Resolved | Credited]()
"""What guards attest about the debt of a chain; signed, it may be brought by anybody at any time."""


@remembered
def lands(rules: type[Rules], side: int, kind: str, number: int) -> int:
    """The side after it; or that it is refused, also if it changes nothing."""
    held, clock = SIDES[side]
    after = _DOES[kind](rules, held, number, clock)
    return REFUSED if after in (REFUSED, held) else SIDES.number(Side(after, clock))


def _execute(rules: type[Rules], held: int, permit: int, now: int) -> int:
    def operation(grid: Grid) -> None:
        _enter(rules, grid, [identity[0] for identity in identities(PERMITS[permit].intent)], now)
        rules.execute(grid, batch(permit, rules.threshold), now)

    return changed(held, operation)


def _transit(rules: type[Rules], held: int, move: int, now: int) -> int:
    transition, totals = transition_of(move), cut_of(MOVES[move].cut).totals
    signatures = by_guards(transition, range(rules.threshold))
    after = changed(held, lambda grid: operations.transition(grid, transition, totals, signatures, now))
    if after == REFUSED:
        return REFUSED
    taken = HELD[after]
    return held_number(taken._replace(openings=(*taken.openings, (taken.grid.epoch, taken.grid.opening))))


def _deposit(rules: type[Rules], held: int, _: int, now: int) -> int:
    who, asset, amount = DEPOSIT
    after = changed(held, lambda grid: rules.deposit(grid, who.id, asset, amount, now))
    if after == REFUSED:
        return REFUSED
    taken = HELD[after]
    return held_number(taken._replace(deposits=(*taken.deposits, Landed(who.id, asset, amount, taken.grid.epoch))))


def _cancel(_: type[Rules], held: int, owner: int, now: int) -> int:
    who, chain = OWNERS[owner], HELD[held].grid.lock.chain
    word = signed.Cancel(account=who.id, floor=FLOOR, chain=chain)
    after = changed(held, lambda grid: operations.cancel(grid, word, who.key.sign(word.digest(DOMAIN))))
    if after == REFUSED:
        return REFUSED
    taken = HELD[after]
    return held_number(taken._replace(cancelled=taken.cancelled | {who.id}))


def _pause(_: type[Rules], held: int, __: int, now: int) -> int:
    if now < HELD[held].grid.lock.paused_until:
        return REFUSED
    return changed(held, lambda grid: operations.pause(grid, grid.pauser, now + PAUSE_S, now))


def _settle(rules: type[Rules], held: int, number: int, now: int) -> int:
    """A statement, and then what follows from it."""
    statement = STATEMENTS[number]
    return _credit(rules, held, statement, now) if isinstance(statement, Credited) else _resolve(rules, held, statement, now)


def _credit(rules: type[Rules], held: int, statement: Credited, now: int) -> int:
    deposit = statement.deposit
    word = signed.Credit(
        origin=statement.origin, sequence=statement.sequence, epoch=statement.epoch,
        account=deposit.account, asset=deposit.asset, amount=deposit.amount,
    )  # fmt: skip
    return changed(held, lambda grid: rules.credit(grid, word, by_guards(word, range(rules.threshold)), now))


def _resolve(rules: type[Rules], held: int, statement: Resolved, now: int) -> int:
    terms = PERMITS[statement.permit]
    word = signed.Resolve(origin=terms.chain, epoch=terms.epoch, batch=statement.permit, executed=statement.executed)
    return changed(held, lambda grid: rules.resolve(grid, word, by_guards(word, range(rules.threshold)), now))


def _hold(rules: type[Rules], held: int, number: int, now: int) -> int:
    """One hold of a batch that was in doubt."""
    hold = HOLDS[number]

    def operation(grid: Grid) -> None:
        proof = CUTS[grid.lock.root].proofs.get(hold.key, ())
        _enter(rules, grid, [hold.account], now)
        rules.settle_hold(grid, hold, proof, now)

    return changed(held, operation)


HOLDS = Names[HoldLeaf]()


@remembered
def holds_of(held: int, permit: int) -> tuple[int, ...]:
    """Those that the cut of its epoch has."""
    leaves = CUTS[HELD[held].grid.lock.root].leaves
    return tuple(HOLDS.number(each) for each in leaves if isinstance(each, HoldLeaf) and each.batch == permit)


def funded(rules: type[Rules], held: int) -> int:
    """Everybody's first deposit."""
    grid = copied(HELD[held].grid)
    for who, asset, amount in FUNDS:
        rules.deposit(grid, who.id, asset, amount, 0)
    landed = tuple(Landed(who.id, asset, amount, grid.epoch) for who, asset, amount in FUNDS)
    return held_number(HELD[held]._replace(grid=grid, deposits=landed))


def _enter(rules: type[Rules], grid: Grid, accounts: Iterable[bytes], now: int) -> None:
    """Whoever sends a transaction brings the leaves it needs in it."""
    if grid.lock.active != grid.lock.chain:
        return
    cut = CUTS[grid.lock.root]
    wanted = {*accounts, TREASURY.id}
    for leaf in cut.leaves:
        match leaf:
            case AccountLeaf() if leaf.account in wanted and not grid.account(leaf.account).entered:
                rules.enter_account(grid, leaf, cut.proofs[leaf.key], now)
            case BalanceLeaf() if leaf.account in wanted and not grid.balance(leaf.account, leaf.asset).entered:
                entry.enter_balance(grid, leaf, cut.proofs[leaf.key], now)


_DOES = {
    "execute": _execute,
    "transit": _transit,
    "deposit": _deposit,
    "cancel": _cancel,
    "pause": _pause,
    "settle": _settle,
    "hold": _hold,
}
