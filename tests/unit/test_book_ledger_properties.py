"""What holds of the ledger whatever happens, and whatever is said to have happened."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from itertools import product
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurymast.book.cut import imbalance, leaves, tree
from jurymast.book.events import (
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
    Event,
    FloorRaised,
    MarketOpened,
    OrderCancelled,
    OrderPlaced,
)
from jurymast.book.execute import Action
from jurymast.book.ledger import Applied, apply
from jurymast.book.orders import Side
from jurymast.book.refusals import AlreadyEntered, Refusal
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Credit, Terms
from jurymast.book.state import Fate, Ledger
from tests.unit.grids import ANN, BEN, EUR, EVE, ORACLE, SOL, TERMS, TREASURY, USD, Person
from tests.unit.ledgers import World, fold

PEOPLE = (ANN, BEN, EVE)
person = st.sampled_from(PEOPLE)
asset = st.sampled_from((EUR, USD))
value = st.integers(1, 300)


class History:
    """Anything that people, a planner and a failing chain may do, one after the other."""

    def __init__(self, data: st.DataObject, fee_bps: int) -> None:
        self.draw, self.world = data.draw, World(fee_bps=fee_bps)
        self.people = list(PEOPLE)
        self.nonces = Counter[bytes]()
        self.planned: list[BatchPlanned] = []

    def run(self, *kinds: str) -> None:
        for who in PEOPLE:
            for what in (EUR, USD):
                self.world.deposit(who, what, 500)
        self.go_on(*kinds)

    def go_on(self, *kinds: str, most: int = 20) -> None:
        for kind in self.draw(st.lists(st.sampled_from(kinds), max_size=most)):
            getattr(self, f"_{kind}")()

    def next(self, who: Person) -> int:
        self.nonces[who.id] += 1
        return self.nonces[who.id] - 1

    def batch(self) -> list[Action]:
        anybody = st.sampled_from(self.people)
        one, other, amount = self.draw(anybody), self.draw(anybody), self.draw(value)
        match self.draw(st.sampled_from(("trade", "withdraw", "join", "end", "both"))):
            case "trade":
                least = self.draw(st.integers(0, 200))
                return [one.intent(self.next(one), EUR, amount, USD), other.intent(self.next(other), USD, amount, EUR, least)]
            case "withdraw":
                return [one.withdrawal(self.next(one), self.draw(asset), amount, chain=self.world.ledger.chain)]
            case "join":
                return [one.join(self.next(one), self.terms())]
            case "end":
                return [ORACLE.verdict(self.terms(), *([one] if self.draw(st.booleans()) else []))]
            case _:
                terms = self.terms()
                return [one.join(self.next(one), terms), other.join(self.next(other), terms), ORACLE.verdict(terms, one)]

    def terms(self) -> Terms:
        return msgspec.structs.replace(TERMS, salt=bytes([self.draw(st.integers(0, 1))]) * 32)

    def _deposit(self) -> None:
        self.world.deposit(self.draw(person), self.draw(asset), self.draw(value))

    def _batch(self) -> None:
        self.run_alone(*self.batch())

    def run_alone(self, *actions: Action) -> None:
        alone = not self.world.ledger.outstanding
        self.world.run(*actions)
        assert not (alone and isinstance(self.world.log[-1], BatchReleased)), "what draws on nothing in doubt executes"

    def _plan(self, *actions: Action) -> None:
        if self.world.plan(*actions or self.batch()) is Applied.NOW:
            event = self.world.log[-1]
            assert isinstance(event, BatchPlanned)
            self.planned.append(event)

    def _settle(self) -> None:
        """The oldest, as a chain with one sender would; it may fail there."""
        if self.planned:
            self.world.settle(self.planned.pop(0))

    def _send(self) -> None:
        chain = self.world.ledger.chain
        amount, target = self.draw(value), SOLANA + ARBITRUM - chain
        self._plan(TREASURY.bridge_out(self.next(TREASURY), self.draw(asset), amount, source=chain, target=target))

    def _arrive(self) -> None:
        under_way = [transfer for transfer, each in self.world.ledger.transfers.items() if not each.arrived]
        if under_way:
            self.world.arrive(self.draw(st.sampled_from(under_way)))

    def _late(self) -> None:
        self.world.deposit_late(self.draw(st.sampled_from(self.people)), self.draw(asset), self.draw(value))

    def _register(self) -> None:
        """Where and when it can; only from then on somebody signs for it."""
        if self.world.ledger.chain == SOLANA and SOL not in self.people:
            self.world.register(SOL)
            self.people.append(SOL)

    def _spend(self) -> None:
        """Of what somebody came by after the last cut, whether it has a leaf there or not."""
        who, what, amount = self.draw(st.sampled_from(self.people)), self.draw(asset), self.draw(value)
        self.world.deposit(who, what, amount)
        taken = self.draw(st.integers(1, amount))
        self.run_alone(who.withdrawal(self.next(who), what, taken, chain=self.world.ledger.chain))

    def _give(self) -> None:
        self.world.deposit(self.draw(st.sampled_from((*PEOPLE, SOL))), self.draw(asset), self.draw(value))

    def _order(self) -> None:
        sides: tuple[Side, ...] = ("buy", "sell")
        self.world.say(
            OrderPlaced(
                market=self.draw(st.integers(7, 8)), order=bytes([len(self.world.log) % 256]) * 32,
                account=self.draw(person).id, side=self.draw(st.sampled_from(sides)),
                price=self.draw(st.integers(5, 15)), quantity=self.draw(value),
            )
        )  # fmt: skip

    def _cancel(self) -> None:
        orders = [order for market in self.world.ledger.markets.values() for order in market.book]
        if orders:
            order = self.draw(st.sampled_from(orders))
            self.world.say(OrderCancelled(market=7, order=order.id, account=order.account))

    def _raise(self) -> None:
        self.world.say(FloorRaised(chain=SOLANA, account=self.draw(person).id, floor=self.draw(st.integers(0, 9))))


MARKETS = [MarketOpened(market=7, base=EUR, quote=USD, unit=3, margin_bps=1_111)]


# -- beside the grid ---------------------------------------------------------------------------------------------------


@given(st.data(), st.integers(0, 300))
def test_one_chain_and_the_ledger_have_the_same_balances_after_anything(data: st.DataObject, fee_bps: int) -> None:
    history = History(data, fee_bps)
    history.run("deposit", "batch", "plan", "settle")
    world = history.world
    world.check_same()
    for planned in history.planned:
        assert world.settle(planned) is None, "what was planned in this order executes in it"
    world.check_same()


@given(st.data(), st.integers(0, 300))
def test_what_the_ledger_plans_is_what_the_grid_takes(data: st.DataObject, fee_bps: int) -> None:
    history = History(data, fee_bps)
    history.run("deposit")
    for _ in range(data.draw(st.integers(0, 10))):
        actions = history.batch()
        planned = history.world.plan(*actions)
        refused = history.world.perform(history.world.planned(*actions))
        assert isinstance(planned, Refusal) == isinstance(refused, Refusal), (planned, refused)
        if planned is Applied.NOW:
            at = history.world.planned()
            history.world.must(BatchExecuted(chain=at.chain, epoch=at.epoch, batch=at.batch, height=99))
        history.world.check_same()


@given(st.data(), st.integers(0, 300))
def test_both_chains_and_the_ledger_have_the_same_after_failing_over_with_batches_in_doubt(
    data: st.DataObject, fee_bps: int
) -> None:
    history = History(data, fee_bps)
    world = history.world
    for event in MARKETS:
        world.must(event)
    history.run("deposit", "batch", "plan", "plan", "settle", "order")
    source, doubted = world.grid, history.planned
    taken = data.draw(st.integers(0, len(doubted)))
    for planned in doubted[:taken]:
        if not any(isinstance(each, OrderPlaced) for each in world.log):
            assert world.perform(planned) is None
    world.fail_over()
    world.check_same()
    for planned in doubted:
        executed = (planned.epoch, planned.batch) in source.batches
        world.resolve(planned.chain, planned.epoch, planned.batch, executed=executed)
        world.check_same()
    history.planned = []
    history.run("deposit", "batch")
    world.check_same()
    world.fail_over()
    world.check_same()
    assert not any(balance.coming or balance.held for balance in world.ledger.balances.values())


@settings(max_examples=60)
@given(st.data(), st.integers(0, 300))
def test_over_many_epochs_on_either_chain_the_ledger_and_the_grids_agree(data: st.DataObject, fee_bps: int) -> None:
    """Back to the same chain too, with numbers burnt, doubt and late deposits carried over, tokens over the bridge and back."""
    history = History(data, fee_bps)
    world, doubted = history.world, list[BatchPlanned]()
    for who, what in ((ANN, EUR), (BEN, USD), (EVE, EUR)):
        world.deposit(who, what, 500)
    for _ in range(data.draw(st.integers(1, 3))):
        history.go_on("batch", "plan", "settle", "send", "arrive", "late", "register", "give", "spend", most=10)
        _clear_up_unheard(world, doubted[: data.draw(st.integers(0, 2))], world.late[: data.draw(st.integers(0, 2))])
        doubted += history.planned
        for planned in history.planned[: data.draw(st.integers(0, 4))]:
            if world.perform(planned):
                break
        history.planned = []
        world.fail_over(data.draw(st.sampled_from((SOLANA, ARBITRUM))), burnt=data.draw(st.integers(0, 1)))
        world.check_same()
        _absent_is_what_has_no_leaf(world, [each.id for each in (*PEOPLE, SOL, TREASURY)])
        while data.draw(st.booleans()) and (doubted or world.late):
            _clear_up(world, doubted)
    while doubted or world.late:
        _clear_up(world, doubted)
    for transfer, each in list(world.ledger.transfers.items()):
        if not each.arrived:
            world.arrive(transfer)
    world.check_same()
    assert not any(balance.coming or balance.held for balance in world.ledger.balances.values())
    assert all(world.grid.account(each.id).authority == world.ledger.account(each.id).authority for each in (*PEOPLE, SOL))


def _clear_up(world: World, doubted: list[BatchPlanned]) -> None:
    """The first thing that is not known of the time before this epoch."""
    if doubted:
        first = doubted.pop(0)
        world.resolve(*first.key, executed=_executed(world, first))
    else:
        world.credit(world.late.pop())
    world.check_same()


def _clear_up_unheard(world: World, doubted: list[BatchPlanned], late: list[Credit]) -> None:
    for planned in doubted:
        world.resolve_unheard(*planned.key, executed=_executed(world, planned))
    for each in late:
        if each.origin != world.ledger.chain or each.sequence <= world.grid.opening:
            world.credit_unheard(each)


def _executed(world: World, planned: BatchPlanned) -> bool:
    return (planned.epoch, planned.batch) in world.grids[planned.chain].batches


def _absent_is_what_has_no_leaf(world: World, accounts: list[bytes]) -> None:
    world.batches += 1
    plan = world.planned()
    for id_, what in product(accounts, (EUR, USD, NO_ASSET)):
        key = b"account" + id_ if what == NO_ASSET else b"balance" + id_ + what.to_bytes(4, "big")
        answer = apply(deepcopy(world.ledger), msgspec.structs.replace(plan, absent=((id_, what),)))
        assert isinstance(answer, AlreadyEntered) == (key in world.proofs), (id_.hex(), what)


# -- the fold ----------------------------------------------------------------------------------------------------------

ANYTHING = ("deposit", "batch", "plan", "settle", "order", "order", "cancel", "raise")


@given(st.data())
def test_nobody_has_less_than_nothing_and_orders_reserve_just_what_they_may_take(data: st.DataObject) -> None:
    history = History(data, 30)
    for event in MARKETS:
        history.world.must(event)
    history.run("order", "order", "order", "cancel", "deposit")
    ledger = history.world.ledger
    assert all(balance.available >= 0 for balance in ledger.balances.values())
    for number, market in ledger.markets.items():
        for who in PEOPLE:
            own = [order for order in market.book if order.account == who.id]
            bids = sum(market.book.quote(order.price, order.quantity, up=True) for order in own if order.side == "buy")
            asks = sum(order.quantity for order in own if order.side == "sell")
            standing = ledger.standings.get((who.id, number))
            assert (bids, asks) == (standing[1:] if standing else (0, 0))
            margin = -(-(bids + abs(standing.position.cost if standing else 0)) * 1_111 // 10_000)
            assert ledger.balance(who.id, EUR).reserved == asks
            assert ledger.balance(who.id, USD).reserved == bids + margin
    assert sum(standing.position.size for standing in ledger.standings.values()) == 0


@given(st.data())
def test_the_same_log_gives_the_same_root_from_any_prefix_on_and_through_bytes(data: st.DataObject) -> None:
    history = History(data, 30)
    for event in MARKETS:
        history.world.must(event)
    history.run(*ANYTHING)
    log = history.world.log
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(log), type=list[Event])
    at = data.draw(st.integers(0, len(log)))
    again = fold(read[at:], deepcopy(fold(read[:at])))
    assert again == history.world.ledger
    assert tree(again).root == tree(history.world.ledger).root
    applied = [event for event in read if event.id in again.seen]
    assert fold(applied, again) == history.world.ledger, "read twice"


@given(st.data())
def test_every_identity_executes_at_most_once(data: st.DataObject) -> None:
    history = History(data, 0)
    history.run("deposit", "batch", "plan", "settle", "raise")
    world = history.world
    for planned in world.log.copy():
        if isinstance(planned, BatchPlanned):
            world.batches += 1
            world.say(msgspec.structs.replace(planned, batch=world.batches))
    executed = Counter(
        identity
        for planned in (each for each in world.log if isinstance(each, BatchPlanned))
        if world.ledger.fates.get(planned.key) in (Fate.EXECUTED, Fate.PLANNED)
        for action in planned.actions
        for identity in [_identity(action.signed)]
    )
    assert set(executed.values()) <= {1}


def _identity(signed: Any) -> tuple[bytes, int]:
    return (signed.match, signed.step) if hasattr(signed, "step") else (signed.account, signed.nonce)


# -- whatever is said --------------------------------------------------------------------------------------------------

ints = st.one_of(st.integers(-1, 10), st.sampled_from((1 << 64, (1 << 64) - 1, (1 << 63), 1 << 200, -(1 << 70))), st.integers())
words = st.one_of(st.sampled_from([each.id for each in PEOPLE]), st.sampled_from((b"", bytes(32), b"\xff" * 32)), st.binary())
actions = st.one_of(
    st.builds(lambda who, nonce, amount: who.intent(nonce, EUR, amount, USD), person, st.integers(0, 3), value),
    st.builds(lambda who, nonce: who.join(nonce, TERMS), person, st.integers(0, 3)),
    st.builds(lambda who, nonce: who.withdrawal(nonce, EUR, 10, chain=SOLANA), person, st.integers(0, 3)),
    st.builds(lambda who: ORACLE.verdict(TERMS, who), person),
    st.builds(
        lambda nonce, amount: TREASURY.bridge_out(nonce, EUR, amount, source=SOLANA, target=ARBITRUM), st.integers(0, 3), value
    ),
)
FIELDS: dict[Any, st.SearchStrategy[Any]] = {
    "int": ints,
    "bytes": words,
    "str": st.text(st.characters(codec=None)),
    "bool": st.booleans(),
    "Side": st.sampled_from(("buy", "sell")),
    "Action": actions,
    "tuple[Action, ...]": st.lists(actions, max_size=4).map(tuple),
    "Mapping[int, int]": st.dictionaries(ints, ints, max_size=3),
    "tuple[bytes, ...]": st.lists(words, max_size=2).map(tuple),
    "tuple[tuple[bytes, int], ...]": st.lists(st.tuples(words, ints), max_size=2).map(tuple),
}


def _fields(kind: type[Any]) -> dict[str, st.SearchStrategy[Any]]:
    kinds = {name: said for base in reversed(kind.__mro__) for name, said in getattr(base, "__annotations__", {}).items()}
    return {name: FIELDS[kinds[name]] for name in kind.__struct_fields__}


events = st.one_of([st.builds(kind, **_fields(kind)) for kind in get_args(Event)])


@settings(max_examples=300)
@given(st.lists(events, max_size=12), st.booleans())
def test_whatever_is_said_is_applied_or_refused_by_name_and_mints_nothing(said: list[Event], begun: bool) -> None:
    ledger = deepcopy(_begun().ledger) if begun else Ledger(ANN.id)
    for event in said:
        before = deepcopy(ledger)
        answer = apply(ledger, event)
        if isinstance(answer, Refusal):
            assert ledger == before
        assert imbalance(ledger) == {}
        assert all(each.content() for each in leaves(ledger))


@pytest.mark.parametrize("executed", [True, False])
def test_resolving_twice_changes_nothing(*, executed: bool) -> None:
    world = _begun()
    world.plan(ANN.intent(8, EUR, 10, USD), BEN.intent(8, USD, 10, EUR))
    place = world.planned()
    world.fail_over()
    world.resolve(place.chain, place.epoch, place.batch, executed=executed)
    before = deepcopy(world.ledger)
    for said in (True, False):
        world.say(BatchResolved(chain=place.chain, epoch=place.epoch, batch=place.batch, executed=said))
    assert world.ledger == before


def _begun() -> World:
    world = World()
    for who in PEOPLE:
        for what in (EUR, USD):
            world.deposit(who, what, 500)
    for event in MARKETS:
        world.must(event)
    return world
