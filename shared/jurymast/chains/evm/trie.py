"""What a Merkle-Patricia trie holds under a key, or that it holds nothing, as `eth_getProof` shows it.

Own code instead of PyPI `trie`: that builds databases of tries, on ten packages; checking one path takes what stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from jurymast.chains.evm import rlp
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

HASH_BYTES = 32
EMPTY = keccak256(rlp.encode(b""))
"""The root of a trie that holds nothing."""
NO_CODE = keccak256(b"")
BRANCH, SHORT_NODE = 17, 2
IS_LEAF, IS_ODD = 2, 1


class BadProof(Rejected):
    """It does not show what is under this key of this root."""

    def __init__(self, reason: str, *, root: bytes, key: bytes) -> None:
        super().__init__(f"root 0x{root.hex()}, key 0x{key.hex()}: {reason}")
        self.reason, self.root, self.key = reason, root, key


class Account(NamedTuple):
    nonce: int
    balance: int
    storage: bytes
    """The root of its storage."""
    code: bytes
    """The hash of its code."""


NOBODY = Account(0, 0, EMPTY, NO_CODE)


def account(root: bytes, address: bytes, proof: Sequence[bytes]) -> Account:
    """By the root of a block's state; an account that is not there is like one that nothing ever happened to."""
    found = lookup(root, address, proof)
    if found is None:
        return NOBODY
    try:
        nonce, balance, storage, code = rlp.decoded_list(found, 4)
        return Account(
            rlp.as_number(nonce), rlp.as_number(balance), rlp.as_bytes(storage, HASH_BYTES), rlp.as_bytes(code, HASH_BYTES)
        )
    except rlp.BadRlp as error:
        raise BadProof(f"no account: {error}", root=root, key=address) from None


def word(root: bytes, slot: bytes, proof: Sequence[bytes]) -> bytes:
    """Of the storage with this root, in 32 bytes."""
    found = lookup(root, slot, proof)
    if found is None:
        return bytes(HASH_BYTES)
    try:
        return rlp.as_number(rlp.decode(found)).to_bytes(HASH_BYTES, "big")
    except (rlp.BadRlp, OverflowError) as error:
        raise BadProof(f"no word: {error}", root=root, key=slot) from None


def lookup(root: bytes, key: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The value under the hash of this key; None where the proof shows that there is none; `BadProof` otherwise."""
    if root == EMPTY:
        return None
    try:
        return _lookup(root, keccak256(key).hex(), {keccak256(node): node for node in proof})
    except rlp.BadRlp as error:
        raise BadProof(str(error), root=root, key=key) from None


def _lookup(root: bytes, path: str, nodes: dict[bytes, bytes]) -> bytes | None:
    node: rlp.Item = root
    for _ in range(len(path) + 1):
        inside = _opened(node, nodes)
        if len(inside) == BRANCH:
            if not path:  # All keys are hashes, and equally long: none ends where another goes on.
                break
            node, path = inside[int(path[0], 16)], path[1:]
        else:
            part, leaf = _part(inside[0])
            if not path.startswith(part) or (leaf and path != part):
                return None  # Whatever is here has another key.
            node, path = inside[1], path[len(part) :]
            if leaf:
                return rlp.as_bytes(node)
        if node == b"":
            return None
    raise rlp.BadRlp("a path longer than its key")


def _opened(node: rlp.Item, nodes: dict[bytes, bytes]) -> list[rlp.Item]:
    """A node stands in its parent if it is shorter than a hash, and else its hash does."""
    if isinstance(node, bytes):
        if (encoded := nodes.get(rlp.as_bytes(node, HASH_BYTES))) is None:
            raise rlp.BadRlp(f"node {node.hex()} is missing")
        return rlp.decoded_list(encoded, BRANCH, SHORT_NODE)
    if len(node) not in (BRANCH, SHORT_NODE):
        raise rlp.BadRlp(f"a node of {len(node)} items")
    return list(node)


def _part(item: rlp.Item) -> tuple[str, bool]:
    """Of the path, and whether it ends here."""
    encoded = rlp.as_bytes(item).hex()
    if not encoded or encoded[0] not in "0123":
        raise rlp.BadRlp("a path without its flags")
    flags = int(encoded[0])
    return encoded[1 if flags & IS_ODD else 2 :], bool(flags & IS_LEAF)
