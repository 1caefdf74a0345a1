"""Keccak trees whose proofs fold like OpenZeppelin's `MerkleProof`: a node is the hash of its children, the smaller one first.

A leaf is `keccak256(content)`, and its content is the EIP-712 `hashStruct` of what it says: 32 bytes that commit to the type and
to every member. A node hashes 64 bytes. So no node passes for a leaf, and no leaf for one of another type; `verify` takes the
content, never a leaf's hash, and with it nobody can call the root of some subtree a leaf and show a shorter proof.

Sorted pairs forget left and right: a proof says that a leaf is in the tree, not where. What a leaf is about is in its content.

The snapshot tree has 2^24 buckets, 24 levels below the root, and a leaf lies in the one that the hash of its key begins with. The
node of a bucket is

    no leaf     32 zero bytes, of which nobody knows a preimage
    one leaf    the leaf
    several     the root of their own small tree: in ascending order, the first two make a node, which joins the end of the queue,
                and so on until one is left; as `@openzeppelin/merkle-tree` does it

so a proof is what the bucket needs, often nothing, and then exactly 24 nodes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

HASH_BYTES = 32
DEPTH = 24
LONGEST_PROOF = DEPTH + 32
"""With 2^32 leaves in a single bucket: a bound for whoever loops, that no tree reaches."""


class BadProof(Rejected):
    """It does not show that this content is under this root."""

    def __init__(self, reason: str, *, root: bytes, content: bytes, length: int) -> None:
        super().__init__(f"a proof of {length} nodes, root {root.hex()}, content {content.hex()}: {reason}")
        self.reason, self.root, self.content, self.length = reason, root, content, length


def leaf(content: bytes) -> bytes:
    """Of a `hashStruct`; `ValueError` for anything else."""
    if len(content) != HASH_BYTES:
        raise ValueError(f"the content of a leaf is a hash of {HASH_BYTES} bytes, not {len(content)}")
    return keccak256(content)


def pair(one: bytes, other: bytes) -> bytes:
    return keccak256(one, other) if one < other else keccak256(other, one)


def _empty() -> tuple[bytes, ...]:
    nodes = [bytes(HASH_BYTES)]
    for _ in range(DEPTH):
        nodes.append(pair(nodes[-1], nodes[-1]))
    return tuple(nodes)


EMPTY = _empty()
"""The root of a subtree without leaves, by its height."""


def verify(root: bytes, content: bytes, proof: Sequence[bytes]) -> None:
    """`BadProof` unless the content's leaf is under the root of a snapshot tree."""
    if problem := _problem(root, content, proof):
        raise BadProof(problem, root=root, content=content, length=len(proof))


def _problem(root: bytes, content: bytes, proof: Sequence[bytes]) -> str:
    if not DEPTH <= len(proof) <= LONGEST_PROOF:
        return f"it has {DEPTH} to {LONGEST_PROOF} nodes"
    if any(len(node) != HASH_BYTES for node in (root, content, *proof)):
        return f"root, content and every node have {HASH_BYTES} bytes"
    return "" if fold(leaf(content), proof) == root else "it leads to another root"


def fold(node: bytes, proof: Iterable[bytes]) -> bytes:
    for sibling in proof:
        node = pair(node, sibling)
    return node


# -- buckets -----------------------------------------------------------------------------------------------------------


def bucket_root(leaves: Iterable[bytes]) -> bytes:
    """Of these leaves in whatever order."""
    queue = _queue(leaves)
    return queue[-1] if queue else EMPTY[0]


def bucket_proof(leaves: Iterable[bytes], leaf: bytes) -> list[bytes]:
    """From one of the leaves to the bucket's root; `ValueError` if it is none of them."""
    queue = _queue(leaves)
    count = (len(queue) + 1) // 2
    at, proof = queue.index(leaf, 0, count), []  # Not among the nodes after the leaves.
    while at < len(queue) - 1:
        proof.append(queue[at ^ 1])
        at = count + at // 2
    return proof


def _queue(leaves: Iterable[bytes]) -> list[bytes]:
    """All nodes of a bucket, each pair before its parent, the root last."""
    queue = sorted(leaves)
    for first in range(0, 2 * len(queue) - 2, 2):
        queue.append(pair(queue[first], queue[first + 1]))
    return queue
