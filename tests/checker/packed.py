"""The lists that a batch is brought as: packed bytes, big-endian, in the widths of their types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.checker.signed import COMPACT, LONG, TYPES

LONG_SIGNATURE = 0x80
NO_ASSET = (1 << 32) - 1
"""In a list of what is absent: the account has no leaf at all."""

_OWNER = "account nonce deadline"
BODIES = {
    1: ("Intent", f"{_OWNER} sellAsset buyAsset sellAmount minBuyAmount maxFeeBps"),
    2: ("Withdrawal", f"{_OWNER} asset amount chain recipient"),
    3: ("BridgeOut", f"{_OWNER} asset amount source target"),
    4: ("Join", f"{_OWNER} match asset stake"),
    5: ("Verdict", "match step ranking"),
}
TERMS = "asset stake players oracle feeBps salt prizesBps"


class Action(NamedTuple):
    kind: str
    """The name of its type."""
    body: dict[str, Any]
    signature: bytes
    terms: dict[str, Any] | None
    """Of the match that it is about."""


class Fill(NamedTuple):
    """One line of what a batch says that its intents moved."""

    account: bytes
    nonce: int
    sell_asset: int
    buy_asset: int
    sold: int
    bought: int


class Unreadable(Exception):
    """Bytes that are not what they should be."""


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data, self.at = data, 0

    @property
    def more(self) -> bool:
        return self.at < len(self._data)

    def take(self, size: int) -> bytes:
        part = self._data[self.at : self.at + size]
        if len(part) != size:
            raise Unreadable(f"it ends within a value, after {len(self._data)} bytes")
        self.at += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def value(self, kind: str) -> Any:
        if kind.endswith("[]"):
            return tuple(self.value(kind[:-2]) for _ in range(self.number(2)))
        if kind.startswith("uint"):
            return self.number(int(kind[4:]) // 8)
        return self.take(20 if kind == "address" else 32)

    def struct(self, name: str, order: str) -> dict[str, Any]:
        kinds = {member: kind for kind, member in TYPES[name].members}
        return {member: self.value(kinds[member]) for member in order.split()}


def actions(data: bytes) -> list[Action]:
    reader = _Reader(data)
    found = [_action(reader) for _ in range(reader.number(2))]
    if reader.more:
        raise Unreadable(f"{len(data) - reader.at} bytes after the last action")
    return found


def _action(reader: _Reader) -> Action:
    long, number = divmod(reader.number(1), LONG_SIGNATURE)
    if number not in BODIES:
        raise Unreadable(f"there is no kind {number}")
    signature = reader.take(LONG if long else COMPACT)
    kind, order = BODIES[number]
    body = reader.struct(kind, order)
    terms = reader.struct("Terms", TERMS) if kind in ("Join", "Verdict") else None
    return Action(kind, body, signature, terms)


def amounts(data: bytes) -> dict[int, int]:
    """Prices, or totals, by asset."""
    return {row[0]: row[1] for row in _rows(_Reader(data), 4, 8)}


def absent(data: bytes) -> list[tuple[bytes, int]]:
    return [(account.to_bytes(32, "big"), asset) for account, asset in _rows(_Reader(data), 32, 4)]


def dead(data: bytes) -> list[tuple[bytes, int]]:
    return [(account.to_bytes(32, "big"), nonce) for account, nonce in _rows(_Reader(data), 32, 8)]


def fills(data: bytes) -> list[Fill]:
    rows = _rows(_Reader(data), 32, 8, 4, 4, 8, 8)
    return [Fill(account.to_bytes(32, "big"), *rest) for account, *rest in rows]


def pack_fills(lines: list[Fill]) -> bytes:
    sizes = (8, 4, 4, 8, 8)
    return b"".join(
        account + b"".join(value.to_bytes(size, "big") for value, size in zip(rest, sizes, strict=True))
        for account, *rest in lines
    )


def _rows(reader: _Reader, *sizes: int) -> Iterator[tuple[int, ...]]:
    while reader.more:
        yield tuple(map(reader.number, sizes))
