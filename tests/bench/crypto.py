"""How fast signatures are recovered and trees are built, on one core, and what the kernel costs before it hashes anything."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from random import Random

import psutil
from coincurve import PublicKey
from sha3 import keccak_256  # type: ignore[import-untyped]  # It has no stubs.

from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import V_OFFSET, SigningKey, recover
from jurymast.crypto.snapshot import SnapshotTree
from tests.bench.figure import Figure, Goal, Scale, compared

RECOVERS = 2_000
HASHES = 200_000
LEAVES = 1_000_000
CHANGES = 100
UPDATES = 20
MIB = 1024 * 1024


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    """In a process of its own, whose memory is given back."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        for figures in (_signatures, _kernel, _trees):
            for figure in await loop.run_in_executor(pool, figures, scale.trees):
                yield figure


def _signatures(rounds: int) -> list[Figure]:
    key = SigningKey(bytes(31) + b"\x01")
    digests = [keccak256(number.to_bytes(4, "big")) for number in range(RECOVERS)]
    signatures = [key.sign(digest) for digest in digests]
    bare = [signature[:-1] + bytes([signature[-1] - V_OFFSET]) for signature in signatures]

    def ours() -> None:
        for digest, signature in zip(digests, signatures, strict=True):
            recover(digest, signature)

    def raw() -> None:
        """Without looking at the form, and without the address."""
        for digest, signature in zip(digests, bare, strict=True):
            PublicKey.from_signature_and_message(signature, digest, hasher=None)

    pairs = [(RECOVERS / _seconds(ours), RECOVERS / _seconds(raw)) for _ in range(rounds)]
    return [compared("recovered signers; raw: libsecp256k1 alone", "/s", pairs, Goal("ours", "least", 15_000))]


def _kernel(rounds: int) -> list[Figure]:
    process = psutil.Process()
    before, began_s = process.memory_info().rss, time.perf_counter()
    from jurymast.crypto.kernel import Kernel  # noqa: PLC0415  What loading it costs is what is measured.

    kernel = Kernel()
    seconds, grown = time.perf_counter() - began_s, (process.memory_info().rss - before) / MIB
    messages = [number.to_bytes(64, "big") for number in range(HASHES)]

    def raw() -> Sequence[bytes]:
        return [keccak_256(message).digest() for message in messages]

    pairs = [(HASHES / _seconds(lambda: kernel.each(messages)), HASHES / _seconds(raw)) for _ in range(rounds)]
    return [
        Figure("loading the kernel: import and compilation", "s", seconds),
        Figure("loading the kernel: memory", "MiB", grown),
        compared("keccak-256 of 64 bytes, from and to Python; raw: one by one", "/s", pairs),
    ]


def _trees(rounds: int) -> list[Figure]:
    from jurymast.crypto.kernel import Kernel  # noqa: PLC0415  Not where signatures are measured.

    chance, kernel = Random(1), Kernel()  # noqa: S311  Any leaves will do.
    leaves = {chance.randbytes(32): chance.randbytes(32) for _ in range(LEAVES)}
    tree = SnapshotTree(leaves, kernel)
    built = sorted(_seconds(lambda: SnapshotTree(leaves, kernel)) for _ in range(rounds))
    changes = [{key: chance.randbytes(32) for key in chance.sample(list(leaves), CHANGES)} for _ in range(UPDATES)]
    updated = sorted(_seconds(lambda change=change: tree.update(change)) for change in changes)  # type: ignore[misc]  # Bound now.
    return [
        Figure("a snapshot tree of 1,000,000 leaves", "s", built[rounds // 2], goal=Goal("ours", "most", 1)),
        Figure("100 changed leaves in it", "ms", 1000 * updated[UPDATES // 2], goal=Goal("ours", "most", 5)),
    ]


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
