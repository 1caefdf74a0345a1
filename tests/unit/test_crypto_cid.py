"""CIDs against what Kubo's own tests expect, and against blocks written out by hand."""

from __future__ import annotations

import struct
from contextlib import suppress
from hashlib import sha256 as standard_sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_chacha20poly1305_ietf_encrypt as encrypt

from jurymast.crypto import cid
from jurymast.crypto.cid import CHUNK_BYTES, DAG_PB, LINKS, RAW, BadCid, Cid, blocks, cid_of, parse_cid, sha256

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"hello world", "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"),
        (b"hello\n", "bafkreicysg23kiwv34eg2d7qweipxwosdo2py4ldv42nbauguluen5v6am"),
        (b"", "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"),
    ],
)
def test_small_files_are_one_raw_block(data: bytes, text: str) -> None:
    assert str(cid_of(data)) == text
    assert parse_cid(text) == Cid(RAW, sha256(data))


@pytest.mark.parametrize(
    ("mebibytes", "text", "links"),
    [
        (174, "bafybeigwduxcf2aawppv3isnfeshnimkyplvw3hthxjhr2bdeje4tdaicu", 174),
        (175, "bafybeidhd7lo2n2v7lta5yamob3xwhbxcczmmtmhquwhjesi35jntf7mpu", 2),
    ],
)
def test_big_files_as_kubo_adds_them(mebibytes: int, text: str, links: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubo publishes these for chunks of 1 MiB and 174 links: with one level of nodes, and with two."""
    monkeypatch.setattr(cid, "CHUNK_BYTES", MIB)
    data = _key_stream("v1-seed", mebibytes * MIB)
    *_, root = blocks(data)
    assert str(root.cid) == text
    assert root.data.count(bytes([1, RAW if links == 174 else DAG_PB, 0x12, 32])) == links


def _key_stream(seed: str, size: int) -> bytes:
    """ChaCha20 with a nonce of zeros, from its first block on; the library's encryption uses that one for itself."""
    key = standard_sha256(seed.encode()).digest()
    return (_chacha_block(key) + encrypt(bytes(size), None, bytes(12), key))[:size]


def _chacha_block(key: bytes) -> bytes:
    """The first one, by RFC 8439."""
    start = [*struct.unpack("<4I", b"expand 32-byte k"), *struct.unpack("<8I", key), 0, 0, 0, 0]
    words = start.copy()

    def quarter(a: int, b: int, c: int, d: int) -> None:
        for first, second, third, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            words[first] = (words[first] + words[second]) % (1 << 32)
            mixed = words[third] ^ words[first]
            words[third] = (mixed << by | mixed >> 32 - by) % (1 << 32)

    for _ in range(10):
        for column in range(4):
            quarter(column, 4 + column, 8 + column, 12 + column)
        for column in range(4):
            quarter(column, 4 + (column + 1) % 4, 8 + (column + 2) % 4, 12 + (column + 3) % 4)
    return struct.pack("<16I", *((one + other) % (1 << 32) for one, other in zip(words, start, strict=True)))


def test_two_chunks_written_out_by_hand() -> None:
    data = bytes(CHUNK_BYTES) + b"!"
    leaves = [bytes([1, 0x55, 0x12, 32]) + standard_sha256(part).digest() for part in (bytes(CHUNK_BYTES), b"!")]
    links = [
        bytes([0x12, 0x2C, 0x0A, 36]) + leaves[0] + bytes([0x12, 0, 0x18, 0x80, 0x80, 0x10]),
        bytes([0x12, 0x2A, 0x0A, 36]) + leaves[1] + bytes([0x12, 0, 0x18, 1]),
    ]
    file = bytes([0x08, 2, 0x18, 0x81, 0x80, 0x10, 0x20, 0x80, 0x80, 0x10, 0x20, 1])
    block = b"".join(links) + bytes([0x0A, len(file)]) + file
    first, second, root = blocks(data)
    assert (first.data, second.data, root.data) == (data[:-1], b"!", block)
    assert root.cid == cid_of(data) == Cid(DAG_PB, standard_sha256(block).digest())


@pytest.mark.parametrize("chunks", [0, 1, 2, 3, 4, 9, 10, 28])
def test_every_block_is_there_under_its_own_address_and_the_root_is_last(chunks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cid, "CHUNK_BYTES", 4)
    monkeypatch.setattr(cid, "LINKS", 3)
    data = bytes(range(4 * chunks))
    made = list(blocks(data))
    assert all(block.cid.digest == sha256(block.data) for block in made)
    assert b"".join(block.data for block in made if block.cid.codec == RAW) == data
    assert [block.cid.codec for block in made if block.cid.codec == DAG_PB] == [DAG_PB] * _nodes(chunks)
    assert LINKS == 174  # Those above are for this test; this is what is agreed with IPFS.
    assert CHUNK_BYTES == 262_144


def _nodes(level: int) -> int:
    above = -(-level // 3)
    return 0 if level <= 1 else above + _nodes(above)


@given(st.sampled_from([RAW, DAG_PB]), st.binary(min_size=32, max_size=32))
def test_a_cid_is_read_as_it_is_written(codec: int, digest: bytes) -> None:
    assert parse_cid(str(Cid(codec, digest))) == Cid(codec, digest)


HELLO = "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "b",
        HELLO.upper(),
        HELLO[:-1],
        HELLO + "a",
        HELLO + "=",
        HELLO[:-1] + "f",  # Bits that no byte has.
        "z" + HELLO[1:],
        # By its sha2-512.
        "bafkrgqbqt3gerhas23vuzrapkdeqf4vu2dwxp3srdj6hvg6nhsug2tgyn6mj3u23yx7utftq3i2ckw2fwdh5qmhid5qf3t35yvkc5e5ottlw6",
        "Qmf412jQZiuVUtdgnB36FXFX7xg5V6KEbSJ4dpQuhkLyfD",
        str(Cid(0x71, bytes(32))),  # dag-cbor
    ],
)
def test_other_kinds_and_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(BadCid) as refused:
        parse_cid(text)
    assert refused.value.text == text


@given(st.one_of(st.text(), st.text("abcdefghijklmnopqrstuvwxyz234567=", max_size=80).map("b".__add__)))
def test_no_text_raises_anything_else(text: str) -> None:
    with suppress(BadCid):
        assert str(parse_cid(text)) == text
