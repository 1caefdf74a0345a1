"""The transactions of one account: stored before they are sent, on disk before `put` returns.

The file is held by one process at a time: two that use the same account would give the same nonce twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import aiosqlite

from jurymast.chains.evm.nonces import Attempt, Slot
from jurymast.chains.evm.transaction import Fees
from jurymast.chains.trail import Block
from jurymast.chains.words import Included, Payload
from jurymast.errors import Misconfigured

TABLES = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS owner (account BLOB NOT NULL, chain INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS slots (
  nonce INTEGER PRIMARY KEY, purpose TEXT NOT NULL UNIQUE, recipient BLOB NOT NULL, data BLOB NOT NULL, value BLOB NOT NULL,
  gas INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS attempts (
  hash BLOB PRIMARY KEY, nonce INTEGER NOT NULL REFERENCES slots, raw BLOB NOT NULL, cap BLOB NOT NULL, tip BLOB NOT NULL,
  clock INTEGER NOT NULL, number INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS fates (
  purpose TEXT PRIMARY KEY, hash BLOB NOT NULL, height INTEGER NOT NULL, block BLOB NOT NULL, parent BLOB NOT NULL,
  clock INTEGER NOT NULL, succeeded INTEGER NOT NULL, told INTEGER NOT NULL DEFAULT 0
);
"""
WORD = 32


class Stored(NamedTuple):
    slot: Slot
    payload: Payload


class Store:
    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database

    async def put(self, slot: Slot, payload: Payload) -> None:
        """A new slot with its first attempt."""
        await self._database.execute(
            "INSERT INTO slots VALUES (?, ?, ?, ?, ?, ?)",
            (slot.nonce, slot.purpose, payload.to, payload.data, _word(payload.value), payload.cost),
        )
        await self._insert(slot.nonce, slot.attempts[0], 0)
        await self._database.commit()

    async def add(self, slot: Slot, attempt: Attempt) -> None:
        """The same at another price."""
        await self._insert(slot.nonce, attempt, len(slot.attempts))
        await self._database.commit()

    async def _insert(self, nonce: int, attempt: Attempt, number: int) -> None:
        fees = _word(attempt.fees.cap), _word(attempt.fees.tip)
        row = (attempt.hash, nonce, attempt.raw, *fees, attempt.clock, number)
        await self._database.execute("INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?)", row)

    async def slots(self) -> list[Stored]:
        """Those that are not final, by rising nonce."""
        attempts: dict[int, list[Attempt]] = {}
        query = "SELECT nonce, hash, raw, cap, tip, clock FROM attempts ORDER BY nonce, number"
        async with self._database.execute(query) as rows:
            async for nonce, hash_, raw, cap, tip, clock in rows:
                attempts.setdefault(nonce, []).append(Attempt(hash_, raw, Fees(_number(cap), _number(tip)), clock))
        async with self._database.execute("SELECT nonce, purpose, recipient, data, value, gas FROM slots ORDER BY nonce") as rows:
            return [
                Stored(Slot(nonce, purpose, tuple(attempts[nonce])), Payload(to, data, _number(value), gas))
                async for nonce, purpose, to, data, value, gas in rows
            ]

    async def finish(self, slot: Slot, included: Included) -> None:
        """Its nonce is used in a final block, by one of its attempts."""
        block = included.block
        await self._database.execute(
            "INSERT INTO fates (purpose, hash, height, block, parent, clock, succeeded) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (slot.purpose, included.transaction, block.height, block.hash, block.parent, block.clock, included.succeeded),
        )
        await self.drop(slot)

    async def drop(self, slot: Slot) -> None:
        """None of its attempts can be in a block any more."""
        await self._database.execute("DELETE FROM attempts WHERE nonce = ?", (slot.nonce,))
        await self._database.execute("DELETE FROM slots WHERE nonce = ?", (slot.nonce,))
        await self._database.commit()

    async def fates(self, purpose: str = "") -> list[Included]:
        """Of this one, or of all that are still told."""
        condition, arguments = ("purpose = ?", (purpose,)) if purpose else ("NOT told", ())
        query = f"SELECT purpose, hash, height, block, parent, clock, succeeded FROM fates WHERE {condition}"  # noqa: S608  Ours.
        async with self._database.execute(query, arguments) as rows:
            return [
                Included(name, hash_, Block(height, block, parent, clock), bool(succeeded), final=True)
                async for name, hash_, height, block, parent, clock, succeeded in rows
            ]

    async def told(self, purpose: str) -> None:
        await self._database.execute("UPDATE fates SET told = 1 WHERE purpose = ?", (purpose,))
        await self._database.commit()

    async def belongs_to(self, account: bytes, chain_id: int) -> None:
        """`Misconfigured` if it has the transactions of another one."""
        async with self._database.execute("SELECT account, chain FROM owner") as rows:
            owner = await rows.fetchone()
        if owner is None:
            await self._database.execute("INSERT INTO owner VALUES (?, ?)", (account, chain_id))
            await self._database.commit()
        elif tuple(owner) != (account, chain_id):
            raise Misconfigured(f"the stored transactions are of 0x{owner[0].hex()} on chain {owner[1]}: name another file")


@asynccontextmanager
async def open_store(path: Path) -> AsyncIterator[Store]:
    """`Misconfigured` if another process has it."""
    async with aiosqlite.connect(path, timeout=1) as database:
        try:
            await database.execute("PRAGMA locking_mode = EXCLUSIVE")
            await database.executescript(TABLES)
            await database.execute("BEGIN IMMEDIATE")
            await database.commit()
        except sqlite3.OperationalError as error:
            raise Misconfigured(f"{path}: {error}: one process at a time sends transactions of an account") from None
        yield Store(database)


def _word(value: int) -> bytes:
    """SQLite's numbers have 64 bits."""
    return value.to_bytes(WORD, "big")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")
