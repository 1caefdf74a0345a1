"""The grid on one chain: deposits, batches under their permits, matches, and what is refused without a trace."""

from __future__ import annotations

from copy import deepcopy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import operations
from jurymast.book.execute import Batch, execute
from jurymast.book.grid import Grid
from jurymast.book.refusals import (
    AlreadyBridged,
    BadRanking,
    BatchUsed,
    Expired,
    FeeTooHigh,
    InsufficientBalance,
    InsufficientFloat,
    NonceUsed,
    NoSuchMatch,
    NotActive,
    NotAuthorised,
    NothingMoved,
    Paused,
    PermitExpired,
    Refusal,
    UnlikeTerms,
    WrongBatch,
    WrongChain,
    WrongEpoch,
)
from jurymast.book.signed import ARBITRUM, SOLANA, BridgeIn, Cancel
from jurymast.crypto.secp256k1 import NoQuorum, NotAscending
from jurymast.errors import Rejected
from tests.unit.grids import (
    ANN,
    BEN,
    DOMAIN,
    EUR,
    EVE,
    NOW,
    ORACLE,
    SOON,
    TERMS,
    TREASURY,
    USD,
    Person,
    begin,
    by_guards,
    has,
    move,
    new,
    opened,
    owed,
    permitted,
    run,
)


@pytest.fixture
def grid() -> Grid:
    return opened((ANN, EUR, 1_000), (BEN, USD, 1_000))


def refused(grid: Grid, batch: Batch, error: type[Rejected], now: int = NOW) -> Rejected:
    """And nothing has changed."""
    before = deepcopy(grid)
    with pytest.raises(error) as caught:
        execute(grid, batch, now)
    assert grid == before
    return caught.value


# -- settling ----------------------------------------------------------------------------------------------------------


def test_two_intents_settle_net_and_leave_a_record(grid: Grid) -> None:
    outcome = run(grid, ANN.intent(0, EUR, 100, USD, 100), BEN.intent(0, USD, 100, EUR, 100))
    assert [has(grid, ANN, EUR), has(grid, ANN, USD), has(grid, BEN, EUR), has(grid, BEN, USD)] == [900, 100, 100, 900]
    assert grid.batches == {(1, 1): outcome}
    assert grid.account(ANN.id).nonces.used(0)
    first = grid.accumulator[1]
    run(grid, ANN.intent(1, EUR, 100, USD), BEN.intent(1, USD, 100, EUR), number=7)
    assert grid.accumulator[1] != first


def test_fees_go_to_the_treasury(grid: Grid) -> None:
    grid = opened((ANN, EUR, 1_000), (BEN, USD, 1_000), fee_bps=100)
    run(grid, ANN.intent(0, EUR, 150, USD), BEN.intent(0, USD, 150, EUR))
    assert (has(grid, TREASURY, EUR), has(grid, TREASURY, USD)) == (2, 2)
    refused(grid, permitted(grid, ANN.intent(1, EUR, 1, USD, fee=99), number=2), FeeTooHigh)


def test_a_permit_is_for_this_batch_here_and_now_and_once(grid: Grid) -> None:
    trade = (ANN.intent(0, EUR, 100, USD), BEN.intent(0, USD, 100, EUR))
    good = permitted(grid, *trade)
    refused(grid, permitted(grid, *trade, chain=SOLANA), WrongChain)
    refused(grid, permitted(grid, *trade, epoch=2), WrongEpoch)
    refused(grid, good, PermitExpired, now=SOON)
    refused(grid, permitted(grid, *trade, who=(0,)), NoQuorum)
    refused(grid, permitted(grid, *trade, who=(1, 0)), NotAscending)
    refused(grid, permitted(grid, *trade, who=(0, 0)), NotAscending)
    for changed in (
        msgspec.structs.replace(good, actions=good.actions[:1]),
        msgspec.structs.replace(good, actions=good.actions[::-1]),
        msgspec.structs.replace(good, prices={EUR: 1, USD: 2}),
        msgspec.structs.replace(good, absent=new(EVE)),
        msgspec.structs.replace(good, dead=((ANN.id, 5),)),
    ):
        refused(grid, changed, WrongBatch)
    execute(grid, good, NOW)
    refused(grid, good, BatchUsed)
    move(grid, 2)
    refused(grid, permitted(grid, *trade, epoch=1, number=2), WrongEpoch)


