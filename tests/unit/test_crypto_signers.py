"""Both forms of a signature, sets of signers, and what makes a quorum."""

from __future__ import annotations

from contextlib import suppress
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import (
    ORDER,
    BadGuards,
    BadSignature,
    Guards,
    NoQuorum,
    NotAscending,
    SigningKey,
    TooManySignatures,
    canonical,
    compact,
    quorum,
    recover,
    signers,
)
from jurymast.errors import Rejected

KEYS = sorted((SigningKey(bytes([number]) * 32) for number in range(1, 6)), key=lambda key: key.address)
ADDRESSES = tuple(key.address for key in KEYS)
DIGEST = keccak256(b"what the guards sign")
SIGNATURES = [key.sign(DIGEST) for key in KEYS]
THREE_OF_FIVE = Guards(ADDRESSES, 3)

# -- two forms ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "r", "s", "v", "parity_and_s"),
    [
        (
            "Hello World",
            "68a020a209d3d56c46f38cc50a33f704f4a9a10a59377f8dd762ac66910e9b90",
            "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
            "1b",
            "7e865ad05c4035ab5792787d4a0297a43617ae897930a6fe4d822b8faea52064",
        ),
        (
            "It's a small(er) world",
            "9328da16089fcba9bececa81663203989f2df5fe1faa6291a45381c81bd17f76",
            "139c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
            "1c",
            "939c6d6b623b42da56557e5e734a43dc83345ddfadec52cbe24d0cc64f550793",
        ),
    ],
)
def test_the_examples_of_eip_2098(text: str, r: str, s: str, v: str, parity_and_s: str) -> None:
    key = SigningKey(bytes.fromhex("1234567890123456789012345678901234567890123456789012345678901234"))
    signed = keccak256(b"\x19Ethereum Signed Message:\n", str(len(text)).encode(), text.encode())
    long, short = bytes.fromhex(r + s + v), bytes.fromhex(r + parity_and_s)
    assert key.sign(signed) == long
    assert compact(long) == compact(short) == short
    assert canonical(short) == canonical(long) == long
    assert recover(signed, short) == recover(signed, long) == key.address


@given(st.integers(1, ORDER - 1), st.binary(min_size=32, max_size=32))
def test_both_forms_say_the_same_and_have_one_canonical_form(secret: int, signed: bytes) -> None:
    key = SigningKey(secret.to_bytes(32, "big"))
    signature = key.sign(signed)
    assert canonical(compact(signature)) == signature
    assert recover(signed, compact(signature)) == key.address


@pytest.mark.parametrize("form", [canonical, compact])
@pytest.mark.parametrize(
    ("signature", "why"),
    [
        (bytes(63), "65 or 64 bytes, not 63"),
        (bytes(66), "65 or 64 bytes, not 66"),
        (b"\x01" * 64 + b"\x1d", "v is 27 or 28, not 29"),
        (bytes(32) + b"\x01" * 32, "out of range"),
        (b"\x01" * 32 + bytes(32), "out of range"),
        (b"\xff" * 32 + b"\x01" * 32, "out of range"),
        (b"\x01" * 32 + b"\x7f" * 1 + b"\xff" * 31, "the high one"),
    ],
)
def test_neither_form_is_made_of_what_is_no_signature(form: type, signature: bytes, why: str) -> None:
    with pytest.raises(BadSignature, match=why):
        form(signature)


@given(st.integers(1, ORDER - 1), st.booleans())
def test_a_high_s_finds_no_way_through_the_compact_form(secret: int, parity: bool) -> None:
    """Its highest bit is taken for the parity: it is refused, or says something else."""
    key = SigningKey(secret.to_bytes(32, "big"))
    signature = key.sign(DIGEST)
    high = ORDER - int.from_bytes(signature[32:64], "big") | parity << 255
    with suppress(BadSignature):
        assert recover(DIGEST, signature[:32] + high.to_bytes(32, "big")) != key.address


# -- sets --------------------------------------------------------------------------------------------------------------


def test_signers_come_in_ascending_order() -> None:
    assert signers(DIGEST, SIGNATURES) == ADDRESSES
    assert signers(DIGEST, [compact(signature) for signature in SIGNATURES]) == ADDRESSES
    assert signers(DIGEST, []) == ()


def test_another_order_is_refused_with_its_place() -> None:
    with pytest.raises(NotAscending) as refused:
        signers(DIGEST, [SIGNATURES[0], SIGNATURES[2], SIGNATURES[1]])
    assert (refused.value.position, refused.value.signer, refused.value.before) == (2, ADDRESSES[1], ADDRESSES[2])


