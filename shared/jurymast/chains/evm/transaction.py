"""Signed transactions with a fee cap and a tip (EIP-1559, type 2): made, and read back from their bytes."""

from __future__ import annotations

from typing import NamedTuple

from jurymast.chains.evm import rlp
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import V_OFFSET, SigningKey, recover

TYPE = b"\x02"
FIELDS = 12
ADDRESS_BYTES = 20
WORD = 32


class Fees(NamedTuple):
    """Wei for a unit of gas."""

    cap: int
    """At most, base fee and tip together."""
    tip: int


class Transaction(NamedTuple):
    chain_id: int
    nonce: int
    fees: Fees
    gas: int
    to: bytes
    """Empty to create a contract."""
    value: int
    data: bytes


class Signed(NamedTuple):
    hash: bytes
    raw: bytes


def sign(transaction: Transaction, key: SigningKey) -> Signed:
    """Deterministic: the same transaction always gives the same bytes, and the same hash."""
    fields = _fields(transaction)
    signature = key.sign(keccak256(TYPE, rlp.encode(fields)))
    r, s, parity = signature[:WORD], signature[WORD : 2 * WORD], signature[-1] - V_OFFSET
    raw = TYPE + rlp.encode([*fields, rlp.number(parity), r.lstrip(b"\0"), s.lstrip(b"\0")])
    return Signed(keccak256(raw), raw)


def decode(raw: bytes) -> tuple[Transaction, bytes]:
    """The transaction and who signed it; `BadRlp` or `BadSignature` if it is none."""
    if raw[:1] != TYPE:
        raise rlp.BadRlp("not a transaction of type 2")
    *fields, parity, r, s = rlp.decoded_list(raw[1:], FIELDS)
    chain_id, nonce, tip, cap, gas, to, value, data, access = fields
    if access:
        raise rlp.BadRlp("a list of accesses, which we never make")
    if parity not in (b"", b"\x01"):
        raise rlp.BadRlp("a parity that is neither 0 nor 1")
    signature = _padded(r) + _padded(s) + bytes([rlp.as_number(parity) + V_OFFSET])
    transaction = Transaction(
        rlp.as_number(chain_id),
        rlp.as_number(nonce),
        Fees(rlp.as_number(cap), rlp.as_number(tip)),
        rlp.as_number(gas),
        rlp.as_bytes(to, 0, ADDRESS_BYTES),
        rlp.as_number(value),
        rlp.as_bytes(data),
    )
    return transaction, recover(keccak256(TYPE, rlp.encode(fields)), signature)


def _fields(transaction: Transaction) -> list[rlp.Item]:
    numbers = (transaction.chain_id, transaction.nonce, transaction.fees.tip, transaction.fees.cap, transaction.gas)
    return [*map(rlp.number, numbers), transaction.to, rlp.number(transaction.value), transaction.data, []]


def _padded(part: rlp.Item) -> bytes:
    if len(data := rlp.as_bytes(part)) > WORD:
        raise rlp.BadRlp("half a signature that is longer than 32 bytes")
    return data.rjust(WORD, b"\0")
