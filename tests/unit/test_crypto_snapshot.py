"""The snapshot tree against its definition, with both engines."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.kernel import AT_ONCE, Kernel
from jurymast.crypto.merkle import DEPTH, EMPTY, bucket_root, fold, leaf, pair, verify
from jurymast.crypto.snapshot import PLAIN, Engine, NotInTree, Plain, SnapshotTree


@cache
def kernel() -> Kernel:
    return Kernel()


class CrowdedPlain(Plain):
    """Few places, so that leaves share buckets and pages, which honest hashes seldom do."""

    def rows(self, keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
        return crowded(keys, leaves)


class CrowdedKernel(Kernel):
    def rows(self, keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
        return crowded(keys, leaves)


def crowded(keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    return b"".join(crowded_place(key) + leaf for key, leaf in zip(keys, leaves, strict=True))


def crowded_place(key: bytes) -> bytes:
    hashed = keccak256(key)
    return bytes([0, hashed[0] & 1, hashed[1] & 3]) + hashed[3:]


ENGINES = {"plain": lambda: PLAIN, "kernel": kernel}
KEYS = st.binary(max_size=3)
HASHES = st.binary(min_size=32, max_size=32).filter(any)
LEAVES = st.dictionaries(KEYS, HASHES, max_size=40)
CHANGES = st.dictionaries(KEYS, st.none() | HASHES, max_size=40)


def defined(leaves: Mapping[bytes, bytes], place: type = keccak256) -> bytes:  # type: ignore[assignment]
    """The root as it is defined, from the bottom to the top."""
    buckets: dict[int, list[bytes]] = {}
    for key, node in leaves.items():
        buckets.setdefault(int.from_bytes(place(key)[:3], "big"), []).append(node)
    level = {at: bucket_root(nodes) for at, nodes in buckets.items()}
    for height in range(DEPTH):
        get = {at: level.get(at, EMPTY[height]) for child in level for at in (child, child ^ 1)}
        level = {at >> 1: pair(get[at & ~1], get[at | 1]) for at in level}
    return level.get(0, EMPTY[DEPTH])


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_a_tree_of_one_leaf_by_hand(engine: type) -> None:
    node, at = leaf(keccak256(b"a")), int.from_bytes(keccak256(b"key")[:3], "big")
    expected = node
    for height in range(DEPTH):
        expected = pair(expected, EMPTY[height])
        at >>= 1
    tree = SnapshotTree({b"key": node}, engine())
    assert (tree.root, len(tree)) == (expected, 1)
    assert tree.proof(b"key", node) == list(EMPTY[:DEPTH])


def test_a_tree_without_leaves() -> None:
    assert SnapshotTree().root == EMPTY[DEPTH]
    assert len(SnapshotTree()) == 0


@pytest.mark.parametrize("engine", [CrowdedPlain, CrowdedKernel, Plain, Kernel])
@given(st.lists(CHANGES, max_size=4))
def test_only_what_it_holds_makes_its_root_and_every_leaf_has_a_proof(
    engine: type[Plain | Kernel], history: list[dict[bytes, bytes | None]]
) -> None:
    tree, held = SnapshotTree(engine=engine()), dict[bytes, bytes]()
    for changes in history:
        tree.update(changes)
        held |= {key: node for key, node in changes.items() if node is not None}
        held = {key: node for key, node in held.items() if key not in changes or changes[key] is not None}
    is_crowded = engine in (CrowdedPlain, CrowdedKernel)
    assert tree.root == defined(held, crowded_place if is_crowded else keccak256)  # type: ignore[arg-type]
    assert tree.root == SnapshotTree(held, engine()).root
    assert len(tree) == len(held)
    for key, node in held.items():
        assert fold(node, tree.proof(key, node)) == tree.root


def test_real_keys_that_share_a_bucket() -> None:
    """By the birthday paradox a few of so many do."""
    leaves = {number.to_bytes(3, "big"): leaf(keccak256(number.to_bytes(3, "big"))) for number in range(20_000)}
    plain, fast = SnapshotTree(leaves), SnapshotTree(leaves, kernel())
    assert plain.root == fast.root == defined(leaves)
    lengths = set[int]()
    for key in leaves:
        content = keccak256(key)
        if keccak256(key)[0] == 0 or len(lengths) < 2:
            proof = plain.proof(key, leaf(content))
            assert proof == fast.proof(key, leaf(content))
            verify(plain.root, content, proof)
            lengths.add(len(proof))
    assert lengths == {DEPTH, DEPTH + 1}


def test_an_update_moves_nothing_else() -> None:
    leaves = {bytes([number]): keccak256(bytes([number])) for number in range(200)}
    tree = SnapshotTree(leaves)
    before = {key: tree.proof(key, node) for key, node in leaves.items()}
    tree.update({b"new": keccak256(b"new")})
    for key, node in leaves.items():
        differing = [one != other for one, other in zip(before[key], tree.proof(key, node), strict=True)]
        assert sum(differing) == 1  # Where the new leaf's path joins its own.
    tree.update({b"new": None})
    assert {key: tree.proof(key, node) for key, node in leaves.items()} == before


@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_there_is_a_proof_only_of_what_stands_there(engine: type) -> None:
    tree = SnapshotTree({b"key": keccak256(b"old")}, engine())
    tree.update({b"key": keccak256(b"new")})
    tree.proof(b"key", keccak256(b"new"))
    for key, node in [(b"key", keccak256(b"old")), (b"other", keccak256(b"new"))]:
        with pytest.raises(NotInTree) as refused:
            tree.proof(key, node)
        assert (refused.value.key, refused.value.leaf) == (key, node)


def test_what_is_no_hash_is_no_leaf_and_changes_nothing() -> None:
    tree = SnapshotTree({b"a": keccak256(b"a")})
    before = tree.root
    with pytest.raises(ValueError, match="a hash of 32 bytes"):
        tree.update({b"b": keccak256(b"b"), b"c": b"short", b"a": None})
    with pytest.raises(ValueError, match="not zeros"):
        tree.update({b"b": bytes(32)})
    with pytest.raises(ValueError, match="a hash of 32 bytes"):
        tree.proof(b"a", b"")
    assert (tree.root, len(tree)) == (before, 1)


# -- engines -----------------------------------------------------------------------------------------------------------


def agree(one: Engine, other: Engine, messages: Sequence[bytes]) -> bool:
    return one.each(messages) == other.each(messages)


@given(st.lists(st.one_of(st.binary(max_size=3), st.binary(max_size=500)), max_size=40))
def test_engines_agree_about_messages(messages: list[bytes]) -> None:
    assert agree(PLAIN, kernel(), messages)


def test_engines_agree_about_every_length_around_a_block_and_about_many() -> None:
    assert agree(PLAIN, kernel(), [b"\xa5" * size for size in range(300)])
    assert agree(PLAIN, kernel(), [number.to_bytes(2, "big") for number in range(AT_ONCE + 9)])


@given(LEAVES)
def test_engines_agree_about_rows(leaves: dict[bytes, bytes]) -> None:
    assert PLAIN.rows(list(leaves), list(leaves.values())) == kernel().rows(list(leaves), list(leaves.values()))


@given(st.lists(st.tuples(st.binary(min_size=3, max_size=3).map(lambda b: bytes(c & 0x81 for c in b)), HASHES), max_size=60))
def test_engines_agree_about_pages(rows: list[tuple[bytes, bytes]]) -> None:
    joined = b"".join(place.ljust(32, b"p") + node for place, node in rows)
    assert PLAIN.pages(joined) == kernel().pages(joined)


@pytest.mark.parametrize("shared", [0, 1, 7, 8, 9, 31])
def test_engines_agree_about_leaves_that_begin_alike(shared: int) -> None:
    leaves = [bytes(shared) + bytes([first]) + bytes(31 - shared) for first in (9, 3, 0x80, 0, 0xFF)]
    rows = b"".join(b"p" * 32 + node for node in leaves)
    pages, roots = kernel().pages(rows)
    assert (pages, roots) == PLAIN.pages(rows)
    assert [page[32:64] for page in pages.values()] == [min(leaves)]


def test_the_kernel_is_loaded_by_nobody_who_does_not_ask_for_it() -> None:
    """It takes a third of a second and 80 MB."""
    program = "import sys, jurymast.crypto.snapshot, jurymast.certificate; print({'numba', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
