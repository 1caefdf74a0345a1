"""Journals of any content, for tests."""

from __future__ import annotations

from hypothesis import strategies as st

from jurymast.journal.entries import Declined, Entry, Froze, Imported, Lost, Moved, Permitted

GUARD, OTHER = b"\x11" * 20, b"\x22" * 20

numbers = st.integers(0, 2**64 - 1)
words = st.binary(min_size=32, max_size=32)
sixteen = st.binary(min_size=16, max_size=16)

permits = st.builds(
    Permitted,
    chain=st.integers(0, 255),
    epoch=numbers,
    batch=numbers,
    expiry=numbers,
    body=words,
    identities=st.lists(st.tuples(words, numbers), min_size=1, max_size=4, unique=True).map(lambda i: tuple(sorted(i))),
)
entries: st.SearchStrategy[Entry] = st.one_of(
    permits,
    st.builds(Declined, st.integers(0, 255), numbers, numbers, words),
    st.builds(Froze, numbers),
    st.builds(Moved, numbers, words),
    st.builds(Lost, numbers),
    st.builds(Imported, sixteen, numbers, sixteen),
)


def permitted(batch: int, epoch: int = 1, nonces: int = 2) -> Permitted:
    identities = tuple((batch.to_bytes(32, "big"), nonce) for nonce in range(nonces))
    return Permitted(1, epoch, batch, 100, bytes(32), identities)
