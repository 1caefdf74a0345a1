"""What a permit binds, and the lists that it brings in: what is absent from the cut, and nonces that are dead."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec

from jurymast.book.execute import Batch
from jurymast.book.leaves import AccountLeaf, BalanceLeaf
from jurymast.book.nonces import WINDOW
from jurymast.book.refusals import (
    AlreadyEntered,
    BatchUsed,
    InsufficientBalance,
    NonceTooFar,
    NonceUsed,
    NotEntered,
    PermitExpired,
    Refusal,
    WrongBatch,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.signed import SOLANA
from tests.scenarios.entering import account_leaf
from tests.scenarios.settling import pair
from tests.scenarios.signatures import BAD, GOOD
from tests.scenarios.story import Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, NOW, SOON, USD, new


def scenarios() -> Scenarios:
    yield from _bound()
    yield from _brought()
    yield from _dead()
    yield from _absent()


def _opened(s: Story) -> Story:
    return s.opened((ANN, EUR, 100), (BEN, USD, 100))


def _bound() -> Scenarios:
    permits: tuple[tuple[str, type[Refusal], dict[str, Any]], ...] = (
        ("another chain", WrongChain, {"chain": SOLANA}),
        ("no chain there is", WrongChain, {"chain": 255}),
        ("a later epoch", WrongEpoch, {"epoch": 2}),
        ("the second of its expiry", PermitExpired, {"expiry": NOW}),
        ("a time that is over", PermitExpired, {"expiry": NOW - 1}),
    )
    for name, wrong, permit in permits:
        yield Scenario(f"a permit for {name}", wrong, partial(_executed, **permit))
    yield Scenario("a permit for a second", None, partial(_executed, expiry=NOW + 1))
    yield Scenario("a permit for ever", None, partial(_executed, expiry=(1 << 64) - 1))
    yield Scenario("a permit of an older epoch", WrongEpoch, _older)
    yield Scenario("a batch that executed", BatchUsed, _twice)
    yield Scenario("the number of a batch in the next epoch", None, _same_number)
    for name, by in GOOD:
        yield Scenario(f"a permit {name}", None, partial(_executed, by=by))
    for name, refusal, by in BAD:
        yield Scenario(f"a permit {name}", refusal, partial(_executed, by=by))
    yield Scenario("batch 2 before batch 1, with the later nonces", None, _other_order)


def _executed(s: Story, **permit: Any) -> None:
    _opened(s).execute(*pair(10), **permit)


def _older(s: Story) -> None:
    _opened(s).transition(2)
    s.execute(*pair(10), epoch=1)


def _twice(s: Story) -> None:
    _opened(s).execute(*pair(10), number=3)
    s.execute(*pair(10, nonce=1), number=3)


def _same_number(s: Story) -> None:
    _opened(s).execute(*pair(10))
    s.transition(2)
    s.execute()


def _other_order(s: Story) -> None:
    _opened(s).execute(*pair(10, nonce=1), number=2)
    s.execute(*pair(10), number=1)


def _brought() -> Scenarios:
    changes: tuple[tuple[str, Callable[[Batch], dict[str, Any]]], ...] = (
        ("an action less", lambda batch: {"actions": batch.actions[:-1]}),
        ("an action more", lambda batch: {"actions": (*batch.actions, ANN.withdrawal(9, EUR, 1))}),
        ("its actions in another order", lambda batch: {"actions": batch.actions[::-1]}),
        ("an action changed", lambda batch: {"actions": (pair(11)[0], batch.actions[1])}),
        ("another price", lambda _: {"prices": {EUR: 1, USD: 2}}),
        ("a price more", lambda _: {"prices": {EUR: 1, USD: 1, 3: 1}}),
        ("a price less", lambda _: {"prices": {EUR: 1}}),
        ("a balance more that is absent", lambda _: {"absent": ((EVE.id, EUR),)}),
        ("an account more that is absent", lambda _: {"absent": new(EVE)}),
        ("a nonce more that is dead", lambda _: {"dead": ((ANN.id, 5),)}),
    )
    for name, change in changes:

        def tell(s: Story, change: Callable[[Batch], dict[str, Any]] = change) -> None:
            _opened(s).execute(*pair(10), brings=lambda batch: msgspec.structs.replace(batch, **change(batch)))

        yield Scenario(f"a batch with {name} than permitted", WrongBatch, tell)
    yield Scenario("a batch without the nonces that the permit calls dead", WrongBatch, _without_dead)


def _without_dead(s: Story) -> None:
    _opened(s).execute(*pair(10), dead=((ANN.id, 5),), brings=lambda batch: msgspec.structs.replace(batch, dead=()))


def _dead() -> Scenarios:
    yield Scenario("dead nonces are used up", None, lambda s: _opened(s).execute(dead=((ANN.id, 0), (ANN.id, 1), (BEN.id, 5))))
    yield Scenario(
        "what a permit calls dead does not execute", NonceUsed, lambda s: _opened(s).execute(*pair(10), dead=((ANN.id, 0),))
    )
    yield Scenario("what an earlier permit called dead does not execute", NonceUsed, _killed)
    yield Scenario("a nonce that is dead twice, and one that was used", None, _killed_twice)
    yield Scenario("the last nonce of the window is dead", None, lambda s: _opened(s).execute(dead=((ANN.id, WINDOW - 1),)))
    yield Scenario("a dead nonce above the window", NonceTooFar, lambda s: _opened(s).execute(dead=((ANN.id, WINDOW),)))
    yield Scenario("a dead nonce of an account that has not entered", NotEntered, _killed_outside)


def _killed(s: Story) -> None:
    _opened(s).execute(dead=((BEN.id, 0),))
    s.execute(*pair(10), number=2)


def _killed_twice(s: Story) -> None:
    _opened(s).execute(*pair(10))
    s.execute(dead=((ANN.id, 0), (ANN.id, 2), (ANN.id, 2)), number=2)


def _killed_outside(s: Story) -> None:
    s.listed().cut(account_leaf(ANN))
    s.execute(dead=((ANN.id, 0),))


# -- what the cut has no leaf of ---------------------------------------------------------------------------------------


def _cut(s: Story) -> Story:
    """Ann has 100 euros in it, and nothing else is in it. Ben and she got dollars since."""
    leaves = AccountLeaf(account=ANN.id, authority=ANN.key.address, nonces=bytes(32)), _euros(100)
    s.listed().cut(*leaves).enter(*leaves)
    for person in (ANN, BEN):
        s.deposit(person, USD, 50)
    return s


def _euros(amount: int) -> BalanceLeaf:
    return BalanceLeaf(account=ANN.id, asset=EUR, available=amount, held=0)


def _absent() -> Scenarios:
    her_dollars, ben = ((ANN.id, USD),), new(BEN)
    yield Scenario("a new account spends what it received", None, lambda s: _cut(s).execute(*pair(50), absent=ben))
    yield Scenario("an account spends a balance that is absent", None, lambda s: _cut(s).execute(_out(50), absent=her_dollars))
    yield Scenario("somebody new spends before anybody says so", NotEntered, lambda s: _cut(s).execute(*pair(50)))
    yield Scenario(
        "a balance is spent before anybody says it is absent", InsufficientBalance, lambda s: _cut(s).execute(_out(50))
    )
    yield Scenario(
        "a balance that is absent is spent by one unit more",
        InsufficientBalance,
        lambda s: _cut(s).execute(_out(51), absent=her_dollars),
    )
    yield Scenario("a new account spends one unit more", InsufficientBalance, lambda s: _cut(s).execute(*pair(51), absent=ben))
    yield Scenario(
        "only a balance of somebody new is called absent",
        NotEntered,
        lambda s: _cut(s).execute(*pair(50), absent=((BEN.id, USD),)),
    )
    yield Scenario("what is absent is said twice in each of two batches", None, _said_again)
    yield Scenario("what has entered is called absent, and stays", None, _entered_is_absent)
    yield Scenario("a balance comes to somebody new after it was said", None, _comes_after)
    yield Scenario("a balance that was called absent enters", AlreadyEntered, _absent_enters)
    yield Scenario("in the next epoch what was called absent is outside again", NotEntered, _absent_before)


def _out(amount: int) -> Any:
    return ANN.withdrawal(0, USD, amount)


def _said_again(s: Story) -> None:
    said = (*new(BEN), (BEN.id, USD), (ANN.id, USD))
    _cut(s).execute(absent=(*said, *said))
    s.deposit(BEN, USD, 5)
    s.execute(*pair(55), absent=said[::-1], number=2)


def _entered_is_absent(s: Story) -> None:
    _cut(s).execute(absent=(*new(ANN), (ANN.id, EUR)))
    s.execute(ANN.withdrawal(0, EUR, 0), number=2)


def _comes_after(s: Story) -> None:
    _cut(s).execute(absent=new(EVE))
    s.deposit(EVE, EUR, 3)
    s.execute(EVE.withdrawal(0, EUR, 3), number=2)


def _absent_enters(s: Story) -> None:
    leaves = account_leaf(ANN), _euros(100)
    s.listed().cut(*leaves).enter(leaves[0])
    s.execute(absent=((ANN.id, EUR),))
    s.enter(leaves[1])


def _absent_before(s: Story) -> None:
    _cut(s).execute(absent=new(BEN))
    s.cut(account_leaf(ANN), epoch=3)
    s.at(SOON - 1).execute(BEN.withdrawal(0, USD, 0))
