"""Keccak-256 of many messages at once, eight beside each other in the vector registers: ten times the plain one.

It costs: importing this takes 0.3 s and 80 MB, and the first `Kernel()` of a process compiles for two seconds and takes 90 MB
more. So nothing imports it but the services that build big trees, when they start. Compiled code is not kept in files: that would
be I/O, and in a container that may write nowhere it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from jurymast.crypto.merkle import EMPTY, HASH_BYTES
from jurymast.crypto.snapshot import LOWER, ROW_BYTES

F = TypeVar("F", bound=Callable[..., Any])
Words = NDArray[np.uint64]
Numbers = NDArray[np.int64]

U = np.uint64
LANES = 8
RATE_BYTES = 136
RATE_WORDS = 17
HASH_WORDS = 4
ROW_WORDS = 8
AT_ONCE = 1 << 12
"""Messages that are padded together, so that they stay in the cache."""


class Kernel:
    """An `Engine` for trees of many leaves. Other threads run while it hashes."""

    def __init__(self) -> None:
        self.pages(bytes(2 * ROW_BYTES))  # Compiles.
        self.each([b""])

    def each(self, messages: Sequence[bytes]) -> list[bytes]:
        hashes = np.empty((len(messages), HASH_WORDS), U)
        _hash(messages, hashes)
        return _cut(hashes.tobytes(), HASH_BYTES)

    def rows(self, keys: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
        rows = np.empty((len(keys), ROW_WORDS), U)
        rows[:, HASH_WORDS:] = np.frombuffer(b"".join(leaves), U).reshape(-1, HASH_WORDS)
        _hash(keys, rows)
        return rows.tobytes()

    def pages(self, rows: bytes) -> tuple[dict[int, bytes], dict[int, bytes]]:
        if not rows:
            return {}, {}
        given: Words = np.frombuffer(rows, U).reshape(-1, ROW_WORDS)
        order, buckets = _arranged(given)
        arranged = np.take(given, order, axis=0)  # Twice as fast as an index.
        numbers, nodes = _bucket_roots(buckets, arranged[:, HASH_WORDS:])
        for height in range(LOWER):
            numbers = _raise(numbers, nodes, _EMPTY[height])
        starts = (np.searchsorted(buckets, numbers << LOWER) * ROW_BYTES).tolist()
        data, ends, present = arranged.data.cast("B"), [*starts[1:], len(rows)], numbers.tolist()
        pages = {number: bytes(data[start:end]) for number, start, end in zip(present, starts, ends, strict=True)}
        return pages, dict(zip(present, _cut(nodes[: len(numbers)].tobytes(), HASH_BYTES), strict=True))


def _hash(messages: Sequence[bytes], out: Words) -> None:
    """Each message's hash, to the beginning of its row."""
    sizes = set(map(len, messages))
    if len(sizes) == 1:
        _hash_alike(messages, sizes.pop(), out)
        return
    for size in sizes:
        chosen = [at for at, message in enumerate(messages) if len(message) == size]
        hashes = np.empty((len(chosen), HASH_WORDS), U)
        _hash_alike([messages[at] for at in chosen], size, hashes)
        out[chosen, :HASH_WORDS] = hashes


def _hash_alike(messages: Sequence[bytes], size: int, out: Words) -> None:
    for start in range(0, len(messages), AT_ONCE):
        padded = _padded(messages[start : start + AT_ONCE], size)
        hashes = np.empty((len(padded), HASH_WORDS), U)
        _hash_rows(padded, hashes)
        out[start : start + AT_ONCE, :HASH_WORDS] = hashes


