"""What to ask a chain of each family, and how to read the answers. Pure."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from jurymast.chains.calls import Call, Failure
from jurymast.health_monitor.decide.sample import Answer
from jurymast.messages.health import Family

HIGHEST = (1 << 63) - 1
SECOND_MS = 1_000

Height = Annotated[int, msgspec.Meta(ge=0, le=HIGHEST)]
Hexadecimal = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,16}$")]


class Questions(NamedTuple):
    identity: Call
    read_identity: Callable[[msgspec.Raw], str]
    state: tuple[Call, ...]
    read_state: Callable[[Sequence[msgspec.Raw]], Answer]


class Unreadable(Exception):
    """Well-formed, and not what such a chain answers."""


def read(questions: Questions, chain_id: str, results: Sequence[msgspec.Raw]) -> Answer | Failure:
    """From the results of `state`, after that of `identity` if it was asked."""
    try:
        if len(results) > len(questions.state):
            if (found := questions.read_identity(results[0])) != chain_id:
                return Failure("wrong-chain", f"it is {found[:60]}, not {chain_id}")
            results = results[1:]
        answer = questions.read_state(results)
    except (msgspec.DecodeError, Unreadable, UnicodeDecodeError, RecursionError) as error:
        return Failure("garbage", str(error)[:100])
    if answer.finalized > answer.head:
        return Failure("impossible", f"finalized {answer.finalized}, head {answer.head}")
    return answer


# -- EVM ---------------------------------------------------------------------------------------------------------------


class _Block(msgspec.Struct):
    number: Hexadecimal
    timestamp: Hexadecimal


_hexadecimal = msgspec.json.Decoder(Hexadecimal)
_block = msgspec.json.Decoder(_Block)


def _evm_identity(result: msgspec.Raw) -> str:
    return str(_number(_hexadecimal.decode(result)))


def _evm_state(results: Sequence[msgspec.Raw]) -> Answer:
    latest, finalized = (_block.decode(result) for result in results)
    head = _number(latest.number)
    return Answer(head, head, _number(finalized.number), _bounded(_number(latest.timestamp) * SECOND_MS))


def _number(text: str) -> int:
    return _bounded(int(text, 16))


def _bounded(number: int) -> int:
    if not 0 <= number <= HIGHEST:
        raise Unreadable(f"{number} is out of range")
    return number


# -- Solana ------------------------------------------------------------------------------------------------------------

CLOCK = "SysvarC1ock11111111111111111111111111111111"
_UNIX_TIME = struct.Struct("<32xq")
"""Slot, start of the epoch, epoch and leader schedule's epoch come before it."""


class _Context(msgspec.Struct):
    slot: Height


class _Account(msgspec.Struct):
    data: tuple[str, str]


class _AccountAt(msgspec.Struct):
    context: _Context
    value: _Account


_text: msgspec.json.Decoder[str] = msgspec.json.Decoder(Annotated[str, msgspec.Meta(min_length=32, max_length=44)])
_height = msgspec.json.Decoder(Height)
_account = msgspec.json.Decoder(_AccountAt)


def _solana_identity(result: msgspec.Raw) -> str:
    return _text.decode(result)


def _solana_state(results: Sequence[msgspec.Raw]) -> Answer:
    """Head is what the cluster has confirmed: while it cannot agree, leaders go on making blocks that nobody votes for."""
    clock, tip, finalized = results
    at = _account.decode(clock)
    try:
        (seconds,) = _UNIX_TIME.unpack_from(base64.b64decode(at.value.data[0], validate=True))
    except (binascii.Error, struct.error, ValueError) as error:
        raise Unreadable(f"no clock account: {error}") from None
    # Asked later than the head, and of a node that moves on: never less than what we know of.
    return Answer(
        at.context.slot, max(_height.decode(tip), at.context.slot), _height.decode(finalized), _bounded(seconds * SECOND_MS)
    )


def _commitment(level: str) -> dict[str, Any]:
    return {"commitment": level}


FAMILIES: dict[Family, Questions] = {
    "evm": Questions(
        identity=Call("eth_chainId"),
        read_identity=_evm_identity,
        state=(Call("eth_getBlockByNumber", ("latest", False)), Call("eth_getBlockByNumber", ("finalized", False))),
        read_state=_evm_state,
    ),
    "solana": Questions(
        identity=Call("getGenesisHash"),
        read_identity=_solana_identity,
        state=(
            Call("getAccountInfo", (CLOCK, {**_commitment("confirmed"), "encoding": "base64"})),
            Call("getSlot", (_commitment("processed"),)),
            Call("getSlot", (_commitment("finalized"),)),
        ),
        read_state=_solana_state,
    ),
}
