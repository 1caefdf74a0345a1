"""The veto journal of a guard: what its key has bound itself to, on disk and told on the bus before anything is signed.

What is decided counts at once for whatever is decided next, and is signed when it is durable. Many decisions share one sync.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

from jurymast.bus import Bus
from jurymast.bus.publish import Overtaken
from jurymast.crypto.address import checksummed
from jurymast.errors import Fatal, Misconfigured, Transient
from jurymast.journal.entries import Declined, Entry, Froze, Head, Imported, Lost, Moved, Permitted, highest_epoch
from jurymast.journal.file import JournalFile
from jurymast.messages.guard import JOURNAL, JournalHead
from jurymast.nonce_guard.decide.memory import Told, forgotten
from jurymast.nonce_guard.decide.veto import Journal, Veto, may_refuse, may_sign, may_sign_transition
from jurymast.nonce_guard.decide.words import Finalized, Permit, Reference

log = logging.getLogger(__name__)

TELL_S = 10.0
TOLD_WITHIN_S = 60.0
"""Without the bus nothing can be claimed either. After this long the process ends, and begins anew."""


class Heads(Protocol):
    """Where it is told, away from the disk, how far a journal has come."""

    async def told(self) -> Told | None: ...
    async def tell(self, head: Head, epoch: int) -> None: ...


class BusHeads:
    """By compare-and-set: of two processes with one key, the one that has the older journal ends."""

    def __init__(self, bus: Bus, guard: bytes) -> None:
        self._bus = bus
        self._guard = checksummed(guard)
        self._life = secrets.token_hex(8)
        self._after = 0

    async def told(self) -> Told | None:
        stored = await self._bus.read(JOURNAL, JOURNAL.wildcard_with(guard=self._guard))
        if stored is None:
            return None
        if stored.message is None:
            raise Misconfigured(f"what the guard told of its journal last cannot be read: {stored.problem}")
        self._after, head = stored.sequence, stored.message
        return Told(head.journal, head.sequence, head.digest, head.epoch)

    async def tell(self, head: Head, epoch: int) -> None:
        message = JournalHead(guard=self._guard, journal=head.journal, sequence=head.sequence, digest=head.digest, epoch=epoch)
        try:
            id_ = f"{self._life}.{head.sequence}"
            self._after = await self._bus.publish_after(self._after, JOURNAL, message, id=id_, within_s=TELL_S)
        except Overtaken as error:
            raise Fatal(f"another process signs with the key of {self._guard}: {error}") from error


def recalled(entries: Iterable[Entry]) -> Journal:
    """What decisions are made by."""
    journal = Journal()
    for entry in entries:
        match entry:
            case Permitted():
                journal.sign(_permit(entry))
            case Declined(chain=chain, epoch=epoch, batch=batch, body=body):
                journal.refused.add((chain, epoch, batch, body))
            case Froze(epoch=epoch):
                journal.freeze(epoch)
            case Moved(epoch=epoch, digest=digest):
                journal.transitions[epoch] = digest
            case Lost(before=before):
                journal.lost_before = max(before, -1 if journal.lost_before is None else journal.lost_before)
            case Imported():
                pass
    return journal


class VetoStore:
    """`run` it in the background. Each call returns a veto, or None when what it decided is durable and may be signed."""

    def __init__(self, file: JournalFile, journal: Journal, heads: Heads, epoch: int) -> None:
        self.journal = journal
        self._file = file
        self._heads = heads
        self._epoch = epoch
        self._entries: list[Entry] = []
        self._wanted = asyncio.Event()
        self._collecting = _future()
        self._writing: asyncio.Future[None] | None = None
        self._ended: Exception | None = None

    async def permit(self, permit: Permit, finalized: Mapping[int, Finalized]) -> Veto | None:
        if veto := may_sign(self.journal, permit, finalized):
            return veto
        if any(permit not in self.journal.permits.get(identity, ()) for identity in permit.identities):
            self.journal.sign(permit)
            self._add(_permitted(permit))
        await self._durable()
        return None

    async def refuse(self, permit: Permit, finalized: Mapping[int, Finalized]) -> Veto | None:
        if veto := may_refuse(self.journal, permit, finalized):
            return veto
        if permit.reference not in self.journal.refused:
            self.journal.refuse(permit)
            self._add(Declined(*permit.reference))
        await self._durable()
        return None

    async def freeze(self, epoch: int) -> None:
        if epoch > self.journal.frozen:
            self.journal.freeze(epoch)
            self._add(Froze(epoch))
        await self._durable()

    async def transition(
        self,
        leaving: int,
        epoch: int,
        digest: bytes,
        cut: AbstractSet[Reference],
        finalized: Mapping[int, Finalized],
    ) -> Veto | None:
        if veto := may_sign_transition(self.journal, leaving, epoch, digest, cut, finalized):
            return veto
        if epoch not in self.journal.transitions:
            self.journal.transitions[epoch] = digest
            self._add(Moved(epoch, digest))
        await self._durable()
        return None

    @property
    def sequence(self) -> int:
        """Of the last record."""
        return self._file.head.sequence

    async def run(self) -> None:
        """Writes what has come together while the last was written. If that fails, nothing is signed any more."""
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                await self._write()
        except BaseException as error:
            self._ended = error if isinstance(error, Exception) else Transient("the journal is being closed")
            for group in (self._writing, self._collecting):
                if group is not None and not group.done():
                    group.set_exception(self._ended)
                    group.exception()  # Perhaps nobody waits.
            raise

    async def _write(self) -> None:
        entries, self._entries = self._entries, []
        self._writing, self._collecting = self._collecting, _future()
        writing = asyncio.ensure_future(asyncio.to_thread(self._file.append, entries))
        try:
            head = await asyncio.shield(writing)
        finally:
            await asyncio.wait({writing})  # The file is closed after it.
        self._epoch = max(self._epoch, highest_epoch(entries))
        await self._tell(head)
        self._writing.set_result(None)
        self._writing = None

    async def _tell(self, head: Head) -> None:
        deadline = monotonic() + TOLD_WITHIN_S
        while True:
            try:
                return await self._heads.tell(head, self._epoch)
            except Transient as error:
                if monotonic() >= deadline:
                    raise Fatal(f"cannot tell how far the journal has come: {error}") from error
                log.warning("the journal waits for the bus: %s", error)

    def _add(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._wanted.set()

    async def _durable(self) -> None:
        """Also what was decided before: a repeat may meet its own first time under way."""
        if self._ended:
            raise self._ended
        group = self._collecting if self._entries else self._writing
        if group is not None:
            await asyncio.shield(group)


@asynccontextmanager
async def veto_store(path: Path, guard: bytes, heads: Heads) -> AsyncIterator[VetoStore]:
    """The journal of this key; that it is open is told first. If it has forgotten anything, it knows that from then on."""
    with await asyncio.to_thread(JournalFile.open, path, guard) as file:
        before = forgotten(await heads.told(), file.contents.digest_at)
        if before is not None:
            log.error("the journal %s was lost or copied back: it may have signed anything up to epoch %d", path, before)
            await asyncio.to_thread(file.append, [Lost(before)])
        entries = [*file.contents.entries, *([] if before is None else [Lost(before)])]
        epoch = highest_epoch(entries)
        await heads.tell(file.head, epoch)
        yield VetoStore(file, recalled(entries), heads, epoch)


def _permitted(permit: Permit) -> Permitted:
    return Permitted(*permit[:-1], identities=tuple(sorted(permit.identities)))


def _permit(entry: Permitted) -> Permit:
    return Permit(entry.chain, entry.epoch, entry.batch, entry.expiry, entry.body, frozenset(entry.identities))


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
