"""Probes of all providers of one chain, at once."""

from __future__ import annotations

import asyncio

import aiohttp

from jurymast import clock
from jurymast.chains.calls import Failure
from jurymast.chains.rpc import Endpoint, Failed
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.health_monitor.families import FAMILIES, read
from jurymast.watchlist import Chain, Provider


class Prober:
    """One provider. Asks which chain it serves at first and after every failure: then another machine may answer."""

    def __init__(self, session: aiohttp.ClientSession, chain: Chain, provider: Provider, max_body_bytes: int) -> None:
        self._chain_id = chain.policy.chain_id
        self._questions = FAMILIES[chain.policy.family]
        self._endpoint = Endpoint(session, provider.url, timeout_s=chain.policy.timeout_ms / 1000, max_body_bytes=max_body_bytes)
        self._known = False

    async def probe(self, at_ms: int) -> Sample:
        began_s = clock.uptime_s()
        result = await self._ask()
        self._known = isinstance(result, Answer)
        return Sample(at_ms, clock.now_ms(), round((clock.uptime_s() - began_s) * 1000), result)

    async def _ask(self) -> Answer | Failure:
        calls = self._questions.state if self._known else (self._questions.identity, *self._questions.state)
        try:
            result = read(self._questions, self._chain_id, await self._endpoint.ask(calls))
        except Failed as failed:
            result = failed.failure
        return result if isinstance(result, Answer) else result._replace(detail=self._endpoint.shown(result.detail))


class ChainProber:
    def __init__(self, session: aiohttp.ClientSession, chain: Chain, max_body_bytes: int) -> None:
        self._probers = {p.name: Prober(session, chain, p, max_body_bytes) for p in chain.providers}

    async def probe(self, at_ms: int) -> dict[str, Sample]:
        """A sample of every provider, each within the timeout."""
        samples = await asyncio.gather(*(prober.probe(at_ms) for prober in self._probers.values()))
        return dict(zip(self._probers, samples, strict=True))
