"""A grid in the middle of its life, in which one of every operation succeeds next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from jurymast.book.execute import Action, Batch
from jurymast.book.grid import EMPTY_ROOT
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.signed import (
    ARBITRUM,
    NO_ASSET,
    SOLANA,
    BridgeIn,
    Cancel,
    Credit,
    Intent,
    LockTransition,
    Permit,
    Resolve,
    Rotation,
    Signed,
    Unpause,
    domain,
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
from tests.contracts import cuts
from tests.contracts.artifacts import Artifact
from tests.contracts.driver import OnChain
from tests.contracts.evm import SOMEBODY
from tests.contracts.histories import listing
from tests.unit.grids import (
    ANN,
    APPLICATION,
    BEN,
    DOMAIN,
    EUR,
    EVE,
    GUARD_KEYS,
    GUARDS,
    ORACLE,
    PAUSER,
    TERMS,
    TREASURY,
    USD,
    Person,
    by_guards,
)

T = TypeVar("T", ByGuards, Transition)

NOW, SOON = 1_000, 2_000
EPOCH = 2
GOLD = cuts.GOLD
OTHER_TERMS = msgspec.structs.replace(TERMS, salt=b"\1" * 32)


class Step(NamedTuple):
    operation: Operation
    sender: bytes = SOMEBODY
    before: tuple[Operation, ...] = ()
    """By the pauser, what this needs."""


def account(person: Person) -> AccountLeaf:
    return AccountLeaf(account=person.id, authority=person.key.address, nonces=Nonces().word)


def balance(person: Person, asset: int, available: int, held: int = 0) -> BalanceLeaf:
    return BalanceLeaf(account=person.id, asset=asset, available=available, held=held)


HOLD = HoldLeaf(
    origin=SOLANA, epoch=1, batch=5, account=ANN.id, nonce=9, out_asset=EUR, out_amount=20, in_asset=USD, in_amount=30
)  # fmt: skip
RUNNING = MatchLeaf(terms=TERMS.content(), step=0, players=(ANN.id, BEN.id))
WAITING = MatchLeaf(terms=OTHER_TERMS.content(), step=0, players=(ANN.id,))
ORDER = OrderLeaf(id=b"o" * 32, account=ANN.id, market=1, buy=True, price=5, quantity=6, sequence=7)
ENTERED = (account(ANN), balance(ANN, EUR, 500, 20), balance(ANN, USD, 0), account(BEN), balance(BEN, USD, 500), RUNNING)
CUT = cuts.cut(
    [*ENTERED, account(EVE), balance(EVE, EUR, 70), balance(EVE, USD, 80), balance(BEN, EUR, 90), HOLD, WAITING, ORDER],
    {EUR: 500 + 20 + 70 + 90 + 300, USD: 500 + 80},
)
TOTALS = hash_of_amounts(CUT.totals)


def guarded(signed: Signed) -> ByGuards:
    return ByGuards(signed, by_guards(signed))  # type: ignore[arg-type]  # One of those that guards sign.


def transition(epoch: int, root: bytes = EMPTY_ROOT, totals: dict[int, int] | None = None, active: int = ARBITRUM) -> Transition:
    signed = LockTransition(
        epoch=epoch, active=active, root=root, totals=hash_of_amounts(totals or {}), source_height=7, fee_bps=30
    )
    return Transition(signed, totals or {}, by_guards(signed))


def entering(leaf: cuts.Leaf) -> Operation:
    proof = CUT.proof(leaf)
    match leaf:
        case AccountLeaf():
            return EnterAccount(leaf, proof, TOTALS)
        case BalanceLeaf():
            return EnterBalance(leaf, proof, CUT.totals)
        case MatchLeaf():
            return EnterMatch(leaf, TERMS if leaf is RUNNING else OTHER_TERMS, proof, CUT.totals)
        case OrderLeaf():
            return EnterOrder(leaf, proof, TOTALS)
        case HoldLeaf():
            return SettleHold(leaf, proof, TOTALS)


def batch(
    *actions: Action, number: int = 1, absent: Sequence[tuple[bytes, int]] = (), dead: Sequence[tuple[bytes, int]] = ()
) -> Execute:
    prices = {EUR: 1, USD: 1}
    permit = Permit(
        chain=ARBITRUM,
        epoch=EPOCH,
        batch=number,
        expiry=SOON,
        actions=hash_of_actions(action.signed.digest(DOMAIN) for action in actions),
        prices=hash_of_amounts(prices),
        absent=hash_of_absent(absent),
        dead=hash_of_nonces(dead),
    )
    said = Batch(
        permit=permit, signatures=by_guards(permit), actions=actions, prices=prices, absent=tuple(absent), dead=tuple(dead)
    )
    return Execute(said)


EVERYTHING = batch(
    ANN.intent(0, EUR, 100, USD),
    BEN.intent(0, USD, 100, EUR),
    ANN.withdrawal(1, EUR, 50),
    TREASURY.bridge_out(0, EUR, 60),
    ANN.join(2, OTHER_TERMS),
    ORACLE.verdict(TERMS, BEN),
    absent=((TREASURY.id, NO_ASSET), (ANN.id, GOLD)),
    dead=((BEN.id, 7),),
)


def begun(tokens: Mapping[int, Artifact] | None = None, application: bytes = APPLICATION) -> OnChain:
    """With two assets, of whose tokens a hundred are a unit."""
    grid = OnChain(NOW, application=application)
    grid.kinds |= tokens or {}
    for asset in (EUR, USD):
        grid.perform(by_guards_of(application, guarded(listing(asset, token_decimals=8))), NOW)
    return grid


def world(tokens: Mapping[int, Artifact] | None = None, application: bytes = APPLICATION) -> OnChain:
    grid = begun(tokens, application)
    grid.perform(by_guards_of(application, transition(1)), NOW)
    for asset in (EUR, USD):
        grid.perform(Deposit(ANN.id, asset, 100_000), NOW)
    grid.perform(by_guards_of(application, transition(EPOCH, CUT.root, CUT.totals)), NOW)
    for leaf in ENTERED:
        grid.perform(entering(leaf), NOW)
    resolved = guarded(Resolve(origin=SOLANA, epoch=1, batch=5, executed=True))
    grid.perform(by_guards_of(application, resolved), NOW)
    return grid


def by_guards_of(application: bytes, said: T) -> T:
    """The same, signed for an application."""
    digest = said.signed.digest(domain(application))
    return said._replace(signatures=tuple(each.sign(digest) for each in GUARD_KEYS[:2]))


def steps() -> dict[str, Step]:
    """By their functions. Every one succeeds in the world, each by itself."""
    cancel = Cancel(account=ANN.id, floor=3, chain=ARBITRUM)
    intent = ANN.intent(0, EUR, 100, USD)
    assert isinstance(intent.signed, Intent)
    balances = tuple((leaf, CUT.proof(leaf)) for leaf in (balance(EVE, EUR, 70), balance(EVE, USD, 80)))
    late = Credit(origin=SOLANA, sequence=3, epoch=EPOCH, account=EVE.id, asset=EUR, amount=7)
    return {
        "execute": Step(EVERYTHING),
        "transition": Step(transition(3)),
        "rotate": Step(guarded(Rotation(version=2, guards=GUARDS.addresses[:1], threshold=1))),
        "unpause": Step(guarded(Unpause(chain=ARBITRUM, until=SOON)), before=(Pause(SOON),)),
        "pause": Step(Pause(SOON), PAUSER),
        "listAsset": Step(guarded(listing(GOLD))),
        "resolve": Step(guarded(Resolve(origin=SOLANA, epoch=1, batch=6, executed=False))),
        "credit": Step(guarded(late)),
        "bridgeIn": Step(guarded(BridgeIn(id=b"t" * 32, chain=ARBITRUM, asset=EUR, amount=9, expiry=SOON))),
        "enter": Step(Enter(account(EVE), CUT.proof(account(EVE)), balances, CUT.totals)),
        "enterAccount": Step(entering(account(EVE))),
        "enterBalance": Step(entering(balance(EVE, EUR, 70))),
        "enterMatch": Step(entering(WAITING)),
        "enterOrder": Step(entering(ORDER)),
        "settleHold": Step(entering(HOLD)),
        "deposit": Step(Deposit(EVE.id, EUR, 12_345)),
        "cancel": Step(CancelBelow(cancel, ANN.key.sign(cancel.digest(DOMAIN)))),
        "submit": Step(Submit(intent.signed, intent.signature)),
    }


def performed(grid: OnChain, step: Step, now: int = NOW) -> None:
    for before in step.before:
        grid.perform(before, now, PAUSER)
    grid.perform(step.operation, now, step.sender)
