"""The promises hold in every world near the beginning and on long walks, and the model is sharp enough to find mistakes."""

from __future__ import annotations

import pytest

from tests.model.bugs import BUGS, Planted
from tests.model.explore import breadth_first, walk
from tests.model.world import ACTIONS, Rules

STATES = 100_000
WALKS, LENGTH = 40, 400


def test_no_promise_is_broken_and_everything_that_can_happen_does() -> None:
    found = breadth_first(limit=STATES)
    assert found.broken == "", found
    assert found.states >= STATES
    assert set(found.actions) == {action.__name__ for action in ACTIONS}


@pytest.mark.parametrize("seed", range(WALKS))
def test_no_promise_is_broken_on_a_long_walk(seed: int) -> None:
    found = walk(seed, LENGTH)
    assert found.broken == "", found


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found_by_the_shortest_way(bug: type[Rules]) -> None:
    found = breadth_first(bug, limit=STATES)
    assert found.broken, f"{bug.__name__} was not found: {found}"
    assert len(found.trace) <= 14


def test_without_a_mistake_the_small_world_is_sound() -> None:
    assert breadth_first(Planted, limit=STATES).broken == ""
