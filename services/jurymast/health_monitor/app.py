"""The composition of the health-monitor."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jurymast.chains.rpc import open_session
from jurymast.crypto.address import checksummed
from jurymast.health_monitor.announce import Announcer
from jurymast.health_monitor.decide.certify import refusal
from jurymast.health_monitor.handlers import Monitor, Watch
from jurymast.health_monitor.metrics import HealthMetrics
from jurymast.health_monitor.probe import ChainProber
from jurymast.health_monitor.settings import HealthMonitorSettings
from jurymast.health_monitor.store import Store
from jurymast.messages.health import LAST_CERTIFICATE, SNAPSHOT, UNSIGNED
from jurymast.service import Frame

log = logging.getLogger(__name__)


@asynccontextmanager
async def app(frame: Frame[HealthMonitorSettings]) -> AsyncIterator[None]:
    chains, key = frame.settings.chains(), frame.settings.signing_key()
    if not chains:
        log.warning("no chains are configured: JURYMAST_CHAINS_FILE names the file that holds them")
    session = await frame.enter(open_session())
    announcer = Announcer(frame.bus, checksummed(key.address) if key else UNSIGNED, frame.instance)
    refusals = {chain.name: refusal(chain, key) for chain in chains}
    watches = [
        Watch(chain, ChainProber(session, chain, frame.settings.max_body_kib * 1024), refusals[chain.name]) for chain in chains
    ]
    monitor = Monitor(watches, Store(frame.bus), announcer, HealthMetrics(frame.metrics.registry), key, frame.instance)
    await frame.bus.queries.answer(SNAPSHOT, monitor.snapshot, everyone=True)
    await frame.bus.queries.answer(LAST_CERTIFICATE, monitor.last_certificate, everyone=True)
    frame.ready_when("probes", monitor.check)
    frame.background("announcements", announcer.run())
    for number, watch in enumerate(watches):  # Spread over the interval, so that the chains' rounds do not meet.
        delay_s = number / len(watches) * watch.chain.policy.interval_ms / 1000
        frame.background(f"probes of {watch.chain.name}", monitor.watch(watch, delay_s))
        if key and not refusals[watch.chain.name]:
            frame.background(f"certificates of {watch.chain.name}", monitor.certify(watch, key))
        else:
            log.warning("%s: %s", watch.chain.name, refusals[watch.chain.name])
    yield