def test_an_action_needs_its_owners_signature_in_time_and_a_nonce_that_is_not_used(grid: Grid) -> None:
    forged = msgspec.structs.replace(ANN.intent(0, EUR, 100, USD), signature=BEN.intent(0, EUR, 100, USD).signature)
    counter = BEN.intent(0, USD, 100, EUR)
    refused(grid, permitted(grid, forged, counter), NotAuthorised)
    late = ANN.intent(0, EUR, 100, USD, deadline=NOW - 1)
    refused(grid, permitted(grid, late, counter), Expired)
    run(grid, ANN.intent(0, EUR, 100, USD, deadline=NOW), counter)
    refused(grid, permitted(grid, ANN.intent(0, EUR, 5, USD), BEN.intent(1, USD, 5, EUR), number=2), NonceUsed)
    twice = permitted(grid, ANN.intent(3, EUR, 5, USD), ANN.intent(3, EUR, 5, USD), BEN.intent(1, USD, 10, EUR), number=2)
    refused(grid, twice, NonceUsed)


def test_nobody_sells_what_he_has_not(grid: Grid) -> None:
    error = refused(grid, permitted(grid, ANN.intent(0, EUR, 1_001, USD), BEN.intent(0, USD, 1_001, EUR)), InsufficientBalance)
    assert isinstance(error, InsufficientBalance)
    assert error.data["needed"] - error.data["available"] == 1
    everything = (ANN.intent(0, EUR, 1_000, USD), BEN.intent(0, USD, 1_000, EUR))
    run(grid, *everything)
    assert (has(grid, ANN, EUR), has(grid, BEN, EUR)) == (0, 1_000)


def test_nonces_of_what_can_never_execute_are_used_up_with_a_batch(grid: Grid) -> None:
    batch = permitted(grid, dead=((ANN.id, 0), (ANN.id, 1), (BEN.id, 5)))
    execute(grid, batch, NOW)
    assert grid.account(ANN.id).nonces.floor == 2
    assert grid.account(BEN.id).nonces.used(5)
    execute(grid, permitted(grid, dead=((ANN.id, 0),), number=2), NOW)


def test_while_paused_or_not_active_nothing_executes(grid: Grid) -> None:
    batch = permitted(grid, ANN.intent(0, EUR, 100, USD), BEN.intent(0, USD, 100, EUR))
    grid.lock = grid.lock.pause(NOW + 5, NOW)
    refused(grid, batch, Paused)
    with pytest.raises(Paused):
        operations.deposit(grid, ANN.id, EUR, 1, NOW)
    move(grid, 2, active=SOLANA)
    refused(grid, batch, NotActive, now=NOW + 5)


# -- in and out --------------------------------------------------------------------------------------------------------


def test_deposits_are_numbered_and_withdrawals_take_from_the_vault(grid: Grid) -> None:
    assert operations.deposit(grid, EVE.id, EUR, 50, NOW) == 3
    run(grid, EVE.withdrawal(0, EUR, 20))
    assert (has(grid, EVE, EUR), grid.asset(EUR).vault, grid.asset(EUR).liabilities) == (30, 1_030, 1_030)
    with pytest.raises(NothingMoved):
        operations.deposit(grid, EVE.id, EUR, 0, NOW)
    refused(grid, permitted(grid, EVE.withdrawal(1, EUR, 10, chain=SOLANA), number=2), WrongChain)
    refused(grid, permitted(grid, EVE.withdrawal(1, EUR, 31), number=2), InsufficientBalance)


def test_what_is_not_in_the_vault_waits(grid: Grid) -> None:
    """The balance came over from the other chain, the tokens did not yet."""
    grid.assets[EUR] = grid.asset(EUR)._replace(vault=5)
    error = refused(grid, permitted(grid, ANN.withdrawal(0, EUR, 6)), InsufficientFloat)
    assert isinstance(error, InsufficientFloat)
    assert error.data == {"asset": EUR, "vault": 5, "needed": 6}
    transfer = BridgeIn(id=b"t" * 32, chain=ARBITRUM, asset=EUR, amount=1, expiry=SOON)
    operations.bridge_in(grid, transfer, by_guards(transfer), NOW)
    with pytest.raises(AlreadyBridged):
        operations.bridge_in(grid, transfer, by_guards(transfer), NOW)
    run(grid, ANN.withdrawal(0, EUR, 6))
    assert grid.asset(EUR).vault == 0
    late = msgspec.structs.replace(transfer, id=b"u" * 32)
    with pytest.raises(PermitExpired):
        operations.bridge_in(grid, late, by_guards(late), SOON)
    elsewhere = msgspec.structs.replace(late, chain=SOLANA)
    with pytest.raises(WrongChain):
        operations.bridge_in(grid, elsewhere, by_guards(elsewhere), NOW)
    with pytest.raises(NoQuorum):
        operations.bridge_in(grid, late, by_guards(late, (0,)), NOW)


