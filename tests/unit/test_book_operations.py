"""What is done on a chain besides batches and entering: assets and their tokens, the bridge, registrations, the pause."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import operations, refusals
from jurymast.book.amounts import MOST, in_grid_units
from jurymast.book.execute import execute
from jurymast.book.grid import EVM_PADDING, Grid
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import (
    AlreadyRegistered,
    AmountTooLarge,
    AssetListed,
    BadListing,
    BatchTooLarge,
    InsufficientFloat,
    Malformed,
    NoSuchAsset,
    NoSuchChain,
    NotActive,
    NotAuthorised,
    NotEntered,
    NothingMoved,
    NotPaused,
    Paused,
    PauseTooLong,
    RateLimited,
    Refusal,
    WrongChain,
)
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Unpause
from jurymast.crypto.secp256k1 import NoQuorum
from jurymast.errors import Rejected
from tests.unit.grids import (
    ANN,
    BEN,
    EUR,
    LIMIT,
    NOW,
    PAUSER,
    SOL,
    TERMS,
    TREASURY,
    USD,
    WINDOW,
    arrives,
    begin,
    by_guards,
    has,
    listing,
    move,
    new,
    opened,
    permitted,
    run,
)

GOLD = 7


def refused(grid: Grid, error: type[Rejected], what: Callable[..., Any], *arguments: Any) -> dict[str, Any]:
    """And nothing has changed. The refusal's data, where it has some."""
    before = deepcopy(grid)
    with pytest.raises(error) as caught:
        what(grid, *arguments)
    assert grid == before
    return caught.value.data if isinstance(caught.value, Refusal) else {}


# -- listing -----------------------------------------------------------------------------------------------------------


def listed(token_decimals: int, grid_decimals: int, **changed: Any) -> Grid:
    grid = opened()
    signed = msgspec.structs.replace(
        listing(ARBITRUM, GOLD), token_decimals=token_decimals, grid_decimals=grid_decimals, **changed
    )
    operations.list_asset(grid, signed, by_guards(signed))
    return grid


def test_an_asset_is_listed_once_by_the_guards_whatever_the_chain_is_at() -> None:
    grid = begin()
    grid.lock = grid.lock.pause(NOW + 5, NOW)
    signed = listing(ARBITRUM, GOLD)
    refused(grid, NoQuorum, operations.list_asset, signed, by_guards(signed, (0,)))
    operations.list_asset(grid, signed, by_guards(signed))
    assert grid.listings[GOLD] == signed
    other = msgspec.structs.replace(signed, token=b"t" * 32)
    assert refused(grid, AssetListed, operations.list_asset, other, by_guards(other)) == {"asset": GOLD}


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"chain": SOLANA}, WrongChain),
        ({"asset": NO_ASSET}, BadListing),
        ({"bridge_window": 0}, BadListing),
        ({"token_decimals": 5}, BadListing),
        ({"token_decimals": 25}, BadListing),
    ],
)
def test_a_listing_that_cannot_be_is_refused(changed: dict[str, int], error: type[Refusal]) -> None:
    grid = begin()
    signed = msgspec.structs.replace(listing(ARBITRUM, GOLD), **changed)
    refused(grid, error, operations.list_asset, signed, by_guards(signed))


def test_tokens_neither_come_nor_go_before_their_asset_is_listed() -> None:
    grid = opened()
    assert refused(grid, NoSuchAsset, operations.deposit, ANN.id, GOLD, 1, NOW) == {"asset": GOLD}
    refused(grid, NoSuchAsset, arrives, b"t" * 32, GOLD, 1)
    for action in (ANN.withdrawal(0, GOLD, 0), TREASURY.bridge_out(0, GOLD, 0)):
        refused(grid, NoSuchAsset, execute, permitted(grid, action), NOW)


