"""Which of the attempts of a nonce is in a block, as receipts tell it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from jurymast.chains.calls import Call
from jurymast.chains.evm.header import Data, Quantity, quantity
from jurymast.chains.evm.nonces import Slot
from jurymast.errors import Rejected


class Behind(Rejected):
    """A provider that knows less of the chain than a quorum does."""


class Receipt(NamedTuple):
    transaction: bytes
    block: bytes
    height: int
    succeeded: bool


class _Answer(msgspec.Struct, rename="camel"):
    transaction_hash: Data
    block_hash: Data
    block_number: Quantity
    status: Quantity


_answer = msgspec.json.Decoder(_Answer | None)


def calls(slots: Sequence[Slot]) -> list[Call]:
    return [Call("eth_getTransactionReceipt", (f"0x{attempt.hash.hex()}",)) for slot in slots for attempt in slot.attempts]


def read(slots: Sequence[Slot], results: Sequence[msgspec.Raw], used: int) -> tuple[Receipt | None, ...]:
    """For each slot that of its one attempt that is in a block. The last result says how many nonces are used in final blocks, as
    this provider knows it: `Behind` if it has not seen those that others have, and would not know of a receipt either."""
    *answers, count = results
    if quantity(count) < used:
        raise Behind(f"it knows of {quantity(count)} used nonces, and there are {used}")
    found = dict[bytes, Receipt]()
    for result in answers:
        if answer := _answer.decode(result):
            transaction = bytes.fromhex(answer.transaction_hash[2:])
            block = bytes.fromhex(answer.block_hash[2:])
            found[transaction] = Receipt(transaction, block, int(answer.block_number, 16), int(answer.status, 16) == 1)
    return tuple(next((found[each.hash] for each in slot.attempts if each.hash in found), None) for slot in slots)
