"""Tells whoever listens how actions stand. One replica does; the next one goes on where it stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import islice

from nats.js.errors import NotFoundError

from jurymast.book.state import Identity
from jurymast.bus import Bus
from jurymast.bus.lease import Term
from jurymast.fold import Fold
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.intents import CHANGED
from jurymast.mirror.decide.standings import Standings
from jurymast.streams import INTENTS

WINDOW, SPAN = 256, 4_096
"""So many are on their way at once, of so many places in the ledger. In which order they arrive is open: whoever takes over
begins so much earlier."""
KEPT = 100_000
"""Changes that whoever takes over can still tell. What came before can be asked for."""
FOLD_S = 60.0


class Announcer:
    def __init__(self, bus: Bus, fold: Fold, standings: Standings) -> None:
        self._bus, self._fold, self._standings = bus, fold, standings
        self._untold: dict[Identity, int] = {}
        """Where in the ledger each changed last, in this order; as far as is known here."""
        self._more = asyncio.Event()

    def changed(self, sequence: int, identities: Sequence[Identity]) -> None:
        for each in identities:
            self._untold.pop(each, None)
            self._untold[each] = sequence
        while len(self._untold) > KEPT:
            del self._untold[next(iter(self._untold))]
        if identities:
            self._more.set()

    async def lead(self, term: Term) -> None:
        await self._skip_what_was_told()
        while term.held:
            window = list(islice(self._untold.items(), WINDOW))
            if not window:
                self._more.clear()
                await self._more.wait()
                continue
            first = window[0][1]
            window = [(at, sequence) for at, sequence in window if sequence <= first + SPAN]
            await asyncio.gather(*(self._tell(at, sequence) for at, sequence in window))
            for at, sequence in window:
                if self._untold.get(at) == sequence:  # Or it has changed again meanwhile.
                    del self._untold[at]

    async def _tell(self, at: Identity, sequence: int) -> None:
        stands = self._standings.stands(self._fold.ledger, at, sequence)
        await self._bus.publish(CHANGED, stands, id=f"{sequence}/{stands.account}/{stands.nonce}")

    async def _skip_what_was_told(self) -> None:
        try:
            last = await self._bus.js.get_last_msg(INTENTS.name, CHANGED.wildcard)
        except NotFoundError:
            return
        stood = CHANGED.decode(last.data or b"", schema=(last.headers or {}).get(SCHEMA_HEADER), subject=last.subject or "")
        await self._fold.reach(stood.ledger, FOLD_S)
        for at, sequence in list(self._untold.items()):
            if sequence < stood.ledger - SPAN:
                del self._untold[at]