# -- decimals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token_decimals", "grid_decimals", "tokens", "units"),
    [(6, 6, 5, 5), (18, 6, 10**12, 1), (18, 6, 2 * 10**12 - 1, 1), (18, 0, MOST * 10**18, MOST), (9, 8, 19, 1)],
)
def test_a_deposit_counts_whole_grid_units(token_decimals: int, grid_decimals: int, tokens: int, units: int) -> None:
    grid = listed(token_decimals, grid_decimals)
    assert operations.deposit(grid, ANN.id, GOLD, tokens, NOW) == 1
    assert (has(grid, ANN, GOLD), grid.asset(GOLD).vault, grid.asset(GOLD).liabilities) == (units, units, units)


def test_a_deposit_of_dust_or_of_more_than_a_grid_counts_is_none() -> None:
    grid = listed(18, 6)
    refused(grid, NothingMoved, operations.deposit, ANN.id, GOLD, 10**12 - 1, NOW)
    refused(grid, AmountTooLarge, operations.deposit, ANN.id, GOLD, (MOST + 1) * 10**12, NOW)


@given(st.integers(0, 1 << 120), st.integers(0, 18))
def test_units_and_dust_are_what_there_was(tokens: int, decimals_less: int) -> None:
    scale = 10**decimals_less
    if tokens // scale > MOST:
        with pytest.raises(AmountTooLarge):
            in_grid_units(tokens, scale)
    else:
        units, dust = in_grid_units(tokens, scale)
        assert units * scale + dust == tokens
        assert 0 <= dust < scale


# -- the bridge --------------------------------------------------------------------------------------------------------


def test_so_much_comes_over_the_bridge_in_each_window() -> None:
    grid = opened()
    last, first = WINDOW * 11 - 1, WINDOW * 11
    arrives(grid, b"a" * 32, EUR, LIMIT - 1, WINDOW * 10)
    arrives(grid, b"b" * 32, EUR, 1, last)
    assert refused(grid, RateLimited, arrives, b"c" * 32, EUR, 1, last) == {"asset": EUR, "amount": LIMIT + 1, "limit": LIMIT}
    arrives(grid, b"c" * 32, USD, LIMIT, last)
    refused(grid, RateLimited, arrives, b"d" * 32, EUR, LIMIT + 1, first)
    arrives(grid, b"d" * 32, EUR, LIMIT, first)
    assert grid.bridging == {EUR: (11, LIMIT), USD: (10, LIMIT)}
    assert (grid.asset(EUR).vault, grid.asset(EUR).liabilities) == (2 * LIMIT, 0)


def test_the_treasury_sends_float_over_the_bridge_and_owes_what_it_owed() -> None:
    grid = opened((ANN, EUR, 100))
    action = TREASURY.bridge_out(0, EUR, 60)
    run(grid, action)
    assert grid.sent == {action.signed.content(): 60}
    assert (grid.asset(EUR).vault, grid.asset(EUR).liabilities, has(grid, ANN, EUR)) == (40, 100, 100)
    for other, error in (
        (TREASURY.bridge_out(1, EUR, 41), InsufficientFloat),
        (TREASURY.bridge_out(1, EUR, 1, source=SOLANA, target=ARBITRUM), WrongChain),
        (TREASURY.bridge_out(1, EUR, 1, target=ARBITRUM), NoSuchChain),
        (TREASURY.bridge_out(1, EUR, 1, target=3), NoSuchChain),
        (ANN.bridge_out(1, EUR, 1), NotAuthorised),
        (msgspec.structs.replace(TREASURY.bridge_out(1, EUR, 1), signature=ANN.bridge_out(1, EUR, 1).signature), NotAuthorised),
    ):
        refused(grid, error, execute, permitted(grid, other, number=2), NOW)


# -- accounts ----------------------------------------------------------------------------------------------------------


def test_a_solana_key_registers_who_signs_for_it_once() -> None:
    grid = begin(SOLANA)
    refused(grid, NotActive, operations.register, SOL.id, SOL.key.address, NOW)
    move(grid, 1, SOLANA)
    operations.deposit(grid, SOL.id, EUR, 5, NOW)
    action = SOL.withdrawal(0, EUR, 5, chain=SOLANA)
    refused(grid, NotAuthorised, execute, permitted(grid, action), NOW)
    operations.register(grid, SOL.id, SOL.key.address, NOW)
    refused(grid, AlreadyRegistered, operations.register, SOL.id, ANN.key.address, NOW)
    run(grid, action)
    for account, authority in ((ANN.id, BEN.key.address), (b"t" * 32, bytes(20)), (b"t" * 32, b"short")):
        refused(grid, Malformed, operations.register, account, authority, NOW)
    other = opened()
    assert refused(other, WrongChain, operations.register, SOL.id, SOL.key.address, NOW) == {"chain": ARBITRUM}


