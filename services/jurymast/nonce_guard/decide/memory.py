"""Whether a journal is all that its key has signed, by what was told elsewhere of how far it had come."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

DigestAt = Callable[[bytes, int], bytes | None]
"""Of a journal, by its id, up to a record; None if it does not hold that."""


class Told(NamedTuple):
    """How far the journal of a key had come when its guard last told."""

    journal: bytes
    sequence: int
    digest: bytes
    epoch: int
    """The highest of which it may have signed anything."""


def forgotten(told: Told | None, digest_at: DigestAt) -> int | None:
    """The epoch up to which the journal has forgotten something; None if it holds all that was told of.

    A journal that is ahead of what was told is whole: it is written first. One that stands behind, or says something else there,
    is a copy of before, or another one.
    """
    if told is None or digest_at(told.journal, told.sequence) == told.digest:
        return None
    return told.epoch