def test_an_owner_can_always_cancel(grid: Grid) -> None:
    move(grid, 2, active=SOLANA)
    grid.lock = grid.lock.pause(NOW + 5, NOW)
    signed = Cancel(account=ANN.id, floor=7, chain=ARBITRUM)
    with pytest.raises(NotAuthorised):
        operations.cancel(grid, signed, BEN.key.sign(signed.digest(DOMAIN)))
    operations.cancel(grid, signed, ANN.key.sign(signed.digest(DOMAIN)))
    assert grid.account(ANN.id).nonces.floor == 7
    elsewhere = msgspec.structs.replace(signed, chain=SOLANA)
    with pytest.raises(WrongChain):
        operations.cancel(grid, elsewhere, ANN.key.sign(elsewhere.digest(DOMAIN)))


def test_a_transition_needs_the_guards_of_before() -> None:
    fresh = begin()
    with pytest.raises(NotActive):
        operations.deposit(fresh, ANN.id, EUR, 1, NOW)
    move(fresh, 1)
    assert operations.deposit(fresh, ANN.id, EUR, 1, NOW) == 1


# -- matches -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def joined() -> Grid:
    grid = opened((ANN, EUR, 100), (BEN, EUR, 150), (EVE, EUR, 100))
    run(grid, ANN.join(0, TERMS), BEN.join(0, TERMS))
    return grid


def test_the_winner_gets_the_pot_and_the_treasury_its_fee(joined: Grid) -> None:
    assert (has(joined, ANN, EUR), has(joined, BEN, EUR), owed(joined, EUR)) == (0, 50, 350)
    run(joined, ORACLE.verdict(TERMS, BEN), number=2)
    assert [has(joined, who, EUR) for who in (ANN, BEN, TREASURY)] == [0, 230, 20]
    refused(joined, permitted(joined, ORACLE.verdict(TERMS, ANN), number=3), NoSuchMatch)
    refused(joined, permitted(joined, ORACLE.verdict(TERMS, ANN, step=2), number=3), NoSuchMatch)


def test_a_draw_gives_every_stake_back(joined: Grid) -> None:
    run(joined, ORACLE.verdict(TERMS), number=2)
    assert [has(joined, who, EUR) for who in (ANN, BEN, TREASURY)] == [100, 150, 0]


def test_who_may_not_join_and_how_a_match_may_not_end(joined: Grid) -> None:
    other = msgspec.structs.replace(TERMS, stake=1)
    for action, error in (
        (EVE.join(0, TERMS), NoSuchMatch),  # It is full.
        (msgspec.structs.replace(EVE.join(0, TERMS), terms=other), UnlikeTerms),
        (msgspec.structs.replace(EVE.join(0, TERMS), terms=None), UnlikeTerms),
        (ANN.verdict(TERMS, ANN), NotAuthorised),
        (ORACLE.verdict(TERMS, EVE), BadRanking),
        (ORACLE.verdict(TERMS, ANN, BEN), BadRanking),
        (ORACLE.verdict(other), NoSuchMatch),
    ):
        refused(joined, permitted(joined, action, number=2), error)
    pair = msgspec.structs.replace(TERMS, players=3)
    refused(joined, permitted(joined, EVE.join(0, pair), EVE.join(1, pair), number=2), NoSuchMatch)


# -- properties --------------------------------------------------------------------------------------------------------

PEOPLE = st.sampled_from([ANN, BEN, EVE])


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("deposit"), PEOPLE, st.sampled_from([EUR, USD]), st.integers(0, 500)),
            st.tuples(st.just("trade"), PEOPLE, PEOPLE, st.integers(0, 500)),
            st.tuples(st.just("withdraw"), PEOPLE, st.sampled_from([EUR, USD]), st.integers(0, 500)),
            st.tuples(st.just("join"), PEOPLE, st.none(), st.none()),
            st.tuples(st.just("end"), PEOPLE, st.booleans(), st.none()),
        ),
        max_size=25,
    ),
    st.integers(0, 300),
)
def test_whatever_happens_what_is_owed_is_what_came_in_less_what_left(
    steps: list[tuple[str, Person, object, int]], fee: int
) -> None:
    grid = opened(fee_bps=fee)
    for number, (kind, person, other, amount) in enumerate(steps, 1):
        before = deepcopy(grid)
        try:
            match kind, other:
                case "deposit", int(asset):
                    operations.deposit(grid, person.id, asset, amount, NOW)
                case "trade", Person() as counterpart:
                    run(
                        grid,
                        person.intent(number, EUR, amount, USD),
                        counterpart.intent(number + 100, USD, amount, EUR),
                        number=number,
                    )
                case "withdraw", int(asset):
                    run(grid, person.withdrawal(number, asset, amount), number=number)
                case "join", _:
                    run(grid, person.join(number, TERMS), number=number)
                case _:
                    run(grid, ORACLE.verdict(TERMS, *([person] if other else [])), number=number)
        except Refusal:
            assert grid == before
        for asset in (EUR, USD):
            assert owed(grid, asset) == grid.asset(asset).liabilities == grid.asset(asset).vault
        assert all(balance.available >= 0 for balance in grid.balances.values())
