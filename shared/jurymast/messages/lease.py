"""Who leads what. Leases save duplicate work; safety never depends on them."""

from __future__ import annotations

from jurymast.messages.channel import Channel, Message


class LeaseHeld(Message, frozen=True, kw_only=True):
    lease: str
    holder: str
    renewed_ms: int


LEASE = Channel("lease.held.{lease}", LeaseHeld, summary="The holder leads until the server expires this message.")
