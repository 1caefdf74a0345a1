"""Who leads what. Leases save duplicate work; safety never depends on them."""

from __future__ import annotations

from jurymast.messages.channel import EACH_SERVICE, Channel, Message


class LeaseHeld(Message, frozen=True, kw_only=True):
    service: str
    lease: str
    holder: str
    """Empty once it was given back: the next one need not wait."""
    renewed_ms: int


LEASE = Channel(
    "lease.held.{service}.{lease}",
    LeaseHeld,
    summary="The holder leads until the server expires this message.",
    owner=EACH_SERVICE,
)
