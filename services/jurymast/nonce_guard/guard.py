"""What every part of a guard works with."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from jurymast import clock
from jurymast.bus import Bus
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import Guards
from jurymast.fold import Fold
from jurymast.nonce_guard.clocks import Clocks
from jurymast.nonce_guard.signer import Signer
from jurymast.nonce_guard.store import VetoStore
from jurymast.nonce_guard.views import Views


class Leadership(Protocol):
    """One leads, to save work; the others step in after a moment."""

    @property
    def held(self) -> bool: ...


STEP_IN_S = 3.0
"""Who does not lead waits so long before doing what the leader could have done."""


class Guard(NamedTuple):
    bus: Bus
    fold: Fold
    views: Views
    store: VetoStore
    signer: Signer
    clocks: Clocks
    guards: Guards
    domain: Domain
    longest: int
    lease: Leadership

    def my_turn(self, since: float) -> bool:
        """Whether to do what could be done since then."""
        return self.lease.held or clock.uptime_s() - since >= STEP_IN_S
