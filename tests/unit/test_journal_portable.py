"""A journal as a file to carry: whole or not at all, and merging only ever adds."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.journal.entries import Begun, Entry, Froze, Head, Imported, Lost, Moved
from jurymast.journal.portable import Contradiction, Export, NotPortable, additions, exported, imported
from tests.unit.journals import GUARD, entries, permitted

BEGUN = Begun(1, b"j" * 16, GUARD)
HEAD = Head(BEGUN.journal, 3, b"d" * 16)


def carried(*said: Entry) -> bytes:
    return exported(BEGUN, HEAD, said)


@given(st.lists(entries, max_size=5))
def test_it_comes_out_as_it_went_in(said: list[Entry]) -> None:
    assert imported(carried(*said)) == Export(GUARD, HEAD, tuple(said))


def test_anybody_can_read_it() -> None:
    top, permit, freeze = map(json.loads, carried(permitted(3), Froze(7)).splitlines())
    assert top["format"] == "jurymast-guard-journal"
    assert (top["guard"], top["entries"]) == ("0x1111111111111111111111111111111111111111", 2)
    assert permit["kind"] == "permit"
    assert permit["identities"] == [["0x" + "00" * 31 + "03", 0], ["0x" + "00" * 31 + "03", 1]]
    assert freeze == {"kind": "freeze", "epoch": 7}


@given(st.integers(0, 10_000))
def test_half_a_file_is_refused(cut: int) -> None:
    data = carried(permitted(3), Froze(7), Moved(8, bytes(32)))
    with pytest.raises(NotPortable):
        imported(data[: cut % len(data)])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"epoch":7', b'"epoch":6', "not whole, or was changed"),
        (b"jurymast-guard-journal", b"eip-3076", "line 1 is not the beginning"),
        (b'"version":1', b'"version":2', "line 1 is not the beginning"),
        (b'"entries":1', b'"entries":2', "1 entries, where the first line says 2"),
        (b"0x1111", b"0x11", "line 1 is not the beginning"),
        (b'"sequence":3', b'"sequence":3,"more":1', "unknown field"),
    ],
)
def test_a_file_that_was_changed_is_refused(old: bytes, new: bytes, why: str) -> None:
    data = carried(Froze(7))
    assert old in data
    with pytest.raises(NotPortable, match=why):
        imported(data.replace(old, new, 1))


@given(st.lists(entries, max_size=5, unique=True), st.lists(entries, max_size=5, unique=True))
def test_merging_adds_what_is_missing_once_and_takes_nothing_away(here: list[Entry], there: list[Entry]) -> None:
    export = Export(GUARD, HEAD, tuple(there))
    moves = [entry for entry in {*here, *there} if isinstance(entry, Moved)]
    if len({move.epoch for move in moves}) < len(moves):
        with pytest.raises(Contradiction):
            additions(here, export)
        return
    added = additions(here, export)
    assert set(here) | set(there) | {Imported(*HEAD)} == set(here) | set(added)
    assert not set(here) & set(added)
    assert len(added) == len(set(added))
    assert additions([*here, *added], export) == []


def test_two_transitions_into_one_epoch_are_never_merged() -> None:
    with pytest.raises(Contradiction, match="two transitions into epoch 4") as refused:
        additions([Moved(4, b"a" * 32)], Export(GUARD, HEAD, (Lost(2), Moved(4, b"b" * 32))))
    assert (refused.value.here, refused.value.there) == (b"a" * 32, b"b" * 32)
