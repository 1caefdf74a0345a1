"""What guards keep outside of their own disk: how far each one's journal has come."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from jurymast.messages.channel import Channel, Message
from jurymast.messages.claims import NONCE_GUARD, Count
from jurymast.messages.health import Address


class JournalHead(Message, frozen=True, kw_only=True):
    """A guard signs nothing before this tells of it: a journal that stands behind it was lost, or copied back."""

    guard: Address
    """Whose key the journal binds."""
    journal: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """The journal's own id: one that was begun anew has another."""
    sequence: Count
    """Of its last record."""
    digest: Annotated[bytes, Meta(min_length=16, max_length=16)]
    """Of all of its records."""
    epoch: Count
    """The highest that it may have signed anything of."""


JOURNAL = Channel(
    "guard.journal.{guard}",
    JournalHead,
    summary="How far the journal of a guard has come.",
    owner=NONCE_GUARD,
)
