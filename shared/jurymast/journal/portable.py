"""A journal as lines of JSON, to carry what a key has bound itself to from one machine, or one program, to another. Pure.

The first line says whose it is, how far it has come, and a digest of the rest: half a file is not taken for a whole one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from jurymast.crypto.address import checksummed, parse_address
from jurymast.errors import Rejected
from jurymast.journal.entries import Begun, Declined, Entry, Froze, Head, Imported, Lost, Moved, Permitted

MAX_ENTRIES = 100_000_000

Hex = Annotated[str, Meta(pattern=r"^0x([0-9a-f]{2})*$")]
Whole = Annotated[int, Meta(ge=0)]


class NotPortable(Rejected):
    """Not a whole export of a journal."""


class Contradiction(Rejected):
    """Both journals cannot be of a guard that kept to the rules: it may have signed two transitions into one epoch."""

    def __init__(self, epoch: int, here: bytes, there: bytes) -> None:
        super().__init__(f"two transitions into epoch {epoch} were signed, 0x{here.hex()} and 0x{there.hex()}: nothing is merged")
        self.epoch, self.here, self.there = epoch, here, there


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class Top(Line, frozen=True):
    format: Literal["jurymast-guard-journal"]
    version: Literal[1]
    guard: str
    journal: Hex
    sequence: Whole
    digest: Hex
    entries: Annotated[int, Meta(ge=0, le=MAX_ENTRIES)]
    sha256: Hex
    """Of all lines that follow."""


class PermitLine(Line, frozen=True, tag_field="kind", tag="permit"):
    chain: Whole
    epoch: Whole
    batch: Whole
    expiry: Whole
    body: Hex
    identities: tuple[tuple[Hex, Whole], ...]


class RefusalLine(Line, frozen=True, tag_field="kind", tag="refusal"):
    chain: Whole
    epoch: Whole
    batch: Whole
    body: Hex


class FreezeLine(Line, frozen=True, tag_field="kind", tag="freeze"):
    epoch: Whole


class TransitionLine(Line, frozen=True, tag_field="kind", tag="transition"):
    epoch: Whole
    digest: Hex


class LostLine(Line, frozen=True, tag_field="kind", tag="lost"):
    before: Whole


class ImportedLine(Line, frozen=True, tag_field="kind", tag="imported"):
    journal: Hex
    sequence: Whole
    digest: Hex


AnyLine = PermitLine | RefusalLine | FreezeLine | TransitionLine | LostLine | ImportedLine

E = TypeVar("E", Permitted, Declined, Moved, Imported)

_encoder = msgspec.json.Encoder()
_top: msgspec.json.Decoder[Top] = msgspec.json.Decoder(Top)
_line: msgspec.json.Decoder[AnyLine] = msgspec.json.Decoder(AnyLine)


class Export(msgspec.Struct, frozen=True):
    guard: bytes
    head: Head
    entries: tuple[Entry, ...]


def exported(begun: Begun, head: Head, entries: Sequence[Entry]) -> bytes:
    rest = b"".join(_encoder.encode(_spelled(entry)) + b"\n" for entry in entries)
    top = Top(
        "jurymast-guard-journal", 1, checksummed(begun.guard), _hex(head.journal), head.sequence, _hex(head.digest), len(entries),
        _hex(hashlib.sha256(rest).digest()),
    )  # fmt: skip
    return _encoder.encode(top) + b"\n" + rest


def imported(data: bytes) -> Export:
    first, _, rest = data.partition(b"\n")
    try:
        top = _top.decode(first)
        guard = parse_address(top.guard)
    except (msgspec.MsgspecError, ValueError, UnicodeDecodeError) as error:
        raise NotPortable(f"line 1 is not the beginning of an exported journal: {error}") from None
    if _hex(hashlib.sha256(rest).digest()) != top.sha256:
        raise NotPortable("the file is not whole, or was changed: its lines do not match the digest in the first one")
    entries = tuple(_read(number, line) for number, line in enumerate(rest.splitlines(), 2))
    if len(entries) != top.entries:
        raise NotPortable(f"{len(entries)} entries, where the first line says {top.entries}")
    return Export(guard, Head(_bytes(top.journal), top.sequence, _bytes(top.digest)), entries)


def additions(here: Iterable[Entry], there: Export) -> list[Entry]:
    """What a journal lacks of another of the same guard, and that it then says all the other did. Nothing is ever taken away."""
    known = set(here)
    signed = {entry.epoch: entry.digest for entry in known if isinstance(entry, Moved)}
    for entry in there.entries:
        if isinstance(entry, Moved) and signed.setdefault(entry.epoch, entry.digest) != entry.digest:
            raise Contradiction(entry.epoch, signed[entry.epoch], entry.digest)
    wanted = dict.fromkeys((*there.entries, Imported(*there.head)))
    return [entry for entry in wanted if entry not in known]


def _spelled(entry: Entry) -> AnyLine:
    match entry:
        case Permitted():
            identities = tuple((_hex(owner), nonce) for owner, nonce in entry.identities)
            return PermitLine(entry.chain, entry.epoch, entry.batch, entry.expiry, _hex(entry.body), identities)
        case Declined():
            return RefusalLine(entry.chain, entry.epoch, entry.batch, _hex(entry.body))
        case Froze():
            return FreezeLine(entry.epoch)
        case Moved():
            return TransitionLine(entry.epoch, _hex(entry.digest))
        case Lost():
            return LostLine(entry.before)
        case Imported():
            return ImportedLine(_hex(entry.journal), entry.sequence, _hex(entry.digest))


def _read(number: int, text: bytes) -> Entry:
    try:
        return _entry(_line.decode(text))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotPortable(f"line {number} is not an entry of a journal: {error}") from None


def _entry(line: AnyLine) -> Entry:
    match line:
        case PermitLine():
            identities = tuple((_bytes(owner), nonce) for owner, nonce in line.identities)
            return _sized(Permitted(line.chain, line.epoch, line.batch, line.expiry, _bytes(line.body), identities))
        case RefusalLine():
            return _sized(Declined(line.chain, line.epoch, line.batch, _bytes(line.body)))
        case FreezeLine():
            return Froze(line.epoch)
        case TransitionLine():
            return _sized(Moved(line.epoch, _bytes(line.digest)))
        case LostLine():
            return Lost(line.before)
        case ImportedLine():
            return _sized(Imported(_bytes(line.journal), line.sequence, _bytes(line.digest)))


def _sized(entry: E) -> E:
    """With bytes of the lengths that a journal takes: read as it would be there."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=type(entry))


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
