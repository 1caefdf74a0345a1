"""Against eth-account, which others wrote: the same digests of everything that is signed, and the same signers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book.signed import Typed
from jurymast.crypto.address import checksummed
from jurymast.crypto.eip712 import Struct, digest
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import BadSignature, SigningKey, recover
from tests.unit.grids import APPLICATION
from tests.unit.replay import typed, word
from tests.unit.test_crypto import COW, ETHER_MAIL, HELLO_BOB, MAIL
from tests.unit.test_vectors import cases
from tests.unit.witness import Account, SignableMessage, encode_typed_data
from tests.vectors import typed_kinds

KINDS = {kind.__name__: kind for kind in typed_kinds()}
JURYMAST = {"name": "Jurymast", "version": "1", "salt": APPLICATION}


def types_of(struct: Struct) -> dict[str, list[dict[str, str]]]:
    """As wallets are given them."""
    return {name: [member._asdict() for member in members] for name, members in struct._types.items()}


def message(kind: type[Typed], fields: dict[str, Any]) -> SignableMessage:
    value = typed(kind, fields)
    members = kind.TYPE._types[kind.TYPE.name]
    named = {member.name: getattr(value, field) for member, field in zip(members, fields, strict=True)}
    return encode_typed_data(JURYMAST, types_of(kind.TYPE), _plain(named))


def _plain(value: Any) -> Any:
    """Its addresses are text."""
    match value:
        case bytes() if len(value) == 20:
            return checksummed(value)
        case tuple():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return value


def signed_hash(said: SignableMessage) -> bytes:
    return keccak256(b"\x19", said.version, said.header, said.body)


@pytest.mark.parametrize("case", cases("typed"), ids=lambda case: case["name"])
def test_the_golden_hashes_of_every_type_are_those_of_eth_account(case: dict[str, Any]) -> None:
    fields = {name: value for name, value in case["given"].items() if name != "type"}
    said = message(KINDS[case["given"]["type"]], fields)
    assert said.body == word(case["expected"]["content"])
    if "digest" in case["expected"]:
        assert signed_hash(said) == word(case["expected"]["digest"])


def test_the_standards_own_example_is_that_of_eth_account() -> None:
    domain = {"name": "Ether Mail", "version": "1", "chainId": 1, "verifyingContract": checksummed(b"\xcc" * 20)}
    said = encode_typed_data(domain, types_of(MAIL), _plain(HELLO_BOB))
    assert signed_hash(said) == digest(ETHER_MAIL, MAIL, HELLO_BOB)
    assert Account.recover_message(said, signature=COW.sign(signed_hash(said))) == checksummed(COW.address)


@pytest.mark.parametrize("case", [each for each in cases("recover") if each["name"].endswith(" 65 bytes")])
def test_who_signed_a_golden_digest_says_eth_account_too(case: dict[str, Any]) -> None:
    signer = _recovered(word(case["given"]["digest"]), word(case["given"]["signature"]))
    assert signer == checksummed(word(case["expected"]["signer"]))


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_both_sign_alike_and_recover_alike(secret: bytes, said: bytes) -> None:
    ours, theirs = SigningKey(keccak256(secret)), Account.from_key(keccak256(secret))
    assert checksummed(ours.address) == theirs.address
    assert ours.sign(said) == theirs.unsafe_sign_hash(said).signature
    assert _recovered(said, ours.sign(said)) == theirs.address


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=64, max_size=64), st.sampled_from((27, 28)))
def test_whom_we_recover_from_any_bytes_recovers_eth_account(said: bytes, point: bytes, v: int) -> None:
    signature = point + bytes([v])
    try:
        signer = recover(said, signature)
    except BadSignature:
        return
    assert _recovered(said, signature) == checksummed(signer)


def _recovered(said: bytes, signature: bytes) -> str:
    return str(Account._recover_hash(said, signature=signature))
