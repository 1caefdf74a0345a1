"""What was in doubt when an epoch ended, or landed after its cut, and how it is settled in the next."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from jurymast.book.leaves import NO_NONCE, BalanceLeaf, HoldLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import (
    AlreadyCredited,
    AlreadyResolved,
    AlreadySettled,
    AmountTooLarge,
    InsufficientBalance,
    NonceUsed,
    NoSuchAsset,
    NotEntered,
    NotLate,
    NotResolved,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Credit, Resolve
from jurymast.crypto.merkle import BadProof
from tests.scenarios.entering import account_leaf, euros
from tests.scenarios.signatures import BAD, both
from tests.scenarios.story import By, Leaf, Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, TREASURY, USD, Person


def hold(person: Person, out: int, into: int, nonce: int = 0, batch: int = 9, origin: int = SOLANA) -> HoldLeaf:
    """Of euros that go out for dollars."""
    return HoldLeaf(
        origin=origin, epoch=1, batch=batch, account=person.id, nonce=nonce,
        out_asset=EUR, out_amount=out, in_asset=USD, in_amount=into,
    )  # fmt: skip


def resolved(batch: int = 9, *, executed: bool, origin: int = SOLANA) -> Resolve:
    return Resolve(origin=origin, epoch=1, batch=batch, executed=executed)


def late(sequence: int = 4, origin: int = SOLANA, epoch: int = 2, amount: int = 11, asset: int = EUR) -> Credit:
    return Credit(origin=origin, sequence=sequence, epoch=epoch, account=EVE.id, asset=asset, amount=amount)


def scenarios() -> Scenarios:
    yield from _resolves()
    yield from _holds()
    yield from _dependent()
    yield from _own()
    yield from _credits()


# Ann sold 40 of her 100 euros for 30 dollars in a batch of which nobody knows.
HOLD = hold(ANN, 40, 30)
LEAVES: tuple[Leaf, ...] = (account_leaf(ANN), euros(ANN, 60, held=40), HOLD)


def in_doubt(s: Story, *leaves: Leaf) -> Story:
    """What has leaves but holds has entered."""
    leaves = leaves or LEAVES
    return s.listed().cut(*leaves).enter(*(each for each in leaves if not isinstance(each, HoldLeaf)))


# -- resolving ---------------------------------------------------------------------------------------------------------


def _resolves() -> Scenarios:
    yes, no = resolved(executed=True), resolved(executed=False)
    yield Scenario("a batch that executed is resolved", None, resolving(yes))
    yield Scenario("a batch that did not execute is resolved", None, resolving(no))
    yield Scenario("batches of two epochs under one number", None, resolving(yes, msgspec.structs.replace(no, epoch=3)))
    yield Scenario("a batch is resolved again", AlreadyResolved, resolving(no, no))
    yield Scenario("a batch is resolved otherwise", AlreadyResolved, resolving(no, yes))
    yield Scenario("a batch of this chain is resolved", WrongChain, resolving(resolved(executed=True, origin=ARBITRUM)))
    for name, refusal, by in BAD:
        yield Scenario(f"a resolve {name}", refusal, resolving(yes, by=by))


def resolving(*signed: Resolve, by: By = both) -> Callable[[Story], None]:
    def tell(s: Story) -> None:
        in_doubt(s)
        for each in signed:
            s.resolve(each, by=by)

    return tell


# -- holds -------------------------------------------------------------------------------------------------------------


def _holds() -> Scenarios:
    for executed in (True, False):
        became = "posts" if executed else "voids"
        yield Scenario(f"a hold {became}", None, partial(_settled, executed=executed))
        yield Scenario(f"a hold {became} twice", AlreadySettled, partial(_settled_twice, executed=executed))
        yield Scenario(f"what a hold that {became} leaves is spent", None, partial(_spent, executed=executed))
    yield Scenario(
        "the nonce of a hold that posted", NonceUsed, lambda s: _settled(s, executed=True).execute(ANN.withdrawal(0, EUR, 0))
    )
    yield Scenario(
        "the nonce of a hold that voided", None, lambda s: _settled(s, executed=False).execute(ANN.withdrawal(0, EUR, 0))
    )
    yield Scenario("a hold of a batch of which nobody has told", NotResolved, lambda s: in_doubt(s).enter(HOLD))
    yield Scenario("a hold of another batch than the one that was resolved", NotResolved, _other_batch)
    yield Scenario("a hold by the proof of another", BadProof, _foreign)
    yield Scenario("a hold that posts a nonce below the floor", None, _below_the_floor)
    yield Scenario("a hold of the treasury uses no nonce", None, _of_the_treasury)
    yield Scenario("a hold of an account that has not entered", NotEntered, lambda s: _outside(s, LEAVES[1]))
    yield Scenario("a hold of a balance that has not entered", NotEntered, lambda s: _outside(s, LEAVES[0]))
    yield Scenario("a hold of more than is held", InsufficientBalance, lambda s: _of(s, 41, 30))
    yield Scenario("a hold that brings more than anybody can have", AmountTooLarge, _too_much)
    yield Scenario("a hold that brings what no asset is", NoSuchAsset, lambda s: _of_no_asset(s, in_asset=NO_ASSET))
    yield Scenario("a hold that takes what no asset is", NoSuchAsset, lambda s: _of_no_asset(s, out_asset=NO_ASSET))
    yield Scenario("a hold posts into a balance that has entered", None, _into_entered)
    yield Scenario("a hold that settled in an epoch settles in the next, whose cut has it", None, _next_epoch)


def _settled(s: Story, *, executed: bool) -> Story:
    in_doubt(s).resolve(resolved(executed=executed))
    return s.enter(HOLD)


def _settled_twice(s: Story, *, executed: bool) -> None:
    _settled(s, executed=executed).enter(HOLD)


def _spent(s: Story, *, executed: bool) -> None:
    _settled(s, executed=executed).bridge_in(EUR, 500)
    s.execute(ANN.withdrawal(5, EUR, 60 if executed else 100))


def _other_batch(s: Story) -> None:
    in_doubt(s).resolve(resolved(8, executed=True))
    s.enter(HOLD)


def _foreign(s: Story) -> None:
    in_doubt(s).resolve(resolved(executed=True))
    s.enter(hold(ANN, 40, 31), proof=s.proof(HOLD))


def _below_the_floor(s: Story) -> None:
    in_doubt(s, account_leaf(ANN, Nonces(7)), *LEAVES[1:]).resolve(resolved(executed=True))
    s.enter(HOLD)


def _of_the_treasury(s: Story) -> None:
    fee = hold(TREASURY, 0, 5, nonce=NO_NONCE)
    in_doubt(s, account_leaf(TREASURY), euros(TREASURY, 0), fee).resolve(resolved(executed=True))
    s.enter(fee)


def _outside(s: Story, *entered: Leaf) -> None:
    s.listed().cut(*LEAVES).enter(*entered).resolve(resolved(executed=True))
    s.enter(HOLD)


def _of(s: Story, out: int, into: int) -> None:
    leaf = hold(ANN, out, into)
    in_doubt(s, *LEAVES[:2], leaf).resolve(resolved(executed=True))
    s.enter(leaf)


def _too_much(s: Story) -> None:
    leaf = hold(ANN, 40, (1 << 64) - 1)
    in_doubt(s, *LEAVES[:2], leaf).resolve(resolved(executed=True))
    s.deposit(EVE, USD, 1)
    s.enter(leaf)


def _of_no_asset(s: Story, **changed: int) -> None:
    leaf = msgspec.structs.replace(HOLD, **changed)
    in_doubt(s, *LEAVES[:2], leaf).resolve(resolved(executed=True))
    s.enter(leaf)


def _into_entered(s: Story) -> None:
    dollars = BalanceLeaf(account=ANN.id, asset=USD, available=5, held=0)
    in_doubt(s, *LEAVES, dollars).resolve(resolved(executed=True))
    s.enter(HOLD)


def _next_epoch(s: Story) -> None:
    _settled(s, executed=True).cut(*LEAVES, epoch=4).enter(*LEAVES)


# -- one after the other -----------------------------------------------------------------------------------------------


def _dependent() -> Scenarios:
    """Ann bought 50 euros in one batch in doubt and sells them in the next: she has less than nothing until the first posts."""
    for first, second in ((True, True), (True, False), (False, False)):
        name = f"the first {'executed' if first else 'did not'} and the second {'executed' if second else 'did not'}"
        yield Scenario(f"two batches, where {name}", None, partial(_drawn, outcomes=(first, second)))
    yield Scenario("what an earlier batch may bring is spent before", InsufficientBalance, _spent_before)
    yield Scenario("a batch in doubt and what it did to two accounts", None, _trade)


BUYS = HoldLeaf(
    origin=SOLANA, epoch=1, batch=1, account=ANN.id, nonce=0, out_asset=USD, out_amount=50, in_asset=EUR, in_amount=50
)
SELLS = hold(ANN, 50, 45, nonce=1, batch=2)
DRAWS: tuple[Leaf, ...] = (
    account_leaf(ANN), BalanceLeaf(account=ANN.id, asset=USD, available=0, held=50), euros(ANN, -50, held=50), BUYS, SELLS,
)  # fmt: skip


def _drawn(s: Story, outcomes: tuple[bool, bool]) -> None:
    in_doubt(s, *DRAWS)
    for batch, leaf, executed in zip((1, 2), (BUYS, SELLS), outcomes, strict=True):
        s.resolve(resolved(batch, executed=executed))
        s.enter(leaf)


def _spent_before(s: Story) -> None:
    in_doubt(s, *DRAWS).bridge_in(EUR, 9)
    s.deposit(ANN, EUR, 9)
    s.execute(ANN.withdrawal(7, EUR, 1))


def _trade(s: Story) -> None:
    other = HoldLeaf(
        origin=SOLANA, epoch=1, batch=9, account=BEN.id, nonce=0, out_asset=USD, out_amount=30, in_asset=EUR, in_amount=40
    )
    dollars = BalanceLeaf(account=BEN.id, asset=USD, available=0, held=30)
    in_doubt(s, *LEAVES, account_leaf(BEN), dollars, other).resolve(resolved(executed=True))
    s.enter(HOLD, other)


# -- of this chain itself ----------------------------------------------------------------------------------------------


def _own() -> Scenarios:
    yield Scenario("back on the same chain, holds settle by its own records", None, _own_records)
    yield Scenario("a hold of a batch of this chain in this epoch", NotResolved, lambda s: _own_epoch(s, executed=False))
    yield Scenario(
        "a hold of a batch that this chain executed in this epoch", NotResolved, lambda s: _own_epoch(s, executed=True)
    )
    yield Scenario("a hold of this chain settles twice", AlreadySettled, _own_twice)


def _own_records(s: Story) -> None:
    """It executed number 9, and not number 8; numbers were burnt."""
    holds = [hold(ANN, 40, 30, nonce=batch, batch=batch, origin=ARBITRUM) for batch in (8, 9)]
    s.opened().execute(number=9)
    leaves: tuple[Leaf, ...] = (account_leaf(ANN), euros(ANN, 0, held=80), *holds)
    s.cut(*leaves, epoch=4).enter(*leaves)


def _own_epoch(s: Story, *, executed: bool) -> None:
    leaf = msgspec.structs.replace(hold(ANN, 40, 30, origin=ARBITRUM), epoch=2)
    in_doubt(s, *LEAVES[:2], leaf)
    if executed:
        s.execute(number=9)
    s.enter(leaf)


def _own_twice(s: Story) -> None:
    leaf = hold(ANN, 40, 30, origin=ARBITRUM)
    s.opened().cut(*LEAVES[:2], leaf).enter(*LEAVES[:2], leaf, leaf)


# -- late deposits -----------------------------------------------------------------------------------------------------


def _credits() -> Scenarios:
    yield Scenario("a late deposit", None, crediting(late()))
    yield Scenario("a late deposit of an asset that is not listed here", None, crediting(late(asset=7)))
    yield Scenario("late deposits of two chains under one number", None, crediting(late(), late(origin=3)))
    for_ann = msgspec.structs.replace(late(), account=ANN.id)
    yield Scenario("a late deposit for a balance that has entered", None, crediting(for_ann))
    yield Scenario("a late deposit twice", AlreadyCredited, crediting(late(), late()))
    yield Scenario("a late deposit twice, with other amounts", AlreadyCredited, crediting(late(), late(amount=12)))
    for epoch in (1, 3):
        yield Scenario(f"a credit of epoch {epoch} in epoch 2", WrongEpoch, crediting(late(epoch=epoch)))
    yield Scenario("a late deposit of no asset", NoSuchAsset, crediting(late(asset=NO_ASSET)))
    most = late(amount=(1 << 64) - 1, asset=USD), late(5, asset=USD)
    yield Scenario("more late deposits than can be owed", AmountTooLarge, crediting(*most))
    for name, refusal, by in BAD[:3]:
        yield Scenario(f"a credit {name}", refusal, crediting(late(), by=by))
    yield Scenario("a credit again in the next epoch, with its own word", None, _again_later)
    yield Scenario("a credit again in the next epoch, with the old word", WrongEpoch, _old_word)
    yield Scenario("a late deposit of this chain, from before the epoch", None, partial(_own_deposit, sequence=2))
    yield Scenario("a deposit of this chain in this epoch", NotLate, partial(_own_deposit, sequence=3))


def crediting(*signed: Credit, by: By = both) -> Callable[[Story], None]:
    def tell(s: Story) -> None:
        in_doubt(s)
        for each in signed:
            s.credit(each, by=by)

    return tell


def _again_later(s: Story) -> None:
    in_doubt(s).credit(late())
    s.cut(account_leaf(ANN), epoch=3).credit(late(epoch=3))


def _old_word(s: Story) -> None:
    in_doubt(s).credit(late())
    s.cut(account_leaf(ANN), epoch=3).credit(late())


def _own_deposit(s: Story, sequence: int) -> None:
    """The second of two deposits came after the cut; a third one is of this epoch."""
    s.opened((EVE, EUR, 5), (EVE, EUR, 11)).cut(account_leaf(EVE), euros(EVE, 5)).enter(account_leaf(EVE), euros(EVE, 5))
    s.deposit(EVE, EUR, 13)
    s.credit(late(sequence, ARBITRUM, amount=11 if sequence == 2 else 13))
