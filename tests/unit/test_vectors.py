"""The golden cases in contracts/vectors are frozen: a change to any of them changes what both contracts do."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain
from typing import Any

import pytest

from tests.vectors import DIRECTORY, FAMILIES, rendered


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
