"""A service whose background work dies: `python -m tests.echo.faulty`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jurymast.service import Frame, run_service
from jurymast.settings import Settings
from jurymast.streams import TABLE


@asynccontextmanager
async def app(frame: Frame[Settings]) -> AsyncIterator[None]:
    async def doomed() -> None:
        raise ZeroDivisionError

    frame.background("doomed", doomed())
    yield


run_service("faulty", Settings, app, table=TABLE)
