"""The lists that the grid takes as packed bytes, as `Actions.sol` and `Lists.sol` describe them. Pure.

actions    how many 2, then each: kind 1 (+ 0x80 for a long signature), signature 64 (65), body
amounts    asset 4, amount 8; assets rise
absent     account 32, asset 4
dead       account 32, nonce 8
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from jurymast.book.execute import Action
from jurymast.book.signed import BridgeOut, Intent, Join, Terms, Verdict, Withdrawal
from jurymast.crypto.secp256k1 import COMPACT_BYTES, SIGNATURE_BYTES, canonical, compact
from jurymast.errors import Rejected

LONG_SIGNATURE = 0x80
COUNT_BYTES = 2
ID_BYTES = 32
ASSET_BYTES, AMOUNT_BYTES = 4, 8


class BadPacking(Rejected):
    """Bytes that are no list of what they should list."""


class Field(NamedTuple):
    name: str
    size: int
    is_bytes: bool = False


def _id(name: str, size: int = ID_BYTES) -> Field:
    return Field(name, size, is_bytes=True)


_OWNER = (_id("account"), Field("nonce", 8), Field("deadline", 5))
BODIES: dict[int, tuple[type[Intent | Withdrawal | BridgeOut | Join | Verdict], tuple[Field, ...]]] = {
    1: (
        Intent,
        (
            *_OWNER,
            Field("sell_asset", 4),
            Field("buy_asset", 4),
            Field("sell_amount", 16),
            Field("min_buy_amount", 16),
            Field("max_fee_bps", 2),
        ),
    ),
    2: (Withdrawal, (*_OWNER, Field("asset", 4), Field("amount", 8), Field("chain", 1), _id("recipient"))),
    3: (BridgeOut, (*_OWNER, Field("asset", 4), Field("amount", 8), Field("source", 1), Field("target", 1))),
    4: (Join, (*_OWNER, _id("match"), Field("asset", 4), Field("stake", 8))),
    5: (Verdict, (_id("match"), Field("step", 8))),
}
KINDS = {kind: number for number, (kind, _) in BODIES.items()}
TERMS = (Field("asset", 4), Field("stake", 8), Field("players", 2), _id("oracle", 20), Field("fee_bps", 2), _id("salt"))


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        part = self._data[self.at : self.at + size]
        if len(part) < size:
            raise BadPacking(f"it ends in the middle, after {len(self._data)} bytes")
        self.at += size
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def fields(self, fields: tuple[Field, ...]) -> dict[str, Any]:
        return {field.name: self.take(field.size) if field.is_bytes else self.number(field.size) for field in fields}

    @property
    def more(self) -> bool:
        return self.at < len(self._data)


# -- actions -----------------------------------------------------------------------------------------------------------


def actions(batch: tuple[Action, ...]) -> bytes:
    return _count(len(batch)) + b"".join(map(_action, batch))


def read_actions(data: bytes) -> tuple[Action, ...]:
    reader = _Reader(data)
    found = tuple(_read_action(reader) for _ in range(reader.number(COUNT_BYTES)))
    if reader.more:
        raise BadPacking(f"{len(data) - reader.at} bytes after the last action")
    return found


def _action(action: Action) -> bytes:
    signed = action.signed
    number = KINDS[type(signed)]
    parts = [bytes([number]), compact(action.signature), _packed(signed, BODIES[number][1])]
    if isinstance(signed, Verdict):
        parts += [_count(len(signed.ranking)), *signed.ranking]
    if isinstance(signed, Join | Verdict):
        if action.terms is None:
            raise BadPacking("an action about a match, without its terms")
        prizes = action.terms.prizes_bps
        parts += [_packed(action.terms, TERMS), _count(len(prizes)), *(prize.to_bytes(2, "big") for prize in prizes)]
    return b"".join(parts)


def _read_action(reader: _Reader) -> Action:
    tag = reader.number(1)
    long, number = divmod(tag, LONG_SIGNATURE)
    if number not in BODIES:
        raise BadPacking(f"there is no action of kind {number}")
    signature = canonical(reader.take(SIGNATURE_BYTES if long else COMPACT_BYTES))
    kind, fields = BODIES[number]
    values = reader.fields(fields)
    if kind is Verdict:
        values["ranking"] = tuple(reader.take(ID_BYTES) for _ in range(reader.number(COUNT_BYTES)))
    terms = _read_terms(reader) if kind in (Join, Verdict) else None
    return Action(signed=kind(**values), signature=signature, terms=terms)


def _read_terms(reader: _Reader) -> Terms:
    values = reader.fields(TERMS)
    return Terms(**values, prizes_bps=tuple(reader.number(2) for _ in range(reader.number(COUNT_BYTES))))


# -- other lists -------------------------------------------------------------------------------------------------------


def amounts(by_asset: Mapping[int, int]) -> bytes:
    return b"".join(_number(asset, ASSET_BYTES) + _number(by_asset[asset], AMOUNT_BYTES) for asset in sorted(by_asset))


def read_amounts(data: bytes) -> dict[int, int]:
    reader, found = _Reader(data), dict[int, int]()
    while reader.more:
        asset = reader.number(ASSET_BYTES)
        if asset <= max(found, default=-1):
            raise BadPacking("assets that do not rise")
        found[asset] = reader.number(AMOUNT_BYTES)
    return found


def pairs(entries: tuple[tuple[bytes, int], ...], size: int) -> bytes:
    return b"".join(id_ + _number(number, size) for id_, number in entries)


def read_pairs(data: bytes, size: int) -> tuple[tuple[bytes, int], ...]:
    reader, found = _Reader(data), []
    while reader.more:
        found.append((reader.take(ID_BYTES), reader.number(size)))
    return tuple(found)


def _packed(value: object, fields: tuple[Field, ...]) -> bytes:
    parts = []
    for field in fields:
        member = getattr(value, field.name)
        parts.append(member if field.is_bytes else _number(member, field.size))
    return b"".join(parts)


def _count(number: int) -> bytes:
    return _number(number, COUNT_BYTES)


def _number(value: int, size: int) -> bytes:
    try:
        return value.to_bytes(size, "big")
    except OverflowError:
        raise BadPacking(f"{value} does not fit into {size} bytes") from None
