"""What this guard has read of the log of claims, and of what other guards promise."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence

from jurymast.bus import Bus
from jurymast.bus.follow import Followed
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import Guards
from jurymast.errors import Misconfigured, Rejected, TooNew, Transient, Undecodable, explain
from jurymast.messages.claims import EPOCH, EPOCHS, INTENT, OUTCOME
from jurymast.messages.permits import REFUSED, SIGNED, PermitRefused
from jurymast.nats_failure import NATS_FAILURE
from jurymast.nonce_guard.decide.log import Log
from jurymast.nonce_guard.decide.words import BatchKey, Reference
from jurymast.permits import check
from jurymast.streams import CLAIMS, PERMITS
from jurymast.subjects import covers

log = logging.getLogger(__name__)

LAG = 1_000
"""Whoever is further behind than this is not ready."""


class Views:
    """`follow_claims` and `follow_permits` in the background; `moved` is called with every batch of which something was read."""

    def __init__(self, bus: Bus, domain: Domain, guards: Guards, moved: Callable[[BatchKey], None]) -> None:
        self.log = Log()
        self.refusals: dict[Reference, dict[bytes, PermitRefused]] = {}
        """By guard."""
        self._bus, self._domain, self._guards, self._heard = bus, domain, guards, moved
        self._moved = asyncio.Condition()

    async def follow_claims(self) -> None:
        pages: AsyncIterator[Sequence[Followed]] = self._bus.follow(CLAIMS.name, EPOCH, INTENT, OUTCOME)
        async for page in pages:
            batches: dict[BatchKey, None] = {}
            for sequence, content in page:
                if isinstance(content, Undecodable):
                    await self._unreadable(sequence, content)
                elif batch := self.log.take(sequence, content.message):
                    batches[batch] = None
            for batch in batches:
                self._heard(batch)
            async with self._moved:
                self._moved.notify_all()
            await asyncio.sleep(0)

    async def _unreadable(self, sequence: int, problem: Undecodable) -> None:
        """It may be a freeze: then nothing can be decided any more. Anything else is for nobody, and nobody can be hurt by it."""
        if isinstance(problem, TooNew):
            raise Misconfigured(str(problem))
        subject = (await self._bus.js.get_msg(CLAIMS.name, sequence)).subject or ""
        if covers(EPOCHS, subject):
            raise Misconfigured(f"an epoch record cannot be read: {problem}")
        log.error("the log holds what nobody can read: %s", problem)
        self.log.sequence = sequence

    async def follow_permits(self) -> None:
        pages: AsyncIterator[Sequence[Followed]] = self._bus.follow(PERMITS.name, SIGNED, REFUSED)
        async for page in pages:
            for _, content in page:
                if not isinstance(content, Undecodable) and isinstance(content.message, PermitRefused):
                    self._refused(content.message)
            await asyncio.sleep(0)

    def _refused(self, said: PermitRefused) -> None:
        try:
            guard = check(said, self._domain)
        except Rejected as error:
            log.warning("a promise of %s does not count: %s", said.guard, error)
            return
        if guard in self._guards.addresses:
            self.refusals.setdefault((said.chain, said.epoch, said.batch, bytes.fromhex(said.body)), {})[guard] = said
            self._heard((said.chain, said.epoch, said.batch))

    # -- how far -------------------------------------------------------------------------------------------------------

    async def reach(self, sequence: int, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait_for(lambda: self.log.sequence >= sequence)
        except TimeoutError:
            raise Transient(
                f"the log was followed to {self.log.sequence} only, not to {sequence} within {within_s:g} s"
            ) from None

    async def check(self) -> None:
        """Near the end of the log; `Transient` says how far away."""
        if (end := await end_of(self._bus, CLAIMS.name)) - self.log.sequence > LAG:
            raise Transient(f"following the claims: at {self.log.sequence:,} of {end:,}")


async def end_of(bus: Bus, stream: str) -> int:
    try:
        return (await bus.js.stream_info(stream)).state.last_seq
    except NATS_FAILURE as error:
        raise Transient(f"the end of {stream} is not known: {explain(error)}") from error
