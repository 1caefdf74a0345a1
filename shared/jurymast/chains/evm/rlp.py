"""Recursive Length Prefix, the encoding of transactions, headers and tries: one form for each value, and no other is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from jurymast.errors import Rejected

Item: TypeAlias = "bytes | Sequence[Item]"

STRING, LIST = 0x80, 0xC0
SHORT = 55
"""So many bytes have their length in the first byte; of more, the length of the length stands there."""
DEEPEST = 16
"""Nothing that we read nests further."""


class BadRlp(Rejected):
    """Bytes that nobody who keeps to the rules has encoded."""


def encode(item: Item) -> bytes:
    if isinstance(item, bytes):
        return item if len(item) == 1 and item[0] < STRING else _prefixed(STRING, item)
    return _prefixed(LIST, b"".join(map(encode, item)))


def number(value: int) -> bytes:
    """Without leading zeros; zero is empty."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def decode(data: bytes) -> Item:
    """One item that takes all of the bytes."""
    item, end = _item(data, 0, len(data), 0)
    if end != len(data):
        raise BadRlp(f"{len(data) - end} bytes after the item")
    return item


def decoded_list(data: bytes, *lengths: int) -> list[Item]:
    """Of one of these lengths."""
    item = decode(data)
    if isinstance(item, bytes) or len(item) not in lengths:
        raise BadRlp(f"no list of {' or '.join(map(str, lengths))} items")
    return list(item)


def as_bytes(item: Item, *sizes: int) -> bytes:
    """Of one of these sizes, if any are given."""
    if not isinstance(item, bytes) or (sizes and len(item) not in sizes):
        raise BadRlp(f"no string of {' or '.join(map(str, sizes)) or 'any'} bytes")
    return item


def as_number(item: Item) -> int:
    data = as_bytes(item)
    if data[:1] == b"\0":
        raise BadRlp("a number with leading zeros")
    return int.from_bytes(data, "big")


def _prefixed(kind: int, body: bytes) -> bytes:
    if len(body) <= SHORT:
        return bytes([kind + len(body)]) + body
    length = number(len(body))
    return bytes([kind + SHORT + len(length)]) + length + body


def _item(data: bytes, at: int, end: int, depth: int) -> tuple[Item, int]:
    if at >= end:
        raise BadRlp("it ends in the middle")
    first = data[at]
    if first < STRING:
        return data[at : at + 1], at + 1
    kind = LIST if first >= LIST else STRING
    begin, stop = _body(data, at, first - kind, end)
    if kind == STRING:
        if stop - begin == 1 and data[begin] < STRING:
            raise BadRlp("a small byte with a prefix")
        return data[begin:stop], stop
    if depth == DEEPEST:
        raise BadRlp("lists in lists in lists")
    items = []
    while begin < stop:
        item, begin = _item(data, begin, stop, depth + 1)
        items.append(item)
    return items, stop


def _body(data: bytes, at: int, code: int, end: int) -> tuple[int, int]:
    """Where it begins and ends."""
    begin, length = at + 1, code
    if code > SHORT:
        begin += code - SHORT
        digits = data[at + 1 : begin]
        length = int.from_bytes(digits, "big")
        if length <= SHORT or digits[0] == 0:
            raise BadRlp("a length that is longer than it must be")
    if begin + length > end:
        raise BadRlp("it ends in the middle")
    return begin, begin + length
