"""The composition of the echo service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jurymast.outbox import Outbox
from jurymast.service import Frame
from tests.echo.handlers import Handlers
from tests.echo.messages import ASKED, COUNT, MEASURED
from tests.echo.settings import EchoSettings
from tests.echo.store import open_store


@asynccontextmanager
async def app(frame: Frame[EchoSettings]) -> AsyncIterator[None]:
    store = await frame.enter(open_store(frame.settings.database))
    outbox = Outbox(frame.bus, store.engine)
    handlers = Handlers(store, outbox, frame.settings)
    frame.bus.on("echo-asked", ASKED, handler=handlers.asked)
    frame.bus.on_batch("echo-measured", MEASURED, handler=handlers.measured)
    await frame.bus.queries.answer(COUNT, handlers.count)
    frame.ready_when("store", store.ping)
    frame.background("outbox", outbox.run())
    yield
