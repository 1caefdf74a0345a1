"""Against vectors that others published."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.crypto.address import checksummed, parse_address
from jurymast.crypto.eip712 import Domain, Struct, digest
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import ORDER, BadSignature, SigningKey, recover

# -- keccak ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "hashed"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (b"testing", "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02"),
    ],
)
def test_keccak_is_ethereums_and_not_the_later_standard(data: bytes, hashed: str) -> None:
    assert keccak256(data).hex() == hashed
    assert keccak256(data[:1], data[1:]).hex() == hashed


# -- addresses (EIP-55) ------------------------------------------------------------------------------------------------

EIP_55 = [
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0xde709f2102306220921060314715629080e2fb77",
]


@pytest.mark.parametrize("text", EIP_55)
def test_addresses_are_written_with_their_checksum_and_read_in_any_honest_way(text: str) -> None:
    address = parse_address(text)
    assert checksummed(address) == text
    assert parse_address(text.lower()) == parse_address("0x" + text[2:].upper()) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "wrong checksum"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeA", "is no address"),
        ("5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "is no address"),
        ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg", "is no address"),
        ("", "is no address"),
    ],
)
def test_what_is_no_address_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_address(text)
    with pytest.raises(ValueError, match="20 bytes, not 2"):
        checksummed(b"ab")


# -- EIP-712, its own example ------------------------------------------------------------------------------------------

MAIL = Struct("Mail(Person from,Person to,string contents)Person(string name,address wallet)")
ETHER_MAIL = Domain(name="Ether Mail", version="1", chain_id=1, verifying_contract=b"\xcc" * 20)
HELLO_BOB = {
    "from": {"name": "Cow", "wallet": parse_address("0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826")},
    "to": {"name": "Bob", "wallet": b"\xbb" * 20},
    "contents": "Hello, Bob!",
}
COW = SigningKey(keccak256(b"cow"))


def test_the_example_of_the_standard() -> None:
    assert ETHER_MAIL.separator.hex() == "f2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
    assert MAIL.hash(HELLO_BOB).hex() == "c52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
    signed = digest(ETHER_MAIL, MAIL, HELLO_BOB)
    assert signed.hex() == "be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
    signature = COW.sign(signed)
    assert signature[32:].hex() == "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    assert recover(signed, signature) == COW.address == HELLO_BOB["from"]["wallet"]  # type: ignore[index]


def test_values_may_be_objects() -> None:
    @dataclass
    class Person:
        name: str
        wallet: bytes

    person = Struct("Person(string name,address wallet)")
    assert person.hash(Person("Bob", b"\xbb" * 20)) == person.hash({"name": "Bob", "wallet": b"\xbb" * 20})


def test_members_of_every_kind() -> None:
    """By the rules of `encodeData`, written out by hand."""
    struct = Struct("All(bool a,uint64 b,int16 c,bytes4 d,bytes e,uint8[] f,uint8[2][] g)")
    value = {"a": True, "b": 7, "c": -2, "d": b"abcd", "e": b"xyz", "f": [1, 2], "g": [[3, 4]]}

    def word(number: int) -> bytes:
        return (number % (1 << 256)).to_bytes(32, "big")

    assert struct.hash(value) == keccak256(
        keccak256(b"All(bool a,uint64 b,int16 c,bytes4 d,bytes e,uint8[] f,uint8[2][] g)"),
        word(1),
        word(7),
        word(-2),
        b"abcd" + bytes(28),
        keccak256(b"xyz"),
        keccak256(word(1), word(2)),
        keccak256(keccak256(word(3), word(4))),
    )


def test_a_struct_that_refers_to_itself() -> None:
    node = Struct("Node(uint8 value,Node[] children)")
    leaf = {"value": 1, "children": []}
    assert node.hash({"value": 1, "children": [leaf]}) != node.hash({"value": 1, "children": [leaf, leaf]})


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("", "not an EIP-712 type"),
        ("Mail(string a", "not an EIP-712 type"),
        ("Mail(string a) ", "not an EIP-712 type"),
        ("Mail(string)", "'string' is not a type and a name"),
        ("Mail(Person a)Person(Wallet w)Animal(bool b)Wallet(bool b)", "and no others"),
        ("Mail(Person a)Wallet(bool b)Person(Wallet w)", "in alphabetical order"),
        ("Mail(string ä)", "is not a type and a name"),
    ],
)
def test_a_type_that_other_implementations_would_hash_otherwise_is_refused(encoded: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Struct(encoded)


@pytest.mark.parametrize(
    ("kind", "value", "why"),
    [
        ("uint8", 256, "256 is no uint8"),
        ("uint8", -1, "-1 is no uint8"),
        ("int8", 128, "128 is no int8"),
        ("uint8", True, "expected int, got True"),
        ("uint8", "1", "expected int"),
        ("bool", 1, "expected bool"),
        ("address", b"1234", "expected 20 bytes, got 4"),
        ("bytes4", b"12345", "expected 4 bytes, got 5"),
        ("bytes33", bytes(33), "expected 33 bytes"),
        ("string", b"x", "expected str"),
        ("bytes", "x", "expected bytes"),
        ("uint8[2]", [1], "expected 2 of uint8"),
        ("uint8[]", b"12", "expected a list of uint8"),
        ("Unknown", 1, "there is no type Unknown"),
        ("uint512", 1 << 300, "there is no type uint512"),
        ("int0", 1, "there is no type int0"),
        ("uint9", 1, "there is no type uint9"),
    ],
)
def test_a_value_that_does_not_fit_its_type_is_refused_with_its_place(kind: str, value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=rf"^A\.x(\[\d\])?: .*{why}"):
        Struct(f"A({kind} x)").hash({"x": value})


@pytest.mark.parametrize("value", [{}, object()])
def test_a_member_that_is_missing_is_named(value: object) -> None:
    with pytest.raises(ValueError, match=r"^A\.x: missing"):
        Struct("A(bool x)").hash(value)


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.sampled_from(["x", "y"]), inner)),
)
TYPES = ("bool", "uint8", "int256", "uint0", "bytes4", "bytes", "string", "address", "uint8[2]", "bytes[][]", "B", "B[]", "C")


@given(st.sampled_from(TYPES), ANYTHING)
def test_no_value_raises_anything_but_a_value_error(kind: str, value: Any) -> None:
    struct = Struct(f"A({kind} x)B(bool y)" if kind.startswith("B") else f"A({kind} x)")
    with suppress(ValueError):
        assert len(struct.hash({"x": value})) == 32


@given(st.text(st.sampled_from("AB(a b),[0]uint8"), max_size=40))
def test_no_text_raises_anything_but_a_value_error_as_a_type(text: str) -> None:
    with suppress(ValueError):
        Struct(text)


@given(st.one_of(st.text(), st.text("0x123456789abcdefABCDEF", min_size=40, max_size=44)))
def test_no_text_raises_anything_but_a_value_error_as_an_address(text: str) -> None:
    with suppress(ValueError):
        assert len(parse_address(text)) == 20


@pytest.mark.parametrize(
    "changed",
    [
        {"contents": "Hello, Bob?"},
        {"from": {**HELLO_BOB["to"]}},  # type: ignore[dict-item]
        {"to": {"name": "Bob", "wallet": b"\xbc" * 20}},
    ],
)
def test_every_member_is_signed(changed: dict[str, Any]) -> None:
    assert MAIL.hash({**HELLO_BOB, **changed}) != MAIL.hash(HELLO_BOB)


@pytest.mark.parametrize(
    "other",
    [
        Domain(name="Ether Mail", version="2", chain_id=1, verifying_contract=b"\xcc" * 20),
        Domain(name="Ether Mail", version="1", chain_id=2, verifying_contract=b"\xcc" * 20),
        Domain(name="Ether Mail", version="1", chain_id=1),
        Domain(name="Ether Mail", version="1", chain_id=1, verifying_contract=b"\xcc" * 20, salt=bytes(32)),
    ],
)
def test_a_signature_is_valid_in_its_domain_only(other: Domain) -> None:
    assert recover(digest(other, MAIL, HELLO_BOB), COW.sign(digest(ETHER_MAIL, MAIL, HELLO_BOB))) != COW.address


# -- signatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "address"),
    [
        (1, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"),
        (0xAC0974BEC39A17E36BA4A6B4D238FF944BACB478CBED5EFCAE784D7BF4F2FF80, "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
        (0xB25C7DB31FEED9122727BF0939DC769A96564B2DE4C4726D035B36ECF1E5B364, "0x5ce9454909639D2D17A3F753ce7d93fa0b9aB12E"),
    ],
)
def test_known_keys_have_their_known_addresses(secret: int, address: str) -> None:
    key = SigningKey(secret.to_bytes(32, "big"))
    assert checksummed(key.address) == address
    assert repr(key) == f"<SigningKey of {address}>"


def test_a_known_signature_of_another_implementation() -> None:
    """The example of eth-account's documentation."""
    key = SigningKey(bytes.fromhex("b25c7db31feed9122727bf0939dc769a96564b2de4c4726d035b36ecf1e5b364"))
    text = "I♥SF".encode()
    signed = keccak256(b"\x19Ethereum Signed Message:\n", str(len(text)).encode(), text)
    assert signed.hex() == "1476abb745d423bf09273f1afd887d951181d25adc66c4834a70491911b7f750"
    assert key.sign(signed).hex() == (
        "e6ca9bba58c88611fad66a6ce8f996908195593807c4b38bd528d2cff09d4eb3"
        "3e5bfbbf4d3e39b1a2fd816a7680c19ebebaf3a141b239934ad43cb33fcec8ce1c"
    )


