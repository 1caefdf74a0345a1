"""The transactional outbox: a message is committed together with the state that caused it, and published afterwards.

Crash before the commit: neither exists. Crash after: the relay finds the row. Crash between publish and delete: the row is
published again under the same id; the dedupe window or the reader's idempotency absorbs it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from sqlalchemy import delete, func, update
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from jurymast.bus import Bus
from jurymast.errors import Rejected, Transient
from jurymast.messages.channel import Channel, M
from jurymast.streams import MAX_MESSAGE_BYTES

log = logging.getLogger(__name__)

CHUNK = 100
FLUSH_S = 2.0
HEADER_SLACK = 128
"""What the headers' own format may take on the wire, and a trace on top of those stamped here."""
IDLE_S = 1.0
"""How often to look for rows that another process committed; own commits wake the relay at once."""


class OutboxRow(SQLModel, table=True):
    __tablename__ = "outbox"
    __table_args__ = {"sqlite_autoincrement": True}

    id: int | None = Field(default=None, primary_key=True)
    subject: str
    headers: bytes
    payload: bytes
    refused: str | None = Field(default=None, index=True)
    """Why the bus will never take it; kept for an operator, out of the way of the others."""


class Outbox:
    """`add` inside the transaction, `wake` after the commit, `run` in the background of one process at a time."""

    def __init__(self, bus: Bus, engine: AsyncEngine) -> None:
        self._bus = bus
        self._engine = engine
        self._woken = asyncio.Event()
        self._ending = False

    def add(self, session: AsyncSession, channel: Channel[M], message: M, *, id: str) -> None:  # noqa: A002
        payload, stamped = channel.encode(message), msgspec.json.encode(self._bus.stamp(channel, id))
        size = len(payload) + len(stamped) + HEADER_SLACK
        if size > MAX_MESSAGE_BYTES:  # Now, where the transaction can still be refused.
            raise Rejected(f"{channel.name}: {size} bytes with headers, the bus takes {MAX_MESSAGE_BYTES}")
        session.add(OutboxRow(subject=channel.subject(message), headers=stamped, payload=payload))

    def wake(self) -> None:
        self._woken.set()

    async def run(self) -> None:
        relaying = asyncio.create_task(self._run())
        try:
            await asyncio.shield(relaying)
        except asyncio.CancelledError:
            # What the last handlers committed need not wait for the next start, though it may if the bus is away.
            # Nothing is cancelled in the middle of a transaction: that would leave it open until its connection is found dead.
            self._ending = True
            self.wake()
            await asyncio.wait({relaying}, timeout=FLUSH_S)
            relaying.cancel()
            raise

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._relay_all()
            except Transient as error:
                log.warning("outbox: %s", error)
            if self._ending:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), IDLE_S)

    async def _relay_all(self) -> None:
        while await self.relay():
            pass

    async def relay(self) -> int:
        """Publish the oldest rows in their order, and forget them; returns how many."""
        async with AsyncSession(self._engine, expire_on_commit=False) as session:
            oldest = select(OutboxRow).where(col(OutboxRow.refused).is_(None)).order_by(col(OutboxRow.id)).limit(CHUNK)
            rows = (await session.exec(oldest)).all()
            await self._count(session)
        published: list[int | None] = []
        try:
            for row in rows:
                if await self._publish(row):
                    published.append(row.id)  # noqa: PERF401  What went out before a failure must be known.
        finally:
            await self._forget(published)
        return len(rows)

    async def _count(self, session: AsyncSession) -> None:
        counted = select(func.count(), func.count(col(OutboxRow.refused))).select_from(OutboxRow)
        rows, refused = (await session.exec(counted)).one()
        self._bus.metrics.outbox.labels("pending").set(rows - refused)
        self._bus.metrics.outbox.labels("refused").set(refused)

    async def _publish(self, row: OutboxRow) -> bool:
        try:
            await self._bus.publish_raw(row.subject, row.payload, msgspec.json.decode(row.headers, type=dict[str, str]))
        except Rejected as error:
            log.error("outbox row %s can never be published, kept aside: %s", row.id, error)  # noqa: TRY400
            async with AsyncSession(self._engine) as session:
                await session.exec(update(OutboxRow).where(col(OutboxRow.id) == row.id).values(refused=str(error)))
                await session.commit()
            return False
        return True

    async def _forget(self, ids: Sequence[int | None]) -> None:
        if ids:
            async with AsyncSession(self._engine) as session:
                await session.exec(delete(OutboxRow).where(col(OutboxRow.id).in_(ids)))
                await session.commit()
