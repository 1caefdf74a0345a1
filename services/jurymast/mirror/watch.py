"""Tells the ledger what users do on the active chain themselves, once it is final: deposits, cancellations, registrations.

It begins where the ledger has come to, so that whoever takes over needs to know nothing else; what is told again is a repeat.
"""

from __future__ import annotations

import asyncio
import logging

from jurymast.book.state import Phase
from jurymast.bus import Bus
from jurymast.bus.lease import Term
from jurymast.chains.chain import Chain
from jurymast.errors import Rejected, Transient, explain
from jurymast.fold import Fold
from jurymast.messages.ledger import LANDED, Landed
from jurymast.mirror.decide.landing import Elsewhere, told

log = logging.getLogger(__name__)

PAUSE_S = 0.5
BLOCKS = 2_000
"""At once."""


class Watch:
    def __init__(self, bus: Bus, fold: Fold, chains: dict[int, Chain], first_height: int) -> None:
        self._bus, self._fold, self._chains, self._first = bus, fold, chains, first_height
        self._seen: dict[int, int] = {}
        """By chain, up to where everything was told."""
        self._said = ""

    async def lead(self, term: Term) -> None:
        while term.held:
            try:
                behind = await self._step()
                self._said = ""
            except (Transient, Rejected) as error:
                behind = False
                if (said := explain(error)) != self._said and not isinstance(error, Elsewhere):
                    log.warning("what lands on the active chain is not told: %s", said)
                self._said = said
            if not behind:
                await asyncio.sleep(PAUSE_S)

    async def _step(self) -> bool:
        """Whether there is more."""
        ledger = self._fold.ledger
        chain = self._chains.get(ledger.chain)
        if chain is None or ledger.phase not in (Phase.OPEN, Phase.FROZEN):
            return False
        first = max(self._seen.get(ledger.chain, self._first), ledger.height)
        final = (await chain.heads()).final.height
        last = min(final, first + BLOCKS)
        if last < first:
            return False
        for said, _ in told(ledger.chain, ledger.opened, await chain.events(first, last)):
            await self._bus.publish(LANDED, Landed(event=said), id=said.id.hex())
        self._seen[ledger.chain] = last + 1
        return last < final