def test_nobody_signs_twice_not_even_in_two_forms() -> None:
    with pytest.raises(NotAscending):
        signers(DIGEST, [SIGNATURES[0], compact(SIGNATURES[0])])


# -- guards ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("addresses", "threshold", "why"),
    [
        (ADDRESSES[:4], 2, "less than a majority"),
        (ADDRESSES[:5], 2, "less than a majority"),
        (ADDRESSES[:3], 4, "that many can never sign"),
        (ADDRESSES[:3], 0, "that many can never sign"),
        (ADDRESSES[:3], -1, "that many can never sign"),
        ((), 0, "that many can never sign"),
        ((ADDRESSES[1], ADDRESSES[0]), 2, "ascending order, each once"),
        ((ADDRESSES[0], ADDRESSES[0]), 2, "ascending order, each once"),
        ((bytes(20), ADDRESSES[0]), 2, "zero address"),
        ((ADDRESSES[0][:19], ADDRESSES[0]), 2, "20 bytes"),
    ],
)
def test_guards_that_could_contradict_themselves_or_never_agree_are_refused(
    addresses: tuple[bytes, ...], threshold: int, why: str
) -> None:
    with pytest.raises(BadGuards, match=why) as refused:
        Guards(addresses, threshold)
    assert (refused.value.addresses, refused.value.threshold) == (addresses, threshold)


@given(st.integers(1, 5), st.integers(-1, 6))
def test_any_two_quorums_of_guards_that_are_allowed_share_a_member(count: int, threshold: int) -> None:
    with suppress(BadGuards):
        guards = Guards(ADDRESSES[:count], threshold)
        sets = [set(chosen) for chosen in combinations(guards.addresses, threshold)]
        assert sets
        assert all(one & other for one in sets for other in sets)


# -- quorums -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chosen", [(0, 1, 2), (0, 2, 4), (1, 2, 3, 4), (0, 1, 2, 3, 4)])
def test_as_many_as_are_needed_or_more_are_a_quorum(chosen: tuple[int, ...]) -> None:
    assert quorum(THREE_OF_FIVE, DIGEST, [SIGNATURES[at] for at in chosen]) == tuple(ADDRESSES[at] for at in chosen)


def test_too_few_are_none_and_who_is_missing_is_named() -> None:
    with pytest.raises(NoQuorum, match=r"2 of 5 guards signed, 3 needed") as refused:
        quorum(THREE_OF_FIVE, DIGEST, [SIGNATURES[1], SIGNATURES[3]])
    error = refused.value
    assert (error.threshold, error.signed, error.strangers) == (3, (ADDRESSES[1], ADDRESSES[3]), ())
    assert error.missing == (ADDRESSES[0], ADDRESSES[2], ADDRESSES[4])


def test_a_stranger_spoils_even_what_would_be_enough() -> None:
    guards = Guards(ADDRESSES[1:], 3)
    with pytest.raises(NoQuorum, match="no guard") as refused:
        quorum(guards, DIGEST, SIGNATURES[:4])
    assert refused.value.strangers == (ADDRESSES[0],)
    assert refused.value.missing == (ADDRESSES[4],)


def test_signatures_over_something_else_are_by_strangers() -> None:
    # The order of whom they recover to is chance: one of the two is always refused by it.
    with pytest.raises(Rejected):
        quorum(THREE_OF_FIVE, keccak256(b"something else"), SIGNATURES[:3])


def test_a_flood_of_signatures_is_refused_before_it_costs_anything() -> None:
    with pytest.raises(TooManySignatures) as refused:
        quorum(THREE_OF_FIVE, DIGEST, [b"not even looked at"] * 6)
    assert (refused.value.count, refused.value.guards) == (6, 5)


@given(st.lists(st.one_of(st.binary(max_size=70), st.binary(min_size=64, max_size=65), st.sampled_from(SIGNATURES)), max_size=7))
def test_whatever_is_shown_is_a_quorum_or_refused(shown: list[bytes]) -> None:
    with suppress(Rejected):
        assert set(quorum(THREE_OF_FIVE, DIGEST, shown)) <= set(ADDRESSES)
    for signature in shown:
        for function in (canonical, compact):
            with suppress(Rejected):
                function(signature)


def test_a_digest_of_our_own_making_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 31"):
        signers(bytes(31), SIGNATURES)
