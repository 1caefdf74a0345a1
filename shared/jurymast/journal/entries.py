"""What a guard's journal says. Pure.

An entry is a MessagePack array that begins with what it is; fields are only ever added, at the end and with defaults.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

VERSION = 1
ID_BYTES, GUARD_BYTES, DIGEST_BYTES, WORD_BYTES = 16, 20, 16, 32

Count = Annotated[int, Meta(ge=0)]
Id = Annotated[bytes, Meta(min_length=ID_BYTES, max_length=ID_BYTES)]
Guard = Annotated[bytes, Meta(min_length=GUARD_BYTES, max_length=GUARD_BYTES)]
Digest = Annotated[bytes, Meta(min_length=DIGEST_BYTES, max_length=DIGEST_BYTES)]
Word = Annotated[bytes, Meta(min_length=WORD_BYTES, max_length=WORD_BYTES)]


class Base(msgspec.Struct, frozen=True, array_like=True, gc=False):
    pass


class Begun(Base, frozen=True, tag="begun"):
    """The first of every journal, and of no other: whose key it binds."""

    version: Count
    journal: Id
    guard: Guard


class Permitted(Base, frozen=True, tag="permit"):
    """It may have signed this permit."""

    chain: Count
    epoch: Count
    batch: Count
    expiry: Count
    body: Word
    identities: tuple[tuple[Word, Count], ...]
    """In their order."""


class Declined(Base, frozen=True, tag="refusal"):
    """It has promised never to sign this batch with this body: somebody may claim another one under its number."""

    chain: Count
    epoch: Count
    batch: Count
    body: Word


class Froze(Base, frozen=True, tag="freeze"):
    """It signs nothing of this epoch or an older one any more."""

    epoch: Count


class Moved(Base, frozen=True, tag="transition"):
    """It may have signed this transition into the epoch, and signs no other."""

    epoch: Count
    digest: Word


class Lost(Base, frozen=True, tag="lost"):
    """What it had signed up to this epoch is not all here."""

    before: Count


class Imported(Base, frozen=True, tag="imported"):
    """Everything that another journal of this guard said up to there stands above."""

    journal: Id
    sequence: Count
    digest: Digest


Entry = Permitted | Declined | Froze | Moved | Lost | Imported
"""What is added after the beginning."""
Any = Begun | Entry


class Head(NamedTuple):
    """How far a journal has come: the digest is over all records up to the one with this number."""

    journal: bytes
    sequence: int
    digest: bytes


def highest_epoch(entries: Iterable[Entry]) -> int:
    """That anything was signed of."""
    highest = 0
    for entry in entries:
        match entry:
            case Permitted(epoch=epoch) | Declined(epoch=epoch) | Froze(epoch=epoch) | Moved(epoch=epoch) | Lost(before=epoch):
                highest = max(highest, epoch)
            case Imported():
                pass
    return highest
