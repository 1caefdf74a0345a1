"""A block's header, known by its hash: whatever a provider says in it is true of the block that has this hash, or is noticed."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import msgspec

from jurymast.chains.evm import rlp
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

HASH_BYTES = 32
FIELDS = (15, 16, 17, 20, 21)
"""So many fields a header has, fork after fork."""
PARENT, STATE_ROOT, NUMBER, TIMESTAMP, BASE_FEE = 0, 3, 8, 11, 15

Quantity = Annotated[str, msgspec.Meta(pattern="^0x[0-9a-fA-F]{1,64}$")]
Data = Annotated[str, msgspec.Meta(pattern="^0x([0-9a-fA-F]{2})*$")]


class BadHeader(Rejected):
    """Not the header of the block that it is said to be."""


class Header(NamedTuple):
    height: int
    hash: bytes
    parent: bytes
    state_root: bytes
    clock: int
    """Seconds since 1970, as the block says it: the chain's own clock."""
    base_fee: int
    encoded: bytes
    """All of it, as it is hashed."""


class _Answer(msgspec.Struct, rename="camel"):
    hash: Data
    parent_hash: Data
    sha3_uncles: Data = msgspec.field(name="sha3Uncles")
    miner: Data
    state_root: Data
    transactions_root: Data
    receipts_root: Data
    logs_bloom: Data
    difficulty: Quantity
    number: Quantity
    gas_limit: Quantity
    gas_used: Quantity
    timestamp: Quantity
    extra_data: Data
    mix_hash: Data
    nonce: Data
    base_fee_per_gas: Quantity | None = None
    withdrawals_root: Data | None = None
    blob_gas_used: Quantity | None = None
    excess_blob_gas: Quantity | None = None
    parent_beacon_block_root: Data | None = None
    requests_hash: Data | None = None


_answer = msgspec.json.Decoder(_Answer | None)
_quantity = msgspec.json.Decoder(Quantity)
_QUANTITIES = {
    "difficulty", "number", "gas_limit", "gas_used", "timestamp", "base_fee_per_gas", "blob_gas_used", "excess_blob_gas",
}  # fmt: skip


def quantity(result: msgspec.Raw) -> int:
    return int(_quantity.decode(result), 16)


def read(result: msgspec.Raw) -> Header | None:
    """From the answer to a question for a block; None if there is none. `BadHeader` unless the hash is that of the fields."""
    try:
        answer = _answer.decode(result)
    except msgspec.DecodeError as error:
        raise BadHeader(f"no header: {error}") from None
    if answer is None:
        return None
    header = decode(_encoded(answer))
    if header.hash != bytes.fromhex(answer.hash[2:]):
        raise BadHeader(f"block {header.height} is said to be {answer.hash}, and its fields hash to 0x{header.hash.hex()}")
    return header


def hash_of(result: bytes) -> bytes:
    """Of what an answer says about a block, whatever hash it says."""
    answer = _answer.decode(result)
    if answer is None:
        raise BadHeader("no header")
    return keccak256(_encoded(answer))


def _encoded(answer: _Answer) -> bytes:
    fields = []
    for name in _Answer.__struct_fields__[1:]:
        text = getattr(answer, name)
        if text is None:
            break
        fields.append(rlp.number(int(text, 16)) if name in _QUANTITIES else bytes.fromhex(text[2:]))
    return rlp.encode(fields)


def decode(encoded: bytes) -> Header:
    try:
        fields = rlp.decoded_list(encoded, *FIELDS)
        return Header(
            rlp.as_number(fields[NUMBER]),
            keccak256(encoded),
            rlp.as_bytes(fields[PARENT], HASH_BYTES),
            rlp.as_bytes(fields[STATE_ROOT], HASH_BYTES),
            rlp.as_number(fields[TIMESTAMP]),
            rlp.as_number(fields[BASE_FEE]) if len(fields) > BASE_FEE else 0,
            encoded,
        )
    except rlp.BadRlp as error:
        raise BadHeader(f"no header: {error}") from None
