"""Tokens that do otherwise than tokens should: they harm nobody but who holds them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from jurymast.book.amounts import MOST
from jurymast.book.signed import ARBITRUM, BridgeIn
from jurymast.chains.operations import Deposit, Operation
from tests.contracts import told
from tests.contracts.driver import FORTUNE, OnChain, Said, encoded, interface, refusal, token
from tests.contracts.evm import Contract
from tests.contracts.histories import listing
from tests.contracts.worlds import GOLD, NOW, SOON, batch, guarded, steps, world
from tests.unit.grids import ANN, BEN, EUR, TREASURY

SCALE = 10**12
"""GOLD's tokens in one unit."""
STEPS = steps()


def hostile(name: str) -> tuple[OnChain, Contract]:
    grid = world()
    grid.kinds[GOLD] = token(name, "Token.sol" if name in OLD else "HostileTokens.sol")
    grid.perform(guarded(listing(GOLD)), NOW)
    return grid, grid.tokens[GOLD]


OLD = ("FeeToken", "QuietToken", "RefusingToken", "CallingToken")


def deposit(units: int) -> Deposit:
    return Deposit(ANN.id, GOLD, units * SCALE)


def withdrawal(units: int, number: int = 1) -> Operation:
    return batch(ANN.withdrawal(number - 1, GOLD, units), number=number, absent=((ANN.id, GOLD),))


def float_of(units: int) -> Operation:
    return guarded(BridgeIn(id=b"f" * 32, chain=ARBITRUM, asset=GOLD, amount=units, expiry=SOON))


def refused(grid: OnChain, operation: Operation) -> Said:
    """And nothing has changed."""
    before = grid.chain.storage(grid.address)
    said = refusal(lambda: grid.perform(operation, NOW))
    assert said is not None
    assert grid.chain.storage(grid.address) == before
    return said


def owned(grid: OnChain) -> tuple[int, int]:
    """By Ann, and what is in the vault."""
    balance = grid.contract.read("balanceOf", ANN.id, GOLD)
    return balance["available"] + balance["received"], grid.contract.read("assetOf", GOLD)["vault"]


def test_of_a_token_that_keeps_a_part_counts_what_arrives() -> None:
    grid, odd = hostile("FeeToken")
    grid.perform(deposit(1_000), NOW)
    assert owned(grid) == (990, 990)
    grid.perform(withdrawal(100), NOW)
    assert owned(grid) == (890, 890)
    assert odd.read("balanceOf", grid.address) == 890 * SCALE
    assert odd.read("balanceOf", ANN.key.address) == 99 * SCALE
    short = {"asset": GOLD, "arrived": 99 * SCALE, "needed": 100 * SCALE}
    assert refused(grid, float_of(100)) == ("TokensMissing", short)
    assert told.unlike(grid) == []


def test_a_token_that_returns_nothing_is_one() -> None:
    grid, odd = hostile("QuietToken")
    grid.perform(deposit(100), NOW)
    grid.perform(float_of(10), NOW)
    grid.perform(withdrawal(60), NOW)
    assert owned(grid) == (40, 50)
    assert odd.read("balanceOf", grid.address) == 50 * SCALE


def test_a_token_that_says_it_failed_has_failed() -> None:
    grid, odd = hostile("RefusingToken")
    grid.perform(deposit(100), NOW)
    assert refused(grid, withdrawal(60)) == ("SafeERC20FailedOperation", {"token": odd.address})
    assert refused(grid, Deposit(ANN.id, GOLD, SCALE + 1)) == ("SafeERC20FailedOperation", {"token": odd.address}), "its dust"


@pytest.mark.parametrize("operation", [deposit(100), float_of(100)])
def test_tokens_that_are_not_given_do_not_count(operation: Operation) -> None:
    grid, odd = hostile("DecliningToken")
    assert refused(grid, operation) == ("SafeERC20FailedOperation", {"token": odd.address})
    grid, _ = hostile("RevertingToken")
    assert refused(grid, operation) == ("NotToday", {"amount": 100 * SCALE})


def test_a_token_that_shrinks_pays_while_there_is_some() -> None:
    grid, odd = hostile("ShrinkingToken")
    grid.perform(deposit(100), NOW)
    odd.call("shrink", grid.address, 50 * SCALE)
    assert refused(grid, withdrawal(60))[0] == "NotEnough"
    grid.perform(withdrawal(50), NOW)
    assert refused(grid, withdrawal(50, number=2))[0] == "NotEnough"
    grid.perform(deposit(7), NOW)
    assert owned(grid) == (57, 57), "what it was worth when it came"
    assert grid.tokens[EUR].read("balanceOf", grid.address) == grid.contract.read("assetOf", EUR)["vault"] * 100, (
        "others do not pay"
    )


