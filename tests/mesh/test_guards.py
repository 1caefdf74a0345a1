"""Three guards, a real server, a real chain: what is permitted, executed and concluded, and what never is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jurymast.book.events import BatchExecuted
from tests.mesh.guarding import Guarded, guarded, swap
from tests.unit.grids import ANN, EUR


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as made:
        yield made


async def test_a_batch_is_claimed_once_permitted_by_each_executed_and_concluded_with_its_proof(world: Guarded) -> None:
    await world.ready()
    actions = swap(0)
    planned = await world.plan(*actions)
    permits = await world.permits(planned)
    lives = await world.lives(*actions)
    assert [len(life.claims) for life in lives] == [1, 1]
    await world.execute(planned, permits)
    await world.rig.finalize()
    outcomes = await world.outcomes(*actions)
    assert [outcome.fate for outcome in outcomes] == ["executed", "executed"]
    (executed,) = await world.ledger(BatchExecuted)
    assert (executed.batch, executed.height) == (planned.batch, outcomes[0].proof.height)
    assert len(await world.ledger(BatchExecuted)) == 1
    assert ANN.id
    assert EUR
