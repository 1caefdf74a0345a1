"""Leaves, nodes, buckets and proofs, against the published package; and what a forger would try."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.merkle import DEPTH, EMPTY, LONGEST_PROOF, BadProof, bucket_proof, bucket_root, fold, leaf, pair, verify

PUBLISHED: list[dict[str, Any]] = json.loads((Path(__file__).parent / "openzeppelin.json").read_text(encoding="ascii"))
TYPE_HASH = bytes([0xAB]) * 32
HASHES = st.binary(min_size=32, max_size=32)
CONTENT = keccak256(b"what a leaf says")
PROOF = [keccak256(bytes([number])) for number in range(DEPTH)]
ROOT = fold(leaf(CONTENT), PROOF)

# -- nodes and leaves --------------------------------------------------------------------------------------------------


@given(HASHES, HASHES)
def test_a_node_does_not_know_left_from_right(one: bytes, other: bytes) -> None:
    assert pair(one, other) == pair(other, one) == keccak256(min(one, other) + max(one, other))


def test_a_leaf_is_hashed_twice_its_content_being_a_hash() -> None:
    assert leaf(CONTENT) == keccak256(CONTENT)
    for size in (0, 31, 33, 64):
        with pytest.raises(ValueError, match=f"32 bytes, not {size}"):
            leaf(bytes(size))


def test_empty_subtrees() -> None:
    assert EMPTY[0] == bytes(32)
    assert EMPTY[1] == keccak256(bytes(64))
    assert EMPTY[2] == keccak256(EMPTY[1] * 2)
    assert len(EMPTY) == DEPTH + 1


# -- buckets -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tree", PUBLISHED, ids=lambda tree: str(len(tree["leaves"])))
def test_a_bucket_is_the_published_packages_tree(tree: dict[str, Any]) -> None:
    size = len(tree["numbers"])
    words = (number.to_bytes(32, "big") + size.to_bytes(32, "big") for number in tree["numbers"])
    leaves = [leaf(keccak256(TYPE_HASH + word)) for word in words]
    assert [node.hex() for node in leaves] == tree["leaves"]
    assert bucket_root(leaves).hex() == tree["standard"] == tree["simple"]
    for node, proof in zip(leaves, tree["proofs"], strict=True):
        assert [sibling.hex() for sibling in bucket_proof(leaves, node)] == proof


def test_a_bucket_without_leaves() -> None:
    assert bucket_root([]) == bytes(32)


@given(st.sets(HASHES, min_size=1, max_size=20).flatmap(lambda leaves: st.permutations(sorted(leaves))))
def test_the_order_of_leaves_does_not_matter_and_each_has_its_proof(leaves: list[bytes]) -> None:
    root = bucket_root(leaves)
    assert root == bucket_root(sorted(leaves))
    for node in leaves:
        proof = bucket_proof(leaves, node)
        assert fold(node, proof) == root
        assert len(proof) <= (len(leaves) - 1).bit_length()


def test_there_is_no_proof_of_a_node_of_a_bucket() -> None:
    leaves = [keccak256(bytes([number])) for number in range(4)]
    for node in (pair(*sorted(leaves)[:2]), bucket_root(leaves)):
        with pytest.raises(ValueError, match="is not in"):
            bucket_proof(leaves, node)


# -- proofs ------------------------------------------------------------------------------------------------------------


def test_a_proof_holds_for_its_content_and_root() -> None:
    verify(ROOT, CONTENT, PROOF)
    longer = [*PROOF, *PROOF, *PROOF][:LONGEST_PROOF]
    verify(fold(leaf(CONTENT), longer), CONTENT, longer)


@pytest.mark.parametrize(
    ("root", "content", "proof", "why"),
    [
        (bytes(32), CONTENT, PROOF, "another root"),
        (ROOT, keccak256(b"other"), PROOF, "another root"),
        (ROOT, CONTENT, [*PROOF[:-1], bytes(32)], "another root"),
        (ROOT, CONTENT, PROOF[::-1], "another root"),
        (ROOT, CONTENT, PROOF[:-1], "24 to 56 nodes"),
        (leaf(CONTENT), CONTENT, [], "24 to 56 nodes"),
        (ROOT, CONTENT, PROOF * 3, "24 to 56 nodes"),
        (ROOT, CONTENT, [*PROOF[:-1], PROOF[-1][:31]], "32 bytes"),
        (ROOT[:31], CONTENT, PROOF, "32 bytes"),
        (ROOT, CONTENT + b"\0", PROOF, "32 bytes"),
    ],
)
def test_what_is_no_proof(root: bytes, content: bytes, proof: list[bytes], why: str) -> None:
    with pytest.raises(BadProof, match=why) as refused:
        verify(root, content, proof)
    error = refused.value
    assert (error.root, error.content, error.length) == (root, content, len(proof))
    assert why in error.reason


@pytest.mark.parametrize("height", range(DEPTH + 1))
def test_no_node_passes_for_a_leaf(height: int) -> None:
    """Neither its hash, nor what it hashes, with the rest of the proof, however filled up."""
    node = fold(leaf(CONTENT), PROOF[:height])
    rest, below = PROOF[height:], leaf(CONTENT) if height == 0 else fold(leaf(CONTENT), PROOF[: height - 1])
    for content in (node, below, below + PROOF[height - 1]):
        for proof in (rest, [*EMPTY[:height], *rest], [*PROOF[:height], *rest], [*([bytes(32)] * DEPTH), *rest]):
            with pytest.raises(BadProof):
                verify(ROOT, content, proof)


def test_nodes_of_a_bucket_are_no_leaves() -> None:
    leaves = [leaf(keccak256(bytes([number]))) for number in range(4)]
    root = fold(bucket_root(leaves), PROOF)
    inner = pair(*sorted(leaves)[:2])
    for content in (inner, bucket_root(leaves), bytes(32), *leaves):
        for proof in (PROOF, [inner, *PROOF], [pair(*sorted(leaves)[2:]), *PROOF]):
            with pytest.raises(BadProof):
                verify(root, content, proof)


@given(st.binary(max_size=40), st.binary(max_size=70), st.lists(st.binary(max_size=40), max_size=60))
def test_no_bytes_raise_anything_else(root: bytes, content: bytes, proof: list[bytes]) -> None:
    with pytest.raises(BadProof):
        verify(root, content, proof)


@given(HASHES, HASHES, st.lists(HASHES, min_size=DEPTH, max_size=LONGEST_PROOF))
def test_no_well_formed_bytes_either(root: bytes, content: bytes, proof: list[bytes]) -> None:
    with pytest.raises(BadProof):
        verify(root, content, proof)
