"""A service whose background work, or readiness check, goes wrong: `python -m tests.echo.faulty`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jurymast.errors import Misconfigured
from jurymast.service import Frame, run_service
from jurymast.settings import Settings
from jurymast.streams import TABLE

ERRORS: dict[str, BaseException] = {
    "died": ZeroDivisionError(),
    "cancelled": asyncio.CancelledError(),
    "misconfigured": Misconfigured("an operator must act"),
}


class FaultySettings(Settings, frozen=True, kw_only=True):
    fault: str = "died"


@asynccontextmanager
async def app(frame: Frame[FaultySettings]) -> AsyncIterator[None]:
    async def doomed() -> None:
        raise ERRORS[frame.settings.fault]

    if frame.settings.fault == "check":
        frame.ready_when("doubtful", cancelled)
    else:
        frame.background("doomed", doomed())
    yield


async def cancelled() -> None:
    """As when what it waits for was cancelled by somebody else."""
    raise asyncio.CancelledError


run_service("faulty", FaultySettings, app, table=TABLE)
