"""What is done on a chain under test, with the people and guards of `tests.unit.grids`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from jurymast.book.execute import Action, Batch
from jurymast.book.grid import EMPTY_ROOT
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.signed import (
    SOLANA,
    BridgeIn,
    BridgeOut,
    Cancel,
    Credit,
    Intent,
    Listing,
    LockTransition,
    Permit,
    Resolve,
    Rotation,
    Unpause,
    hash_of_absent,
    hash_of_actions,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.chains.operations import (
    ByGuards,
    CancelBelow,
    Deposit,
    Enter,
    EnterAccount,
    EnterBalance,
    EnterMatch,
    EnterOrder,
    Execute,
    Operation,
    Pause,
    SettleHold,
    Submit,
    Transition,
)
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, GUARDS, TERMS, TREASURY, USD, Person, by_guards

LATE = 1 << 39
"""A time that does not come."""
ANN_AND_BEN = (
    ANN.intent(0, EUR, 40, USD, deadline=LATE),
    BEN.intent(0, USD, 40, EUR, deadline=LATE),
)


def transition(epoch: int, active: int, totals: dict[int, int] | None = None) -> Transition:
    signed = LockTransition(
        epoch=epoch, active=active, root=EMPTY_ROOT, totals=hash_of_amounts(totals or {}), source_height=0, fee_bps=0
    )
    return Transition(signed, totals or {}, by_guards(signed))


def first_epoch(active: int = 2) -> Transition:
    return transition(1, active)


def guarded(signed: Rotation | Unpause | Listing | Resolve | Credit | BridgeIn) -> ByGuards:
    return ByGuards(signed, by_guards(signed))


def credit(sequence: int, person: Person, asset: int, amount: int, epoch: int = 1) -> ByGuards:
    values: dict[str, Any] = {
        "origin": SOLANA,
        "sequence": sequence,
        "account": person.id,
        "asset": asset,
        "amount": amount,
        "epoch": epoch,
    }
    return guarded(Credit(**{name: values[name] for name in Credit.__struct_fields__}))


def a_batch(chain: int, number: int, *actions: Action, epoch: int = 1, expiry: int = LATE) -> Execute:
    prices = {EUR: 1, USD: 1}
    permit = Permit(
        chain=chain,
        epoch=epoch,
        batch=number,
        expiry=expiry,
        actions=hash_of_actions(action.signed.digest(DOMAIN) for action in actions),
        prices=hash_of_amounts(prices),
        absent=hash_of_absent(()),
        dead=hash_of_nonces(()),
    )
    return Execute(Batch(permit=permit, signatures=by_guards(permit), actions=actions, prices=prices))


def swap(chain: int, number: int, actions: int) -> Execute:
    """With so many intents; half of them sell what the others buy."""
    sides = ((ANN, EUR, USD), (BEN, USD, EUR))
    intents = (
        person.intent(nonce // 2, sell, 1, buy, deadline=LATE)
        for nonce in range(actions)
        for person, sell, buy in [sides[nonce % 2]]
    )
    return a_batch(chain, number, *intents)


def every_operation(chain: int) -> Iterator[Operation]:
    """One of each, with something in every field."""
    word, proof, totals = bytes(range(32)), (b"\1" * 32, b"\2" * 32), {EUR: 5, USD: 7}
    account = AccountLeaf(account=ANN.id, authority=ANN.key.address, nonces=Nonces(3, 6).word)
    balance = BalanceLeaf(account=ANN.id, asset=EUR, available=-5, held=9)
    yield _batch_of_everything(chain)
    yield transition(3, chain, totals)
    yield guarded(Rotation(version=2, guards=GUARDS.addresses, threshold=2))
    yield guarded(Unpause(chain=chain, until=77))
    yield guarded(
        Listing(chain=chain, asset=EUR, token=word, token_decimals=18, grid_decimals=6, bridge_limit=10, bridge_window=60)
    )
    yield guarded(Resolve(origin=SOLANA, epoch=1, batch=2, executed=True))
    yield credit(4, ANN, EUR, 10)
    yield guarded(BridgeIn(id=word, chain=chain, asset=EUR, amount=11, expiry=99))
    yield Pause(1_234)
    yield EnterAccount(account, proof, word)
    yield Enter(account, proof, ((balance, proof), (msgspec.structs.replace(balance, asset=USD), ())), totals)
    yield EnterBalance(balance, proof, totals)
    yield EnterMatch(MatchLeaf(terms=TERMS.content(), step=1, players=(ANN.id, BEN.id)), TERMS, proof, totals)
    yield EnterOrder(
        OrderLeaf(id=word, account=ANN.id, market=1, buy=True, price=10, quantity=20, sequence=30), proof, word
    )  # fmt: skip
    hold: dict[str, Any] = {"account": ANN.id, "nonce": 5, "out_asset": EUR, "out_amount": 6, "in_asset": USD, "in_amount": 7}
    yield SettleHold(HoldLeaf(origin=SOLANA, epoch=1, batch=2, **hold), proof, word)
    yield Deposit(ANN.id, EUR, 1 << 200)
    cancel = Cancel(account=ANN.id, floor=9, chain=chain)
    yield CancelBelow(cancel, ANN.key.sign(cancel.digest(DOMAIN)))
    signed = ANN_AND_BEN[0].signed
    assert isinstance(signed, Intent)
    yield Submit(signed, ANN_AND_BEN[0].signature)


def _batch_of_everything(chain: int) -> Execute:
    out = BridgeOut(account=TREASURY.id, asset=EUR, amount=5, source=chain, target=SOLANA, nonce=3, deadline=LATE)
    actions = (
        *ANN_AND_BEN,
        ANN.withdrawal(1, EUR, 5, chain=chain),
        TREASURY.signs(out),
        BEN.join(2, TERMS),
        ANN.verdict(TERMS, ANN, BEN),
        ANN.verdict(TERMS),
    )
    batch = a_batch(chain, 12, *actions).batch
    return Execute(msgspec.structs.replace(batch, absent=((ANN.id, EUR), (BEN.id, (1 << 32) - 1)), dead=((ANN.id, 7),)))