KEYS = st.integers(1, ORDER - 1).map(lambda number: SigningKey(number.to_bytes(32, "big")))
DIGESTS = st.binary(min_size=32, max_size=32)


@given(KEYS, DIGESTS, DIGESTS)
def test_who_signed_is_recovered_and_for_that_digest_only(key: SigningKey, signed: bytes, other: bytes) -> None:
    signature = key.sign(signed)
    assert recover(signed, signature) == key.address
    if other != signed:
        assert recover(other, signature) != key.address


@given(KEYS, DIGESTS)
def test_the_twin_of_a_signature_is_refused(key: SigningKey, signed: bytes) -> None:
    signature = key.sign(signed)
    high = ORDER - int.from_bytes(signature[32:64], "big")
    twin = signature[:32] + high.to_bytes(32, "big") + bytes([55 - signature[64]])
    with pytest.raises(BadSignature, match="the high one"):
        recover(signed, twin)


@given(DIGESTS, st.binary(min_size=63, max_size=65), st.sampled_from([b"\x1b", b"\x1c", b""]))
def test_noise_recovers_to_an_address_or_is_refused(signed: bytes, noise: bytes, v: bytes) -> None:
    with suppress(BadSignature):
        assert len(recover(signed, noise + v)) == 20


@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (bytes(63), "65 or 64 bytes, not 63"),
        (b"\1" * 64 + b"\0", "v is 27 or 28, not 0"),
        (bytes(32) + b"\1" * 32 + b"\x1b", "out of range"),
        (b"\1" * 32 + bytes(32) + b"\x1b", "out of range"),
        (b"\xff" * 32 + b"\1" * 32 + b"\x1b", "out of range"),
        (bytes(31) + b"\5" + b"\1" * 32 + b"\x1b", "no key makes this"),  # 5 is on no point of the curve.
    ],
)
def test_what_nobody_can_have_signed(signature: bytes, why: str) -> None:
    with pytest.raises(BadSignature, match=why):
        recover(bytes(32), signature)


@pytest.mark.parametrize("secret", [bytes(32), ORDER.to_bytes(32, "big"), b"\1" * 31, b""])
def test_a_key_that_cannot_be(secret: bytes) -> None:
    with pytest.raises(ValueError, match="a secp256k1 key is 32 bytes"):
        SigningKey(secret)


def test_only_digests_are_signed() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        COW.sign(b"hello")
