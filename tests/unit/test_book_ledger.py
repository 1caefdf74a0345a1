"""The economic state over the one order of events, beside the grids that it tells of."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest

from jurymast.book.cut import imbalance, leaves, totals, tree
from jurymast.book.events import (
    BatchDoubted,
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
    BridgeArrived,
    Credited,
    Deposited,
    EpochCut,
    EpochFrozen,
    EpochOpened,
    Event,
    FloorRaised,
    IntentAccepted,
    IntentCancelled,
    IntentExpired,
    IntentRejected,
    MarketOpened,
    OrderCancelled,
    OrderPlaced,
    Registered,
)
from jurymast.book.execute import Action
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.ledger import Applied, apply
from jurymast.book.refusals import (
    AlreadyAccepted,
    AlreadyBridged,
    AlreadyCounted,
    AlreadyEntered,
    AlreadyRegistered,
    AmountTooLarge,
    BadFee,
    BadMarket,
    BadPlayers,
    BadRanking,
    BatchTooLarge,
    BatchUsed,
    Conflict,
    CutTooLow,
    EpochNotNewer,
    Expired,
    FloorTooLow,
    InsufficientBalance,
    InsufficientFloat,
    Late,
    LimitNotMet,
    Malformed,
    MatchMoves,
    NoFate,
    NonceTooFar,
    NonceUsed,
    NoSuchAsset,
    NoSuchBatch,
    NoSuchChain,
    NoSuchMarket,
    NoSuchMatch,
    NoSuchOrder,
    NoSuchTransfer,
    NotAuthorised,
    NotDead,
    NothingMoved,
    NotLate,
    NotOpen,
    NotYetExpired,
    OutOfOrder,
    Refusal,
    UnlikeTerms,
    WrongChain,
    WrongPhase,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, hash_of_absent
from jurymast.book.state import Balance, Fate, Status
from tests.unit.grids import ANN, BEN, EUR, EVE, NOW, ORACLE, SOL, SOON, TERMS, TREASURY, USD, Person, new
from tests.unit.ledgers import World, fold

MATCH = TERMS.content()


@pytest.fixture
def world() -> World:
    world = World()
    for person, asset in ((ANN, EUR), (BEN, USD), (EVE, EUR)):
        world.deposit(person, asset, 1_000)
    return world


def refused(world: World, event: Event, error: type[Refusal], **data: object) -> None:
    """By this name, with this data; and nothing has changed."""
    before = deepcopy(world.ledger)
    answer = apply(world.ledger, event)
    assert type(answer) is error, answer
    assert {name: answer.data[name] for name in data} == data
    assert world.ledger == before


def has(world: World, person: Person, asset: int) -> Balance:
    return world.ledger.balance(person.id, asset)


def trade(nonce: int, amount: int = 100) -> tuple[Action, Action]:
    return ANN.intent(nonce, EUR, amount, USD), BEN.intent(nonce, USD, amount, EUR)


def last_batch(world: World) -> dict[str, int]:
    return {"chain": world.ledger.chain, "epoch": world.ledger.epoch, "batch": world.batches}


def status(world: World, action: Action) -> Status | None:
    signed: Any = action.signed
    life = world.ledger.life((signed.account, signed.nonce))
    return life and life.status


# -- events ------------------------------------------------------------------------------------------------------------


def test_the_same_event_counts_once_wherever_it_comes_again(world: World) -> None:
    event = world.log[-1]
    assert world.ledger.seen[event.id] == len(world.log)
    before = deepcopy(world.ledger)
    assert apply(world.ledger, event) is Applied.BEFORE
    assert apply(world.ledger, msgspec.structs.replace(event)) is Applied.BEFORE
    assert world.ledger == before


def test_what_was_refused_may_fit_at_a_later_place(world: World) -> None:
    world.plan(EVE.withdrawal(0, EUR, 1_001, chain=SOLANA))
    refused(world, planned := world.log[-1], InsufficientBalance, available=1_000, needed=1_001)
    world.deposit(EVE, EUR, 1)
    world.must(planned)


def test_events_travel_as_bytes(world: World) -> None:
    world.run(*trade(0))
    world.run(ANN.join(1, TERMS))
    decode = msgspec.msgpack.Decoder(Event).decode
    assert [decode(msgspec.msgpack.encode(event)) for event in world.log] == world.log
    assert fold(world.log) == world.ledger


# -- intents -----------------------------------------------------------------------------------------------------------


def test_an_intent_lives_until_it_executes(world: World) -> None:
    intent, other = trade(0)
    world.plan(intent, other)
    assert status(world, intent) is Status.PLANNED
    world.must(BatchReleased(**last_batch(world)))
    assert status(world, intent) is Status.OPEN
    assert world.run(intent, other) is None
    assert status(world, intent) is Status.EXECUTED
    again = IntentAccepted(action=intent, now=SOON)
    refused(world, again, AlreadyAccepted, owner=ANN.id, nonce=0)
    refused(world, IntentAccepted(action=ANN.intent(0, EUR, 99, USD), now=NOW), Conflict, owner=ANN.id, nonce=0)
    world.batches += 1
    refused(world, world.planned(intent, other), NotOpen, nonce=0)


def test_whether_an_intent_may_live_at_all(world: World) -> None:
    world.must(FloorRaised(chain=SOLANA, account=ANN.id, floor=3))
    good = ANN.intent(3, EUR, 1, USD)
    negative = msgspec.structs.replace(good, signed=msgspec.structs.replace(good.signed, sell_amount=-1))
    for action, error in (
        (ANN.intent(2, EUR, 1, USD), NonceUsed),
        (ANN.intent(3 + 192, EUR, 1, USD), NonceTooFar),
        (ANN.intent(3, EUR, 1, USD, deadline=NOW - 1), Expired),
        (negative, Malformed),
        (msgspec.structs.replace(ANN.join(3, TERMS), terms=None), UnlikeTerms),
        (ORACLE.signs(ORACLE.verdict(TERMS).signed), UnlikeTerms),
    ):
        refused(world, IntentAccepted(action=action, now=NOW), error)
    cheap: Any = ANN.join(3, TERMS).signed
    action = ANN.signs(msgspec.structs.replace(cheap, stake=1), TERMS)
    refused(world, IntentAccepted(action=action, now=NOW), UnlikeTerms)
    huge = ANN.intent(3, EUR, 1 << 70, USD)
    refused(world, IntentAccepted(action=huge, now=NOW), Malformed)


@pytest.mark.parametrize(
    ("event", "end"),
    [
        (IntentCancelled(owner=ANN.id, nonce=0), Status.CANCELLED),
        (IntentExpired(owner=ANN.id, nonce=0, now=SOON + 1), Status.EXPIRED),
        (IntentRejected(owner=ANN.id, nonce=0, reason="too large"), Status.REJECTED),
        (FloorRaised(chain=ARBITRUM, account=ANN.id, floor=1), Status.CANCELLED),
    ],
)
def test_what_ended_never_executes_and_its_nonce_may_be_used_up(world: World, event: Event, end: Status) -> None:
    intent, other = trade(0)
    world.must(IntentAccepted(action=intent, now=NOW))
    world.batches += 1
    refused(world, world.planned(dead=((ANN.id, 0),)), NotDead, nonce=0)
    world.must(event)
    assert status(world, intent) is end
    assert isinstance(world.plan(intent, other), NotOpen)
    refused(world, IntentRejected(owner=ANN.id, nonce=0, reason="again"), NotOpen)
    kill = world.planned(dead=((ANN.id, 0),))
    world.must(kill)
    world.settle(kill)
    assert world.grid.account(ANN.id).nonces.used(0)


def test_what_is_planned_cannot_end_otherwise_and_what_was_cancelled_meanwhile_ends_with_its_batch(world: World) -> None:
    intent, other = trade(0)
    world.plan(intent, other)
    refused(world, IntentRejected(owner=ANN.id, nonce=0, reason=""), NotOpen)
    world.must(FloorRaised(chain=SOLANA, account=ANN.id, floor=5))
    world.must(BatchReleased(**last_batch(world)))
    assert (status(world, intent), status(world, other)) == (Status.CANCELLED, Status.OPEN)


def test_an_intent_expires_after_its_deadline_only_and_a_verdict_never(world: World) -> None:
    world.must(IntentAccepted(action=trade(0)[0], now=NOW))
    refused(world, IntentExpired(owner=ANN.id, nonce=0, now=SOON), NotYetExpired, deadline=SOON, now=SOON)
    world.must(IntentAccepted(action=ORACLE.verdict(TERMS), now=NOW))
    refused(world, IntentExpired(owner=MATCH, nonce=1, now=SOON + 1), NotOpen)
    world.must(IntentRejected(owner=MATCH, nonce=1, reason=""))


# -- accounts ----------------------------------------------------------------------------------------------------------


def deposited(**changed: Any) -> Deposited:
    return msgspec.structs.replace(
        Deposited(chain=SOLANA, epoch=1, sequence=9, account=ANN.id, asset=EUR, amount=1, height=9), **changed
    )


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (deposited(chain=ARBITRUM), WrongChain),
        (deposited(epoch=2), WrongPhase),
        (deposited(sequence=1, amount=7), AlreadyCounted),
        (deposited(sequence=0), Late),
        (deposited(amount=0), NothingMoved),
        (deposited(amount=1 << 64), Malformed),
        (deposited(amount=(1 << 64) - 1), AmountTooLarge),
        (deposited(sequence=-1), AmountTooLarge),
        (deposited(height=-1), AmountTooLarge),
        (deposited(account=b"short"), Malformed),
        (deposited(asset=1 << 32), NoSuchAsset),
        (deposited(asset=NO_ASSET), NoSuchAsset),
        (FloorRaised(chain=3, account=ANN.id, floor=1), NoSuchChain),
        (FloorRaised(chain=1, account=ANN.id, floor=0), FloorTooLow),
        (Registered(account=ANN.id, authority=BEN.key.address), Malformed),
        (Registered(account=SOL.id, authority=b"short"), Malformed),
        (Registered(account=SOL.id, authority=bytes(20)), Malformed),
        (Credited(chain=SOLANA, sequence=9, epoch=1, account=ANN.id, asset=EUR, amount=1), NotLate),
        (Credited(chain=7, sequence=9, epoch=1, account=ANN.id, asset=EUR, amount=1), NoSuchChain),
    ],
)
def test_what_does_not_count_for_an_account(world: World, event: Event, error: type[Refusal]) -> None:
    refused(world, event, error)


def test_a_late_deposit_counts_once_by_its_chain_and_number(world: World) -> None:
    late = Credited(chain=ARBITRUM, sequence=1, epoch=1, account=EVE.id, asset=EUR, amount=11)
    world.must(late)
    assert has(world, EVE, EUR).available == 1_011
    refused(world, msgspec.structs.replace(late, amount=12), AlreadyCounted, chain=ARBITRUM, sequence=1)
    refused(world, msgspec.structs.replace(late, sequence=2, epoch=0), WrongPhase)


def test_a_solana_key_registers_once_and_nobody_signs_for_it_before(world: World) -> None:
    world.must(deposited(account=SOL.id))
    assert {each.authority for each in leaves(world.ledger) if isinstance(each, AccountLeaf)} >= {bytes(20)}
    world.must(Registered(account=SOL.id, authority=SOL.key.address))
    refused(world, Registered(account=SOL.id, authority=ANN.key.address), AlreadyRegistered, account=SOL.id)
    assert world.ledger.account(SOL.id).authority == SOL.key.address


# -- batches -----------------------------------------------------------------------------------------------------------


def test_a_batch_holds_what_it_may_take_until_its_fate_is_known(world: World) -> None:
    world.plan(*trade(0))
    assert has(world, ANN, EUR) == Balance(available=900, held=100)
    assert has(world, ANN, USD) == Balance(coming=100)
    place = last_batch(world)
    before = deepcopy(world)
    world.must(BatchReleased(**place))
    assert (has(world, ANN, EUR), has(world, ANN, USD)) == (Balance(available=1_000), Balance())
    before.must(BatchExecuted(**place, height=50))
    assert (has(before, ANN, EUR), has(before, ANN, USD)) == (Balance(available=900), Balance(available=100))
    assert before.ledger.account(ANN.id).nonces.used(0)
    assert [ended.ledger.fates[place["chain"], place["epoch"], place["batch"]] for ended in (world, before)] == [
        Fate.RELEASED,
        Fate.EXECUTED,
    ]
    for ended in (world, before):
        for fate in (BatchReleased(**place), BatchExecuted(**place, height=51)):
            if apply(ended.ledger, fate) is not Applied.BEFORE:
                refused(ended, fate, NoSuchBatch)


def test_fees_are_a_share_of_the_treasury() -> None:
    world = World(fee_bps=100)
    world.deposit(ANN, EUR, 150)
    world.deposit(BEN, USD, 150)
    world.run(*trade(0, 150))
    assert (has(world, TREASURY, EUR).available, has(world, TREASURY, USD).available) == (2, 2)
    world.check_same()


def changed(**fields: Any) -> Callable[[World], BatchPlanned]:
    def build(world: World) -> BatchPlanned:
        actions = trade(0)
        for action in actions:
            world.must(IntentAccepted(action=action, now=NOW))
        return msgspec.structs.replace(world.planned(*actions), **fields)

    return build


@pytest.mark.parametrize(
    ("build", "error"),
    [
        (changed(chain=ARBITRUM), WrongChain),
        (changed(epoch=2), WrongPhase),
        (changed(batch=-1), AmountTooLarge),
        (changed(expiry=-1), AmountTooLarge),
        (changed(prices={EUR: 1, USD: 1, -1: 1}), Malformed),
        (changed(prices={EUR: 1, USD: 2}), Refusal),
        (changed(dead=((ANN.id, -1),)), Malformed),
        (changed(absent=((b"short", NO_ASSET),)), Malformed),
        (changed(absent=((ANN.id, 1 << 32),)), Malformed),
        (changed(actions=trade(0) * 201), BatchTooLarge),
        (changed(actions=trade(0)[:1] * 2), NotOpen),
        (changed(actions=(ANN.intent(0, EUR, 100, USD, 100), trade(0)[1])), NotOpen),
        (changed(actions=(ANN.intent(1, EUR, 100, USD),)), NotOpen),
    ],
)
def test_a_batch_that_cannot_be_is_not_planned(
    world: World, build: Callable[[World], BatchPlanned], error: type[Refusal]
) -> None:
    event = build(world)
    before = deepcopy(world.ledger)
    answer = apply(world.ledger, event)
    assert isinstance(answer, error), answer
    assert world.ledger == before


def test_a_batch_must_settle_by_the_rules_of_the_grid_and_be_covered(world: World) -> None:
    assert isinstance(world.plan(ANN.intent(0, EUR, 10, USD, 11), BEN.intent(0, USD, 10, EUR)), LimitNotMet)
    assert isinstance(world.plan(*trade(1, 1_001)), InsufficientBalance)
    assert isinstance(world.plan(ANN.withdrawal(2, EUR, 1, chain=ARBITRUM)), WrongChain)
    assert world.run(*trade(3)) is None
    refused(world, msgspec.structs.replace(world.planned(), expiry=9), BatchUsed)


def test_a_withdrawal_takes_from_the_vault_once_it_is_planned(world: World) -> None:
    assert world.run(TREASURY.bridge_out(0, EUR, 1_300, source=SOLANA, target=ARBITRUM)) is None
    assert world.plan(ANN.withdrawal(0, EUR, 600, chain=SOLANA)) is Applied.NOW
    place = last_batch(world)
    assert isinstance(world.plan(EVE.withdrawal(0, EUR, 101, chain=SOLANA)), InsufficientFloat)
    world.must(BatchReleased(**place))
    assert world.ledger.vaults[SOLANA, EUR] == 700
    assert world.plan(EVE.withdrawal(0, EUR, 101, chain=SOLANA)) is Applied.NOW
    world.must(BatchExecuted(**last_batch(world), height=9))
    assert totals(world.ledger) == {EUR: 1_899, USD: 1_000}


def test_a_batch_may_draw_on_what_an_earlier_one_brings_and_only_then_executes(world: World) -> None:
    world.plan(*trade(0))
    first = last_batch(world)
    assert world.plan(ANN.intent(1, USD, 101, EUR), BEN.intent(1, EUR, 101, USD)) is not Applied.NOW
    assert world.plan(ANN.intent(2, USD, 100, EUR), BEN.intent(2, EUR, 100, USD)) is Applied.NOW
    assert has(world, ANN, USD) == Balance(available=-100, held=100, coming=100)
    refused(world, BatchExecuted(**last_batch(world), height=9), InsufficientBalance)
    world.must(BatchExecuted(**first, height=9))
    world.must(BatchExecuted(**last_batch(world), height=9))
    assert has(world, ANN, USD) == Balance()


def test_a_batch_posts_whatever_others_hold(world: World) -> None:
    world.plan(*trade(0, 600))
    first = last_batch(world)
    world.plan(*trade(1, 400))
    world.must(BatchExecuted(**first, height=9))
    assert has(world, ANN, EUR) == Balance(held=400)


def test_no_cut_is_below_what_was_counted(world: World) -> None:
    world.plan(*trade(0))
    world.must(BatchExecuted(**last_batch(world), height=60))
    world.must(deposited(height=50))
    world.plan(*trade(1))
    world.must(BatchExecuted(**last_batch(world), height=40))
    world.must(EpochFrozen(epoch=1))
    refused(world, EpochCut(epoch=1, heights={SOLANA: 59}), CutTooLow, height=59, counted=60)
    world.must(EpochCut(epoch=1, heights={SOLANA: 60}))


def test_what_the_cut_knows_is_not_absent(world: World) -> None:
    world.fail_over()
    world.deposit(ANN, USD, 5)
    world.batches += 1
    plan = world.planned()
    for absent in (new(ANN)[0], (ANN.id, EUR)):
        said = msgspec.structs.replace(plan, absent=(absent,))
        refused(world, said, AlreadyEntered, content=hash_of_absent([absent]))
    world.must(msgspec.structs.replace(plan, absent=(*new(ORACLE), (ANN.id, USD), (ANN.id, 7), (ORACLE.id, EUR))))
    world.fail_over()
    refused(world, msgspec.structs.replace(plan, epoch=3, chain=SOLANA, absent=((ANN.id, USD),)), AlreadyEntered)


def test_a_balance_of_which_the_cut_has_no_leaf_is_spent_once_a_batch_says_so(world: World) -> None:
    world.fail_over()
    world.deposit(ANN, USD, 50)
    assert world.grid.balance(ANN.id, USD).received == 50
    assert world.run(ANN.intent(0, USD, 50, EUR), EVE.intent(0, EUR, 50, USD)) is None
    world.check_same()
    assert world.run(EVE.intent(1, USD, 50, EUR), ANN.intent(1, EUR, 50, USD)) is None
    world.check_same()


# -- matches -----------------------------------------------------------------------------------------------------------


def test_a_match_from_stakes_to_prizes(world: World) -> None:
    world.run(ANN.join(0, TERMS), EVE.join(0, TERMS))
    assert world.ledger.balance(MATCH, EUR) == Balance(available=200)
    world.check_same()
    world.run(ORACLE.verdict(TERMS, EVE))
    assert [has(world, who, EUR).available for who in (ANN, EVE, TREASURY)] == [900, 1_080, 20]
    assert world.ledger.balance(MATCH, EUR) == Balance()
    world.check_same()
    assert isinstance(world.plan(ORACLE.verdict(TERMS, ANN, step=2)), NoSuchMatch)


def test_an_oracle_may_correct_itself_until_its_verdict_is_planned(world: World) -> None:
    world.run(ANN.join(0, TERMS), EVE.join(0, TERMS))
    assert isinstance(world.plan(ORACLE.verdict(TERMS, BEN)), BadRanking)
    assert world.plan(ORACLE.verdict(TERMS, ANN)) is Applied.NOW
    place = last_batch(world)
    refused(world, IntentAccepted(action=ORACLE.verdict(TERMS, EVE), now=NOW), Conflict, owner=MATCH, nonce=1)
    world.must(BatchReleased(**place))
    assert world.run(ORACLE.verdict(TERMS, EVE)) is None
    refused(world, IntentAccepted(action=ORACLE.verdict(TERMS, ANN), now=NOW + 1), Conflict)


def test_a_match_has_so_many_players_and_an_asset(world: World) -> None:
    assert isinstance(world.plan(ANN.join(0, msgspec.structs.replace(TERMS, players=65))), BadPlayers)
    assert world.plan(ANN.join(1, msgspec.structs.replace(TERMS, players=64))) is Applied.NOW
    nothing = msgspec.structs.replace(TERMS, asset=NO_ASSET, stake=0)
    assert isinstance(world.plan(ANN.join(2, nothing)), NoSuchAsset)


def test_one_batch_may_start_and_end_a_match(world: World) -> None:
    assert world.run(ANN.join(0, TERMS), EVE.join(0, TERMS), ORACLE.verdict(TERMS)) is None
    assert [has(world, who, EUR).available for who in (ANN, EVE)] == [1_000, 1_000]
    world.check_same()


def test_a_match_is_moved_by_one_batch_at_a_time(world: World) -> None:
    world.plan(ANN.join(0, TERMS))
    first = last_batch(world)
    assert isinstance(world.plan(EVE.join(0, TERMS)), MatchMoves)
    world.must(BatchExecuted(**first, height=9))
    assert world.plan(EVE.join(0, TERMS)) is Applied.NOW
    world.must(BatchReleased(**last_batch(world)))
    assert world.ledger.matches[MATCH].players == (ANN.id,)
    assert isinstance(world.plan(ORACLE.verdict(msgspec.structs.replace(TERMS, stake=1))), NoSuchMatch)


@pytest.mark.parametrize("executed", [True, False])
@pytest.mark.parametrize("moves", ["join", "end"])
def test_a_match_in_doubt_is_held_by_itself_and_goes_on_after_the_next_cut(world: World, moves: str, *, executed: bool) -> None:
    world.run(ANN.join(0, TERMS))
    world.plan(EVE.join(0, TERMS) if moves == "join" else ORACLE.verdict(TERMS, ANN))
    place = last_batch(world)
    world.fail_over()
    world.check_same()
    assert isinstance(world.plan(BEN.join(5, TERMS)), MatchMoves)
    world.resolve(*place.values(), executed=executed)
    world.check_same()
    assert isinstance(world.plan(BEN.join(5, TERMS)), MatchMoves)
    world.fail_over()
    world.check_same()
    ended = moves == "end" and executed
    refusal = world.run(ORACLE.verdict(TERMS, step=1) if moves == "join" else ORACLE.verdict(TERMS, ANN, step=1))
    assert (refusal is None) == (not ended or moves == "join")
    world.check_same()


# -- markets -----------------------------------------------------------------------------------------------------------

MARKET = MarketOpened(market=5, base=EUR, quote=USD, unit=10, margin_bps=1_000)


def order(number: int, person: Person, side: Any, price: int, quantity: int, market: int = 5) -> OrderPlaced:
    return OrderPlaced(market=market, order=bytes([number]) * 32, account=person.id, side=side, price=price, quantity=quantity)


def test_orders_reserve_what_they_may_take_and_trades_swap_it(world: World) -> None:
    world.must(MARKET)
    world.must(order(1, ANN, "sell", 15, 100))
    assert has(world, ANN, EUR) == Balance(available=900, reserved=100)
    world.must(order(2, BEN, "buy", 20, 40))
    assert (has(world, BEN, EUR), has(world, BEN, USD)) == (Balance(available=40), Balance(available=934, reserved=6))
    assert (has(world, ANN, EUR), has(world, ANN, USD)) == (Balance(900, reserved=60), Balance(54, reserved=6))
    assert world.ledger.standings[BEN.id, 5].position == (40, 60, 6, 0)
    world.must(OrderCancelled(market=5, order=bytes([1]) * 32, account=ANN.id))
    assert has(world, ANN, EUR) == Balance(available=960)


def test_bids_reserve_their_price_and_margin_on_it(world: World) -> None:
    world.must(MARKET)
    refused(world, order(1, BEN, "buy", 10, 910), InsufficientBalance, asset=USD, available=1_000, needed=1_001)
    world.must(order(1, BEN, "buy", 10, 909))
    assert has(world, BEN, USD) == Balance(available=0, reserved=1_000)
    world.must(order(3, EVE, "sell", 10, 400))
    assert has(world, BEN, USD) == Balance(available=0, reserved=600)
    assert has(world, BEN, EUR) == Balance(available=400)


def test_an_own_order_in_the_way_goes_and_frees_what_it_reserved(world: World) -> None:
    world.must(MARKET)
    world.must(order(1, ANN, "sell", 10, 100))
    world.must(deposited(account=ANN.id, asset=USD, amount=500))
    world.must(order(2, ANN, "buy", 10, 100))
    assert (has(world, ANN, EUR), has(world, ANN, USD)) == (Balance(1_000), Balance(390, reserved=110))


@pytest.mark.parametrize(
    ("event", "error"),
    [
        (msgspec.structs.replace(MARKET, quote=USD + 1), BadMarket),
        (msgspec.structs.replace(MARKET, market=6, quote=EUR), BadMarket),
        (msgspec.structs.replace(MARKET, market=6, unit=0), BadMarket),
        (msgspec.structs.replace(MARKET, market=6, margin_bps=10_001), BadMarket),
        (msgspec.structs.replace(MARKET, market=-1), BadMarket),
        (msgspec.structs.replace(MARKET, market=1 << 32), BadMarket),
        (order(1, ANN, "sell", 1, 1, market=6), NoSuchMarket),
        (order(1, ANN, "sell", 1, 1_001), InsufficientBalance),
        (OrderCancelled(market=5, order=bytes(32), account=ANN.id), NoSuchOrder),
    ],
)
def test_what_no_market_takes(world: World, event: Event, error: type[Refusal]) -> None:
    world.must(MARKET)
    refused(world, event, error)


def test_the_first_numbers_are_numbers_and_a_market_may_ask_no_margin(world: World) -> None:
    world.must(deposited(asset=0, amount=9))
    world.must(msgspec.structs.replace(MARKET, market=0, base=0, margin_bps=0))
    world.must(order(1, ANN, "sell", 10, 9, market=0))
    world.must(order(2, BEN, "buy", 10, 9, market=0))
    assert (world.ledger.balance(BEN.id, 0), has(world, BEN, USD)) == (Balance(9), Balance(991))


def test_what_is_below_zero_in_one_asset_hinders_no_order_that_takes_another(world: World) -> None:
    world.must(MARKET)
    in_doubt(world)
    assert has(world, ANN, USD).available == -100
    world.must(order(1, ANN, "sell", 10, 9))
    refused(world, order(2, ANN, "buy", 1, 10), InsufficientBalance, asset=USD)


def test_an_imbalance_shows_wherever_it_is(world: World) -> None:
    other = deepcopy(world.ledger)
    other.vaults[SOLANA, EUR] += 1
    world.ledger.balances[BEN.id, USD] = Balance(998)
    assert (imbalance(other), imbalance(world.ledger)) == ({EUR: 1}, {USD: -2})


# -- the bridge --------------------------------------------------------------------------------------------------------


def sends(nonce: int, amount: int, who: Person = TREASURY, source: int = SOLANA, target: int = ARBITRUM) -> Action:
    return who.bridge_out(nonce, EUR, amount, source=source, target=target)


def test_what_is_under_way_over_the_bridge_is_lost_nowhere_and_arrives_once(world: World) -> None:
    action = sends(0, 500)
    assert world.run(action) is None
    transfer = action.signed.content()
    assert world.grid.sent == {transfer: 500}
    refused(world, BridgeArrived(transfer=b"u"), NoSuchTransfer)
    world.arrive(transfer)
    arrived = BridgeArrived(transfer=transfer)
    assert world.say(arrived) is Applied.BEFORE
    assert (world.ledger.vaults[SOLANA, EUR], world.ledger.vaults[ARBITRUM, EUR]) == (1_500, 500)
    world.check_same()
    del world.ledger.seen[arrived.id]
    refused(world, arrived, AlreadyBridged, id=transfer)


def test_only_the_treasury_sends_what_is_there_from_here_to_another_chain(world: World) -> None:
    for action, error in (
        (sends(0, 1, who=ANN), NotAuthorised),
        (sends(0, 1, source=ARBITRUM), WrongChain),
        (sends(1, 1, target=SOLANA), NoSuchChain),
        (sends(2, 1, target=3), NoSuchChain),
        (sends(3, 2_001), InsufficientFloat),
    ):
        answer = world.plan(action)
        assert type(answer) is error, answer
        assert type(world.perform(world.planned(action))) is error
    assert has(world, TREASURY, EUR) == Balance()
    assert world.plan(sends(4, 2_000)) is Applied.NOW
    assert world.ledger.vaults[SOLANA, EUR] == 0
    world.must(BatchReleased(**last_batch(world)))
    assert (world.ledger.vaults[SOLANA, EUR], world.ledger.transfers) == (2_000, {})


@pytest.mark.parametrize("executed", [True, False])
def test_a_transfer_in_doubt_holds_its_nonce_and_its_tokens(world: World, *, executed: bool) -> None:
    action = sends(0, 500)
    world.plan(action)
    place = world.planned(action)
    if executed:
        assert world.perform(place) is None
    world.fail_over()
    world.resolve(*place.key, executed=executed)
    assert world.grid.account(TREASURY.id).nonces.used(0) == executed
    if executed:
        world.arrive(action.signed.content())
    world.check_same()
    assert (world.ledger.vaults[SOLANA, EUR], world.ledger.vaults.get((ARBITRUM, EUR), 0)) == (
        (1_500, 500) if executed else (2_000, 0)
    )


# -- epochs ------------------------------------------------------------------------------------------------------------


def test_a_batch_that_the_bus_has_lost_is_told_again_before_the_cut(world: World) -> None:
    """Guards have signed it, so it may execute, and the cut must know it: though its owner cancelled and a cut was abandoned."""
    action = ANN.intent(5, EUR, 10, USD)
    world.say(IntentAccepted(action=action, now=NOW))
    lost = world.planned(action, ANN.intent(6, USD, 10, EUR))
    world.say(IntentAccepted(action=lost.actions[1], now=NOW))
    world.must(FloorRaised(chain=ARBITRUM, account=ANN.id, floor=6))
    refused(world, lost, NotOpen)
    for epoch in (1, 2):
        world.must(EpochFrozen(epoch=epoch))
        if epoch == 1:
            world.must(EpochCut(epoch=epoch, heights={SOLANA: 50}))
            refused(world, lost, WrongPhase, phase="cut")
    refused(world, msgspec.structs.replace(lost, epoch=2), WrongPhase, phase="frozen")
    world.must(msgspec.structs.replace(lost, absent=((ANN.id, NO_ASSET),)))
    refused(world, EpochCut(epoch=2, heights={SOLANA: 50}), NoFate)
    world.must(BatchDoubted(chain=SOLANA, epoch=1, batch=lost.batch))
    world.must(EpochCut(epoch=2, heights={SOLANA: 50}))
    world.must(EpochOpened(epoch=3, chain=ARBITRUM, fee_bps=0, opening=0))
    world.must(BatchResolved(chain=SOLANA, epoch=1, batch=lost.batch, executed=False))
    lives = [life.status for nonce in (5, 6) if (life := world.ledger.life((ANN.id, nonce)))]
    assert lives == [Status.CANCELLED, Status.OPEN]


def test_epochs_are_opened_frozen_and_cut_in_this_order(world: World) -> None:
    opened = EpochOpened(epoch=2, chain=ARBITRUM, fee_bps=0, opening=0)
    cut = EpochCut(epoch=1, heights={SOLANA: 50})
    refused(world, opened, WrongPhase, phase="open")
    refused(world, cut, WrongPhase)
    refused(world, EpochFrozen(epoch=2), WrongPhase)
    world.must(EpochFrozen(epoch=1))
    refused(world, opened, WrongPhase, phase="frozen")
    world.must(deposited(height=50))
    refused(world, EpochCut(epoch=2, heights={SOLANA: 50}), WrongPhase)
    refused(world, EpochCut(epoch=1, heights={SOLANA: 49}), CutTooLow, height=49, counted=50)
    refused(world, EpochCut(epoch=1, heights={ARBITRUM: 99}), CutTooLow)
    world.must(cut)
    refused(world, deposited(sequence=10), WrongPhase)
    refused(world, Credited(chain=ARBITRUM, sequence=1, epoch=1, account=EVE.id, asset=EUR, amount=11), WrongPhase)
    for bad, error in (({"epoch": 1}, EpochNotNewer), ({"chain": 3}, NoSuchChain), ({"fee_bps": 10_001}, BadFee)):
        refused(world, msgspec.structs.replace(opened, **bad), error)
    world.must(opened)


def test_a_number_that_was_burnt_is_never_opened_and_its_cut_is_made_anew(world: World) -> None:
    world.must(EpochFrozen(epoch=1))
    world.must(EpochCut(epoch=1, heights={SOLANA: 50}))
    refused(world, EpochFrozen(epoch=0), EpochNotNewer, epoch=0, current=1)
    world.must(EpochFrozen(epoch=2))
    refused(world, EpochOpened(epoch=3, chain=ARBITRUM, fee_bps=0, opening=0), WrongPhase)
    world.must(EpochCut(epoch=2, heights={SOLANA: 50}))
    refused(world, EpochOpened(epoch=2, chain=ARBITRUM, fee_bps=0, opening=0), EpochNotNewer)
    world.must(EpochOpened(epoch=3, chain=ARBITRUM, fee_bps=0, opening=0))
    world.must(EpochFrozen(epoch=3))


def test_before_the_first_epoch_there_is_nothing_to_freeze_or_to_count() -> None:
    ledger = fold([])
    for event in (EpochFrozen(epoch=1), EpochCut(epoch=0, heights={}), deposited(epoch=0)):
        assert isinstance(apply(ledger, event), WrongPhase)


def test_every_batch_of_an_epoch_has_a_fate_before_it_is_cut(world: World) -> None:
    world.plan(*trade(0))
    place = last_batch(world)
    refused(world, BatchDoubted(**place), WrongPhase)
    world.must(EpochFrozen(epoch=1))
    cut = EpochCut(epoch=1, heights={SOLANA: 50})
    refused(world, cut, NoFate, batch=place["batch"])
    refused(world, BatchDoubted(**{**place, "batch": 99}), NoSuchBatch)
    world.must(BatchDoubted(**place))
    world.must(cut)
    for late in (BatchExecuted(**place, height=50), BatchReleased(**place)):
        refused(world, late, NoSuchBatch)


# -- in doubt ----------------------------------------------------------------------------------------------------------


def in_doubt(world: World) -> tuple[dict[str, int], dict[str, int]]:
    """Ann bought dollars in one batch and sells them in the next; nobody knows what came of either."""
    world.plan(*trade(0))
    first = last_batch(world)
    world.plan(ANN.intent(1, USD, 100, EUR), BEN.intent(1, EUR, 100, USD))
    return first, last_batch(world)


def test_what_is_in_doubt_travels_as_holds_with_less_than_nothing_where_they_draw_on_each_other(world: World) -> None:
    in_doubt(world)
    world.fail_over()
    world.check_same()
    found = list(leaves(world.ledger))
    assert BalanceLeaf(account=ANN.id, asset=USD, available=-100, held=100) in found
    assert len([each for each in found if isinstance(each, HoldLeaf)]) == 4


@pytest.mark.parametrize(("first", "second"), [(True, True), (True, False), (False, False)])
def test_doubt_ends_in_its_order_either_way(world: World, *, first: bool, second: bool) -> None:
    one, two = in_doubt(world)
    world.fail_over()
    for executed in (True, False):
        refused(world, BatchResolved(**two, executed=executed), OutOfOrder, batch=one["batch"])
    refused(world, BatchResolved(**{**one, "batch": 99}, executed=True), NoSuchBatch)
    refused(world, BatchResolved(**{**one, "chain": ARBITRUM}, executed=True), NoSuchBatch)
    refused(world, BatchResolved(**{**one, "epoch": 2}, executed=True), WrongPhase)
    world.resolve(*one.values(), executed=first)
    world.check_same()
    world.resolve(*two.values(), executed=second)
    world.check_same()
    intent = ANN.intent(0, EUR, 100, USD)
    assert status(world, intent) is (Status.EXECUTED if first else Status.OPEN)
    if not first:
        assert world.run(*trade(0)) is None
        world.check_same()


def test_what_needs_what_others_bring_waits_for_them_though_it_was_planned_first(world: World) -> None:
    """The batch that pays for it was lost, and told again when its epoch had ended."""
    one, two = in_doubt(world)
    lost = next(each for each in world.log if isinstance(each, BatchPlanned) and each.batch == one["batch"])
    world.must(BatchReleased(**one))
    world.must(EpochFrozen(epoch=1))
    again = {**one, "batch": 77}
    world.must(msgspec.structs.replace(lost, batch=77))
    for place in (two, again):
        world.must(BatchDoubted(**place))
    world.must(EpochCut(epoch=1, heights={SOLANA: world.ledger.height}))
    world.must(EpochOpened(epoch=2, chain=ARBITRUM, fee_bps=0, opening=0))
    refused(world, BatchResolved(**two, executed=True), OutOfOrder, batch=77)
    world.must(BatchResolved(**again, executed=True))
    world.must(BatchResolved(**two, executed=True))


def test_a_dependent_batch_cannot_have_executed_alone(world: World) -> None:
    one, two = in_doubt(world)
    world.fail_over()
    world.resolve(*one.values(), executed=False)
    refused(world, BatchResolved(**two, executed=True), InsufficientBalance, account=ANN.id, asset=USD)


@pytest.mark.parametrize("by_way_of_the_other", [True, False])
@pytest.mark.parametrize("executed", [True, False])
def test_back_on_the_same_chain_its_own_records_end_the_doubt(world: World, *, by_way_of_the_other: bool, executed: bool) -> None:
    one, two = in_doubt(world)
    if executed:
        assert world.perform(world.ledger.outstanding[one["chain"], one["epoch"], one["batch"]].planned) is None
    world.deposit_late(EVE, EUR, 9)
    if by_way_of_the_other:
        world.fail_over()
    world.fail_over(SOLANA, burnt=1)
    refused(world, BatchResolved(**{**one, "epoch": world.ledger.epoch}, executed=True), WrongPhase)
    world.resolve(*one.values(), executed=executed)
    world.resolve(*two.values(), executed=False)
    world.credit(world.late.pop())
    world.check_same()
    (late,) = [event for event in world.log if isinstance(event, Credited)]
    refused(world, msgspec.structs.replace(late, sequence=5), NotLate, sequence=5, opening=4)
    refused(world, deposited(epoch=world.ledger.epoch, sequence=4), Late, sequence=4, opening=4)
    if not executed:
        assert world.run(*trade(0)) is None
        world.check_same()


def test_the_cut_has_a_leaf_of_everything(world: World) -> None:
    world.must(MARKET)
    world.must(order(1, ANN, "sell", 15, 100))
    world.run(ANN.join(0, TERMS))
    found = list(leaves(world.ledger))
    assert OrderLeaf(id=bytes([1]) * 32, account=ANN.id, market=5, buy=False, price=15, quantity=100, sequence=6) in found
    assert MatchLeaf(terms=MATCH, step=0, players=(ANN.id,)) in found
    assert BalanceLeaf(account=ANN.id, asset=EUR, available=900, held=0) in found
    assert len(tree(world.ledger)) == len({each.key for each in found}) == len(found)
