"""Load, decide, save."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from typing import Any

from jurymast.bus import Delivery
from jurymast.outbox import Outbox
from tests.echo.decide import decide
from tests.echo.messages import ANSWERED, Asked, Count, CountAsked
from tests.echo.settings import EchoSettings
from tests.echo.store import AnsweredRow, Store


class Handlers:
    def __init__(self, store: Store, outbox: Outbox, settings: EchoSettings) -> None:
        self._store = store
        self._outbox = outbox
        self._settings = settings

    async def asked(self, delivery: Delivery[Asked]) -> None:
        asked, attempt = delivery.message, delivery.position.attempt
        if attempt <= asked.times:
            if asked.act == "crash":
                os._exit(9)
            if asked.act == "slow":
                await asyncio.sleep(self._settings.slow_s)
            if asked.act == "block":
                await asyncio.to_thread(time.sleep, self._settings.slow_s)
            if asked.act == "stall":
                try:
                    await asyncio.sleep(self._settings.slow_s)
                finally:  # Asked to end, it stops the whole event loop.
                    time.sleep(self._settings.slow_s)  # noqa: ASYNC251
        async with self._store.transaction() as session:
            if await session.get(AnsweredRow, asked.id):
                return  # Redelivered: its answer is in the outbox, or out already.
            answered = await self._store.count()
            answer = decide(asked, attempt=attempt, answered=answered, refuses=self._settings.refuses)
            session.add(AnsweredRow(id=asked.id))
            self._outbox.add(session, ANSWERED, answer, id=asked.id)
        self._outbox.wake()

    async def measured(self, deliveries: Sequence[Delivery[Any]]) -> None:
        """Nothing to do: this is the hot path that the benchmark measures."""

    async def count(self, _: CountAsked) -> Count:
        return Count(answered=await self._store.count())
