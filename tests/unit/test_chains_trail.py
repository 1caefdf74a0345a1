"""Following a chain from parent to child, whatever it does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.chains.trail import Added, Block, Broken, Change, FinalityBroken, Missing, TooDeep, Trail, Undone, finalize, follow
from jurymast.crypto.keccak import keccak256

MEMORY = 8
GENESIS = Block(0, keccak256(b"genesis"), bytes(32), 0)


def child(parent: Block, name: str = "") -> Block:
    height = parent.height + 1
    return Block(height, keccak256(parent.hash, name.encode()), parent.hash, height)


def chain(*names: str, on: Block = GENESIS) -> list[Block]:
    blocks = [on]
    for name in names:
        blocks.append(child(blocks[-1], name))
    return blocks


def followed(trail: Trail, blocks: list[Block], head: Block) -> tuple[Trail, list[Change]]:
    """As an adapter does it: what is missing is fetched, until something can be said."""
    headers = [head]
    for _ in range(len(blocks) + 2):
        answer = follow(trail, headers, MEMORY)
        if not isinstance(answer, Missing):
            return answer
        headers = [*blocks[answer.first : answer.last + 1], *headers]
    raise AssertionError("it never has enough")


def told(changes: list[Change], blocks: list[Block]) -> None:
    """What somebody believes who is only told of changes."""
    for change in changes:
        if isinstance(change, Undone):
            assert blocks.pop() == change.block
        else:
            assert not blocks or change.block.parent == blocks[-1].hash
            blocks.append(change.block)


@given(st.lists(st.tuples(st.integers(0, MEMORY + 2), st.integers(1, 12)), max_size=12))
def test_whoever_is_told_of_all_changes_knows_the_chain(rounds: list[tuple[int, int]]) -> None:
    """Each round takes back so many blocks, and adds so many others."""
    blocks, believed = chain("a", "b"), list[Block]()
    trail, changes = followed(Trail(), blocks, blocks[0])
    told(changes, believed)
    for number, (back, on) in enumerate(rounds):
        kept = blocks[: max(1, len(blocks) - back)]
        blocks = [*kept, *chain(*[str(number)] * on, on=kept[-1])[1:]]
        if kept[-1].height < trail.blocks[0].height - 1:
            with pytest.raises(TooDeep):
                followed(trail, blocks, blocks[-1])
            return
        trail, changes = followed(trail, blocks, blocks[-1])
        told(changes, believed)
        assert believed == blocks
        assert list(trail.blocks) == blocks[-len(trail.blocks) :]
        assert len(trail.blocks) <= MEMORY


def test_it_begins_with_what_it_is_given() -> None:
    blocks = chain("a", "b")
    assert follow(Trail(), blocks[1:], MEMORY) == (Trail(tuple(blocks[1:])), [Added(blocks[1]), Added(blocks[2])])
    assert follow(Trail(), [], MEMORY) == (Trail(), [])


def test_a_provider_that_lags_takes_nothing_back() -> None:
    blocks = chain("a", "b", "c")
    trail = Trail(tuple(blocks))
    assert follow(trail, [blocks[1]], MEMORY) == (trail, [])
    assert follow(trail, [blocks[3]], MEMORY) == (trail, [])


def test_what_lies_between_is_asked_for() -> None:
    blocks = chain("a", "b", "c", "d")
    trail = Trail(tuple(blocks[:2]))
    assert follow(trail, [blocks[4]], MEMORY) == Missing(2, 3)
    _, changes = followed(trail, blocks, blocks[4])
    assert changes == [Added(blocks[2]), Added(blocks[3]), Added(blocks[4])]


def test_a_reorganisation_is_told_backwards_and_then_forwards() -> None:
    old = chain("a", "b", "c")
    new = [*old[:2], *chain("x", "y", "z", on=old[1])[1:]]
    trail, changes = followed(Trail(tuple(old)), new, new[-1])
    assert changes == [Undone(old[3]), Undone(old[2]), Added(new[2]), Added(new[3]), Added(new[4])]
    assert trail.blocks == tuple(new)


def test_a_shorter_chain_that_differs_replaces_a_longer_one() -> None:
    old = chain("a", "b", "c")
    new = [*old[:2], child(old[1], "x")]
    trail, changes = followed(Trail(tuple(old)), new, new[-1])
    assert changes == [Undone(old[3]), Undone(old[2]), Added(new[2])]
    assert trail.tip == new[2]


def test_all_that_is_remembered_can_be_taken_back_but_no_more() -> None:
    old = chain(*"abcdefghijkl")
    trail = Trail(tuple(old[4:]))
    new = [*old[:4], *chain(*"xxxxxxxxxx", on=old[3])[1:]]
    _, changes = followed(trail, new, new[-1])
    assert len([change for change in changes if isinstance(change, Undone)]) == len(old) - 4
    deeper = [*old[:3], *chain(*"yyyyyyyyyyy", on=old[2])[1:]]
    with pytest.raises(TooDeep) as caught:
        followed(trail, deeper, deeper[-1])
    assert (caught.value.height, caught.value.remembered) == (4, len(trail.blocks))


def test_headers_that_are_no_chain_are_refused() -> None:
    blocks = chain("a", "b", "c")
    with pytest.raises(Broken):
        follow(Trail(), [blocks[1], blocks[3]], MEMORY)
    with pytest.raises(Broken):
        follow(Trail(), [blocks[1], child(blocks[0], "x")._replace(height=2)], MEMORY)


def test_what_was_final_is_never_taken_back() -> None:
    old = chain("a", "b", "c", "d")
    trail = finalize(Trail(tuple(old)), old[2])
    above = [*old[:3], child(old[2], "x")]
    assert followed(trail, above, above[-1])[0].tip == above[-1]
    below = [*old[:2], *chain("x", "x", on=old[1])[1:]]
    with pytest.raises(FinalityBroken) as caught:
        followed(trail, below, below[-1])
    assert (caught.value.known, caught.value.found) == (old[2], below[2].hash)
    with pytest.raises(FinalityBroken):
        finalize(trail, below[2])


def test_only_a_block_that_we_know_becomes_final() -> None:
    """Or a re-organisation above our final block would be taken for one below it."""
    blocks = chain("a", "b", "c")
    trail = Trail(tuple(blocks[:2]))
    assert finalize(trail, blocks[3]).final == -1
    assert finalize(trail, child(blocks[0], "x")).final == -1
    assert finalize(finalize(trail, blocks[1]), blocks[0]).final == 1
