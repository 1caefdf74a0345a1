"""What IPFS calls a file: `ipfs add --cid-version 1 --raw-leaves --chunker size-262144 --max-file-links 174` gives the same.

Chunks of 256 KiB are blocks as they are. 174 of them, or of the nodes above them, make a node (dag-pb holding UnixFS), until one
is left. Pinned down here, because every daemon may have other defaults.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from hashlib import sha256 as _sha256
from typing import NamedTuple

from jurymast.errors import Rejected

CHUNK_BYTES = 256 * 1024
LINKS = 174
RAW, DAG_PB = 0x55, 0x70
HASH_BYTES = 32
_BASE32 = "b"
_SHA256 = bytes([0x12, HASH_BYTES])


class BadCid(Rejected):
    """Text that is no CID of the one kind that we make and read."""

    def __init__(self, text: str) -> None:
        super().__init__(f"{text[:100]!r} is no CIDv1 in lower-case base32, of a raw or dag-pb block by its sha2-256")
        self.text = text


class Cid(NamedTuple):
    """The address of one block, and of all that it links to."""

    codec: int
    digest: bytes

    def __str__(self) -> str:
        return _BASE32 + base64.b32encode(self.packed).decode().lower().rstrip("=")

    @property
    def packed(self) -> bytes:
        return bytes([1, self.codec]) + _SHA256 + self.digest


class Block(NamedTuple):
    cid: Cid
    data: bytes


class _Node(NamedTuple):
    cid: Cid
    content: int
    """Bytes of the file below it."""
    total: int
    """Bytes of all its blocks."""


def sha256(data: bytes) -> bytes:
    return _sha256(data).digest()


def cid_of(data: bytes) -> Cid:
    """Of a file with this content."""
    *_, root = blocks(data)
    return root.cid


def blocks(data: bytes) -> Iterator[Block]:
    """Every block of the file, the root last."""
    level = []
    for start in range(0, max(len(data), 1), CHUNK_BYTES):
        chunk = data[start : start + CHUNK_BYTES]
        leaf = Block(Cid(RAW, sha256(chunk)), chunk)
        level.append(_Node(leaf.cid, len(chunk), len(chunk)))
        yield leaf
    while len(level) > 1:
        above = []
        for start in range(0, len(level), LINKS):
            children = level[start : start + LINKS]
            block = _parent(children)
            total = len(block.data) + sum(child.total for child in children)
            above.append(_Node(block.cid, sum(child.content for child in children), total))
            yield block
        level = above


def parse_cid(text: str) -> Cid:
    """`BadCid` for everything that `str(Cid)` would not give."""
    try:
        packed = base64.b32decode(text[1:].upper() + "=" * (-len(text[1:]) % 8))
    except (binascii.Error, ValueError):
        raise BadCid(text) from None
    cid = Cid(packed[1] if len(packed) > 1 else RAW, packed[-HASH_BYTES:])
    if cid.codec not in (RAW, DAG_PB) or str(cid) != text:
        raise BadCid(text)
    return cid


def _parent(children: Sequence[_Node]) -> Block:
    """Protocol buffers by hand: links first, then data, as dag-pb wants them."""
    links = (_field(1, child.cid.packed) + _field(2, b"") + _number(3, child.total) for child in children)
    content = _number(3, sum(child.content for child in children))
    unixfs = _number(1, 2) + content + b"".join(_number(4, child.content) for child in children)  # Type 2 is a file.
    data = b"".join(_field(2, link) for link in links) + _field(1, unixfs)
    return Block(Cid(DAG_PB, sha256(data)), data)


def _field(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | 2]) + _varint(len(data)) + data


def _number(number: int, value: int) -> bytes:
    return bytes([number << 3]) + _varint(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
