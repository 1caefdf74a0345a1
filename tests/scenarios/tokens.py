"""Assets, and how their tokens come in, leave, and cross the bridge."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from jurymast.book.amounts import MOST
from jurymast.book.leaves import BalanceLeaf
from jurymast.book.refusals import (
    AlreadyBridged,
    AmountTooLarge,
    AssetListed,
    BadListing,
    InsufficientBalance,
    InsufficientFloat,
    NonceUsed,
    NoSuchAsset,
    NoSuchChain,
    NotAuthorised,
    NotEntered,
    NothingMoved,
    PermitExpired,
    RateLimited,
    WrongChain,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA
from jurymast.crypto.secp256k1 import NoQuorum
from tests.scenarios.entering import account_leaf
from tests.scenarios.signatures import BAD, one
from tests.scenarios.story import By, Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, LIMIT, SOON, TREASURY, USD, WINDOW, listing

GOLD = 7


def scenarios() -> Scenarios:
    yield from _listings()
    yield from _deposits()
    yield from _withdrawals()
    yield from _coming()
    yield from _going()


def gold(token_decimals: int = 6, grid_decimals: int = 6, **changed: Any) -> Any:
    return msgspec.structs.replace(
        listing(ARBITRUM, GOLD), token_decimals=token_decimals, grid_decimals=grid_decimals, **changed
    )  # fmt: skip


# -- listing -----------------------------------------------------------------------------------------------------------


def _listings() -> Scenarios:
    for name, changed in (
        ("an asset", {}),
        ("an asset whose number is 0", {"asset": 0}),
        ("an asset whose number is the last one", {"asset": NO_ASSET - 1}),
        ("an asset without decimals", {"token_decimals": 0, "grid_decimals": 0}),
        ("an asset with 18 decimals less", {"token_decimals": 18, "grid_decimals": 0}),
        ("an asset with the most decimals", {"token_decimals": 255, "grid_decimals": 237}),
        ("an asset that may not cross the bridge", {"bridge_limit": 0}),
    ):
        yield Scenario(f"{name} is listed", None, partial(Story.list_asset, signed=gold(**changed)))
    for name, changed in (
        ("the number that is no asset's", {"asset": NO_ASSET}),
        ("fewer decimals than on the grid", {"token_decimals": 5}),
        ("19 decimals less", {"token_decimals": 19, "grid_decimals": 0}),
        ("no window", {"bridge_window": 0}),
    ):
        yield Scenario(f"a listing with {name}", BadListing, partial(Story.list_asset, signed=gold(**changed)))
    yield Scenario("a listing for another chain", WrongChain, lambda s: s.list_asset(gold(chain=SOLANA)))
    yield Scenario("a listing by one guard", NoQuorum, lambda s: s.list_asset(gold(), by=one))
    for name, again in (("the same", gold()), ("another token", gold(token=EVE.id))):
        yield Scenario(f"an asset is listed again as {name}", AssetListed, partial(_listed_again, again=again))


def _listed_again(s: Story, again: Any) -> None:
    s.list_asset(gold())
    s.list_asset(again)


# -- deposits ----------------------------------------------------------------------------------------------------------


def _deposits() -> Scenarios:
    for decimals, on_grid, tokens, what in (
        (6, 6, 5, "a deposit"),
        (6, 6, MOST, "the largest deposit"),
        (18, 6, 3 * 10**12, "a deposit of a token with more decimals"),
        (18, 6, 2 * 10**12 - 1, "a deposit with dust"),
        (9, 8, 19, "a deposit with dust of one decimal"),
        (18, 0, MOST * 10**18 + 10**18 - 1, "the largest deposit with the most dust"),
    ):
        yield Scenario(what, None, partial(_deposited, listing=gold(decimals, on_grid), tokens=tokens))
    yield Scenario("a deposit of nothing", NothingMoved, partial(_deposited, listing=gold(), tokens=0))
    yield Scenario("a deposit of nothing but dust", NothingMoved, partial(_deposited, listing=gold(18, 6), tokens=10**12 - 1))
    yield Scenario("a deposit that is too large", AmountTooLarge, partial(_deposited, listing=gold(), tokens=MOST + 1))
    yield Scenario(
        "a deposit that is too large on the grid",
        AmountTooLarge,
        partial(_deposited, listing=gold(9, 8), tokens=10 * (MOST + 1)),
    )
    yield Scenario("deposits that are too large together", AmountTooLarge, lambda s: s.opened((ANN, EUR, MOST), (BEN, EUR, 1)))
    yield Scenario("a deposit of an asset that is not listed", NoSuchAsset, lambda s: s.opened((ANN, GOLD, 1)))
    yield Scenario("deposits are numbered", None, lambda s: s.opened((ANN, EUR, 1), (ANN, USD, 2), (BEN, EUR, 3), (ANN, EUR, 4)))
    yield Scenario("a deposit before its account has entered is kept apart", None, _early)


def _deposited(s: Story, listing: Any, tokens: int) -> None:
    s.opened().list_asset(listing)
    s.deposit(ANN, GOLD, tokens)


def _early(s: Story) -> None:
    s.listed().cut(BalanceLeaf(account=ANN.id, asset=EUR, available=5, held=0))
    s.deposit(ANN, EUR, 7)
    s.deposit(BEN, EUR, 8)


# -- withdrawals -------------------------------------------------------------------------------------------------------


def _withdrawals() -> Scenarios:
    def from_100(name: str, *actions: Any, refusal: Any = None) -> Scenario:
        return Scenario(name, refusal, lambda s: s.opened((ANN, EUR, 100), (BEN, USD, 100)).execute(*actions))

    yield from_100("a withdrawal", ANN.withdrawal(0, EUR, 30))
    yield from_100("a withdrawal of everything", ANN.withdrawal(0, EUR, 100))
    yield from_100("a withdrawal of nothing", ANN.withdrawal(0, EUR, 0))
    yield from_100("two withdrawals of everything", ANN.withdrawal(0, EUR, 60), ANN.withdrawal(1, EUR, 40))
    yield from_100("a trade, and a withdrawal of what it brings", *_trade(), BEN.withdrawal(1, EUR, 50))
    yield from_100("a withdrawal of more than there is", ANN.withdrawal(0, EUR, 101), refusal=InsufficientBalance)
    two = ANN.withdrawal(0, EUR, 60), ANN.withdrawal(1, EUR, 41)
    yield from_100("withdrawals of more than there is together", *two, refusal=InsufficientBalance)
    yield from_100("a withdrawal on another chain", ANN.withdrawal(0, EUR, 1, chain=SOLANA), refusal=WrongChain)
    yield from_100("a withdrawal of an asset that is not listed", ANN.withdrawal(0, GOLD, 0), refusal=NoSuchAsset)
    yield Scenario("a withdrawal for which the float is missing", InsufficientFloat, lambda s: _without_float(s, 0))
    yield Scenario("a withdrawal for which one unit of float is missing", InsufficientFloat, lambda s: _without_float(s, 59))
    yield Scenario("a withdrawal once its float has come over the bridge", None, lambda s: _without_float(s, 60))
    yield Scenario("withdrawals for which together the float is missing", InsufficientFloat, _two_without_float)


def _trade() -> tuple[Any, ...]:
    return ANN.intent(0, EUR, 50, USD), BEN.intent(0, USD, 50, EUR)


def _entered(s: Story) -> Story:
    leaves = (account_leaf(ANN), BalanceLeaf(account=ANN.id, asset=EUR, available=100, held=0))
    return s.listed().cut(*leaves).enter(*leaves)


def _without_float(s: Story, bridged: int) -> None:
    _entered(s)
    if bridged:
        s.bridge_in(EUR, bridged)
    s.execute(ANN.withdrawal(0, EUR, 60))


def _two_without_float(s: Story) -> None:
    _entered(s).bridge_in(EUR, 90)
    s.execute(ANN.withdrawal(0, EUR, 60), ANN.withdrawal(1, EUR, 40))


# -- over the bridge ---------------------------------------------------------------------------------------------------


def _coming() -> Scenarios:
    first, last = 12 * WINDOW, 13 * WINDOW - 1
    yield Scenario("tokens come over the bridge", None, lambda s: s.opened().bridge_in(EUR, 30))
    yield Scenario("tokens come over the bridge before the first epoch", None, lambda s: s.listed().bridge_in(EUR, 30))
    yield Scenario("as much as may come in a window", None, _limit)
    for name, transfers in (
        ("as much as may come in a window, in three transfers", [(first, EUR, 1), (first, EUR, LIMIT - 2), (last, EUR, 1)]),
        (
            "as much as may come, at the end of a window and at the beginning of the next",
            [(last, EUR, LIMIT), (last + 1, EUR, LIMIT)],
        ),
        ("as much as may come of each asset", [(first, EUR, LIMIT), (first, USD, LIMIT)]),
    ):
        yield Scenario(name, None, partial(_in_windows, transfers=transfers))
    for name, transfers in (
        ("more than may come in a window", [(first, EUR, LIMIT + 1)]),
        ("one unit more than may come in a window", [(first, EUR, LIMIT), (last, EUR, 1)]),
        ("more than may come in the next window", [(first, EUR, LIMIT), (last + 1, EUR, LIMIT + 1)]),
        ("the largest amount after another", [(first, EUR, 1), (first, EUR, MOST)]),
    ):
        yield Scenario(name, RateLimited, partial(_in_windows, transfers=transfers))
    yield Scenario("a transfer that arrives twice", AlreadyBridged, partial(_twice, amount=30))
    yield Scenario("a transfer that arrives twice with another amount", AlreadyBridged, partial(_twice, amount=31))
    yield Scenario("a transfer in its last second", None, lambda s: s.opened().at(SOON - 1).bridge_in(EUR, 1))
    yield Scenario("a transfer that is too late", PermitExpired, lambda s: s.opened().at(SOON).bridge_in(EUR, 1))
    yield Scenario("a transfer for another chain", WrongChain, lambda s: s.opened().bridge_in(EUR, 1, chain=SOLANA))
    yield Scenario("a transfer of an asset that is not listed", NoSuchAsset, lambda s: s.opened().bridge_in(GOLD, 1))
    yield Scenario("tokens that are more than a vault can count", AmountTooLarge, _too_many)
    for name, refusal, by in BAD[:3]:
        yield Scenario(f"a transfer {name}", refusal, partial(_comes, by=by))


def _in_windows(s: Story, transfers: Sequence[tuple[int, int, int]]) -> None:
    """The clock, the asset and the amount of each."""
    s.opened()
    for number, (at, asset, amount) in enumerate(transfers, 1):
        s.at(at).bridge_in(asset, amount, id_=bytes([number]) * 32)


def _comes(s: Story, by: By) -> None:
    s.opened().bridge_in(EUR, 1, by=by)


def _limit(s: Story) -> None:
    s.opened().bridge_in(EUR, LIMIT)


def _twice(s: Story, amount: int) -> None:
    s.opened().bridge_in(EUR, 30)
    s.bridge_in(EUR, amount)


def _too_many(s: Story) -> None:
    s.opened((ANN, EUR, MOST))
    s.bridge_in(EUR, 1)


def _going() -> Scenarios:
    def from_100(name: str, *actions: Any, refusal: Any = None) -> Scenario:
        return Scenario(name, refusal, lambda s: s.opened((ANN, EUR, 100)).execute(*actions))

    yield from_100("tokens leave over the bridge", TREASURY.bridge_out(0, EUR, 30))
    yield from_100("all tokens leave over the bridge, in two transfers", *(TREASURY.bridge_out(n, EUR, 50) for n in (0, 1)))
    yield from_100("a withdrawal and the rest over the bridge", ANN.withdrawal(0, EUR, 40), TREASURY.bridge_out(0, EUR, 60))
    yield from_100("more than all tokens over the bridge", TREASURY.bridge_out(0, EUR, 101), refusal=InsufficientFloat)
    yield from_100(
        "what a withdrawal takes does not leave over the bridge",
        ANN.withdrawal(0, EUR, 41),
        TREASURY.bridge_out(0, EUR, 60),
        refusal=InsufficientFloat,
    )
    yield from_100("somebody sends over the bridge", ANN.bridge_out(0, EUR, 1), refusal=NotAuthorised)
    signature = ANN.bridge_out(0, EUR, 1).signature
    forged = msgspec.structs.replace(TREASURY.bridge_out(0, EUR, 1), signature=signature)
    yield from_100("somebody sends over the bridge for the treasury", forged, refusal=NotAuthorised)
    yield from_100("over the bridge from elsewhere", TREASURY.bridge_out(0, EUR, 1, source=SOLANA), refusal=WrongChain)
    for target in (ARBITRUM, 0, 3):
        yield from_100(f"over the bridge to chain {target}", TREASURY.bridge_out(0, EUR, 1, target=target), refusal=NoSuchChain)
    yield from_100("over the bridge what is not listed", TREASURY.bridge_out(0, GOLD, 0), refusal=NoSuchAsset)
    twice = TREASURY.bridge_out(0, EUR, 1), TREASURY.bridge_out(0, EUR, 1)
    yield from_100("the same transfer twice in a batch", *twice, refusal=NonceUsed)
    yield Scenario("over the bridge before the treasury has entered", NotEntered, _treasury_outside)
    yield Scenario("what left and comes back, and leaves by a withdrawal", None, _there_and_back)


def _treasury_outside(s: Story) -> None:
    _entered(s).bridge_in(EUR, 5)
    s.execute(TREASURY.bridge_out(0, EUR, 1))


def _there_and_back(s: Story) -> None:
    s.opened((ANN, EUR, 100)).execute(TREASURY.bridge_out(0, EUR, 100))
    s.bridge_in(EUR, 100)
    s.execute(ANN.withdrawal(0, EUR, 100), number=2)