def _padded(messages: Sequence[bytes], size: int) -> Words:
    """Messages of one size, as the words of whole blocks."""
    padded = np.zeros((len(messages), (size // RATE_BYTES + 1) * RATE_BYTES), np.uint8)
    padded[:, :size] = np.frombuffer(b"".join(messages), np.uint8).reshape(-1, size) if size else 0
    padded[:, size] = 0x01
    padded[:, -1] |= 0x80
    return padded.view(U)


def _arranged(rows: Words) -> tuple[Numbers, Numbers]:
    """How to order rows by bucket and leaf, and their buckets in that order. Numbers that hold bucket and place are sorted much
    faster than places; leaves are compared only where several share a bucket."""
    big = rows.view(">u8")
    both = np.sort((big[:, 0] >> U(40) << U(40)) | np.arange(len(rows), dtype=U))
    order, buckets = (both & U((1 << 40) - 1)).astype(np.int64), (both >> U(40)).astype(np.int64)
    same = buckets[1:] == buckets[:-1]
    shared = np.flatnonzero(np.append(same, False) | np.insert(same, 0, False))
    leaves = big[order[shared], HASH_WORDS:]
    order[shared] = order[shared][np.lexsort((*leaves.T[::-1], buckets[shared]))]
    return order, buckets


def _bucket_roots(buckets: Numbers, leaves: Words) -> tuple[Numbers, Words]:
    """Of every bucket, and room for one more. Those with several leaves give one pair at a time, as `merkle` defines it; their
    queues lie one after the other."""
    starts = np.flatnonzero(np.diff(buckets, prepend=-1))
    counts = np.diff(starts, append=len(buckets))
    roots = np.empty((len(starts) + 1, HASH_WORDS), U)
    roots[:-1] = leaves[starts]
    several = np.flatnonzero(counts > 1)
    if len(several):
        firsts, counts = starts[several], counts[several]
        sizes = 2 * counts - 1
        begins = np.cumsum(sizes) - sizes
        queues = np.empty((int(sizes.sum()), HASH_WORDS), U)
        nth = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        queues[np.repeat(begins, counts) + nth] = leaves[np.repeat(firsts, counts) + nth]
        for made in range(int(counts.max()) - 1):
            begin, count = begins[counts > made + 1], counts[counts > made + 1]
            pairs = np.empty((len(begin), HASH_WORDS), U)
            _join(queues, begin + 2 * made, begin + 2 * made + 1, pairs)
            queues[begin + count + made] = pairs
        roots[several] = queues[begins + sizes - 1]
    return buckets[starts], roots


def _raise(numbers: Numbers, nodes: Words, empty: Words) -> Numbers:
    """One level up, in place: what is written never passes what is read. The last node is the one for all without a sibling."""
    nodes[-1] = empty
    left, right = np.empty_like(numbers), np.empty_like(numbers)
    count = _siblings(numbers, left, right)
    _join(nodes, left[:count], right[:count], nodes)
    return numbers[:count]


def _join(nodes: Words, left: Numbers, right: Numbers, out: Words) -> None:
    """The parent of each pair."""
    rows = np.zeros((min(AT_ONCE, len(left)), RATE_WORDS), U)
    rows[:, 2 * HASH_WORDS], rows[:, -1] = U(1), U(1 << 63)
    for start in range(0, len(left), AT_ONCE):
        end = min(start + AT_ONCE, len(left))
        _place_pairs(nodes, left[start:end], right[start:end], rows)
        _hash_rows(rows[: end - start], out[start:end])


def _cut(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def _round_constants() -> Words:
    """By the linear feedback shift register of the standard."""
    constants, register = [], 1
    for _ in range(24):
        constant = 0
        for power in range(7):
            constant |= (register & 1) << ((1 << power) - 1)
            register = (register << 1) ^ (register >> 7) * 0x171
        constants.append(constant)
    return np.array(constants, U)


_ROUNDS = _round_constants()
_EMPTY: Words = np.frombuffer(b"".join(EMPTY), U).reshape(-1, HASH_WORDS)

# -- compiled ----------------------------------------------------------------------------------------------------------
# The state is flat, word by word, each in LANES lanes: only with distances that are known when it compiles are the loops over
# the lanes turned into vector instructions. Names of words are those of the standard: 5 * y + x.


def _compiled(function: F) -> F:
    return cast(F, njit(nogil=True)(function))


@_compiled
def _rotated(word: Any, by: int) -> Any:
    return (word << U(by)) | (word >> U(64 - by))


@_compiled
def _permute(s: Any) -> None:
    for constant in _ROUNDS:
        for j in range(LANES):
            a0, a1, a2, a3, a4 = s[j], s[LANES + j], s[2 * LANES + j], s[3 * LANES + j], s[4 * LANES + j]
            a5, a6, a7, a8, a9 = s[5 * LANES + j], s[6 * LANES + j], s[7 * LANES + j], s[8 * LANES + j], s[9 * LANES + j]
            a10, a11, a12, a13, a14 = (
                s[10 * LANES + j],
                s[11 * LANES + j],
                s[12 * LANES + j],
                s[13 * LANES + j],
                s[14 * LANES + j],
            )
            a15, a16, a17, a18, a19 = (
                s[15 * LANES + j],
                s[16 * LANES + j],
                s[17 * LANES + j],
                s[18 * LANES + j],
                s[19 * LANES + j],
            )
            a20, a21, a22, a23, a24 = (
                s[20 * LANES + j],
                s[21 * LANES + j],
                s[22 * LANES + j],
                s[23 * LANES + j],
                s[24 * LANES + j],
            )
            c0, c1 = a0 ^ a5 ^ a10 ^ a15 ^ a20, a1 ^ a6 ^ a11 ^ a16 ^ a21
            c2, c3 = a2 ^ a7 ^ a12 ^ a17 ^ a22, a3 ^ a8 ^ a13 ^ a18 ^ a23
            c4 = a4 ^ a9 ^ a14 ^ a19 ^ a24
            d0, d1, d2 = c4 ^ _rotated(c1, 1), c0 ^ _rotated(c2, 1), c1 ^ _rotated(c3, 1)
            d3, d4 = c2 ^ _rotated(c4, 1), c3 ^ _rotated(c0, 1)
            b0, b16, b7 = a0 ^ d0, _rotated(a5 ^ d0, 36), _rotated(a10 ^ d0, 3)
            b23, b14 = _rotated(a15 ^ d0, 41), _rotated(a20 ^ d0, 18)
            b10, b1, b17 = _rotated(a1 ^ d1, 1), _rotated(a6 ^ d1, 44), _rotated(a11 ^ d1, 10)
            b8, b24 = _rotated(a16 ^ d1, 45), _rotated(a21 ^ d1, 2)
            b20, b11, b2 = _rotated(a2 ^ d2, 62), _rotated(a7 ^ d2, 6), _rotated(a12 ^ d2, 43)
            b18, b9 = _rotated(a17 ^ d2, 15), _rotated(a22 ^ d2, 61)
            b5, b21, b12 = _rotated(a3 ^ d3, 28), _rotated(a8 ^ d3, 55), _rotated(a13 ^ d3, 25)
            b3, b19 = _rotated(a18 ^ d3, 21), _rotated(a23 ^ d3, 56)
            b15, b6, b22 = _rotated(a4 ^ d4, 27), _rotated(a9 ^ d4, 20), _rotated(a14 ^ d4, 39)
            b13, b4 = _rotated(a19 ^ d4, 8), _rotated(a24 ^ d4, 14)
            s[j], s[LANES + j] = b0 ^ (~b1 & b2) ^ constant, b1 ^ (~b2 & b3)
            s[2 * LANES + j], s[3 * LANES + j], s[4 * LANES + j] = b2 ^ (~b3 & b4), b3 ^ (~b4 & b0), b4 ^ (~b0 & b1)
            s[5 * LANES + j], s[6 * LANES + j] = b5 ^ (~b6 & b7), b6 ^ (~b7 & b8)
            s[7 * LANES + j], s[8 * LANES + j], s[9 * LANES + j] = b7 ^ (~b8 & b9), b8 ^ (~b9 & b5), b9 ^ (~b5 & b6)
            s[10 * LANES + j], s[11 * LANES + j] = b10 ^ (~b11 & b12), b11 ^ (~b12 & b13)
            s[12 * LANES + j], s[13 * LANES + j], s[14 * LANES + j] = b12 ^ (~b13 & b14), b13 ^ (~b14 & b10), b14 ^ (~b10 & b11)
            s[15 * LANES + j], s[16 * LANES + j] = b15 ^ (~b16 & b17), b16 ^ (~b17 & b18)
            s[17 * LANES + j], s[18 * LANES + j], s[19 * LANES + j] = b17 ^ (~b18 & b19), b18 ^ (~b19 & b15), b19 ^ (~b15 & b16)
            s[20 * LANES + j], s[21 * LANES + j] = b20 ^ (~b21 & b22), b21 ^ (~b22 & b23)
            s[22 * LANES + j], s[23 * LANES + j], s[24 * LANES + j] = b22 ^ (~b23 & b24), b23 ^ (~b24 & b20), b24 ^ (~b20 & b21)


@_compiled
def _hash_rows(rows: Words, out: Words) -> None:
    """Of padded messages of one length, one in a row."""
    state = np.empty(25 * LANES, U)
    for start in range(0, len(rows), LANES):
        lanes = min(LANES, len(rows) - start)
        state[:] = U(0)
        for block in range(0, rows.shape[1], RATE_WORDS):
            for j in range(lanes):
                for word in range(RATE_WORDS):
                    state[word * LANES + j] ^= rows[start + j, block + word]
            _permute(state)
        for j in range(lanes):
            for word in range(HASH_WORDS):
                out[start + j, word] = state[word * LANES + j]


@_compiled
def _siblings(numbers: Numbers, left: Numbers, right: Numbers) -> int:
    """Where the children of each parent are, and in place the parents' numbers; how many."""
    count = read = 0
    while read < len(numbers):
        together = read + 1 < len(numbers) and numbers[read + 1] == numbers[read] ^ 1
        left[count], right[count] = read, read + 1 if together else -1
        numbers[count] = numbers[read] >> 1
        read += 2 if together else 1
        count += 1
    return count


@_compiled
def _place_pairs(nodes: Words, left: Numbers, right: Numbers, rows: Words) -> None:
    """As messages of 64 bytes, the smaller node of each pair first, as bytes; words are little-endian."""
    for at in range(len(left)):
        one, other = left[at], right[at]
        for word in range(HASH_WORDS):
            differing = nodes[one, word] ^ nodes[other, word]
            if differing != U(0):
                shift = U(0)
                while (differing >> shift) & U(0xFF) == U(0):
                    shift += U(8)
                if (nodes[one, word] >> shift) & U(0xFF) > (nodes[other, word] >> shift) & U(0xFF):
                    one, other = other, one
                break
        for word in range(HASH_WORDS):
            rows[at, word] = nodes[one, word]
            rows[at, HASH_WORDS + word] = nodes[other, word]
