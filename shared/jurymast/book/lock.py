"""Which chain may execute, as each contract keeps it: an epoch that only grows, a pause that ends by itself, and the guards.

Signatures are checked by whoever calls: here is what follows from a signed word, whoever brings it and however late.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jurymast.book.amounts import BPS
from jurymast.book.refusals import (
    BadFee,
    EpochNotNewer,
    NoSuchChain,
    NotActive,
    NotPaused,
    Paused,
    PauseTooLong,
    WrongTotals,
    WrongVersion,
)
from jurymast.book.signed import CHAINS, LockTransition, Rotation, Unpause, hash_of_amounts
from jurymast.crypto.secp256k1 import Guards

NO_ROOT = bytes(32)
LONGEST_PAUSE_S = 86_400
"""The key that pauses is a hot one, of one person: it can annoy for a day at a time."""


class GuardSet(NamedTuple):
    guards: Guards
    version: int


class Lock(NamedTuple):
    chain: int
    guards: GuardSet
    epoch: int = 0
    active: int = 0
    """A chain's number; 0 before the first epoch."""
    root: bytes = NO_ROOT
    totals: Mapping[int, int] = {}
    fee_bps: int = 0
    since: int = 0
    """When the epoch arrived, by this chain's clock."""
    paused_until: int = 0

    def transition(self, signed: LockTransition, totals: Mapping[int, int], now: int) -> Lock:
        """Numbers can be burnt: every newer epoch is taken, also while paused. The pause goes on."""
        if signed.epoch <= self.epoch:
            raise EpochNotNewer(signed.epoch, self.epoch)
        if signed.active not in CHAINS:
            raise NoSuchChain(signed.active)
        if signed.fee_bps > BPS:
            raise BadFee(signed.fee_bps)
        if hash_of_amounts(totals) != signed.totals:
            raise WrongTotals(signed.totals)
        return self._replace(
            epoch=signed.epoch, active=signed.active, root=signed.root, totals=dict(totals), fee_bps=signed.fee_bps, since=now
        )

    def rotate(self, signed: Rotation) -> Lock:
        """One after the other: a chain that missed some is brought there in their order."""
        if signed.version != self.guards.version + 1:
            raise WrongVersion(signed.version, self.guards.version)
        return self._replace(guards=GuardSet(Guards(signed.guards, signed.threshold), signed.version))

    def pause(self, until: int, now: int) -> Lock:
        if not now < until <= now + LONGEST_PAUSE_S:
            raise PauseTooLong(until, now + LONGEST_PAUSE_S)
        return self._replace(paused_until=until)

    def unpause(self, signed: Unpause, now: int) -> Lock:
        """Only the pause that the guards meant: their signature ends no later one."""
        if signed.chain != self.chain:
            raise NoSuchChain(signed.chain)
        if now >= self.paused_until or signed.until != self.paused_until:
            raise NotPaused(self.paused_until)
        return self._replace(paused_until=0)

    def check_running(self, now: int) -> None:
        if now < self.paused_until:
            raise Paused(self.paused_until)

    def check_active(self, now: int) -> None:
        self.check_running(now)
        if self.active != self.chain:
            raise NotActive(self.epoch, self.active)
