"""The chains as this guard sees them through its own providers: how late it is there, and what is final."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping

from jurymast.chains.chain import Chain
from jurymast.chains.trail import Block
from jurymast.chains.words import BatchKey, Heads, Proved, Wanted
from jurymast.errors import JurymastError, Transient, explain
from jurymast.nonce_guard.decide.outcomes import finalized
from jurymast.nonce_guard.decide.words import Finalized, Identity

log = logging.getLogger(__name__)

EVERY_S = 1.0


class Clocks:
    def __init__(self, chains: Mapping[int, Chain]) -> None:
        self.chains = chains
        self.troubles: dict[int, str] = {}
        self._heads: dict[int, Heads] = {}

    async def run(self) -> None:
        while True:
            await asyncio.gather(*map(self._look, self.chains))
            await asyncio.sleep(EVERY_S)

    async def _look(self, number: int) -> None:
        try:
            self._heads[number] = await self.chains[number].heads()
            self.troubles.pop(number, None)
        except Transient as error:  # What was seen last stays true: clocks do not run back.
            if str(error) != self.troubles.get(number):
                log.warning("chain %d: %s", number, error)
            self.troubles[number] = str(error)

    def soft(self, chain: int) -> Block:
        return self._known(chain).soft

    def final(self, chain: int) -> Block:
        return self._known(chain).final

    def _known(self, chain: int) -> Heads:
        if (heads := self._heads.get(chain)) is None:
            raise Transient(self.troubles.get(chain) or f"no chain {chain} is configured, or it was not seen yet")
        return heads

    async def state(self, chain: int, wanted: Wanted) -> Proved:
        """Final, and of one block."""
        return await self.chains[chain].state(wanted, self.final(chain))

    async def finalized(self, wanted: Mapping[int, tuple[Iterable[Identity], Iterable[BatchKey]]]) -> dict[int, Finalized]:
        """One state of each of these chains, as far as they can be had: what is missing proves nothing."""
        found: dict[int, Finalized] = {}
        for number, (identities, batches) in wanted.items():
            try:
                proved = await self.state(number, Wanted(frozenset(identities), frozenset(batches)))
                found[number] = finalized(proved.state)
            except (KeyError, Transient) as error:
                log.warning("chain %d does not tell what is final: %s", number, explain(error))
            except JurymastError as error:
                log.warning("chain %d: %s", number, error)
        return found
