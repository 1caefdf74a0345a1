"""Every plug-in has its rig here: one line, and the suite runs on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from tests.conformance import evm, memory
from tests.conformance.rig import Rig

RIGS: dict[str, Callable[[Path], AbstractAsyncContextManager[Rig]]] = {"evm": evm.open_rig, "memory": memory.open_rig}


@pytest.fixture(params=RIGS)
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    async with RIGS[request.param](tmp_path) as opened:
        yield opened
