"""One line of the table, and how it is judged."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeVar

T = TypeVar("T")
Verdict = Literal["", "ok", "MISS"]


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    drains: int
    batched: int
    """Messages in one drain, by subscriber."""
    one_by_one: int
    offers: int
    """Many and short: what else happens on the machine comes in bursts, and the median of the rounds leaves it out."""
    offered_s: float
    lone: int
    idle_s: float
    halts: int
    healthy_minutes: int
    trees: int
    claims: int
    claim_batches: int
    """At most, however small they are."""
    claim_runs: int
    permits: int
    """Intents of one round."""
    permit_runs: int
    permit_lone: int
    cold_install: bool


QUICK = Scale(
    drains=1,
    batched=10_000,
    one_by_one=1_500,
    offers=1,
    offered_s=0.4,
    lone=3,
    idle_s=1,
    halts=1,
    healthy_minutes=200,
    trees=1,
    claims=4_000,
    claim_batches=50,
    claim_runs=1,
    permits=2_000,
    permit_runs=1,
    permit_lone=100,
    cold_install=False,
)
FULL = Scale(
    drains=5,
    batched=20_000,
    one_by_one=4_000,
    offers=9,
    offered_s=1,
    lone=8,
    idle_s=10,
    halts=6,
    healthy_minutes=10_000,
    trees=5,
    claims=30_000,
    claim_batches=400,
    claim_runs=7,
    permits=12_000,
    permit_runs=3,
    permit_lone=600,
    cold_install=True,
)


@dataclass(frozen=True)
class Goal:
    of: Literal["ratio", "ours"]
    at: Literal["least", "most"]
    bound: float

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at == "least" else value <= self.bound


@dataclass(frozen=True)
class Figure:
    """`ratio` is the median of the ratios of interleaved pairs: the machine's noise hits both of a pair."""

    name: str
    unit: str
    ours: float
    raw: float | None = None
    ratio: float | None = None
    goal: Goal | None = None

    @property
    def verdict(self) -> Verdict:
        if self.goal is None:
            return ""
        value = self.ratio if self.goal.of == "ratio" else self.ours
        assert value is not None
        return "ok" if self.goal.met(value) else "MISS"

    @property
    def raw_misses_too(self) -> bool:
        """A hint at a busy machine, not an excuse: ours may still be far behind."""
        return self.goal is not None and self.goal.of == "ours" and self.raw is not None and not self.goal.met(self.raw)


def compared(name: str, unit: str, pairs: Sequence[tuple[float, float]], goal: Goal | None = None) -> Figure:
    """From pairs of ours and raw."""
    ours, raw = (median(side) for side in zip(*pairs, strict=True))
    return Figure(name, unit, ours, raw, median(mine / theirs for mine, theirs in pairs), goal)


async def interleaved(rounds: int, ours: Callable[[], Awaitable[T]], raw: Callable[[], Awaitable[T]]) -> list[tuple[T, T]]:
    """Pairs of ours and raw. Who goes first changes every round, so that a machine that gets slower favours neither."""
    pairs = []
    for number in range(rounds):
        if number % 2 == 0:
            mine, theirs = await ours(), await raw()
        else:
            theirs, mine = await raw(), await ours()
        pairs.append((mine, theirs))
    return pairs
