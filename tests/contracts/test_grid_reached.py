"""Nothing in the interface is only written down: each of its errors is reached, and each of its events comes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from jurymast.book.execute import Action
from jurymast.book.signed import ARBITRUM, BridgeIn
from tests.contracts import artifacts, stories
from tests.contracts.cuts import GOLD
from tests.contracts.driver import OnChain, executing, refusal, token
from tests.contracts.histories import listing
from tests.contracts.test_grid_scenarios import CASES
from tests.contracts.worlds import EVERYTHING, NOW, SOON, batch, begun, guarded, steps, world
from tests.npm import PROJECT
from tests.unit.grids import ANN, EUR

HERE: dict[str, Callable[[OnChain], object]] = {
    "BadEncoding": lambda grid: grid.chain.send(grid.address, executing(grid.contract, EVERYTHING.batch, b"\0")),
    "BatchTooLarge": lambda grid: grid.chain.send(grid.address, executing(grid.contract, EVERYTHING.batch, b"\1\x91")),
    "BadRecipient": lambda grid: grid.perform(batch(withdrawal_to(b"\1" + bytes(31))), NOW),
    "TokensMissing": lambda grid: grid.perform(
        guarded(BridgeIn(id=b"t" * 32, chain=ARBITRUM, asset=EUR, amount=100, expiry=SOON)), NOW
    ),
}
"""Those of which no story tells: only this chain has them, or they are too long to tell."""


def withdrawal_to(recipient: bytes) -> Action:
    signed = ANN.withdrawal(0, EUR, 1).signed
    return ANN.signs(msgspec.structs.replace(signed, recipient=recipient))


def declared(kind: str) -> set[str]:
    found = artifacts.built(PROJECT, "IPhantomGrid.sol", "IPhantomGrid").abi
    return {entry["name"] for entry in found if entry["type"] == kind}


@pytest.mark.parametrize("name", sorted(HERE))
def test_an_error_of_which_no_story_tells(name: str) -> None:
    grid = world({EUR: token("FeeToken")})
    before = grid.chain.storage(grid.address)
    said = refusal(lambda: HERE[name](grid))
    assert said is not None
    assert said[0] == name
    assert grid.chain.storage(grid.address) == before


@pytest.mark.parametrize("recipient", [bytes(32), b"\1" + bytes(31), bytes(11) + b"\1" * 21])
def test_tokens_go_to_an_address(recipient: bytes) -> None:
    assert refusal(lambda: world().perform(batch(withdrawal_to(recipient)), NOW)) == ("BadRecipient", {"recipient": recipient})


@pytest.mark.parametrize("token_", [bytes(32), b"\1" + bytes(31)])
def test_a_token_has_an_address(token_: bytes) -> None:
    assert refusal(lambda: begun().perform(guarded(listing(GOLD, token=token_)), NOW)) == ("BadListing", {"asset": GOLD})


def test_every_error_is_reached() -> None:
    """By a story, each of which is told on the grid, or above."""
    told = {case["error"] for case in CASES if "error" in case}
    assert told | HERE.keys() == declared("error")


def test_every_event_comes() -> None:
    wanted, seen = declared("event"), set[str]()
    submitted = world()
    submitted.perform(steps()["submit"].operation, NOW)
    seen |= {each.event.name for each in submitted.chain.logged}
    for case in (case for case in CASES if "error" not in case):
        if seen >= wanted:
            break
        grid = stories.begun(case["given"]["grid"])
        for step in case["given"]["steps"]:
            stories.perform(grid, step)
        seen |= {each.event.name for each in grid.chain.logged if each.event.address == grid.address}
    assert wanted <= seen
