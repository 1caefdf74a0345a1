"""Tells of changes without ever holding up the probes: of each subject at most one message waits, and the newest wins."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from msgspec.structs import replace

from jurymast.bus import Bus
from jurymast.errors import Rejected, Transient
from jurymast.health_monitor.decide.chain import ChainState, Change, ProviderTurn, VerdictTurn
from jurymast.health_monitor.decide.provider import ProviderState
from jurymast.messages.channel import Channel
from jurymast.messages.health import CHAIN_CHANGED, PROVIDER_CHANGED, ChainChanged, ProviderChanged, Verdict

log = logging.getLogger(__name__)

PAUSE_S = 1.0
WITHIN_S = 5.0


class Announcer:
    def __init__(self, bus: Bus, monitor: str, instance: str) -> None:
        self._bus = bus
        self._monitor = monitor
        self._instance = instance
        self._waiting: dict[str, tuple[Channel[Any], Any]] = {}
        self._wake = asyncio.Event()

    def tell(self, state: ChainState, changes: list[Change]) -> None:
        for change in changes:
            match change:
                case ProviderTurn(provider):
                    self._wait(PROVIDER_CHANGED, self._provider_changed(state, provider), "was_healthy", "healthy")
                case VerdictTurn(was):
                    level = logging.INFO if state.verdict == "healthy" else logging.WARNING
                    log.log(level, "%s is %s, was %s: %s", state.chain.name, state.verdict, was, state.reason)
                    self._wait(CHAIN_CHANGED, self._chain_changed(state, was), "was", "verdict")

    async def run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            for subject, (channel, event) in list(self._waiting.items()):
                if not await self._publish(channel, event, subject):
                    self._wake.set()
                    await asyncio.sleep(PAUSE_S)
                    break
                if self._waiting.get(subject) == (channel, event):
                    del self._waiting[subject]

    async def _publish(self, channel: Channel[Any], event: Any, subject: str) -> bool:
        try:
            await self._bus.publish(channel, event, id=f"{subject}.{self._instance}.{event.changed_ms}", within_s=WITHIN_S)
        except Transient as error:
            log.warning("a change is told later: %s", error)
            return False
        except Rejected as error:
            log.error("a change cannot be told: %s", error)  # noqa: TRY400  Its text says everything.
        return True

    def _wait(self, channel: Channel[Any], event: Any, was: str, now: str) -> None:
        """A change that was not told yet and another one are one change; there and back again is none."""
        subject = channel.subject(event)
        _, waiting = self._waiting.pop(subject, (channel, None))
        if waiting is not None:
            event = replace(event, **{was: getattr(waiting, was)})
        if getattr(event, was) != getattr(event, now):
            self._waiting[subject] = (channel, event)
            self._wake.set()

    def _provider_changed(self, state: ChainState, provider: ProviderState) -> ProviderChanged:
        return ProviderChanged(
            chain=state.chain.name,
            provider=provider.name,
            operator=provider.operator,
            monitor=self._monitor,
            instance=self._instance,
            was_healthy=not provider.healthy,
            healthy=provider.healthy,
            reason=provider.reason,
            score=provider.score,
            changed_ms=provider.since_ms,
        )

    def _chain_changed(self, state: ChainState, was: Verdict) -> ChainChanged:
        return ChainChanged(
            chain=state.chain.name,
            monitor=self._monitor,
            instance=self._instance,
            was=was,
            verdict=state.verdict,
            reason=state.reason,
            head=state.head,
            finalized=state.finalized,
            changed_ms=state.since_ms,
        )
