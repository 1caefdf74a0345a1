"""The snapshot tree, kept so that it grows and changes at the cost of what changes. `merkle` defines what it is.

The upper 16 levels are kept. What is below one of their 65,536 ends, a page, is hashed anew whenever a leaf in it changes: of a
million leaves these are 15. Rows say which leaves a page has: the hash of the key, and the leaf.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Protocol

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.merkle import DEPTH, EMPTY, HASH_BYTES, bucket_proof, bucket_root, pair
from jurymast.errors import Rejected

KEPT = 16
LOWER = DEPTH - KEPT
ROW_BYTES = 2 * HASH_BYTES
_GONE = EMPTY[0]


class NotInTree(Rejected):
    """The tree has no such leaf under this key: neither does a proof exist."""

    def __init__(self, key: bytes, leaf: bytes) -> None:
        super().__init__(f"no leaf {leaf.hex()} under the key {key.hex()}")
        self.key, self.leaf = key, leaf


class Engine(Protocol):
    """What hashes: `PLAIN`, or for big trees `jurymast.crypto.kernel.Kernel`. Both give the same."""

    def each(self, messages: Sequence[bytes]) -> list[bytes]:
        """The hash of every message."""

    def rows(self, keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
        """The rows of these leaves under these keys."""

    def pages(self, rows: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """From rows in whatever order: of every page that has some, by its number, its rows by bucket and leaf, and its root."""


class SnapshotTree:
    """From keys, however long, to leaves. Two trees that hold the same have the same root, whatever they held before."""

    def __init__(self, leaves: Mapping[bytes, bytes] | None = None, engine: Engine | None = None) -> None:
        self._engine = engine or PLAIN
        self._pages: dict[int, bytes] = {}
        # As in a heap: the root is node 1, the children of n are 2n and 2n + 1, page p is node 2^16 + p.
        self._nodes = [b"", *(EMPTY[DEPTH - level] for level in range(KEPT + 1) for _ in range(1 << level))]
        self.update(leaves or {})

    @property
    def root(self) -> bytes:
        return self._nodes[1]

    def __len__(self) -> int:
        return sum(map(len, self._pages.values())) // ROW_BYTES

    def update(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Puts leaves in, or others in their place; None takes one out. `ValueError`, and no change, if one is no hash, or the
        zeros of an empty bucket."""
        if _GONE in changes.values():
            raise ValueError("a leaf is a hash, not zeros: they are the node of a bucket without leaves")
        leaves = [_GONE if leaf is None else leaf for leaf in changes.values()]
        if not {HASH_BYTES}.issuperset(map(len, leaves)):
            raise ValueError(f"a leaf is a hash of {HASH_BYTES} bytes")
        rows, touched = self._engine.rows(list(changes), leaves), set[int]()
        if self._pages or _GONE in leaves:
            new = _split(rows)
            touched = {_page(row) for row in new} & self._pages.keys()
            rows = self._merged(touched, new)
        pages, roots = self._engine.pages(rows)
        for number in touched:
            self._pages.pop(number)
        self._pages |= pages
        self._raise(dict.fromkeys(touched, EMPTY[LOWER]) | roots)

    def proof(self, key: bytes, leaf: bytes) -> list[bytes]:
        """For `verify`; `NotInTree` if this leaf is not, or no longer, what stands under the key."""
        if len(leaf) != HASH_BYTES:
            raise ValueError(f"a leaf is a hash of {HASH_BYTES} bytes")
        row = self._engine.rows([key], [leaf])
        rows = _split(self._pages.get(_page(row), b""))
        if row not in rows:
            raise NotInTree(key, leaf)
        buckets, at = _buckets(rows), _bucket(row)
        proof = bucket_proof(buckets[at], leaf)
        level = {number: bucket_root(leaves) for number, leaves in buckets.items()}
        for height in range(LOWER):
            proof.append(level.get(at ^ 1, EMPTY[height]))
            level, at = _parents(level, height), at >> 1
        node = 1 << KEPT | at
        while node > 1:
            proof.append(self._nodes[node ^ 1])
            node >>= 1
        return proof

    def _merged(self, touched: Iterable[int], new: Iterable[bytes]) -> bytes:
        """All rows that these pages will have."""
        rows = {row[:HASH_BYTES]: row for number in touched for row in _split(self._pages[number])}
        rows |= {row[:HASH_BYTES]: row for row in new}
        return b"".join(row for row in rows.values() if row[HASH_BYTES:] != _GONE)

    def _raise(self, roots: Mapping[int, bytes]) -> None:
        """With the new roots of some pages, up to the root."""
        nodes, changed = self._nodes, {1 << KEPT | number for number in roots}
        for number, root in roots.items():
            nodes[1 << KEPT | number] = root
        for _ in range(KEPT):
            changed = {node >> 1 for node in changed}
            children = ((nodes[2 * node], nodes[2 * node + 1]) for node in changed)
            hashes = self._engine.each([one + other if one < other else other + one for one, other in children])
            for node, hashed in zip(changed, hashes, strict=True):
                nodes[node] = hashed


class Plain:
    def each(self, messages: Sequence[bytes]) -> list[bytes]:
        return [keccak256(message) for message in messages]

    def rows(self, keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
        return b"".join(keccak256(key) + leaf for key, leaf in zip(keys, leaves, strict=True))

    def pages(self, rows: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
        ordered = sorted(_split(rows), key=lambda row: (_bucket(row), row[HASH_BYTES:]))
        grouped = {number: list(group) for number, group in groupby(ordered, _page)}
        pages = {number: b"".join(group) for number, group in grouped.items()}
        return pages, {number: _page_root(group) for number, group in grouped.items()}


PLAIN = Plain()


def _page_root(rows: Sequence[bytes]) -> bytes:
    level = {number: bucket_root(leaves) for number, leaves in _buckets(rows).items()}
    for height in range(LOWER):
        level = _parents(level, height)
    (root,) = level.values()
    return root


def _parents(level: Mapping[int, bytes], height: int) -> dict[int, bytes]:
    empty = EMPTY[height]
    return {at: pair(level.get(2 * at, empty), level.get(2 * at + 1, empty)) for at in {child >> 1 for child in level}}


def _buckets(rows: Iterable[bytes]) -> dict[int, list[bytes]]:
    buckets: dict[int, list[bytes]] = {}
    for row in rows:
        buckets.setdefault(_bucket(row), []).append(row[HASH_BYTES:])
    return buckets


def _split(rows: bytes) -> list[bytes]:
    return [rows[start : start + ROW_BYTES] for start in range(0, len(rows), ROW_BYTES)]


def _bucket(place: bytes) -> int:
    return int.from_bytes(place[: DEPTH // 8], "big")


def _page(place: bytes) -> int:
    return int.from_bytes(place[: KEPT // 8], "big")
