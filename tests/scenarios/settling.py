"""Intents that a batch settles, and their owners' signatures, nonces and deadlines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from jurymast.book.amounts import BPS, MOST
from jurymast.book.execute import Action
from jurymast.book.nonces import LAST, WINDOW
from jurymast.book.refusals import (
    AmountTooLarge,
    Expired,
    FeeTooHigh,
    InsufficientBalance,
    LimitNotMet,
    NonceTooFar,
    NonceUsed,
    NoPrice,
    NotAuthorised,
    NotConserved,
    NothingSold,
    SameAsset,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, domain
from jurymast.crypto.secp256k1 import BadSignature, compact
from jurymast.errors import Rejected
from tests.scenarios.signatures import high_s
from tests.scenarios.story import Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, NOW, SOON, TREASURY, USD, Person, key, listing

GBP = 3
FLAT = {EUR: 1, USD: 1, GBP: 1}


def pair(amount: int, other: int | None = None, nonce: int = 0, **ann: Any) -> tuple[Action, Action]:
    return ANN.intent(nonce, EUR, amount, USD, **ann), BEN.intent(nonce, USD, amount if other is None else other, EUR)


def settles(
    name: str,
    *actions: Action,
    refusal: type[Rejected] | None = None,
    prices: Mapping[int, int] = FLAT,
    fee_bps: int = 0,
    each: int = 1_000,
    at: int = NOW,
) -> Scenario:
    """A batch of two or three people who have so much of one asset each."""

    def tell(s: Story) -> None:
        s.listed().transition(1, fee_bps=fee_bps)
        s.deposit(ANN, EUR, each)
        s.deposit(BEN, USD, each)
        s.at(at).execute(*actions, prices=prices)

    return Scenario(name, refusal, tell)


def scenarios() -> Scenarios:
    yield from _settled()
    yield from _not_settled()
    yield from _large()
    yield from _signatures()
    yield from _nonces()


def _settled() -> Scenarios:
    yield settles("a batch of nothing")
    yield settles("two intents fill each other", *pair(100, least=100))
    yield settles("everything is sold", *pair(1_000))
    yield settles("an account fills its own intents", ANN.intent(0, EUR, 1_000, USD), ANN.intent(1, USD, 1_000, EUR))
    yield settles(
        "what a batch brings and takes is only netted",
        ANN.intent(0, EUR, 900, USD), BEN.intent(0, USD, 900, EUR), BEN.intent(1, EUR, 900, USD), ANN.intent(1, USD, 900, EUR),
    )  # fmt: skip
    yield Scenario("intents in a ring", None, _ring)
    for sell, fee_bps in ((7, 30), (99, 1), (997, 30), (10, 9_999), (3, BPS)):
        other = max(sell * 3 // 7, 1)
        name = f"{sell} sold at 3:7 for {other} at a fee of {fee_bps}"
        yield settles(name, *pair(sell, other), prices={EUR: 3, USD: 7}, fee_bps=fee_bps)
    yield settles("the dearest fee that is accepted", *pair(100, fee=50), fee_bps=50)
    yield settles("the least that is accepted after the fee", *pair(100, least=99), fee_bps=100)
    yield Scenario("the treasury trades and gets the fee of its own trade", None, _treasury_trades)
    yield Scenario("batches in any order of their numbers are summed up in theirs", None, _batches)


def _ring(s: Story) -> None:
    s.opened((ANN, EUR, 30), (BEN, USD, 30)).list_asset(listing(ARBITRUM, GBP))
    s.deposit(EVE, GBP, 30)
    s.execute(ANN.intent(0, EUR, 30, USD), BEN.intent(0, USD, 30, GBP), EVE.intent(0, GBP, 30, EUR), prices=FLAT)


def _treasury_trades(s: Story) -> None:
    s.opened((TREASURY, EUR, 500), (BEN, USD, 500), fee_bps=100)
    s.execute(TREASURY.intent(0, EUR, 500, USD), BEN.intent(0, USD, 500, EUR))


def _batches(s: Story) -> None:
    s.opened((ANN, EUR, 500), (BEN, USD, 500))
    for nonce, number in enumerate((7, 3, MOST, 0)):
        s.execute(*pair(10, nonce=nonce), number=number)


def _not_settled() -> Scenarios:
    yield settles("one unit more is bought than sold", *pair(100, 99), refusal=NotConserved)
    yield settles("nobody sells what is bought", pair(100)[0], refusal=NotConserved)
    yield settles("the limit is missed by one unit", *pair(100, least=101), refusal=LimitNotMet)
    yield settles("the limit is missed by the fee", *pair(100, least=100), refusal=LimitNotMet, fee_bps=1)
    yield settles("a fee above the ceiling", *pair(100, fee=50), refusal=FeeTooHigh, fee_bps=51)
    yield settles("nothing is sold", *pair(0, 100), refusal=NothingSold)
    yield settles("an asset for itself", ANN.intent(0, EUR, 10, EUR), refusal=SameAsset)
    yield settles("no price", *pair(100), refusal=NoPrice, prices={EUR: 1})
    yield settles("a price of nothing", *pair(100), refusal=NoPrice, prices={EUR: 1, USD: 0})
    there_and_back = ANN.intent(0, EUR, 9, NO_ASSET), ANN.intent(1, NO_ASSET, 9, EUR)
    yield settles("a price for no asset", *there_and_back, refusal=NoPrice, prices={EUR: 1, NO_ASSET: 1})
    yield settles("one unit more than there is", *pair(1_001), refusal=InsufficientBalance)
    yield settles(
        "more than there is, netted",
        *pair(1_002),
        BEN.intent(1, EUR, 1, USD),
        ANN.intent(1, USD, 1, EUR),
        refusal=InsufficientBalance,
    )
    yield settles("what somebody else has", ANN.intent(0, USD, 10, EUR), BEN.intent(0, EUR, 10, USD), refusal=InsufficientBalance)


def _large() -> Scenarios:
    yield settles("the largest amounts", *pair(MOST), each=MOST)
    yield settles("the largest amounts at the largest prices", *pair(MOST), each=MOST, prices={EUR: MOST, USD: MOST}, fee_bps=1)
    yield settles("more to sell than anybody can have", *pair(MOST + 1, 1), refusal=AmountTooLarge)
    yield settles("the most to sell that can be signed", *pair((1 << 128) - 1, 1), refusal=AmountTooLarge)
    yield settles("more is bought than anybody can have", *pair(MOST, 1), refusal=AmountTooLarge, prices={EUR: 2, USD: 1})
    yield settles("the highest limit that can be signed", *pair(100, least=(1 << 128) - 1), refusal=LimitNotMet)


def _signatures() -> Scenarios:
    good, other = pair(100)

    def signed(signature: bytes) -> Action:
        return msgspec.structs.replace(good, signature=signature)

    elsewhere = ANN.key.sign(good.signed.digest(domain(bytes(32))))
    yield settles("signatures of 64 bytes", signed(compact(good.signature)), other)
    yield settles("an intent with the high s", signed(high_s(good.signature)), other, refusal=BadSignature)
    yield settles("an intent with a v of 29", signed(good.signature[:64] + b"\x1d"), other, refusal=BadSignature)
    yield settles(
        "an intent signed by somebody",
        signed(key("somebody").sign(good.signed.digest(domain(bytes(32))))),
        other,
        refusal=NotAuthorised,
    )
    yield settles("an intent signed for another application", signed(elsewhere), other, refusal=NotAuthorised)
    yield settles(
        "an intent with the signature of another", signed(pair(100, nonce=1)[0].signature), other, refusal=NotAuthorised
    )
    thief = Person("thief", ANN.id)
    yield settles("an intent of somebody else's account", thief.intent(0, EUR, 100, USD), other, refusal=NotAuthorised)


def _nonces() -> Scenarios:
    yield settles("the last second of an intent", *pair(10, deadline=NOW))
    yield settles("an intent that is too late", *pair(10, deadline=NOW - 1), refusal=Expired)
    yield settles("the last second of a permit", *pair(10), at=SOON - 1)
    yield settles("nonces in any order", *pair(10, nonce=5), *pair(10, nonce=0), *pair(10, nonce=2))
    yield settles("the last nonce of the window", *pair(10, nonce=WINDOW - 1))
    yield settles("a nonce above the window", *pair(10, nonce=WINDOW), refusal=NonceTooFar)
    yield settles("a nonce that no window reaches", *pair(10, nonce=LAST + 1), refusal=NonceTooFar)
    yield settles("a nonce twice in a batch", *pair(10), *pair(10), refusal=NonceUsed)
    yield settles("a nonce for an intent and a withdrawal", *pair(10), ANN.withdrawal(0, EUR, 1), refusal=NonceUsed)
    yield Scenario("a nonce twice", NonceUsed, _again)
    yield Scenario("a nonce above the window once the floor has slid", None, _slid)
    yield Scenario("a nonce twice, in two epochs", NonceUsed, _again_later)


def _again(s: Story) -> None:
    s.opened((ANN, EUR, 50), (BEN, USD, 50), (EVE, USD, 50)).execute(*pair(10))
    s.execute(ANN.intent(0, EUR, 11, USD), EVE.intent(0, USD, 11, EUR), number=2)


def _again_later(s: Story) -> None:
    s.opened((ANN, EUR, 50), (BEN, USD, 50)).execute(*pair(10))
    s.transition(2)
    s.deposit(ANN, EUR, 50)
    s.deposit(EVE, USD, 50)
    s.execute(ANN.intent(0, EUR, 11, USD), EVE.intent(0, USD, 11, EUR))


def _slid(s: Story) -> None:
    s.opened((ANN, EUR, 50), (BEN, USD, 50)).execute(*pair(10), ANN.withdrawal(1, EUR, 1))
    s.execute(ANN.intent(WINDOW + 1, EUR, 10, USD), BEN.intent(1, USD, 10, EUR), number=2)
