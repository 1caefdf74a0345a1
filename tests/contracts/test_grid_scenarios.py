"""Every story of scenarios.json ends on the compiled grid as it ends in the reference, and its events tell all of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contracts import stories, told
from tests.contracts.driver import refusal
from tests.contracts.shown import differences, parsed, plain

CASES = [case for case in stories.cases() if stories.runnable(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_story_ends_alike(case: Any) -> None:
    grid = stories.begun(case["given"]["grid"])
    *steps, last = case["given"]["steps"]
    for step in steps:
        stories.perform(grid, step)
    said = refusal(lambda: stories.perform(grid, last))
    if "error" in case:
        name, data = said or ("", {})
        assert name == case["error"]
        if "data" in case:
            assert plain(data) == parsed(case["data"])
    else:
        assert said is None
        assert differences(grid.contract, parsed(case["expected"])) == []
    assert told.unlike(grid) == []


def test_few_stories_cannot_be_told_here() -> None:
    assert len(stories.cases()) - len(CASES) < len(CASES) // 20
