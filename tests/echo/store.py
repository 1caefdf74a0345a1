"""Questions that were answered."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import StaticPool
from sqlmodel import Field, SQLModel, func, select
from sqlmodel.ext.asyncio.session import AsyncSession


class AnsweredRow(SQLModel, table=True):
    __tablename__ = "answered"

    id: str = Field(primary_key=True)


class Store:
    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine) as session, session.begin():
            yield session

    async def ping(self) -> None:
        async with self.transaction() as session:
            await session.exec(select(1))

    async def count(self) -> int:
        async with self.transaction() as session:
            return (await session.exec(select(func.count()).select_from(AnsweredRow))).one()


@asynccontextmanager
async def open_store(path: str) -> AsyncIterator[Store]:
    pool = {} if path else {"poolclass": StaticPool}
    engine = create_async_engine(f"sqlite+aiosqlite:///{path}", **pool)
    async with engine.begin() as connection:
        await connection.run_sync(SQLModel.metadata.create_all)
    try:
        yield Store(engine)
    finally:
        await engine.dispose()
