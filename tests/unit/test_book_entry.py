"""How state enters an epoch by its leaves, and how what was in doubt on the other chain is settled here."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import entry
from jurymast.book.execute import execute
from jurymast.book.grid import EMPTY_ROOT, Grid
from jurymast.book.leaves import NO_NONCE, NOBODY, AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.operations import deposit, register
from jurymast.book.refusals import (
    AlreadyCredited,
    AlreadyEntered,
    AlreadyResolved,
    AlreadySettled,
    InsufficientBalance,
    NonceUsed,
    NoSuchAsset,
    NotActive,
    NotEntered,
    NotLate,
    NotResolved,
    Refusal,
    TotalsExceeded,
    UnlikeTerms,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Credit, Resolve
from jurymast.crypto.merkle import BadProof, leaf
from jurymast.crypto.secp256k1 import NoQuorum
from jurymast.crypto.snapshot import SnapshotTree
from tests.unit.grids import (
    ANN,
    BEN,
    EUR,
    EVE,
    NOW,
    ORACLE,
    TERMS,
    TREASURY,
    USD,
    Person,
    begin,
    by_guards,
    has,
    move,
    new,
    owed,
    permitted,
    run,
)

Leaf = AccountLeaf | BalanceLeaf | HoldLeaf | MatchLeaf | OrderLeaf


UNUSED = Nonces()


def account(person: Person, nonces: Nonces = UNUSED) -> AccountLeaf:
    return AccountLeaf(account=person.id, authority=person.key.address, nonces=nonces.word)


def balance(person: Person, asset: int, available: int, held: int = 0) -> BalanceLeaf:
    return BalanceLeaf(account=person.id, asset=asset, available=available, held=held)


def hold(person: Person, out: int, into: int, nonce: int = 0, batch: int = 9, origin: int = SOLANA) -> HoldLeaf:
    return HoldLeaf(
        origin=origin, epoch=1, batch=batch, account=person.id, nonce=nonce,
        out_asset=EUR, out_amount=out, in_asset=USD, in_amount=into,
    )  # fmt: skip


class Cut:
    """A tree of leaves, and a grid that an epoch was opened on with its root."""

    def __init__(
        self,
        *leaves: Leaf,
        totals: dict[int, int] | None = None,
        epoch: int = 2,
        grid: Grid | None = None,
        active: int = ARBITRUM,
    ) -> None:
        self.tree = SnapshotTree({each.key: leaf(each.content()) for each in leaves})
        self.grid = grid or begin()
        if totals is None:
            totals = {EUR: 0, USD: 0}
            for each in leaves:
                if isinstance(each, BalanceLeaf):
                    totals[each.asset] += each.available + each.held
                elif isinstance(each, MatchLeaf):
                    totals[EUR] += TERMS.stake * len(each.players)
        move(self.grid, epoch, active, root=self.tree.root, totals=totals)

    def proof(self, each: Leaf) -> list[bytes]:
        return self.tree.proof(each.key, leaf(each.content()))

    def enter(self, *leaves: Leaf) -> None:
        for each in leaves:
            match each:
                case AccountLeaf():
                    entry.enter_account(self.grid, each, self.proof(each), NOW)
                case BalanceLeaf():
                    entry.enter_balance(self.grid, each, self.proof(each), NOW)
                case MatchLeaf():
                    entry.enter_match(self.grid, each, TERMS, self.proof(each), NOW)
                case OrderLeaf():
                    entry.enter_order(self.grid, each, self.proof(each), NOW)
                case HoldLeaf():
                    entry.settle_hold(self.grid, each, self.proof(each), NOW)


def resolved(grid: Grid, *, executed: bool, batch: int = 9) -> None:
    signed = Resolve(origin=SOLANA, epoch=1, batch=batch, executed=executed)
    entry.resolve(grid, signed, by_guards(signed), NOW)


# -- entering ----------------------------------------------------------------------------------------------------------


def test_what_has_entered_is_worth_what_it_was_and_enters_once() -> None:
    leaves = (account(ANN, Nonces(3, 0)), balance(ANN, EUR, 100), account(BEN), balance(BEN, USD, 70))
    cut = Cut(*leaves)
    cut.enter(*leaves)
    assert (has(cut.grid, ANN, EUR), cut.grid.account(ANN.id).nonces.floor) == (100, 3)
    run(cut.grid, ANN.intent(3, EUR, 50, USD), BEN.intent(0, USD, 50, EUR))
    for each in leaves:
        before = deepcopy(cut.grid)
        with pytest.raises(AlreadyEntered):
            cut.enter(each)
        assert cut.grid == before


def test_nothing_is_spent_before_it_has_entered_and_what_comes_meanwhile_is_added() -> None:
    leaves = (account(ANN), balance(ANN, EUR, 100), account(BEN), balance(BEN, USD, 70))
    cut = Cut(*leaves)
    deposit(cut.grid, ANN.id, EUR, 7, NOW)
    with pytest.raises(NotEntered):
        run(cut.grid, ANN.withdrawal(0, EUR, 1))
    cut.enter(account(ANN))
    with pytest.raises(InsufficientBalance):
        run(cut.grid, ANN.withdrawal(0, EUR, 1))
    cut.enter(balance(ANN, EUR, 100))
    assert has(cut.grid, ANN, EUR) == 107
    run(cut.grid, ANN.withdrawal(0, EUR, 7))


def test_nonces_are_those_used_here_or_there() -> None:
    cut = Cut(account(ANN, Nonces(0, 0b100)))
    cut.grid.accounts[ANN.id] = cut.grid.account(ANN.id)._replace(nonces=Nonces(0, 0b10))
    cut.enter(account(ANN, Nonces(0, 0b100)))
    assert cut.grid.account(ANN.id).nonces == Nonces(0, 0b110)


def test_whom_the_guards_call_new_needs_no_leaf() -> None:
    cut = Cut(account(ANN), balance(ANN, USD, 100))
    deposit(cut.grid, EVE.id, EUR, 50, NOW)
    cut.enter(account(ANN), balance(ANN, USD, 100))
    trade = (EVE.intent(0, EUR, 50, USD), ANN.intent(0, USD, 50, EUR))
    with pytest.raises(NotEntered):
        run(cut.grid, *trade)
    execute(cut.grid, permitted(cut.grid, *trade, absent=new(EVE)), NOW)
    assert (has(cut.grid, EVE, USD), has(cut.grid, EVE, EUR)) == (50, 0)
    with pytest.raises(AlreadyEntered):
        entry.enter_balance(cut.grid, balance(EVE, EUR, 50), [], NOW)


def test_what_was_received_is_usable_once_the_guards_call_the_balance_absent() -> None:
    cut = Cut(account(ANN), balance(ANN, USD, 100))
    deposit(cut.grid, ANN.id, EUR, 50, NOW)
    cut.enter(account(ANN))
    withdrawal = ANN.withdrawal(0, EUR, 50)
    with pytest.raises(InsufficientBalance):
        run(cut.grid, withdrawal)
    execute(cut.grid, permitted(cut.grid, withdrawal, absent=((ANN.id, EUR),)), NOW)
    assert cut.grid.balance(ANN.id, EUR) == (2, True, 0, 0, 0)
    with pytest.raises(AlreadyEntered) as refused:
        entry.enter_balance(cut.grid, balance(ANN, EUR, 50), [], NOW)
    assert refused.value.data == {"content": balance(ANN, EUR, 50).content()}


def test_two_batches_may_both_say_what_is_absent_and_what_has_entered_stays() -> None:
    leaves = (account(ANN), balance(ANN, EUR, 100))
    cut = Cut(*leaves)
    cut.enter(*leaves)
    said = (*new(EVE), (EVE.id, EUR), (ANN.id, USD), *new(ANN), (ANN.id, EUR))
    execute(cut.grid, permitted(cut.grid, absent=said), NOW)
    deposit(cut.grid, EVE.id, EUR, 5, NOW)
    before = deepcopy((cut.grid.accounts, cut.grid.balances))
    execute(cut.grid, permitted(cut.grid, absent=said[::-1], number=2), NOW)
    assert (cut.grid.accounts, cut.grid.balances) == before
    assert (has(cut.grid, ANN, EUR), cut.grid.account(ANN.id).new, has(cut.grid, EVE, EUR)) == (100, False, 5)


def test_what_was_registered_here_stays_where_the_cut_knows_of_nobody() -> None:
    key, other = b"s" * 32, b"t" * 32
    leaves = [AccountLeaf(account=id_, authority=by, nonces=bytes(32)) for id_, by in ((key, NOBODY), (other, BEN.key.address))]
    cut = Cut(*leaves, grid=begin(SOLANA), active=SOLANA)
    for id_ in (key, other):
        register(cut.grid, id_, ANN.key.address, NOW)
    cut.enter(*leaves)
    assert [cut.grid.account(id_).authority for id_ in (key, other)] == [ANN.key.address, BEN.key.address]


def test_an_order_enters_and_nothing_else_changes() -> None:
    order = OrderLeaf(id=b"o" * 32, account=ANN.id, market=5, buy=True, price=3, quantity=4, sequence=5)
    cut = Cut(order)
    before = deepcopy(cut.grid)
    forged = msgspec.structs.replace(order, price=4)
    with pytest.raises(BadProof):
        entry.enter_order(cut.grid, forged, cut.proof(order), NOW)
    cut.enter(order)
    before.orders[order.id] = 2
    assert cut.grid == before
    with pytest.raises(AlreadyEntered) as refused:
        cut.enter(order)
    assert refused.value.data == {"content": order.content()}
    Cut(order, epoch=3, grid=cut.grid).enter(order)
    assert cut.grid.orders == {order.id: 3}


def test_nothing_enters_under_the_number_of_no_asset() -> None:
    terms = msgspec.structs.replace(TERMS, asset=NO_ASSET)
    leaves = (balance(ANN, NO_ASSET, 1), MatchLeaf(terms=terms.content(), step=0, players=(ANN.id,)))
    cut = Cut(*leaves, totals={NO_ASSET: 1_000})
    with pytest.raises(NoSuchAsset):
        cut.enter(leaves[0])
    with pytest.raises(NoSuchAsset):
        entry.enter_match(cut.grid, leaves[1], terms, cut.proof(leaves[1]), NOW)
    late = Credit(origin=SOLANA, sequence=4, epoch=2, account=EVE.id, asset=NO_ASSET, amount=11)
    with pytest.raises(NoSuchAsset):
        entry.credit(cut.grid, late, by_guards(late), NOW)
    resolved(cut.grid, executed=True)
    with pytest.raises(NoSuchAsset):
        entry.settle_hold(cut.grid, msgspec.structs.replace(hold(ANN, 1, 1), in_asset=NO_ASSET), [], NOW)


def test_what_was_written_in_an_older_epoch_is_dead() -> None:
    cut = Cut(account(ANN), balance(ANN, EUR, 100))
    cut.enter(account(ANN), balance(ANN, EUR, 100))
    later = Cut(account(ANN), balance(ANN, EUR, 60), epoch=3, grid=cut.grid)
    assert (has(later.grid, ANN, EUR), later.grid.asset(EUR).liabilities) == (0, 0)
    with pytest.raises(BadProof):
        entry.enter_balance(later.grid, balance(ANN, EUR, 100), cut.proof(balance(ANN, EUR, 100)), NOW)
    later.enter(account(ANN), balance(ANN, EUR, 60))
    assert has(later.grid, ANN, EUR) == 60


@pytest.mark.parametrize(
    "forged",
    [
        balance(ANN, EUR, 101),
        balance(ANN, USD, 100),
        balance(BEN, EUR, 100),
        balance(ANN, EUR, 90, held=10),
    ],
)
def test_a_leaf_that_is_not_in_the_cut_does_not_enter(forged: BalanceLeaf) -> None:
    cut = Cut(account(ANN), balance(ANN, EUR, 100), totals={EUR: 1_000, USD: 1_000})
    with pytest.raises(BadProof):
        entry.enter_balance(cut.grid, forged, cut.proof(balance(ANN, EUR, 100)), NOW)


def test_even_a_wrong_root_brings_in_no_more_than_the_totals() -> None:
    leaves = (balance(ANN, EUR, 60), balance(BEN, EUR, 60), MatchLeaf(terms=TERMS.content(), step=0, players=(EVE.id,)))
    cut = Cut(*leaves, totals={EUR: 119})
    cut.enter(leaves[0])
    for each in leaves[1:]:
        before = deepcopy(cut.grid)
        with pytest.raises(TotalsExceeded) as refused:
            cut.enter(each)
        assert refused.value.data["total"] == 119
        assert cut.grid == before


def test_a_match_goes_on_where_it_was() -> None:
    running = MatchLeaf(terms=TERMS.content(), step=0, players=(ANN.id, BEN.id))
    cut = Cut(account(ANN), account(BEN), running)
    with pytest.raises(UnlikeTerms):
        entry.enter_match(cut.grid, running, msgspec.structs.replace(TERMS, stake=1), cut.proof(running), NOW)
    cut.enter(account(ANN), account(BEN), running)
    with pytest.raises(AlreadyEntered):
        cut.enter(running)
    run(cut.grid, ORACLE.verdict(TERMS, BEN))
    assert cut.grid.balance(BEN.id, EUR).received == 180


def test_nothing_enters_a_chain_that_is_not_active() -> None:
    cut = Cut(account(ANN), balance(ANN, EUR, 1))
    move(cut.grid, 3, active=SOLANA, root=cut.tree.root, totals={EUR: 1})
    for each in (account(ANN), balance(ANN, EUR, 1)):
        with pytest.raises(NotActive):
            cut.enter(each)


# -- in doubt ----------------------------------------------------------------------------------------------------------


def in_doubt() -> Cut:
    """Ann sold 40 for 30 in a batch of which nobody knows."""
    leaves = (account(ANN), balance(ANN, EUR, 60, held=40), account(BEN), balance(BEN, EUR, 30), hold(ANN, 40, 30))
    cut = Cut(*leaves)
    cut.enter(*leaves[:-1])
    return cut


def test_a_hold_posts_when_its_batch_executed() -> None:
    cut = in_doubt()
    with pytest.raises(NotResolved):
        cut.enter(hold(ANN, 40, 30))
    resolved(cut.grid, executed=True)
    cut.enter(hold(ANN, 40, 30))
    assert cut.grid.balance(ANN.id, EUR)[2:4] == (60, 0)
    assert cut.grid.balance(ANN.id, USD).received == 30
    assert cut.grid.account(ANN.id).nonces.used(0)
    with pytest.raises(NonceUsed):
        run(cut.grid, ANN.withdrawal(0, EUR, 1))
    with pytest.raises(AlreadySettled):
        cut.enter(hold(ANN, 40, 30))


def test_a_hold_voids_when_it_did_not_and_the_intent_may_still_execute() -> None:
    cut = in_doubt()
    resolved(cut.grid, executed=False)
    cut.enter(hold(ANN, 40, 30))
    assert cut.grid.balance(ANN.id, EUR)[2:4] == (100, 0)
    assert not cut.grid.account(ANN.id).nonces.used(0)
    with pytest.raises(AlreadySettled):
        cut.enter(hold(ANN, 40, 30))


def test_what_became_of_a_batch_is_said_once_by_guards_about_another_chain() -> None:
    cut = in_doubt()
    signed = Resolve(origin=SOLANA, epoch=1, batch=9, executed=True)
    with pytest.raises(NoQuorum):
        entry.resolve(cut.grid, signed, by_guards(signed, (0,)), NOW)
    own = msgspec.structs.replace(signed, origin=ARBITRUM)
    with pytest.raises(WrongChain):
        entry.resolve(cut.grid, own, by_guards(own), NOW)
    resolved(cut.grid, executed=False)
    with pytest.raises(AlreadyResolved):
        resolved(cut.grid, executed=True)


def test_of_its_own_batches_a_chain_knows_itself_what_became_once_their_epoch_is_over() -> None:
    ours, void, now = (hold(ANN, 40, 30, batch=batch, origin=ARBITRUM) for batch in (9, 8, 7))
    now = msgspec.structs.replace(now, epoch=2)
    grid = begin()
    move(grid, 1)
    execute(grid, permitted(grid, number=9), NOW)
    leaves = (account(ANN), balance(ANN, EUR, 0, held=120))
    cut = Cut(*leaves, ours, void, now, grid=grid)
    cut.enter(*leaves)
    cut.enter(ours, void)
    assert cut.grid.balance(ANN.id, EUR)[2:4] == (40, 40)
    assert cut.grid.balance(ANN.id, USD).received == 30
    for executed in (False, True):
        with pytest.raises(NotResolved) as refused:
            cut.enter(now)
        assert refused.value.data == {"origin": ARBITRUM, "epoch": 2, "batch": 7}
        if not executed:
            execute(grid, permitted(grid, number=7), NOW)


def test_in_each_epoch_anew_a_hold_settles_and_a_late_deposit_counts_as_its_guards_say() -> None:
    """Both happened in an epoch of which nobody learned more than it was cut from: the next cut has them still."""
    cut = in_doubt()
    resolved(cut.grid, executed=True)
    late = Credit(origin=SOLANA, sequence=4, epoch=2, account=EVE.id, asset=EUR, amount=11)
    cut.enter(hold(ANN, 40, 30))
    entry.credit(cut.grid, late, by_guards(late), NOW)
    leaves = (account(ANN), balance(ANN, EUR, 60, held=40), hold(ANN, 40, 30))
    later = Cut(*leaves, epoch=4, grid=cut.grid)
    later.enter(*leaves)
    with pytest.raises(AlreadySettled):
        later.enter(leaves[-1])
    with pytest.raises(WrongEpoch) as refused:
        entry.credit(later.grid, late, by_guards(late), NOW)
    assert refused.value.data == {"epoch": 2, "current": 4}
    anew = msgspec.structs.replace(late, epoch=4)
    entry.credit(later.grid, anew, by_guards(anew), NOW)
    with pytest.raises(AlreadyCredited):
        entry.credit(later.grid, anew, by_guards(anew), NOW)
    assert (has(later.grid, ANN, EUR), later.grid.balance(EVE.id, EUR).received) == (60, 11)


def test_a_late_deposit_of_this_chain_counts_if_it_came_before_the_epoch() -> None:
    grid = begin()
    move(grid, 1)
    deposit(grid, EVE.id, EUR, 11, NOW)
    cut = Cut(account(ANN), grid=grid)
    deposit(grid, EVE.id, EUR, 12, NOW)
    late = Credit(origin=ARBITRUM, sequence=1, epoch=2, account=EVE.id, asset=EUR, amount=11)
    entry.credit(grid, late, by_guards(late), NOW)
    assert (grid.balance(EVE.id, EUR).received, grid.asset(EUR).vault) == (23, 23)
    with pytest.raises(AlreadyCredited):
        entry.credit(cut.grid, late, by_guards(late), NOW)
    counted = msgspec.structs.replace(late, sequence=2, amount=12)
    with pytest.raises(NotLate) as refused:
        entry.credit(cut.grid, counted, by_guards(counted), NOW)
    assert refused.value.data == {"sequence": 2, "opening": 1}


def test_a_hold_of_a_treasury_uses_no_nonce() -> None:
    fee = msgspec.structs.replace(hold(TREASURY, 0, 5), nonce=NO_NONCE)
    cut = Cut(account(TREASURY), balance(TREASURY, EUR, 0), fee)
    cut.enter(account(TREASURY), balance(TREASURY, EUR, 0))
    resolved(cut.grid, executed=True)
    cut.enter(fee)
    assert cut.grid.balance(TREASURY.id, USD).received == 5
    assert cut.grid.account(TREASURY.id).nonces == Nonces()


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, False)])
def test_a_batch_that_draws_on_what_an_earlier_one_would_bring(*, first: bool, second: bool) -> None:
    """Ann buys 50 in one batch in doubt and sells them in the next: she has less than nothing until the first posts."""
    buys = HoldLeaf(
        origin=SOLANA, epoch=1, batch=1, account=ANN.id, nonce=0, out_asset=USD, out_amount=50, in_asset=EUR, in_amount=50
    )
    sells = hold(ANN, 50, 45, nonce=1, batch=2)
    leaves = (account(ANN), balance(ANN, USD, 0, held=50), balance(ANN, EUR, -50, held=50))
    cut = Cut(*leaves, buys, sells)
    cut.enter(*leaves)
    cut.grid.assets[EUR] = cut.grid.asset(EUR)._replace(vault=1)
    with pytest.raises(InsufficientBalance):
        run(cut.grid, ANN.withdrawal(7, EUR, 1))
    for batch, executed, each in ((1, first, buys), (2, second, sells)):
        resolved(cut.grid, executed=executed, batch=batch)
        cut.enter(each)
    assert has(cut.grid, ANN, EUR) == (50 if first and not second else 0)
    assert has(cut.grid, ANN, USD) == (0 if first else 50) + (45 if second else 0)
    assert all(each.held == 0 for each in cut.grid.balances.values())
    for asset in (EUR, USD):
        assert owed(cut.grid, asset) == cut.grid.asset(asset).liabilities


def test_a_late_deposit_counts_once_by_its_number() -> None:
    cut = in_doubt()
    signed = Credit(origin=SOLANA, sequence=4, epoch=2, account=EVE.id, asset=EUR, amount=11)
    with pytest.raises(NoQuorum):
        entry.credit(cut.grid, signed, by_guards(signed, (0,)), NOW)
    entry.credit(cut.grid, signed, by_guards(signed), NOW)
    assert cut.grid.balance(EVE.id, EUR).received == 11
    for again in (signed, msgspec.structs.replace(signed, amount=12)):
        with pytest.raises(AlreadyCredited):
            entry.credit(cut.grid, again, by_guards(again), NOW)


# -- properties --------------------------------------------------------------------------------------------------------


@given(st.data())
def test_entering_in_any_order_with_anything_in_between_mints_nothing(data: st.DataObject) -> None:
    people = (ANN, BEN, EVE)
    amounts = {(person.id, asset): data.draw(st.integers(0, 100)) for person in people for asset in (EUR, USD)}
    leaves: list[Any] = [account(person) for person in people]
    leaves += [balance(person, asset, amounts[person.id, asset]) for person in people for asset in (EUR, USD)]
    cut = Cut(*leaves)
    deposited = dict.fromkeys((EUR, USD), 0)
    for number, each in enumerate(data.draw(st.permutations(leaves)), 1):
        cut.enter(each)
        person, other = data.draw(st.sampled_from(people)), data.draw(st.sampled_from(people))
        try:
            run(cut.grid, person.intent(number, EUR, 10, USD), other.intent(number + 50, USD, 10, EUR), number=number)
        except Refusal:
            asset = data.draw(st.sampled_from((EUR, USD)))
            deposit(cut.grid, person.id, asset, 1, NOW)
            deposited[asset] += 1
        for asset in (EUR, USD):
            assert owed(cut.grid, asset) == cut.grid.asset(asset).liabilities
    for asset in (EUR, USD):
        assert owed(cut.grid, asset) == sum(value for (_, of), value in amounts.items() if of == asset) + deposited[asset]


def test_the_root_of_nothing_is_that_of_an_empty_tree() -> None:
    assert SnapshotTree({}).root == EMPTY_ROOT
