"""The journal's file: what a crash leaves is cut off, damage is never passed over, and there is one writer."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurymast.errors import Misconfigured
from jurymast.journal.entries import Begun, Entry, Froze, Head, highest_epoch
from jurymast.journal.file import AnothersJournal, Corrupt, InUse, JournalFile, Unwritten, contents_of, idle, read
from jurymast.journal.frames import LONGEST, OVERHEAD, START, Damage, frames, scan
from tests.unit.journals import GUARD, OTHER, entries, permitted

PATH = Path("guard.journal")
BEGUN = Begun(1, b"j" * 16, GUARD)


def written(*said: Entry) -> bytes:
    data, _ = frames(START, 0, [msgspec.msgpack.encode(each) for each in (BEGUN, *said)])
    return data


def ends(*said: Entry) -> list[int]:
    """Where each record ends, that of the beginning first."""
    return [len(written(*said[:count])) for count in range(len(said) + 1)]


# -- any file ----------------------------------------------------------------------------------------------------------


@given(st.lists(entries, max_size=6))
def test_what_was_written_is_read(said: list[Entry]) -> None:
    contents = contents_of(PATH, written(*said))
    assert contents is not None
    assert (contents.begun, contents.entries, contents.unfinished) == (BEGUN, tuple(said), 0)
    assert contents.head.sequence == len(said)


@settings(max_examples=60)
@given(st.lists(entries, min_size=1, max_size=4))
def test_cut_anywhere_it_is_a_prefix_of_what_was_written(said: list[Entry]) -> None:
    data, whole = written(*said), ends(*said)
    for length in range(len(data) + 1):
        contents = contents_of(PATH, data[:length])
        if length < whole[0]:
            assert contents is None
            continue
        assert contents is not None
        records = sum(end <= length for end in whole)
        assert contents.entries == tuple(said[: records - 1])
        assert (contents.length, contents.unfinished) == (whole[records - 1], length - whole[records - 1])


@settings(max_examples=40)
@given(st.lists(entries, min_size=1, max_size=3), st.integers(1, 255))
def test_any_byte_that_changed_is_found(said: list[Entry], change: int) -> None:
    data = bytearray(written(*said))
    for place in range(len(data)):
        data[place] ^= change
        damage = scan(bytes(data)).damage
        assert damage is not None
        assert damage.offset <= place
        data[place] ^= change


@given(st.lists(entries, min_size=2, max_size=5, unique=True), st.data())
def test_records_that_were_dropped_repeated_or_moved_are_found(said: list[Entry], data: st.DataObject) -> None:
    whole, at = written(*said), ends(*said)
    one = data.draw(st.integers(0, len(said) - 2))
    record = whole[at[one] : at[one + 1]]
    rest = whole[at[one + 1] :]
    for other in (whole[: at[one]] + rest, whole[: at[one + 1]] + record + rest, whole[: at[one]] + rest + record):
        assert scan(other).damage is not None


def test_a_record_of_another_journal_is_damage_even_in_its_own_place() -> None:
    other, _ = frames(START, 0, [msgspec.msgpack.encode(each) for each in (Begun(1, b"k" * 16, GUARD), Froze(1))])
    mine, end = written(Froze(1)), len(written())
    damage = scan(mine[:end] + other[end:]).damage
    assert damage == Damage(end, 1, "it does not match its digest")


def test_a_file_that_grew_before_its_bytes_came_is_unfinished_and_not_damaged() -> None:
    data = written(Froze(1))
    for more in (1, OVERHEAD, 5_000):
        contents = contents_of(PATH, data + bytes(more))
        assert contents is not None
        assert (contents.entries, contents.unfinished) == ((Froze(1),), more)
    assert scan(data + bytes(OVERHEAD) + b"\x01").damage is not None


def test_a_length_beyond_reason_is_damage() -> None:
    data, _ = frames(START, 0, [bytes(LONGEST + 1)])
    assert scan(data).damage == Damage(0, 0, f"it is said to have {LONGEST + 1} bytes")


@pytest.mark.parametrize(
    ("payloads", "why"),
    [
        ([Froze(1)], "a journal begins with whose it is, once"),
        ([BEGUN, BEGUN], "a journal begins with whose it is, once"),
    ],
)
def test_whole_records_that_are_no_journal_are_damage(payloads: list[Begun | Entry], why: str) -> None:
    data, _ = frames(START, 0, [msgspec.msgpack.encode(each) for each in payloads])
    with pytest.raises(Corrupt, match=why):
        contents_of(PATH, data)


def test_what_a_later_version_wrote_is_left_to_it() -> None:
    data, _ = frames(START, 0, [msgspec.msgpack.encode(each) for each in (BEGUN, ["pact", 1])])
    with pytest.raises(Misconfigured, match=r"record 1 is whole and cannot be read .*a later version wrote it"):
        contents_of(PATH, data)
    newer, _ = frames(START, 0, [msgspec.msgpack.encode(Begun(2, b"j" * 16, GUARD))])
    with pytest.raises(Misconfigured, match="version 2"):
        contents_of(PATH, newer)


def test_the_highest_epoch_is_that_of_anything_signed() -> None:
    assert highest_epoch([]) == 0
    assert highest_epoch([permitted(1, epoch=7), Froze(6)]) == 7


# -- on disk -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "guard.journal"


@pytest.fixture
def journal(path: Path) -> Iterator[JournalFile]:
    with JournalFile.open(path, GUARD) as opened:
        yield opened


def reopened(path: Path) -> tuple[Entry, ...]:
    with JournalFile.open(path, GUARD) as again:
        return again.contents.entries


def test_it_goes_on_where_it_stopped(path: Path) -> None:
    said = [permitted(number) for number in range(9)]
    heads: list[Head] = []
    for begin in range(0, 9, 3):
        with JournalFile.open(path, GUARD) as journal:
            assert journal.contents.entries == tuple(said[:begin])
            heads.append(journal.append(said[begin : begin + 3]))
            assert heads[-1] == journal.head
    contents = read(path)
    assert contents.entries == tuple(said)
    assert contents.head == heads[-1] == Head(contents.begun.journal, 9, contents.digests[9])
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_a_crash_left_is_cut_off_and_written_anew(path: Path) -> None:
    with JournalFile.open(path, GUARD) as journal:
        journal.append([Froze(1), Froze(2)])
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    with JournalFile.open(path, GUARD) as journal:
        assert journal.contents.entries == (Froze(1),)
        journal.append([Froze(3)])
    assert reopened(path) == (Froze(1), Froze(3))


@pytest.mark.parametrize("left", [0, 1, OVERHEAD, OVERHEAD + 5])
def test_a_beginning_that_was_never_finished_begins_again(path: Path, left: int) -> None:
    path.write_bytes(written()[:left])
    with JournalFile.open(path, GUARD) as journal:
        journal.append([Froze(1)])
    assert reopened(path) == (Froze(1),)


def test_damage_in_the_middle_is_refused_and_says_what_to_do(path: Path) -> None:
    with JournalFile.open(path, GUARD) as journal:
        journal.append([Froze(1), Froze(2)])
    data = bytearray(path.read_bytes())
    data[-60] ^= 1
    path.write_bytes(data)
    for opening in (lambda: JournalFile.open(path, GUARD), lambda: read(path)):
        with pytest.raises(Corrupt, match=r"damaged at byte \d+, record 1: .*sign nothing.*begin --lost-before") as refused:
            opening()
        assert refused.value.damage.sequence == 1
    assert path.read_bytes() == data


def test_there_is_one_writer(path: Path, journal: JournalFile) -> None:
    with pytest.raises(InUse, match="open elsewhere"):
        JournalFile.open(path, GUARD)
    with pytest.raises(InUse), idle(path):
        pass
    assert read(path).entries == ()


def test_it_binds_one_key(path: Path) -> None:
    with JournalFile.open(path, GUARD) as journal:
        journal.append([Froze(1)])
    with pytest.raises(AnothersJournal, match=r"is the journal of 0x1111.*and this guard is 0x2222"):
        JournalFile.open(path, OTHER)
    assert reopened(path) == (Froze(1),)


@pytest.mark.parametrize("place", ["missing/guard.journal", "."])
def test_a_place_that_cannot_be_used_is_named(tmp_path: Path, place: str) -> None:
    with pytest.raises(Misconfigured, match="cannot use the journal"):
        JournalFile.open(tmp_path / place, GUARD)
    with pytest.raises(Misconfigured, match="cannot use the journal"):
        read(tmp_path / place)


def test_everything_is_synced_before_it_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, and when it is made its directory: in the order in which it has to be."""
    done: list[str] = []
    write, sync = os.write, os.fsync

    def writes(descriptor: int, data: bytes) -> int:
        done.append("write")
        return write(descriptor, data)

    def syncs(descriptor: int) -> None:
        done.append("sync directory" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync")
        sync(descriptor)

    monkeypatch.setattr(os, "write", writes)
    monkeypatch.setattr(os, "fsync", syncs)
    with JournalFile.open(path, GUARD) as journal:
        assert done == ["sync directory", "write", "sync"]
        done.clear()
        journal.append([Froze(1), Froze(2), Froze(3)])
    assert done == ["write", "sync"]


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_after_a_write_that_failed_nothing_is_written_any_more(
    path: Path, journal: JournalFile, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fails(*_: object) -> int:
        raise OSError(28, "No space left on device")

    journal.append([Froze(1)])
    with monkeypatch.context() as patched:
        patched.setattr(os, broken, fails)
        with pytest.raises(Unwritten, match="No space left on device"):
            journal.append([Froze(2)])
    with pytest.raises(Unwritten, match="an earlier write failed"):
        journal.append([Froze(3)])


def test_a_write_that_takes_less_than_all_goes_on(path: Path, journal: JournalFile, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    journal.append([permitted(1)])
    assert read(path).entries == (permitted(1),)
