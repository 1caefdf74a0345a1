"""Whole stories of a grid, good and bad, from which contracts/vectors/scenarios.json is written."""

from __future__ import annotations

from typing import Any

from jurymast.book.refusals import Malformed, Refusal
from jurymast.errors import Rejected
from tests.scenarios import accounts, doubt, entering, locks, matching, permits, settling, tokens
from tests.scenarios.story import Scenario, Story, observed

FAMILIES = (locks, tokens, settling, permits, entering, doubt, matching, accounts)


def told() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The name of each, what is given, and what comes of it."""
    return [(each.name, *_told(each)) for family in FAMILIES for each in family.scenarios()]


def _told(scenario: Scenario) -> tuple[dict[str, Any], dict[str, Any]]:
    story = Story(scenario.chain)
    try:
        scenario.tell(story)
    except Rejected as refused:
        if type(refused) is not scenario.refusal:
            raise
        return story.given, {"error": type(refused).__name__, **_data(refused)}
    assert scenario.refusal is None, scenario.name
    return story.given, {"expected": observed(story.grid)}


def _data(refused: Rejected) -> dict[str, Any]:
    """What is malformed is said in words, which no contract repeats."""
    return {"data": {} if isinstance(refused, Malformed) else refused.data} if isinstance(refused, Refusal) else {}
