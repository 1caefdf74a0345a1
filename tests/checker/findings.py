"""What is wrong with a run: what, about whom, and where one can look it up."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """Each is a promise that was broken."""

    LOST = "acknowledged and lost"
    TWICE = "executed twice"
    UNSIGNED = "executed, and not signed by its owner"
    UNLISTED = "executed, and listed by no sender"
    LIMIT = "executed beyond its limit price"
    FEE = "executed beyond its fee ceiling"
    LATE = "executed after its deadline"
    USED = "executed though its nonce was used up"
    TOLD_EXECUTED = "told executed, and it is not"
    TOLD_ENDED = "told that it will not execute, and it is executed"
    TOLD_EARLY = "told expired, and it is in time"
    TOLD_TWICE = "told two different ends"
    OVERDRAWN = "spent, and it was not there"
    UNPERMITTED = "not permitted by the guards"
    UNLIKE = "the contract did something else than was signed"
    PAYMENT = "tokens went where nobody was owed any"
    UNEXPLAINED = "the contract says something else than follows from what happened"
    SUM = "value was made or lost"
    SPLIT = "two chains tell differently of one epoch"
    CREDITED = "credited for no deposit"
    RESOLVED = "resolved otherwise than it was"
    UNSEEN = "cannot be checked"


class Place(NamedTuple):
    chain: str
    block: int
    time: int
    tx: str
    """Empty for what is so as of the block, by no transaction in particular."""

    def __str__(self) -> str:
        return (
            f"{self.chain}: block {self.block}, transaction {self.tx}" if self.tx else f"{self.chain}: as of block {self.block}"
        )


class Finding(NamedTuple):
    kind: Kind
    who: str
    """The identity, batch, balance or asset that it is about."""
    what: str
    places: tuple[Place, ...] = ()


def identity(key: tuple[bytes, int]) -> str:
    """Of an action: account and nonce, or match and step."""
    return f"0x{key[0].hex()}:{key[1]}"


def hexed(value: object) -> str:
    """A value for people."""
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} {hexed(item)}' for name, item in value.items())}}}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"({', '.join(map(hexed, value))})"
    return str(value)
