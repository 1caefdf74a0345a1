"""Bytes of an EVM chain: RLP, transactions, headers, tries."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from jurymast.chains.evm import header, rlp, transaction, trie
from jurymast.chains.evm.transaction import Fees, Transaction
from jurymast.crypto.address import checksummed
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Rejected
from tests.tries import Trie

SECRET = bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
KEY = SigningKey(SECRET)
ITEMS = st.recursive(st.binary(max_size=70), lambda inner: st.lists(inner, max_size=5), max_leaves=30)

# -- RLP ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "encoded"),
    [
        (b"dog", b"\x83dog"),
        ([b"cat", b"dog"], b"\xc8\x83cat\x83dog"),
        (b"", b"\x80"),
        ([], b"\xc0"),
        (b"\x00", b"\x00"),
        (b"\x0f", b"\x0f"),
        (b"\x04\x00", b"\x82\x04\x00"),
        ([[], [[]], [[], [[]]]], bytes.fromhex("c7c0c1c0c3c0c1c0")),
        (b"L" * 56, b"\xb8\x38" + b"L" * 56),
    ],
)
def test_the_examples_of_its_definition(item: Any, encoded: bytes) -> None:
    assert rlp.encode(item) == encoded
    assert rlp.decode(encoded) == item


@given(ITEMS)
def test_what_is_encoded_is_decoded(item: Any) -> None:
    assert rlp.decode(rlp.encode(item)) == item


@given(st.binary(max_size=80))
def test_there_is_one_encoding_of_everything(data: bytes) -> None:
    with suppress(rlp.BadRlp):
        assert rlp.encode(rlp.decode(data)) == data


@pytest.mark.parametrize("data", ["", "81", "8100", "b800", "b90001", "c281", "f800", "c0c0", "ff" * 9])
def test_other_forms_are_refused(data: str) -> None:
    with pytest.raises(rlp.BadRlp):
        rlp.decode(bytes.fromhex(data))


def test_a_number_has_no_leading_zeros() -> None:
    assert rlp.as_number(rlp.number(1024)) == 1024
    assert rlp.number(0) == b""
    with pytest.raises(rlp.BadRlp):
        rlp.as_number(b"\0\1")


def test_lists_in_lists_have_a_bottom() -> None:
    nested: Any = []
    for _ in range(rlp.DEEPEST):
        nested = [nested]
    with pytest.raises(rlp.BadRlp, match="lists in lists"):
        rlp.decode(rlp.encode(nested))
    assert rlp.decode(rlp.encode(nested[0])) == nested[0]


# -- transactions ------------------------------------------------------------------------------------------------------


def made(**changes: Any) -> Transaction:
    plain = Transaction(31337, 0, Fees(2_000_000_000, 1_000_000_000), 21_000, bytes(19) + b"\1", 1, b"")
    return plain._replace(**changes)


def test_a_transaction_that_others_signed_alike() -> None:
    """By eth-account 0.13.7, from the same fields and key."""
    theirs = (
        "02f86c827a6980843b9aca0084773594008252089400000000000000000000000000000000000000010180c080a0"
        "69dac8c42544ea24a686b105c43d846de0c83b7b383688a81aff668d8005f2efa07278d28808c103276e8f86974b448ae6a974b77b253c1fd699c2284c0c8e8a01"
    )
    signed = transaction.sign(made(), KEY)
    assert signed.raw.hex() == theirs
    assert signed.hash.hex() == "b76d24542caf21093cb376acb8d7349b9b17dff29840cdbee663ac43f35607ea"


@given(
    st.builds(
        Transaction,
        chain_id=st.integers(1, 1 << 40),
        nonce=st.integers(0, (1 << 64) - 2),
        fees=st.builds(Fees, cap=st.integers(0, 1 << 128), tip=st.integers(0, 1 << 128)),
        gas=st.integers(0, (1 << 64) - 1),
        to=st.sampled_from((b"", bytes(20), b"\xff" * 20)),
        value=st.integers(0, (1 << 256) - 1),
        data=st.binary(max_size=100),
    )
)
def test_any_transaction_is_read_back_with_its_sender(plain: Transaction) -> None:
    signed = transaction.sign(plain, KEY)
    assert transaction.decode(signed.raw) == (plain, KEY.address)
    assert transaction.sign(plain, KEY) == signed


@given(
    st.builds(
        Transaction,
        chain_id=st.integers(1, 1 << 40),
        nonce=st.integers(0, (1 << 64) - 2),
        fees=st.integers(0, 1 << 90).map(lambda cap: Fees(cap, cap // 3)),
        gas=st.integers(21_000, 1 << 40),
        to=st.sampled_from((bytes(20), b"\xff" * 20, b"\0\1" * 10)),
        value=st.integers(0, (1 << 200) - 1),
        data=st.binary(max_size=100),
    )
)
def test_eth_account_signs_the_same_bytes(plain: Transaction) -> None:
    fields = {
        "type": 2,
        "chainId": plain.chain_id,
        "nonce": plain.nonce,
        "maxFeePerGas": plain.fees.cap,
        "maxPriorityFeePerGas": plain.fees.tip,
        "gas": plain.gas,
        "to": checksummed(plain.to),
        "value": plain.value,
        "data": plain.data,
    }
    theirs = Account.sign_transaction(fields, SECRET)
    assert transaction.sign(plain, KEY) == (theirs.hash, theirs.raw_transaction)


@given(st.data())
def test_a_changed_byte_is_another_transaction_or_none(data: st.DataObject) -> None:
    raw = bytearray(transaction.sign(made(data=b"something"), KEY).raw)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with suppress(Rejected):
        assert transaction.decode(bytes(raw)) != (made(data=b"something"), KEY.address)


# -- headers -----------------------------------------------------------------------------------------------------------

ZERO = "0x" + "0" * 64
ARBITRUM_LIKE = {
    "parentHash": "0x" + "11" * 32,
    "sha3Uncles": "0x" + "22" * 32,
    "miner": "0x" + "a4" * 20,
    "stateRoot": "0x" + "33" * 32,
    "transactionsRoot": "0x" + "44" * 32,
    "receiptsRoot": "0x" + "55" * 32,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x1",
    "number": "0x1234",
    "gasLimit": "0x4000000000000",
    "gasUsed": "0x5208",
    "timestamp": "0x66554433",
    "extraData": "0x" + "66" * 32,
    "mixHash": "0x" + "77" * 32,
    "nonce": "0x000000000016e360",
    "baseFeePerGas": "0x989680",
}


def answer(**fields: Any) -> Any:
    return msgspec.Raw(msgspec.json.encode(fields))


def hashed(**changes: str) -> dict[str, str]:
    """With the hash that belongs to it."""
    fields = ARBITRUM_LIKE | changes
    quantities = ("difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas")
    encoded = [rlp.number(int(text, 16)) if name in quantities else bytes.fromhex(text[2:]) for name, text in fields.items()]
    return fields | {"hash": "0x" + keccak256(rlp.encode(encoded)).hex(), "l1BlockNumber": "0x12"}


def test_a_header_is_what_its_hash_says() -> None:
    read = header.read(answer(**hashed()))
    assert read is not None
    assert (read.height, read.clock, read.base_fee) == (0x1234, 0x66554433, 10_000_000)
    assert (read.parent, read.state_root) == (b"\x11" * 32, b"\x33" * 32)
    assert header.decode(read.encoded) == read
    assert header.read(msgspec.Raw(b"null")) is None


@pytest.mark.parametrize("field", [name for name in ARBITRUM_LIKE if name != "logsBloom"])
def test_no_field_can_be_changed_without_the_hash(field: str) -> None:
    text = ARBITRUM_LIKE[field]
    changed = hashed() | {field: text[:-1] + ("1" if text[-1] != "1" else "2")}
    with pytest.raises(header.BadHeader, match="fields hash to"):
        header.read(answer(**changed))


@pytest.mark.parametrize("wrong", [{"number": 5}, {"number": "0x"}, {"stateRoot": "0x33"}, {"parentHash": None}, {"hash": "1"}])
def test_what_is_no_header_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(header.BadHeader):
        header.read(answer(**(hashed() | wrong)))


# -- tries -------------------------------------------------------------------------------------------------------------

WORDS = st.integers(0, 40).map(lambda number: number.to_bytes(32, "big"))
STORAGE = st.dictionaries(WORDS, st.integers(1, 1 << 255), min_size=1, max_size=40)


@given(STORAGE, WORDS)
def test_every_word_that_is_there_or_not_is_proved(storage: dict[bytes, int], slot: bytes) -> None:
    built = Trie({key: rlp.encode(rlp.number(value)) for key, value in storage.items()})
    assert trie.word(built.root, slot, built.proof(slot)) == storage.get(slot, 0).to_bytes(32, "big")


@given(STORAGE, WORDS, st.data())
def test_no_proof_shows_anything_else(storage: dict[bytes, int], slot: bytes, data: st.DataObject) -> None:
    """Whatever is changed, left out or taken from another place: the truth, or an error."""
    built = Trie({key: rlp.encode(rlp.number(value)) for key, value in storage.items()})
    nodes = built.proof(data.draw(st.sampled_from([slot, *storage])))
    kind = data.draw(st.sampled_from(("flip", "drop", "other")))
    at = data.draw(st.integers(0, len(nodes) - 1))
    if kind == "flip":
        byte = data.draw(st.integers(0, len(nodes[at]) - 1))
        nodes[at] = nodes[at][:byte] + bytes([nodes[at][byte] ^ data.draw(st.integers(1, 255))]) + nodes[at][byte + 1 :]
    elif kind == "drop":
        del nodes[at]
    with suppress(trie.BadProof):
        assert trie.word(built.root, slot, nodes) == storage.get(slot, 0).to_bytes(32, "big")


def test_nothing_is_in_an_empty_trie_and_nobody_has_no_account() -> None:
    assert trie.word(trie.EMPTY, bytes(32), []) == bytes(32)
    built = Trie({bytes(20): rlp.encode([b"\1", b"\2", trie.EMPTY, trie.NO_CODE])})
    assert trie.account(built.root, bytes(20), built.proof(bytes(20))) == trie.Account(1, 2, trie.EMPTY, trie.NO_CODE)
    absent = b"\1" * 20
    assert trie.account(built.root, absent, built.proof(absent)) == trie.NOBODY


@pytest.mark.parametrize(
    ("nodes", "says"),
    [
        ([], "missing"),
        ([rlp.encode([b"\x41", b"x"])], "flags"),
        ([rlp.encode([b"x"] * 3)], "2 items"),
        ([rlp.encode(b"x" * 40)], "no list"),
    ],
)
def test_what_is_no_proof_is_refused(nodes: list[bytes], says: str) -> None:
    root = keccak256(nodes[0]) if nodes else b"\1" * 32
    with pytest.raises(trie.BadProof, match=says):
        trie.lookup(root, bytes(32), nodes)
