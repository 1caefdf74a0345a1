"""Every world that can come about, the nearest first; long random walks beyond; and how it ends when nothing more goes wrong."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from dataclasses import dataclass, field

from tests.model.acts import ACTIONS, actions, begin
from tests.model.promises import broken, unfinished
from tests.model.rules import Rules
from tests.model.world import MANY, World

Origins = dict[World, tuple[str, World] | None]


@dataclass
class Found:
    given: tuple[str, ...] = ()
    """What has happened at the beginning."""
    states: int = 0
    seconds: float = 0.0
    """Of one processor: what else runs beside does not count."""
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
        given = [f"     {step}" for step in self.given]
        steps = [f"  {number}. {step}" for number, step in enumerate(self.trace, 1)]
        return "\n".join([f"{self.broken}, after {self.states:,} states:", *given, *steps])


def breadth_first(rules: type[Rules] = Rules, limit: int = 100_000) -> Found:
    """The shortest way to a broken promise, if there is one within so many states."""
    started, possible = time.process_time(), actions(rules)
    given, first = begin(rules)
    found = Found(given)
    origins: Origins = {first: None}
    ways: dict[World, list[World]] = {}
    waiting = deque([first])
    while waiting and len(origins) < limit and not found.broken:
        world = waiting.popleft()
        for action in possible:
            for step, after in action(world, rules):
                if rules.ends:
                    ways.setdefault(after, []).append(world)
                if after in origins:
                    continue
                origins[after] = (step, world)
                found.actions[action.__name__] += 1
                waiting.append(after)
                if not found.broken and (problem := broken(after, rules)):
                    found.broken, found.trace = problem, _trace(origins, after)
    found.complete = not waiting
    if rules.ends and found.complete and not found.broken:
        _look_for_the_end(found, origins, ways, rules)
    found.states, found.seconds = len(origins), time.process_time() - started
    return found


def _trace(origins: Origins, world: World) -> list[str]:
    steps: list[str] = []
    while origin := origins[world]:
        step, world = origin
        steps.append(step)
    return steps[::-1]


def _look_for_the_end(found: Found, origins: Origins, ways: dict[World, list[World]], rules: type[Rules]) -> None:
    """The nearest world from which no end can be reached, whatever happens; `ways` lead to each world from those before it."""
    reach = deque(world for world in origins if not unfinished(world, rules))
    ending = set(reach)
    while reach:
        for world in ways.get(reach.popleft(), ()):
            if world not in ending:
                ending.add(world)
                reach.append(world)
    if doomed := [world for world in origins if world not in ending]:
        found.broken, found.trace = f"for ever: {unfinished(doomed[-1], rules)}", _trace(origins, doomed[0])


# -- walks -------------------------------------------------------------------------------------------------------------


OFTEN = {
    "claim": 4.0, "settle": 4.0, "include": 3.0, "sign": 2.0, "finalize": 0.5, "tick": 0.03, "be_late": 0.03,
    "begin_switch": 0.02, "lose_tail": 0.15, "break_down": 0.15, "users": 0.2, "crash": 0.1, "refuse": 0.05, "lose_journal": 0.05,
}  # fmt: skip
"""How often each kind of action is chosen, where others are chosen once."""


def walk(seed: int, length: int, rules: type[Rules]) -> Found:
    """One way of many, chosen at random; and on to an end, as if from there on nothing went wrong."""
    chance, started = random.Random(seed), time.process_time()  # noqa: S311  Nothing secret.
    given, world = begin(rules)
    found, possible, visited = Found(given), actions(rules), set[World]()
    while len(found.trace) < length and not found.broken:
        kinds = {action.__name__: steps for action in possible if (steps := list(action(world, rules)))}
        if not kinds:
            break
        kind = chance.choices(list(kinds), [OFTEN.get(each, 1.0) for each in kinds])[0]
        step, world = chance.choice(kinds[kind])
        visited.add(world)
        found.trace.append(step)
        found.actions[kind] += 1
        found.broken = broken(world, rules)
    if not found.broken:
        _calm_down(found, world, rules)
    found.states, found.seconds = len(visited), time.process_time() - started
    return found


CALM = (
    "resume", "finalize", "follow", "record", "settle", "include", "make_way", "go_on", "sign_move", "claim", "sign",
    "tick", "refuse", "be_late",
)  # fmt: skip
"""What happens when nothing more goes wrong: of all that can, always the first."""
LONGEST = 600


def _calm_down(found: Found, world: World, rules: type[Rules]) -> None:
    """L1: what has begun comes to its end, whatever has happened before; guards refuse what they cannot sign."""
    calm = type("Calm", (rules,), {"last_epoch": rules.last_epoch + 6})
    possible = sorted((action for action in ACTIONS if action.__name__ in CALM), key=lambda action: CALM.index(action.__name__))
    world, seen = world._replace(mishaps=MANY), set[World]()
    for _ in range(LONGEST):
        seen.add(world)
        steps = ((step, after._replace(mishaps=MANY)) for action in possible for step, after in action(world, calm))
        following = next(((step, after) for step, after in steps if after not in seen), None)
        if following is None:
            break
        step, world = following
        found.trace.append(step)
        if problem := broken(world, calm):
            found.broken = problem
            return
    found.broken = unfinished(world, calm)
