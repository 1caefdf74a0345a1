"""The contract's events, calls and views as bytes, from its published interface."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError

from tests.checker.packed import Unreadable
from tests.checker.signed import TYPES, keccak

_ENTRY = re.compile(r"(\w+)\((.*)\)")

EVENTS = (
    "GuardsRotated(uint64 indexed version,address[] guards,uint8 threshold)",
    "Transitioned(uint64 indexed epoch,uint8 active,uint16 feeBps,bytes32 root,bytes totals)",
    "PausedUntil(uint64 until)",
    "Unpaused()",
    "Admitted(bytes absent,bytes dead)",
    "Withdrawn(bytes32 indexed account,uint32 indexed asset,uint64 amount,address recipient,uint64 nonce)",
    "BridgedOut(bytes32 indexed id,uint32 indexed asset,uint64 amount,uint8 target,bytes32 account,uint64 nonce)",
    "Joined(bytes32 indexed match,bytes32 indexed account,uint32 asset,uint64 stake,uint64 nonce)",
    "Ended(bytes32 indexed match,uint64 step,uint32 asset,bytes32[] accounts,uint64[] amounts)",
    "Executed(uint64 indexed epoch,uint64 indexed batch,bytes32 outcome,bytes fills)",
    "AccountEntered(bytes32 indexed account,address authority,uint256 nonces)",
    "BalanceEntered(bytes32 indexed account,uint32 indexed asset,int128 available,uint64 held)",
    "MatchEntered(bytes32 indexed match,uint32 indexed asset,uint64 stake,uint64 step,bytes32[] players)",
    "OrderEntered(bytes32 indexed id)",
    "Resolved(uint8 indexed origin,uint64 indexed epoch,uint64 indexed batch,bool executed)",
    (
        "HoldSettled(bytes32 indexed hold,bytes32 indexed account,bool executed,uint64 nonce,uint32 outAsset,uint64 outAmount,"
        "uint32 inAsset,uint64 inAmount)"
    ),
    "Credited(uint8 indexed origin,uint64 indexed sequence,bytes32 indexed account,uint32 asset,uint64 amount)",
    (
        "Listed(uint32 indexed asset,address indexed token,uint8 tokenDecimals,uint8 gridDecimals,uint64 bridgeLimit,"
        "uint64 bridgeWindow)"
    ),
    "Deposited(uint64 indexed sequence,bytes32 indexed account,uint32 indexed asset,uint64 amount)",
    "BridgedIn(bytes32 indexed id,uint32 indexed asset,uint64 amount)",
    "Cancelled(bytes32 indexed account,uint64 floor)",
    (
        "Submitted(bytes32 indexed account,uint64 indexed nonce,uint32 sellAsset,uint32 buyAsset,uint128 sellAmount,"
        "uint128 minBuyAmount,uint40 deadline,uint16 maxFeeBps,bytes signature)"
    ),
    "Transfer(address indexed from,address indexed to,uint256 value)",
)
CALLS = (
    "execute(Permit,bytes[],bytes,bytes,bytes,bytes)",
    "transition(LockTransition,bytes,bytes[])",
    "rotate(Rotation,bytes[])",
    "unpause(Unpause,bytes[])",
    "listAsset(Listing,bytes[])",
    "resolve(Resolve,bytes[])",
    "credit(Credit,bytes[])",
    "bridgeIn(BridgeIn,bytes[])",
    "cancel(Cancel,bytes)",
    "submit(Intent,bytes)",
)
"""Those in which somebody's signature comes; structs by the names of their types."""


class Call(NamedTuple):
    name: str
    signs: str
    """The type of what is signed, which is the first argument; signatures are the last one."""
    arguments: tuple[Any, ...]
    """Structs are dictionaries."""


class _Parameter(NamedTuple):
    type: str
    name: str
    indexed: bool


def _split(entry: str) -> tuple[str, list[str]]:
    match = _ENTRY.fullmatch(entry)
    assert match is not None
    return match[1], match[2].split(",") if match[2] else []


def _event(entry: str) -> tuple[bytes, tuple[str, list[_Parameter]]]:
    name, parts = _split(entry)
    words = [part.split() for part in parts]
    parameters = [_Parameter(kind, names[-1], len(names) > 1) for kind, *names in words]
    return keccak(f"{name}({','.join(each.type for each in parameters)})".encode()), (name, parameters)


def _call(entry: str) -> tuple[bytes, tuple[str, list[str]]]:
    name, kinds = _split(entry)
    return _selector(name, _abi(kinds)), (name, kinds)


def _abi(kinds: Sequence[str]) -> list[str]:
    return [TYPES[kind].abi if kind in TYPES else kind for kind in kinds]


def _selector(name: str, kinds: Sequence[str]) -> bytes:
    return keccak(f"{name}({','.join(kinds)})".encode())[:4]


_EVENTS = dict(map(_event, EVENTS))
_CALLS = dict(map(_call, CALLS))
TOPICS = {name: topic for topic, (name, _) in _EVENTS.items()}


def read_event(topics: Sequence[bytes], data: bytes) -> tuple[str, dict[str, Any]] | None:
    """None for one that the contract does not have."""
    if not topics or topics[0] not in _EVENTS:
        return None
    name, parameters = _EVENTS[topics[0]]
    indexed = [each for each in parameters if each.indexed]
    rest = [each for each in parameters if not each.indexed]
    values = _read([each.type for each in indexed], b"".join(topics[1:])) + _read([each.type for each in rest], data)
    return name, {each.name: value for each, value in zip(indexed + rest, values, strict=True)}


def read_call(data: bytes) -> Call | None:
    """None for one without a signature in it."""
    if data[:4] not in _CALLS:
        return None
    name, kinds = _CALLS[data[:4]]
    values = zip(kinds, _read(_abi(kinds), data[4:]), strict=True)
    return Call(name, kinds[0], tuple(_struct(kind, value) if kind in TYPES else value for kind, value in values))


def view(name: str, kinds: Sequence[str], *arguments: Any) -> bytes:
    return _selector(name, kinds) + encode(kinds, arguments)


def answer(kinds: Sequence[str], data: bytes) -> tuple[Any, ...]:
    return tuple(_read(kinds, data))


def _struct(name: str, values: Sequence[Any]) -> dict[str, Any]:
    return {member: value for (_, member), value in zip(TYPES[name].members, values, strict=True)}


def _read(kinds: Sequence[str], data: bytes) -> list[Any]:
    try:
        return [_plain(value) for value in decode(kinds, data)]
    except DecodingError as error:
        raise Unreadable(str(error)) from None


def _plain(value: Any) -> Any:
    """Addresses are bytes here like everything that is no number."""
    if isinstance(value, str):
        return bytes.fromhex(value[2:])
    return tuple(map(_plain, value)) if isinstance(value, tuple | list) else value
