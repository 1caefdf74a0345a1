"""Probe, decide, tell; and for observers: sign, look at what the others signed, certify."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable

from jurymast import clock
from jurymast.certificate import Standing, advance, assemble, wanted
from jurymast.crypto.address import checksummed
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Rejected, Transient
from jurymast.health_monitor.announce import Announcer
from jurymast.health_monitor.decide import certify, chain, view
from jurymast.health_monitor.decide.chain import ChainState
from jurymast.health_monitor.metrics import HealthMetrics
from jurymast.health_monitor.probe import ChainProber
from jurymast.health_monitor.store import Store
from jurymast.messages.health import Certificate, LastCertificate, LastCertificateAsked, Snapshot, SnapshotAsked
from jurymast.watchlist import Chain

log = logging.getLogger(__name__)

REFRESH_S = 30.0
"""How old our knowledge of the last certificate may be while nothing happens."""
STORE_TRIES = 10
READ_AT_ONCE = 1_000
"""Certificates; an observer that floods the stream may delay the others, and may not keep them from probing."""
LATE_ROUNDS = 3
"""Without a round of probes for so many intervals, this monitor is not ready."""


class Watch:
    """One chain: its rounds of probes, and the state after the last of them."""

    def __init__(self, chain_: Chain, prober: ChainProber, certified: str) -> None:
        self.chain = chain_
        self.prober = prober
        self.state: ChainState = chain.begin(chain_, _uptime_ms(), clock.now_ms())
        self.certified = certified
        self.standing = Standing()
        self.read_s: float | None = None
        self.reading = asyncio.Lock()
        self.judged = asyncio.Condition()


class Monitor:
    def __init__(
        self,
        watches: Iterable[Watch],
        store: Store,
        announcer: Announcer,
        metrics: HealthMetrics,
        key: SigningKey | None,
        name: str,
    ) -> None:
        self._watches = {watch.chain.name: watch for watch in watches}
        self._store = store
        self._announcer = announcer
        self._metrics = metrics
        self._key = key
        self._name = name

    # -- probing -------------------------------------------------------------------------------------------------------

    async def watch(self, watch: Watch, delay_s: float) -> None:
        """Rounds at fixed distances, so that a window is a whole number of them. Never waits for the bus."""
        await asyncio.sleep(delay_s)
        policy = watch.chain.policy
        next_ms = _uptime_ms()
        while True:
            await asyncio.sleep(max(0, next_ms - _uptime_ms()) / 1000)
            if _uptime_ms() - next_ms > policy.timeout_ms:  # Frozen or overloaded: what was missed stays missed.
                next_ms = _uptime_ms()
            await self._round(watch, next_ms)
            next_ms += policy.interval_ms

    async def _round(self, watch: Watch, at_ms: int) -> None:
        now_ms = clock.now_ms()
        samples = await watch.prober.probe(at_ms)
        lost = chain.uplink_down(other.state for other in self._watches.values())
        watch.state, changes = chain.step(watch.state, samples, at_ms, now_ms, uplink_down=lost)
        self._announcer.tell(watch.state, changes)
        self._metrics.observe(watch.state, samples)
        async with watch.judged:
            watch.judged.notify_all()

    async def check(self) -> None:
        """Ready while rounds happen: verdicts that are not renewed are not believed."""
        for watch in self._watches.values():
            late_ms = _uptime_ms() - watch.state.at_ms
            if late_ms > LATE_ROUNDS * watch.chain.policy.interval_ms + watch.chain.policy.timeout_ms:
                raise Transient(f"{watch.chain.name} was not probed for {late_ms / 1000:.1f} s")

    # -- certifying ----------------------------------------------------------------------------------------------------

    async def certify(self, watch: Watch, key: SigningKey) -> None:
        """After every round: whatever cannot be done now is tried again with the next one's evidence."""
        while True:
            async with watch.judged:
                await watch.judged.wait()
            try:
                said = await self._advance(watch, key)
            except (Transient, Rejected) as error:
                said = f"cannot certify now: {error}"
            if said != watch.certified:
                log.info("%s: %s", watch.chain.name, said)
            watch.certified = said

    async def _advance(self, watch: Watch, key: SigningKey) -> str:
        """One step, and in one sentence what it did and why."""
        policy, state = watch.chain.policy, watch.state
        quiet = state.verdict == "healthy" and wanted(watch.standing.certificate) == "halt"
        standing = await self._standing(watch, within_s=REFRESH_S if quiet else 0)  # Read anew while it matters.
        own = certify.observation(state, key, standing.certificate)
        if isinstance(own, str):
            return f"{certify.named(standing)}; {own}"
        await self._store.put(own)
        # How old they are counts by the server's time, as it will for whoever reads the certificate.
        observations, stored_ms = await self._store.observations(policy)
        certificate = assemble(own.kind, observations, policy, stored_ms)
        if isinstance(certificate, str):
            return f"{certify.named(standing)}; signed a {own.kind}: {certificate}"
        return await self._store_after(standing, watch, certificate)

    async def _store_after(self, standing: Standing, watch: Watch, certificate: Certificate) -> str:
        """What comes in between and counts for nothing holds us up no longer than it takes to read it."""
        for _ in range(STORE_TRIES):
            if await self._store.certify(certificate, standing.stored):
                return f"certified the {certificate.kind}"
            standing = await self._standing(watch)
            if wanted(standing.certificate) != certificate.kind:
                return f"the {certificate.kind} was certified by another observer"
        return f"{certify.named(standing)}; cannot certify now: others store faster than this monitor reads"

    async def _standing(self, watch: Watch, within_s: float = 0) -> Standing:
        """What is certified, as it was known so long ago at most."""
        async with watch.reading:
            if watch.read_s is not None and clock.uptime_s() - watch.read_s < within_s:
                return watch.standing
            name, last = watch.chain.name, await self._store.last_sequence(watch.chain.name)
            if last < watch.standing.stored:
                log.error("%s: certificates are gone from the stream; reading what is left", name)
                watch.standing = Standing()
            for _ in range(READ_AT_ONCE):
                if watch.standing.stored >= last or (stored := await self._store.next(name, watch.standing.stored)) is None:
                    watch.read_s = clock.uptime_s()
                    return watch.standing
                watch.standing = advance(watch.standing, stored.message, watch.chain.policy, stored.sequence, stored.at_ms)
                if watch.standing.ignored == 1:  # Of a flood once.
                    log.warning("%s: %s", name, certify.named(watch.standing))
        raise Transient(f"still reading certificates: {watch.standing.stored} of {last}")

    # -- telling -------------------------------------------------------------------------------------------------------

    async def snapshot(self, asked: SnapshotAsked) -> Snapshot:
        return Snapshot(
            monitor=self._name,
            observer=checksummed(self._key.address) if self._key else "",
            taken_ms=clock.now_ms(),
            chains=tuple(
                view.chain_health(watch.state, watch.certified)
                for name, watch in self._watches.items()
                if asked.chain in ("", name)
            ),
        )

    async def last_certificate(self, asked: LastCertificateAsked) -> LastCertificate:
        if asked.chain not in self._watches:
            raise Rejected(f"{asked.chain} is not watched; these are: {', '.join(self._watches) or 'none'}")
        standing = await self._standing(self._watches[asked.chain])
        return LastCertificate(chain=asked.chain, sequence=standing.counted, certificate=standing.certificate)


def _uptime_ms() -> int:
    return round(clock.uptime_s() * 1000)
