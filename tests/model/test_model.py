"""The promises hold in every world near the beginning and on long walks, and the model is sharp enough to find mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

import pytest

from tests.model.acts import ACTIONS
from tests.model.bugs import BUGS
from tests.model.explore import Found, breadth_first, walk
from tests.model.rules import Rules
from tests.model.small import BEGINNINGS, WALKED

STATES = 100_000
SMALL = 60_000
LONGEST_TRACE = 20
WALKS, LENGTH = 96, 250
HAPPENS = (
    "chain 1 halts", "chain 2 halts", "re-organises", "resumes", "cancels on chain 1", "cancels on chain 2",
    "EVE deposits on chain 1", "EVE deposits on chain 2", "late switcher", "on a false alarm", "a planned switch",
    "is late and skipped", "is burnt", "is recorded as executed", "is recorded as released", "is recorded as cancelled",
    "journals", "refuses", "loses its journal", "loses the claim", "loses all from frozen", "and the ledger its last event",
    "told: planned", "told: resolved", "told: credited", "told: deposited", "told: floor", "was executed", "was not executed",
    "takes the credit", "takes the hold on EVE",
)  # fmt: skip


@cache
def walked(seed: int) -> Found:
    return walk(seed, LENGTH, WALKED[seed % len(WALKED)])


@pytest.mark.parametrize("rules", BEGINNINGS)
def test_no_promise_is_broken_near_a_beginning(rules: type[Rules], record_property: Callable[[str, object], None]) -> None:
    found = breadth_first(rules, limit=STATES)
    record_property("model", f"from {rules.__name__}: {found}, {_counts(found.actions)}")
    assert found.broken == "", found
    assert found.states >= STATES


@pytest.mark.parametrize("seeds", [range(first, first + 8) for first in range(0, WALKS, 8)], ids=lambda seeds: f"from {seeds[0]}")
def test_no_promise_is_broken_on_a_long_walk_and_it_comes_to_an_end(seeds: range) -> None:
    for seed in seeds:
        assert walked(seed).broken == "", f"seed {seed}: {walked(seed)}"


def test_everything_that_can_happen_does(record_property: Callable[[str, object], None]) -> None:
    walks = [walked(seed) for seed in range(WALKS)]
    done = sum((each.actions for each in walks), Counter[str]())
    record_property("model", f"{WALKS} walks: {sum(each.states for each in walks):,} states, {_counts(done)}")
    assert set(done) == {action.__name__ for action in ACTIONS}
    said = "\n".join(step for each in walks for step in each.trace)
    assert [each for each in HAPPENS if each not in said] == []


def _counts(actions: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in actions.most_common())


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_a_planted_mistake_is_found_by_the_shortest_way(bug: type[Rules]) -> None:
    found = breadth_first(bug, limit=SMALL)
    assert found.broken, f"{bug.__name__} was not found: {found}"
    assert len(found.trace) <= LONGEST_TRACE


@pytest.mark.parametrize("rules", dict.fromkeys(bug.__bases__[0] for bug in BUGS), ids=lambda rules: rules.__name__)
def test_without_a_mistake_its_small_world_is_sound(rules: type[Rules]) -> None:
    found = breadth_first(rules, limit=SMALL if rules.ends else SMALL // 2)
    assert found.broken == "", found
    assert found.complete or not rules.ends
