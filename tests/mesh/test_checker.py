"""The checker finds an honest run clean, and in each one that is not what is wrong with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.mesh.checked import World, honest_grid, honest_story, running_world

pytestmark = pytest.mark.xdist_group("checker")  # What they compile, they compile once.


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with running_world(tmp_path) as running:
        yield running


async def test_an_honest_run_is_clean(world: World) -> None:
    await honest_story(world, await world.grid(honest_grid()))
    verdict = await world.verdict()
    assert verdict.findings == ()
