"""What a guard decides is durable and told of before it is signed, and survives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.errors import Fatal, Transient
from jurymast.journal.entries import Declined, Entry, Froze, Head, Imported, Lost, Moved, Permitted
from jurymast.journal.file import JournalFile, Unwritten, read
from jurymast.nonce_guard import store as stores
from jurymast.nonce_guard.decide.memory import Told, forgotten
from jurymast.nonce_guard.decide.veto import Journal
from jurymast.nonce_guard.decide.words import Finalized, Permit
from jurymast.nonce_guard.store import VetoStore, recalled, veto_store
from jurymast.tasks import cancel
from tests.unit.journals import GUARD, entries

SOLANA = 1
ANN, BEN = (b"a" * 32, 4), (b"b" * 32, 0)


def permit(batch: int, *identities: tuple[bytes, int], epoch: int = 1) -> Permit:
    return Permit(SOLANA, epoch, batch, 100, bytes(32), frozenset(identities or {ANN}))


class Elsewhere:
    """What was told of, and what the file held then."""

    def __init__(self, path: Path) -> None:
        self.last: Told | None = None
        self.behind: list[Head] = []
        self.trouble: list[Exception] = []
        self._path = path

    async def told(self) -> Told | None:
        return self.last

    async def tell(self, head: Head, epoch: int) -> None:
        if self.trouble:
            raise self.trouble.pop()
        if read(self._path).digest_at(head.journal, head.sequence) != head.digest:
            self.behind.append(head)
        self.last = Told(*head, epoch)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guard.journal"


@pytest.fixture
def elsewhere(path: Path) -> Elsewhere:
    return Elsewhere(path)


@asynccontextmanager
async def running(path: Path, elsewhere: Elsewhere) -> AsyncIterator[VetoStore]:
    async with veto_store(path, GUARD, elsewhere) as store:
        task = asyncio.create_task(store.run())
        try:
            yield store
        finally:
            await cancel(task)


# -- rebuilding --------------------------------------------------------------------------------------------------------


@given(st.lists(entries, max_size=8))
def test_a_journal_is_the_fold_of_its_entries_and_knows_all_of_them(said: Sequence[Entry]) -> None:
    journal = recalled(said)
    for entry in said:
        match entry:
            case Permitted(identities=identities):
                for identity in identities:
                    assert Permit(*_fields(entry)) in journal.permits[identity]
            case Declined(chain, epoch, batch, body):
                assert (chain, epoch, batch, body) in journal.refused
            case Froze(epoch):
                assert journal.frozen >= epoch
            case Moved(epoch):
                assert epoch in journal.transitions
            case Lost(before):
                assert journal.lost_before is not None
                assert journal.lost_before >= before
            case Imported():
                pass


def _fields(entry: Permitted) -> tuple[int, int, int, int, bytes, frozenset[tuple[bytes, int]]]:
    return entry.chain, entry.epoch, entry.batch, entry.expiry, entry.body, frozenset(entry.identities)


async def test_every_decision_is_known_in_the_next_life(path: Path, elsewhere: Elsewhere) -> None:
    cut = {permit(7).reference}
    async with running(path, elsewhere) as store:
        assert await store.permit(permit(7, ANN, BEN), {}) is None
        assert await store.refuse(permit(8), {}) is None
        await store.freeze(1)
        assert await store.transition(1, 2, b"t" * 32, cut, {}) is None
        before = store.journal
    async with running(path, elsewhere) as store:
        assert store.journal == before
        assert store.journal.permits == {ANN: [permit(7, ANN, BEN)], BEN: [permit(7, ANN, BEN)]}
        veto = await store.permit(permit(9, BEN, epoch=2), {})
        assert veto is not None
        assert "may still execute in batch 7" in veto.reason
        assert await store.transition(1, 2, b"u" * 32, cut, {}) is not None
        assert await store.refuse(permit(7, ANN, BEN), {}) is not None
    assert elsewhere.behind == []


async def test_what_was_decided_before_is_not_written_again(path: Path, elsewhere: Elsewhere) -> None:
    async with running(path, elsewhere) as store:
        for _ in range(3):
            await asyncio.gather(*(store.permit(permit(7), {}) for _ in range(5)))
            await store.refuse(permit(8), {})
            await store.freeze(1)
            await store.freeze(0)
            await store.transition(1, 2, b"t" * 32, {permit(7).reference}, {})
            proof = {SOLANA: Finalized(SOLANA, 0, 2, set(), set()), 2: Finalized(2, 0, 2, set(), set())}
            assert await store.permit(permit(9, epoch=2), proof) is None
    assert len(read(path).entries) == 5


# -- together ----------------------------------------------------------------------------------------------------------


async def test_many_decisions_share_a_sync_and_none_returns_before_it(
    path: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups: list[int] = []
    append = JournalFile.append

    def counted(file: JournalFile, said: Sequence[Entry]) -> Head:
        groups.append(len(said))
        return append(file, said)

    async with running(path, elsewhere) as store:
        monkeypatch.setattr(JournalFile, "append", counted)

        async def one(number: int) -> None:
            assert await store.permit(permit(number, (bytes(32), number)), {}) is None
            assert number in {entry.batch for entry in read(path).entries if isinstance(entry, Permitted)}
            assert elsewhere.last is not None
            assert elsewhere.last.sequence == len(read(path).entries)

        await asyncio.gather(*map(one, range(200)))
    assert sum(groups) == 200
    assert len(groups) <= 3


async def test_two_permits_for_one_identity_at_once_are_not_both_signed(path: Path, elsewhere: Elsewhere) -> None:
    """The second is decided while the first is on its way to the disk."""
    async with running(path, elsewhere) as store:
        first, second = await asyncio.gather(store.permit(permit(7), {}), store.permit(permit(8), {}))
    assert first is None
    assert second is not None


# -- when it fails -----------------------------------------------------------------------------------------------------


async def test_a_disk_that_fails_ends_all_signing(path: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Head:
        raise Unwritten("no space")

    async with veto_store(path, GUARD, elsewhere) as store:
        monkeypatch.setattr(JournalFile, "append", fails)
        task = asyncio.create_task(store.run())
        with pytest.raises(Unwritten):
            await store.permit(permit(7), {})
        with pytest.raises(Unwritten):
            await store.permit(permit(7), {})
        with pytest.raises(Unwritten):
            await task


async def test_while_the_bus_is_away_nothing_is_signed(path: Path, elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(path, elsewhere) as store:
        elsewhere.trouble = [Transient("away")] * 3
        assert await store.permit(permit(7), {}) is None
        assert elsewhere.trouble == []
    async with veto_store(path, GUARD, elsewhere) as store:
        monkeypatch.setattr(stores, "TOLD_WITHIN_S", 0)
        task = asyncio.create_task(store.run())
        elsewhere.trouble = [Transient("away")]
        with pytest.raises(Fatal, match="cannot tell how far the journal has come: away"):
            await store.permit(permit(8, BEN), {})
        with pytest.raises(Fatal):
            await task


async def test_who_waits_when_it_closes_signs_nothing(path: Path, elsewhere: Elsewhere) -> None:
    async with veto_store(path, GUARD, elsewhere) as store:
        task = asyncio.create_task(store.run())
        waiting = asyncio.create_task(store.permit(permit(7), {}))
        await asyncio.wait({waiting}, timeout=0)
        await cancel(task)
        with suppress(Transient):
            await waiting
            assert read(path).entries  # It was written just in time.
        with pytest.raises(Transient, match="being closed"):
            await store.permit(permit(8, BEN), {})


# -- a journal that forgot ---------------------------------------------------------------------------------------------


def kept(path: Path) -> bytes:
    return path.read_bytes()


def put_back(path: Path, copy: bytes) -> None:
    path.write_bytes(copy)


async def test_a_copy_of_before_never_signs_until_a_fence_on_every_chain(path: Path, elsewhere: Elsewhere) -> None:
    async with running(path, elsewhere) as store:
        await store.permit(permit(7), {})
        copy = kept(path)
        await store.permit(permit(8, BEN, epoch=3), {})
    put_back(path, copy)
    for _ in range(2):  # It knows for ever.
        async with running(path, elsewhere) as store:
            assert store.journal.lost_before == 3
            veto = await store.permit(permit(9, (b"c" * 32, 0), epoch=4), {})
            assert veto is not None
            assert "the journal was lost: it waits for a transition after epoch 3" in veto.reason
    fenced = {chain: Finalized(chain, 0, 4, set(), set()) for chain in (1, 2)}
    async with running(path, elsewhere) as store:
        assert await store.permit(permit(9, (b"c" * 32, 0), epoch=4), fenced) is None


async def test_a_file_that_is_gone_and_one_that_went_its_own_way_have_forgotten(path: Path, elsewhere: Elsewhere) -> None:
    async with running(path, elsewhere) as store:
        copy = kept(path)
        await store.permit(permit(7, epoch=3), {})
    last, other = elsewhere.last, path.with_name("other")
    put_back(other, copy)
    elsewhere.last = None
    async with running(other, Elsewhere(other)) as store:
        await store.permit(permit(8, epoch=2), {})
    for lost in (path.with_name("gone"), other):
        elsewhere.last = last
        async with veto_store(lost, GUARD, _at(lost, last)) as store:
            assert store.journal.lost_before == 3
    async with veto_store(path, GUARD, _at(path, last)) as store:
        assert store.journal.lost_before is None


def _at(path: Path, last: Told | None) -> Elsewhere:
    there = Elsewhere(path)
    there.last = last
    return there


async def test_a_journal_ahead_of_what_was_told_is_whole(path: Path, elsewhere: Elsewhere) -> None:
    """It died between the disk and the bus."""
    async with running(path, elsewhere) as store:
        before = elsewhere.last
        await store.permit(permit(7), {})
    elsewhere.last = before
    async with running(path, elsewhere) as store:
        assert store.journal.lost_before is None
        assert elsewhere.last is not None
        assert elsewhere.last.sequence == 1


def test_an_import_of_all_that_was_told_of_is_as_good_as_the_file_itself() -> None:
    told = Told(b"j" * 16, 5, b"d" * 16, 9)
    known = {(b"j" * 16, 5): b"d" * 16}
    assert forgotten(None, lambda *_: None) is None
    assert forgotten(told, lambda *at: known.get(at)) is None
    assert forgotten(told._replace(sequence=6), lambda *at: known.get(at)) == 9
    assert forgotten(told._replace(digest=b"e" * 16), lambda *at: known.get(at)) == 9


def test_the_oldest_of_several_losses_does_not_hide_the_others() -> None:
    assert recalled([Lost(3), Lost(1)]) == Journal(lost_before=3)
