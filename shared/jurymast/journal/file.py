"""The journal on disk: one writer, and nothing is done before it is synced."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from jurymast.crypto.address import checksummed
from jurymast.errors import Fatal, Misconfigured
from jurymast.journal.entries import ID_BYTES, VERSION, Any, Begun, Entry, Head, Imported
from jurymast.journal.frames import LONGEST, START, Damage, Record, frames, scan

MODE = 0o600
REMEDY = (
    "sign nothing with its key: put the file aside, and begin a new one with `jurymast guard journal begin --lost-before EPOCH`, "
    "the highest epoch of which it may have signed anything, or give the guard a new key"
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Any)


class Corrupt(Misconfigured):
    """A journal is not what was written: what it has forgotten may have been signed."""

    def __init__(self, path: Path, damage: Damage) -> None:
        super().__init__(f"{path} is damaged at byte {damage.offset}, record {damage.sequence}: {damage.reason}; {REMEDY}")
        self.path, self.damage = path, damage


class AnothersJournal(Misconfigured):
    """It binds another key, and says nothing about what this one has signed."""

    def __init__(self, path: Path, guard: bytes, expected: bytes) -> None:
        super().__init__(
            f"{path} is the journal of {checksummed(guard)}, and this guard is {checksummed(expected)}: give it its own"
        )
        self.path, self.guard, self.expected = path, guard, expected


class InUse(Misconfigured):
    """Two writers would not know of each other's signatures."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is open elsewhere: one guard signs with a key, stop the other one first")
        self.path = path


class Unwritten(Fatal):
    """After a write that failed nobody knows what is on the disk: only reading it anew tells."""


class Contents(NamedTuple):
    """What a file says."""

    begun: Begun
    entries: tuple[Entry, ...]
    digests: tuple[bytes, ...]
    """By record, that of the beginning first."""
    length: int
    unfinished: int
    """Bytes after the last whole record, which a crash left."""

    @property
    def head(self) -> Head:
        return Head(self.begun.journal, len(self.digests) - 1, self.digests[-1])

    def digest_at(self, journal: bytes, sequence: int) -> bytes | None:
        """Of this journal, or of one that was imported into it, up to there."""
        if journal == self.begun.journal and sequence < len(self.digests):
            return self.digests[sequence]
        imported = (entry for entry in self.entries if isinstance(entry, Imported))
        return next((each.digest for each in imported if (each.journal, each.sequence) == (journal, sequence)), None)


class JournalFile:
    """Open for its one writer; a context manager."""

    def __init__(self, path: Path, descriptor: int, contents: Contents) -> None:
        self.path = path
        self.contents = contents
        """As it was when it was opened."""
        self.head = contents.head
        self._descriptor = descriptor
        self._failed = False

    @classmethod
    def open(cls, path: Path, guard: bytes, *, create: bool = True) -> Self:
        """Made if there is none. What a crash left unfinished at its end is cut off: it was never acknowledged."""
        with _told(path):
            descriptor = _created(path) if create and not path.exists() else os.open(path, os.O_RDWR | os.O_APPEND)
            try:
                _lock(path, descriptor)
                contents = contents_of(path, _bytes(descriptor)) or _begin(descriptor, guard)
                if contents.begun.guard != guard:
                    raise AnothersJournal(path, contents.begun.guard, guard)
                if contents.unfinished:
                    os.ftruncate(descriptor, contents.length)
                    os.fsync(descriptor)
            except BaseException:
                os.close(descriptor)
                raise
        return cls(path, descriptor, contents)

    def append(self, entries: Sequence[Entry]) -> Head:
        """All of them with one sync; they are on the disk when this returns. `Unwritten`: the process must end."""
        if self._failed:
            raise Unwritten(f"{self.path}: an earlier write failed")
        payloads = [_payload(entry) for entry in entries]
        if not payloads:
            return self.head
        data, digests = frames(self.head.digest, self.head.sequence + 1, payloads)
        try:
            _write(self._descriptor, data)
            os.fsync(self._descriptor)
        except OSError as error:  # Whatever is in the page cache now, a second sync may call it written when it is not.
            self._failed = True
            raise Unwritten(f"cannot write {self.path}: {error.strerror}") from error
        self.head = Head(self.head.journal, self.head.sequence + len(payloads), digests[-1])
        return self.head

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read(path: Path) -> Contents:
    """Without opening it for writing: what a running guard is adding is not all there yet."""
    with _told(path):
        contents = contents_of(path, path.read_bytes())
    if contents is None:
        raise Misconfigured(f"{path} has no beginning: nothing was ever written into it")
    return contents


@contextmanager
def idle(path: Path) -> Iterator[None]:
    """While no guard writes into it."""
    with _told(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            _lock(path, descriptor)
            yield
        finally:
            os.close(descriptor)


def contents_of(path: Path, data: bytes) -> Contents | None:
    """None without a whole beginning: then nothing was ever acknowledged."""
    found = scan(data)
    if found.damage:
        raise Corrupt(path, found.damage)
    if not found.records:
        return None
    begun, *rest = (_decoded(path, record) for record in found.records)
    if not isinstance(begun, Begun) or any(isinstance(entry, Begun) for entry in rest):
        raise Corrupt(path, Damage(0, 0, "a journal begins with whose it is, once"))
    if begun.version > VERSION:
        raise Misconfigured(f"{path} is of version {begun.version}, and this program knows {VERSION}: use a later one")
    digests = tuple(record.digest for record in found.records)
    entries: tuple[Entry, ...] = tuple(rest)  # type: ignore[arg-type]  # None of them is a beginning.
    return Contents(begun, entries, digests, found.length, len(data) - found.length)


def _decoded(path: Path, record: Record) -> Any:
    try:
        return _decoder.decode(record.payload)
    except msgspec.MsgspecError as error:
        raise Misconfigured(
            f"{path}: record {record.sequence} is whole and cannot be read ({error}): a later version wrote it, use that one"
        ) from None


def _payload(entry: Any) -> bytes:
    payload = _encoder.encode(entry)
    if len(payload) > LONGEST:
        raise Fatal(f"a journal entry of {len(payload)} bytes: {LONGEST} is the most")
    return payload


def _created(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, MODE)
    directory = os.open(path.absolute().parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)  # Or the file itself may be gone after a crash, with all that was synced into it.
    finally:
        os.close(directory)
    return descriptor


def _begin(descriptor: int, guard: bytes) -> Contents:
    begun = Begun(VERSION, secrets.token_bytes(ID_BYTES), guard)
    data, digests = frames(START, 0, [_payload(begun)])
    os.ftruncate(descriptor, 0)
    _write(descriptor, data)
    os.fsync(descriptor)
    return Contents(begun, (), tuple(digests), len(data), 0)


def _lock(path: Path, descriptor: int) -> None:
    """The kernel lets go of it when its holder dies, however."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InUse(path) from None


def _bytes(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    return b"".join(iter(lambda: os.read(descriptor, 1 << 24), b"")) if size else b""


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Misconfigured(f"cannot use the journal {path}: {error.strerror}") from error
