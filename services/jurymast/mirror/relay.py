"""Brings what waits to the active chain: plans batches, waits for their permits, sends them, and follows them to finality.

Nothing here is needed for safety: a batch is planned in the ledger, claimed and permitted by guards, and executes once. Whoever
leads saves the others the work, and whoever takes over finds all of it in the ledger and in what guards said.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from jurymast.book.events import BatchPlanned
from jurymast.book.execute import Batch
from jurymast.book.ledger import Applied
from jurymast.book.state import BatchKey, Fate, Phase
from jurymast.bus import Bus
from jurymast.bus.lease import Term
from jurymast.chains.chain import Chain, Sender
from jurymast.chains.operations import Execute
from jurymast.chains.words import Included, Progress, TooLarge, Waiting
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import Guards
from jurymast.errors import JurymastError, Rejected, Transient, explain
from jurymast.fold import Fold
from jurymast.messages.ledger import PLANNED, Planned
from jurymast.messages.permits import SIGNED, PermitSigned
from jurymast.mirror.decide.batching import next_batch
from jurymast.mirror.decide.standings import Standings
from jurymast.permits import check, drafted, numbered
from jurymast.streams import PERMITS

log = logging.getLogger(__name__)

PERIOD_S = 120
"""How long a permit lasts, by the clock of its chain: as long a batch may be outstanding."""
OUTSTANDING = 64
"""Batches that are planned and have not ended: so many are in doubt at most if the chain stops."""
TICK_S = 0.1
TEND_S = 0.5
FOLD_S = 5.0
SIGNATURE = bytes(65)


class Site(NamedTuple):
    """A chain, and the account that brings transactions to it."""

    chain: Chain
    sender: Sender


class Relay:
    def __init__(
        self, bus: Bus, fold: Fold, standings: Standings, sites: dict[int, Site], guards: Guards, domain: Domain
    ) -> None:
        self._bus, self._fold, self._standings, self._sites = bus, fold, standings, sites
        self._guards, self._domain = guards, domain
        self._permits: dict[BatchKey, dict[bytes, PermitSigned]] = {}
        """What each guard has signed, good as a signature, and under what it says it is about."""
        self._sent: set[BatchKey] = set()
        self._said = ""

    async def listen(self) -> None:
        """What guards sign. It is followed by every replica, so that whoever takes over has it."""
        async for page in self._bus.follow(PERMITS.name, SIGNED):
            for each in page:
                if not isinstance(each.content, Rejected) and isinstance(each.content.message, PermitSigned):
                    self._take(each.content.message)

    async def lead(self, term: Term) -> None:
        self._sent.clear()
        tending = asyncio.create_task(self._tend(term))
        try:
            while term.held and not tending.done():
                await self._tick()
                await asyncio.sleep(TICK_S)
            await tending
        finally:
            tending.cancel()
            await asyncio.gather(tending, return_exceptions=True)

    async def _tick(self) -> None:
        """Planning does not wait for sending, nor the reverse: each goes on with what is there."""
        try:
            await self._plan()
            await self._send()
            self._said = ""
        except JurymastError as error:
            if isinstance(error, Transient | Rejected):
                self._say(explain(error))
                return
            raise

    # -- planning ------------------------------------------------------------------------------------------------------

    async def _plan(self) -> None:
        ledger, site = self._fold.ledger, self._sites.get(self._fold.ledger.chain)
        if ledger.phase is not Phase.OPEN or site is None or not self._standings.waiting:
            return
        if len(ledger.outstanding) >= OUTSTANDING:
            return
        clock = (await site.chain.heads()).soft.clock
        expiry = clock + PERIOD_S
        found = next_batch(ledger, self._standings.waiting, 0, expiry, expiry, partial(self._fits, site))
        if found is None:
            return
        planned = numbered(found)
        sequence = await self._bus.publish(PLANNED, Planned(event=planned), id=planned.id.hex())
        answer = await self._fold.answer(sequence, FOLD_S)
        if answer is not Applied.NOW:
            log.info("batch %d is not planned: %s", planned.batch, answer)

    def _fits(self, site: Site, planned: BatchPlanned) -> bool:
        signatures = (SIGNATURE,) * self._guards.threshold
        try:
            site.chain.limits.check(site.chain.measure(self._execution(planned, signatures)))
        except TooLarge:
            return False
        return True

    # -- permits -------------------------------------------------------------------------------------------------------

    def _take(self, said: PermitSigned) -> None:
        """Whether it is over what was planned is looked at when that is sent."""
        try:
            guard = check(said, self._domain)
        except Rejected as refused:
            log.warning("a permit is not good: %s", refused)
            return
        if guard in self._guards.addresses:
            self._permits.setdefault((said.chain, said.epoch, said.batch), {})[guard] = said

    def _execution(self, planned: BatchPlanned, signatures: Sequence[bytes]) -> Execute:
        return Execute(
            Batch(
                permit=drafted(planned, self._domain).permit, signatures=tuple(signatures), actions=planned.actions,
                prices=planned.prices, absent=planned.absent, dead=planned.dead,
            )
        )  # fmt: skip

    # -- sending -------------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        """In the order in which they were planned: a later one may draw on what an earlier one brings."""
        ledger = self._fold.ledger
        for key in [key for key in self._permits if key in ledger.fates and key not in ledger.outstanding]:
            del self._permits[key]
        for key, outstanding in sorted(ledger.outstanding.items(), key=lambda each: each[1].place):
            site = self._sites.get(key[0])
            if site is None or key in self._sent or ledger.fates[key] is not Fate.PLANNED:
                continue
            signatures = self._quorum(outstanding.planned)
            if not signatures:
                return
            payload = site.chain.payload(self._execution(outstanding.planned, signatures))
            await site.sender.submit(purpose_of(key), payload)
            self._sent.add(key)

    def _quorum(self, planned: BatchPlanned) -> list[bytes]:
        """Enough signatures over just this body, in the order of their signers; none if there are not enough."""
        body = drafted(planned, self._domain).body
        good = [said.signature for _, said in sorted(self._permits.get(planned.key, {}).items()) if said.body == body]
        return good[: self._guards.threshold] if len(good) >= self._guards.threshold else []

    async def _tend(self, term: Term) -> None:
        """Transactions are sent again, for better prices if need be, until what became of them is final."""
        while term.held:
            for number, site in self._sites.items():
                try:
                    for progress in await site.sender.tend():
                        await self._followed(number, site, progress)
                except (Transient, Rejected) as error:
                    self._say(explain(error))
            await asyncio.sleep(TEND_S)

    async def _followed(self, number: int, site: Site, progress: Progress) -> None:
        match progress:
            case Included(purpose=purpose, succeeded=succeeded, final=True):
                if not succeeded:
                    log.warning("chain %d refused %s: its claims are released once its permit has expired", number, purpose)
                await site.sender.settle(purpose)
            case Waiting(purpose=purpose, complaint=complaint) if complaint:
                self._say(f"{purpose} waits on chain {number}: {complaint}")
            case _:
                pass

    def _say(self, what: str) -> None:
        if what != self._said:
            log.warning("the relay waits: %s", what)
        self._said = what


def purpose_of(key: BatchKey) -> str:
    chain, epoch, batch = key
    return f"execute {chain}/{epoch}/{batch}"
