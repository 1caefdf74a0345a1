"""The golden cases in contracts/vectors are frozen: a change to any of them changes what both contracts do."""

from __future__ import annotations

import json
from collections import Counter
from copy import deepcopy
from functools import cache
from itertools import chain
from typing import Any

import pytest

from jurymast.book.refusals import Malformed, Refusal
from tests.unit import replay
from tests.unit.grids import ANN, BEN, EVE, TREASURY
from tests.vectors import DIRECTORY, FAMILIES, rendered


@cache
def cases(family: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((DIRECTORY / f"{family}.json").read_text(encoding="utf-8"))["cases"]
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_reference_does_what_the_golden_cases_say(family: str) -> None:
    assert rendered(family) == (DIRECTORY / f"{family}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_case_has_a_name_and_one_outcome(family: str) -> None:
    names = Counter(each["name"] for each in cases(family))
    assert names.total() == len(names)
    assert all(("expected" in each) != ("error" in each) for each in cases(family))


def test_there_is_no_file_that_nobody_checks_and_enough_good_and_bad() -> None:
    assert {path.stem for path in DIRECTORY.glob("*.json")} == set(FAMILIES)
    every = list(chain.from_iterable(map(cases, FAMILIES)))
    bad = Counter(each["error"] for each in every if "error" in each)
    assert len(every) >= 300
    assert len(every) - bad.total() >= 300
    assert len(bad) >= 12, bad


@pytest.mark.parametrize(
    ("family", "name", "expected"),
    [
        # Worked out by hand.
        ("settlements", "a ring", {"bought": ["30", "30", "30"], "fees": {}}),
        ("settlements", "7 at 3:7, fee 30", {"bought": ["2", "6"], "fees": {"1": "1", "2": "1"}}),
        ("matches", "2 of 7, fee 999, prizes [5000, 5000]", {"fee": "1", "prizes": ["7", "6"]}),
        ("matches", "3 of 1, fee 0, prizes [3334, 3333, 3333]", {"fee": "0", "prizes": ["3", "0", "0"]}),
    ],
)
def test_cases_whose_outcome_is_known_otherwise(family: str, name: str, expected: dict[str, Any]) -> None:
    (found,) = [each for each in cases(family) if each["name"] == name]
    assert {key: found["expected"][key] for key in expected} == expected


# -- scenarios, read from their file alone -----------------------------------------------------------------------------


def scenario(name: str) -> dict[str, Any]:
    (found,) = [each for each in cases("scenarios") if each["name"] == name]
    return found


@pytest.mark.parametrize("name", [each["name"] for each in cases("scenarios")])
def test_a_scenario_ends_as_its_file_says_and_no_money_is_made(name: str) -> None:
    case = scenario(name)
    steps = case["given"]["steps"]
    grid, refused = replay.told(case)
    if refused is None:
        assert replay.differences(grid, case["expected"]) == []
    else:
        assert type(refused).__name__ == case["error"]
        assert _data(refused) == case.get("data", {})
        *steps, _ = steps
        before = replay.made(case["given"]["grid"])
        for step in steps:
            replay.perform(before, step)
        assert grid == before, "what was refused has changed nothing"
    assert replay.unbalanced(grid, steps) == {}
    assert {asset: each.vault for asset, each in grid.assets.items() if each.vault} == replay.in_vaults(steps)
    assert all(each.entered <= grid.lock.totals.get(asset, 0) for asset, each in _of_now(grid).items())


def _data(refused: Exception) -> Any:
    if isinstance(refused, Malformed) or not isinstance(refused, Refusal):
        return {}
    return {name: replay.text(value) for name, value in refused.data.items()}


def _of_now(grid: Any) -> dict[int, Any]:
    return {asset: grid.asset(asset) for asset in grid.assets}


def test_a_reader_of_scenarios_sees_what_is_otherwise() -> None:
    case = deepcopy(scenario("two intents fill each other"))
    grid, _ = replay.told(case)
    case["expected"]["balances"][0]["available"] += "0"
    case["expected"]["deposits"] = "3"
    assert [each.partition(":")[0] for each in replay.differences(grid, case["expected"])] == ["balances", "deposits"]
    grid.balances[next(iter(grid.balances))] = grid.balance(*next(iter(grid.balances)))._replace(held=1)
    assert len(replay.unbalanced(grid, case["given"]["steps"])) == 1


def test_scenarios_use_every_operation_and_action_and_their_clock_never_goes_back() -> None:
    steps = [case["given"]["steps"] for case in cases("scenarios")]
    every = list(chain.from_iterable(steps))
    assert {step["op"] for step in every} == set(replay.OPERATIONS)
    actions = {action["type"] for step in every for action in step.get("actions", ())}
    assert actions == {"Intent", "Withdrawal", "BridgeOut", "Join", "Verdict"}
    for each in steps:
        clock = [int(step["at"]) for step in each]
        assert clock == sorted(clock)


# A list of more actions than any file should hold.
NOT_SHOWN = {"BatchTooLarge"}
LEDGER_ONLY = {
    "AlreadyAccepted", "AlreadyCounted", "BadMarket", "BadOrder", "BadTrade", "Conflict", "CutTooLow", "Late", "MatchMoves",
    "NoFate", "NoSuchBatch", "NoSuchMarket", "NoSuchOrder", "NoSuchTransfer", "NotDead", "NotOpen", "NotYetExpired",
    "OrderExists", "OutOfOrder", "WrongPhase",
}  # fmt: skip
OF_SIGNATURES_AND_PROOFS = {"BadGuards", "BadProof", "BadSignature", "NoQuorum", "NotAscending", "TooManySignatures"}


def test_every_refusal_of_a_grid_is_shown() -> None:
    shown = {case["error"] for case in cases("scenarios") if "error" in case}
    assert {kind.__name__ for kind in Refusal.__subclasses__()} - shown == NOT_SHOWN | LEDGER_ONLY
    assert shown >= OF_SIGNATURES_AND_PROOFS


@pytest.mark.parametrize(
    ("name", "asset", "expected"),
    [
        # Worked out by hand: who has what is available, in the order in which people are listed; then what is owed.
        ("two intents fill each other", "1", [("ann", 900), ("ben", 100)]),
        (
            "the winner gets the pot, and the treasury its fee",
            "1",
            [("ann", 900), ("ben", 1080), ("eve", 1000), ("treasury", 20)],
        ),
        (
            "three stakes of 7, a fee of 999, prizes of (5000, 5000)",
            "1",
            [("ann", 1003), ("ben", 1002), ("eve", 993), ("treasury", 2)],
        ),
        ("7 sold at 3:7 for 3 at a fee of 30", "1", [("ann", 993), ("ben", 6), ("treasury", 1)]),
        ("7 sold at 3:7 for 3 at a fee of 30", "2", [("ann", 2), ("ben", 997), ("treasury", 1)]),
        ("two batches, where the first executed and the second did not", "1", [("ann", 50)]),
        ("two batches, where the first executed and the second executed", "2", [("ann", 45)]),
        ("two batches, where the first did not and the second did not", "2", [("ann", 50)]),
        ("a deposit with dust", "7", [("ann", 1)]),
        ("back on the same chain, holds settle by its own records", "1", [("ann", 40)]),
    ],
)
def test_scenarios_whose_outcome_is_known_otherwise(name: str, asset: str, expected: list[tuple[str, int]]) -> None:
    expected_of = {_id(who): amount for who, amount in expected}
    balances = [each for each in scenario(name)["expected"]["balances"] if each["asset"] == asset]
    assert {each["account"]: int(each["available"]) + int(each["received"]) for each in balances} == expected_of


def _id(name: str) -> str:
    people = {"ann": ANN, "ben": BEN, "eve": EVE, "treasury": TREASURY}
    return f"0x{people[name].id.hex()}"
