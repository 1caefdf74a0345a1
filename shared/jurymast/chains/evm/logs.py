"""Events of the grid, from the logs of a provider. Pure.

`DECLARED` is what `IGridEvents.sol` declares. A log that is none of these is an error: it would be an event that we do not know.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
from eth_abi import abi
from eth_abi.exceptions import DecodingError

from jurymast.chains.evm.header import Data, Quantity
from jurymast.chains.words import Event
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

DECLARED = """
GuardsRotated(uint64 indexed version, address[] guards, uint8 threshold)
Transitioned(uint64 indexed epoch, uint8 active, uint16 feeBps, bytes32 root, bytes totals)
PausedUntil(uint64 until)
Unpaused()
Admitted(bytes absent, bytes dead)
Withdrawn(bytes32 indexed account, uint32 indexed asset, uint64 amount, address recipient, uint64 nonce)
BridgedOut(bytes32 indexed id, uint32 indexed asset, uint64 amount, uint8 target, bytes32 account, uint64 nonce)
Joined(bytes32 indexed match_, bytes32 indexed account, uint32 asset, uint64 stake, uint64 nonce)
Ended(bytes32 indexed match_, uint64 step, uint32 asset, bytes32[] accounts, uint64[] amounts)
Executed(uint64 indexed epoch, uint64 indexed batch, bytes32 outcome, bytes fills)
AccountEntered(bytes32 indexed account, address authority, uint256 nonces)
BalanceEntered(bytes32 indexed account, uint32 indexed asset, int128 available, uint64 held)
MatchEntered(bytes32 indexed match_, uint32 indexed asset, uint64 stake, uint64 step, bytes32[] players)
OrderEntered(bytes32 indexed id)
Resolved(uint8 indexed origin, uint64 indexed epoch, uint64 indexed batch, bool executed)
HoldSettled(bytes32 indexed hold, bytes32 indexed account, bool executed, uint64 nonce, uint32 outAsset,
    uint64 outAmount, uint32 inAsset, uint64 inAmount)
Credited(uint8 indexed origin, uint64 indexed sequence, bytes32 indexed account, uint32 asset, uint64 amount)
Listed(uint32 indexed asset, address indexed token, uint8 tokenDecimals, uint8 gridDecimals, uint64 bridgeLimit,
    uint64 bridgeWindow)
Deposited(uint64 indexed sequence, bytes32 indexed account, uint32 indexed asset, uint64 amount)
BridgedIn(bytes32 indexed id, uint32 indexed asset, uint64 amount)
Cancelled(bytes32 indexed account, uint64 floor)
Submitted(bytes32 indexed account, uint64 indexed nonce, uint32 sellAsset, uint32 buyAsset, uint128 sellAmount,
    uint128 minBuyAmount, uint40 deadline, uint16 maxFeeBps, bytes signature)
"""
_DECLARATION = re.compile(r"(\w+)\(([^)]*)\)")
_CAPITAL = re.compile(r"(?<!^)([A-Z])")


class UnknownEvent(Rejected):
    """A log of the grid's address that is none of its events."""


class Parameter(NamedTuple):
    name: str
    """In our spelling."""
    type: str
    indexed: bool


class Kind(NamedTuple):
    name: str
    parameters: tuple[Parameter, ...]

    @property
    def topic(self) -> bytes:
        return keccak256(f"{self.name}({','.join(parameter.type for parameter in self.parameters)})".encode())


def _kind(name: str, declared: str) -> Kind:
    words = [parameter.split() for parameter in declared.split(",") if parameter]
    return Kind(name, tuple(Parameter(_snake(each[-1]), each[0], "indexed" in each) for each in words))


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower().rstrip("_")


KINDS = {kind.topic: kind for kind in (_kind(*declared) for declared in _DECLARATION.findall(DECLARED))}


class Log(NamedTuple):
    height: int
    block: bytes
    transaction: bytes
    place: int
    topics: tuple[bytes, ...]
    data: bytes


class _Answer(msgspec.Struct, rename="camel"):
    address: Data
    block_number: Quantity
    block_hash: Data
    transaction_hash: Data
    log_index: Quantity
    topics: tuple[Data, ...]
    data: Data
    removed: bool = False


_answer = msgspec.json.Decoder(tuple[_Answer, ...])


class WrongLogs(Rejected):
    """Not what was asked for."""


def read(result: msgspec.Raw, grid: bytes, heights: range) -> tuple[Log, ...]:
    """Of the grid, of these blocks, in their order."""
    found = []
    for answer in _answer.decode(result):
        height = int(answer.block_number, 16)
        if _bytes(answer.address) != grid or height not in heights or answer.removed:
            raise WrongLogs(f"a log of {answer.address} in block {height}, which nobody asked for")
        place, topics = int(answer.log_index, 16), tuple(map(_bytes, answer.topics))
        found.append(Log(height, _bytes(answer.block_hash), _bytes(answer.transaction_hash), place, topics, _bytes(answer.data)))
    return tuple(sorted(found))


def events(logs: Iterable[Log]) -> list[Event]:
    return [event(log) for log in logs]


def event(log: Log) -> Event:
    kind = KINDS.get(log.topics[0]) if log.topics else None
    indexed = [parameter for parameter in kind.parameters if parameter.indexed] if kind else []
    if kind is None or len(log.topics) != 1 + len(indexed):
        raise UnknownEvent(f"log {log.place} of block {log.height} is no event of the grid")
    others = [parameter for parameter in kind.parameters if not parameter.indexed]
    try:
        words = [abi.decode([parameter.type], topic)[0] for parameter, topic in zip(indexed, log.topics[1:], strict=True)]
        values = [*words, *abi.decode([parameter.type for parameter in others], log.data)]
    except (DecodingError, OverflowError) as error:
        raise UnknownEvent(f"log {log.place} of block {log.height} is no {kind.name}: {error}") from None
    named = {parameter.name: _ours(parameter.type, value) for parameter, value in zip([*indexed, *others], values, strict=True)}
    return Event(log.height, log.block, log.transaction, log.place, kind.name, named)


def _ours(kind: str, value: object) -> object:
    if isinstance(value, Sequence) and kind == "address[]":
        return tuple(_bytes(each) for each in value)
    return _bytes(value) if kind == "address" and isinstance(value, str) else value


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])
