"""Records in a file: each says how long it is, which it is, and carries a digest over itself and all before it. Pure.

    length u32 | sequence u64 | digest 16 bytes | CRC-32 of these 28 bytes u32 | payload        (little-endian)

The length has a checksum of its own: with a wrong one, a damaged record would pass for an unfinished last one, and all that
follow would be cut off. What a crash leaves unfinished at the end was never acknowledged; anything else is damage.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple
from zlib import crc32

from jurymast.journal.entries import DIGEST_BYTES

HEAD = struct.Struct(f"<IQ{DIGEST_BYTES}s")
CRC = struct.Struct("<I")
OVERHEAD = HEAD.size + CRC.size
START = bytes(DIGEST_BYTES)
LONGEST = 1 << 20
"""Of a payload: a permit of 1,000 identities has 45 KB."""

Buffer = bytes | memoryview


class Record(NamedTuple):
    sequence: int
    digest: bytes
    payload: bytes


class Damage(NamedTuple):
    """Something that no crash leaves behind."""

    offset: int
    sequence: int
    reason: str


class Scan(NamedTuple):
    records: tuple[Record, ...]
    length: int
    """Of the file up to the end of the last whole record."""
    damage: Damage | None
    """What comes after that; None if it is nothing, or an unfinished record."""


def frame(previous: bytes, sequence: int, payload: bytes) -> tuple[bytes, bytes]:
    """The record's bytes, and its digest."""
    digest = digest_of(previous, sequence, payload)
    head = HEAD.pack(len(payload), sequence, digest)
    return head + CRC.pack(crc32(head)) + payload, digest


def frames(previous: bytes, sequence: int, payloads: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Of several records, the first of which has this number; and the digest of each."""
    parts: list[bytes] = []
    digests: list[bytes] = []
    for number, payload in enumerate(payloads, sequence):
        part, previous = frame(previous, number, payload)
        parts.append(part)
        digests.append(previous)
    return b"".join(parts), digests


def digest_of(previous: bytes, sequence: int, payload: bytes) -> bytes:
    return blake2b(previous + sequence.to_bytes(8, "little") + payload, digest_size=DIGEST_BYTES).digest()


def scan(data: Buffer) -> Scan:
    records: list[Record] = []
    offset, previous = 0, START
    while True:
        found = _next(data, offset, len(records), previous)
        if not isinstance(found, Record):
            return Scan(tuple(records), offset, found)
        records.append(found)
        offset, previous = offset + OVERHEAD + len(found.payload), found.digest


def _next(data: Buffer, offset: int, expected: int, previous: bytes) -> Record | Damage | None:
    left = len(data) - offset
    if left < OVERHEAD:
        return None
    head = bytes(data[offset : offset + HEAD.size])
    length, sequence, digest = HEAD.unpack(head)
    if CRC.unpack_from(data, offset + HEAD.size) != (crc32(head),):
        return None if _blank(data, offset) else Damage(offset, expected, "its head does not match its checksum")
    if sequence != expected:
        return Damage(offset, expected, f"record {sequence} stands in its place")
    if length > LONGEST:
        return Damage(offset, expected, f"it is said to have {length} bytes")
    if left < OVERHEAD + length:
        return None
    payload = bytes(data[offset + OVERHEAD : offset + OVERHEAD + length])
    if digest_of(previous, sequence, payload) != digest:
        return Damage(offset, expected, "it does not match its digest")
    return Record(sequence, digest, payload)


def _blank(data: Buffer, offset: int) -> bool:
    """A file may have grown before its bytes came."""
    return not any(data[offset:])
