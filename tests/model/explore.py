"""Every world that can come about, the nearest first; and long random walks beyond."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.model.world import ACTIONS, Rules, World, begin, broken

Origins = dict[World, tuple[str, World] | None]


@dataclass
class Found:
    states: int = 0
    seconds: float = 0.0
    broken: str = ""
    trace: list[str] = field(default_factory=list)
    actions: Counter[str] = field(default_factory=Counter)
    complete: bool = False
    """There are no others."""

    @property
    def per_s(self) -> float:
        return self.states / self.seconds

    def __str__(self) -> str:
        if not self.broken:
            return f"{self.states:,} states, {self.per_s:,.0f}/s" + (", all there are" if self.complete else "")
        return "\n".join(
            [f"{self.broken}, after {self.states:,} states:", *(f"  {n}. {step}" for n, step in enumerate(self.trace, 1))]
        )


def breadth_first(rules: type[Rules] = Rules, limit: int = 100_000) -> Found:
    """The shortest way to a broken promise, if there is one within so many states."""
    found, started = Found(), time.perf_counter()
    origins: Origins = {begin(rules): None}
    waiting = deque(origins)
    while waiting and len(origins) < limit and not found.broken:
        world = waiting.popleft()
        for action in ACTIONS:
            for step, after in action(world, rules):
                if after in origins:
                    continue
                origins[after] = (step, world)
                found.actions[action.__name__] += 1
                waiting.append(after)
                if not found.broken and (problem := broken(after)):
                    found.broken, found.trace = problem, _trace(origins, after)
    found.states, found.seconds, found.complete = len(origins), time.perf_counter() - started, not waiting
    return found


def walk(seed: int, length: int, rules: type[Rules] = Rules) -> Found:
    """One way of many, chosen at random: deep where breadth does not come."""
    chance, found, started = random.Random(seed), Found(), time.perf_counter()  # noqa: S311  Nothing secret.
    world = begin(rules)
    for _ in range(length):
        every = [(action.__name__, step, after) for action in ACTIONS for step, after in action(world, rules)]
        if not every:
            break
        kind = chance.choice(sorted({name for name, _, _ in every}))
        _, step, world = chance.choice([each for each in every if each[0] == kind])
        found.trace.append(step)
        found.actions[kind] += 1
        found.states += 1
        if problem := broken(world):
            found.broken = problem
            break
    found.seconds = time.perf_counter() - started
    return found


def _trace(origins: Origins, world: World) -> list[str]:
    steps: list[str] = []
    while origin := origins[world]:
        step, world = origin
        steps.append(step)
    return steps[::-1]