def test_registering_does_not_enter() -> None:
    grid = begin(SOLANA)
    move(grid, 1, SOLANA, root=b"r" * 32)
    operations.register(grid, SOL.id, SOL.key.address, NOW)
    assert grid.account(SOL.id)[1:] == (False, False, SOL.key.address, Nonces())
    action = SOL.withdrawal(0, EUR, 0, chain=SOLANA)
    refused(grid, NotEntered, execute, permitted(grid, action), NOW)
    execute(grid, permitted(grid, action, absent=new(SOL)), NOW)


# -- the pause ---------------------------------------------------------------------------------------------------------


def test_who_pauses_can_and_nobody_else() -> None:
    grid = opened()
    said = refused(grid, NotAuthorised, operations.pause, ANN.key.address, NOW + 5, NOW)
    assert said == {"by_whom": EVM_PADDING + ANN.key.address}
    refused(grid, PauseTooLong, operations.pause, PAUSER, NOW, NOW)
    operations.pause(grid, PAUSER, NOW + 5, NOW)
    refused(grid, Paused, operations.deposit, ANN.id, EUR, 1, NOW)
    signed = Unpause(chain=ARBITRUM, until=NOW + 5)
    refused(grid, NoQuorum, operations.unpause, signed, by_guards(signed, (0,)), NOW)
    operations.unpause(grid, signed, by_guards(signed), NOW)
    refused(grid, NotPaused, operations.unpause, signed, by_guards(signed), NOW)
    operations.deposit(grid, ANN.id, EUR, 1, NOW)


# -- epochs ------------------------------------------------------------------------------------------------------------


def test_an_epoch_begins_when_it_arrives_and_above_the_deposits_that_were() -> None:
    grid = opened((ANN, EUR, 5), (BEN, USD, 5))
    move(grid, 2, now=NOW + 9)
    assert (grid.lock.since, grid.opening) == (NOW + 9, 2)


# -- limits ------------------------------------------------------------------------------------------------------------


def test_a_batch_has_so_many_actions() -> None:
    grid = opened((ANN, EUR, 1))
    actions = tuple(ANN.intent(0, EUR, 1, USD) for _ in range(401))
    elsewhere = permitted(grid, *actions, chain=SOLANA)
    assert refused(grid, BatchTooLarge, execute, elsewhere, NOW) == {"actions": 401, "most": 400}
    refused(grid, WrongChain, execute, msgspec.structs.replace(elsewhere, actions=actions[1:]), NOW)


def test_no_asset_has_the_last_number() -> None:
    grid = opened((ANN, EUR, 9))
    there_and_back = (ANN.intent(0, EUR, 9, NO_ASSET), ANN.intent(1, NO_ASSET, 9, EUR))
    for actions, error in (
        (there_and_back, refusals.NoPrice),
        ([ANN.join(0, msgspec.structs.replace(TERMS, asset=NO_ASSET, stake=0))], NoSuchAsset),
        ([ANN.withdrawal(0, NO_ASSET, 0)], NoSuchAsset),
    ):
        refused(grid, error, execute, permitted(grid, *actions, prices={EUR: 1, NO_ASSET: 1}), NOW)


# -- refusals ----------------------------------------------------------------------------------------------------------

TEXTS = {"Malformed", "WrongPhase"}


def test_what_a_contract_refuses_with_has_a_type_there() -> None:
    kinds = {kind.__name__: kind for kind in Refusal.__subclasses__()}
    for kind in (kinds[name] for name in kinds.keys() - TEXTS):
        assert set(kind.__annotations__.values()) <= {"int", "bytes"}, kind