def test_a_token_of_which_less_is_there_than_before_has_not_arrived() -> None:
    grid, odd = hostile("MeltingToken")
    odd.call("mint", grid.address, 1_000 * SCALE)
    assert refused(grid, deposit(100)) == ("NothingMoved", {"asset": GOLD})
    missing = {"asset": GOLD, "arrived": 0, "needed": 100 * SCALE}
    assert refused(grid, float_of(100)) == ("TokensMissing", missing)


def test_a_token_that_boasts_is_not_believed_beyond_an_amount() -> None:
    grid, _ = hostile("BoastingToken")
    assert refused(grid, deposit(100)) == ("AmountTooLarge", {"amount": (2**256 - 1) // SCALE})


def test_a_token_that_takes_all_gas_gets_no_further() -> None:
    grid, _ = hostile("GreedyToken")
    for operation in (deposit(100), float_of(100)):
        assert refused(grid, operation) == ("", {"data": b""}), "what is left of the gas does not suffice for words"


def test_where_no_token_stands_nothing_is_deposited() -> None:
    grid = world()
    grid.chain.send(grid.address, encoded(grid.contract, guarded(listing(GOLD))))
    for operation in (deposit(100), float_of(100)):
        assert refused(grid, operation) == ("", {"data": b""}), "there is nobody to ask"


@pytest.mark.parametrize(("token_decimals", "grid_decimals"), [(255, 237), (77, 77), (18, 0), (255, 255)])
def test_a_token_may_have_very_many_decimals(token_decimals: int, grid_decimals: int) -> None:
    grid = world()
    grid.perform(guarded(listing(GOLD, token_decimals=token_decimals, grid_decimals=grid_decimals)), NOW)
    scale = 10 ** (token_decimals - grid_decimals)
    grid.perform(Deposit(ANN.id, GOLD, MOST * scale + scale - 1), NOW)
    assert owned(grid) == (MOST, MOST)
    assert grid.tokens[GOLD].read("balanceOf", grid.address) == MOST * scale, "dust went back"
    over = 1 if scale == 1 else scale
    assert refused(grid, Deposit(BEN.id, GOLD, over))[0] == "AmountTooLarge"
    assert refused(grid, Deposit(BEN.id, GOLD, (MOST + 1) * scale)) == ("AmountTooLarge", {"amount": MOST + 1})
    assert refused(grid, Deposit(BEN.id, GOLD, FORTUNE + 1))[0] in {"NotEnough", "AmountTooLarge"}
    if scale > 1:
        assert refused(grid, Deposit(BEN.id, GOLD, scale - 1)) == ("NothingMoved", {"asset": GOLD})
    grid.perform(withdrawal(MOST), NOW)
    assert grid.tokens[GOLD].read("balanceOf", grid.address) == 0


# -- reentrance --------------------------------------------------------------------------------------------------------


def paths() -> Iterator[tuple[str, Operation]]:
    """All by which a token is called."""
    yield "deposit", deposit(10)
    yield "dust", Deposit(ANN.id, GOLD, 10 * SCALE + 1)
    yield "withdrawal", withdrawal(10)
    yield "bridge in", float_of(10)
    yield "bridge out", batch(TREASURY.bridge_out(0, GOLD, 10), absent=((TREASURY.id, (1 << 32) - 1),))


PATHS = dict(paths())


@pytest.fixture(scope="module")
def calling() -> tuple[OnChain, Contract]:
    grid, odd = hostile("CallingToken")
    grid.perform(deposit(100), NOW)
    return grid, odd


@pytest.mark.parametrize("function", sorted(STEPS))
@pytest.mark.parametrize("path", sorted(PATHS))
def test_a_token_that_calls_back_finds_the_door_shut(calling: tuple[OnChain, Contract], path: str, function: str) -> None:
    """Its own call ends as if it had not called."""
    grid, odd = calling
    step = STEPS[function]
    with grid.chain.undone():
        with grid.chain.undone():
            expected = grid.perform(PATHS[path], NOW).events
            after = grid.chain.storage(grid.address)
        odd.call("willCall", grid.address, encoded(grid.contract, step.operation))
        assert grid.perform(PATHS[path], NOW).events == expected
        assert grid.chain.storage(grid.address) == after
        assert not odd.read("done")
        assert odd.read("answer") == selector("ReentrancyGuardReentrantCall")


def selector(name: str) -> bytes:
    return next(found for found, error in interface().errors.items() if error.name == name)
