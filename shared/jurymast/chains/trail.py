"""Which blocks are on the chain, told from parent to child: what was added, what was taken back, what is missing to say so. Pure.

A re-organisation shows in parents, and nowhere else: nodes do not always tell of it, and never of all that happened while nobody
asked. What was final cannot be taken back; that it was is the end of trusting this chain, and an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from jurymast.errors import Fatal, Rejected

LEAST_BACK = 4


class Block(NamedTuple):
    height: int
    hash: bytes
    parent: bytes
    clock: int


class Added(NamedTuple):
    block: Block


class Undone(NamedTuple):
    """It is not on the chain any more, nor is anything that was in it."""

    block: Block


class Missing(NamedTuple):
    """Nothing can be said without these; ask for them, and come with all of them."""

    first: int
    last: int


Change = Added | Undone


class Broken(Rejected):
    """Headers that are no chain: whoever gave them is wrong."""


class TooDeep(Fatal):
    """The chain differs further back than we remember. Whatever was read from it has to be read again from a final block."""

    def __init__(self, height: int, remembered: int) -> None:
        super().__init__(f"the chain has changed below height {height}, and only {remembered} blocks of it are remembered")
        self.height, self.remembered = height, remembered


class FinalityBroken(Fatal):
    """A block that was final is not on the chain any more."""

    def __init__(self, known: Block, found: bytes) -> None:
        super().__init__(f"block {known.height} was final as 0x{known.hash.hex()}, and is now 0x{found.hex()}")
        self.known, self.found = known, found


class Trail(NamedTuple):
    """The last blocks that we know, in their order, without a gap."""

    blocks: tuple[Block, ...] = ()
    final: int = -1
    """The height of the highest of them that is known to be final."""

    @property
    def tip(self) -> Block | None:
        return self.blocks[-1] if self.blocks else None


def follow(trail: Trail, headers: Sequence[Block], memory: int) -> tuple[Trail, list[Change]] | Missing:
    """Go on with these headers, which follow each other; `memory` is how many blocks are remembered."""
    _check(headers)
    if not headers or _known(trail, headers[-1]):
        return trail, []  # One that we know: the provider lags, or nothing has happened.
    if not trail.blocks:
        new: list[Change] = [*map(Added, headers)]
        return Trail(tuple(headers[-memory:]), trail.final), new
    fork = _fork(trail, headers)
    if isinstance(fork, Missing):
        return fork
    undone = [block for block in reversed(trail.blocks) if block.height > fork]
    if undone and undone[-1].height <= trail.final:
        raise FinalityBroken(undone[-1], _at(headers, undone[-1].height))
    added = [block for block in headers if block.height > fork]
    kept = [block for block in trail.blocks if block.height <= fork]
    changes: list[Change] = [*map(Undone, undone), *map(Added, added)]
    return Trail((*kept, *added)[-memory:], trail.final), changes


def finalize(trail: Trail, block: Block) -> Trail:
    """This one is final, by the chain's own word; `FinalityBroken` if another one was there."""
    for known in trail.blocks:
        if known.height == block.height:
            if known.hash == block.hash:
                return trail._replace(final=max(trail.final, block.height))
            if known.height <= trail.final:
                raise FinalityBroken(known, block.hash)
    return trail  # Below what is remembered, or not followed to yet.


def _check(headers: Sequence[Block]) -> None:
    for before, after in pairwise(headers):
        if (after.height, after.parent) != (before.height + 1, before.hash):
            raise Broken(f"block {after.height} does not follow on block {before.height} that came before it")


def _known(trail: Trail, block: Block) -> bool:
    return any(known.hash == block.hash for known in reversed(trail.blocks))


def _fork(trail: Trail, headers: Sequence[Block]) -> int | Missing:
    """The height of the last block that both have."""
    first, oldest, newest = headers[0], trail.blocks[0], trail.blocks[-1]
    if first.height > newest.height + 1:
        return Missing(newest.height + 1, first.height - 1)
    hashes = {oldest.height - 1: oldest.parent} | {block.height: block.hash for block in trail.blocks}
    same = [block.height for block in headers if hashes.get(block.height) == block.hash]
    if same:
        return max(same)
    if hashes.get(first.height - 1) == first.parent:
        return first.height - 1
    if first.height <= oldest.height:
        raise TooDeep(oldest.height, len(trail.blocks))
    # Most go back a block or two. Twice as far every time, so that a deep one takes few questions, too.
    return Missing(max(oldest.height, first.height - max(LEAST_BACK, len(headers))), first.height - 1)


def _at(headers: Sequence[Block], height: int) -> bytes:
    return next((block.hash for block in headers if block.height == height), b"")
