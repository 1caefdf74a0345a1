"""How many worlds of the protocol's model are looked into in a second."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.bench.figure import Figure, Goal, Scale
from tests.model.explore import breadth_first

STATES = 100_000


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    """All from one beginning: what decisions were asked before is remembered, as in a long run."""
    found = breadth_first(limit=STATES * scale.trees)
    yield Figure("states of the protocol's model", "/s", found.per_s, goal=Goal("ours", "least", 20_000))
