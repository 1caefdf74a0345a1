"""What is told while the bus is away, and after it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, cast

import pytest

from jurymast.bus import Bus
from jurymast.errors import Rejected, Transient
from jurymast.health_monitor import announce
from jurymast.health_monitor.announce import Announcer
from jurymast.health_monitor.decide import chain
from jurymast.health_monitor.decide.chain import ChainState, ProviderTurn, VerdictTurn
from jurymast.messages.health import ChainChanged, ProviderChanged, Verdict
from jurymast.watchlist import Chain, Provider
from tests.watching import ADDRESSES, NOW_MS, POLICY


class Publisher:
    """A bus that is there or not."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.told: list[Any] = []
        self.ids: list[str] = []
        self.tellings = asyncio.Semaphore(0)

    async def publish(self, channel: Any, message: Any, *, id: str, within_s: float) -> int:  # noqa: A002
        if self.failure:
            raise self.failure
        self.told.append(message)
        self.ids.append(id)
        self.tellings.release()
        return len(self.told)


def state(verdict: Verdict, since_ms: int = NOW_MS, healthy: bool = True) -> ChainState:
    begun = chain.begin(Chain(POLICY, (Provider("acme-1", "acme", "http://a.example"),)), 0, NOW_MS)
    provider = replace(begun.providers[0], healthy=healthy, since_ms=since_ms)
    return replace(begun, verdict=verdict, since_ms=since_ms, providers=(provider,))


@pytest.fixture
def publisher(monkeypatch: pytest.MonkeyPatch) -> Publisher:
    monkeypatch.setattr(announce, "PAUSE_S", 0.001)
    return Publisher()


async def told(announcer: Announcer, publisher: Publisher, count: int) -> list[Any]:
    running = asyncio.create_task(announcer.run())
    async with asyncio.timeout(5):
        for _ in range(count):
            await publisher.tellings.acquire()
    await asyncio.sleep(0.01)  # For one too many.
    running.cancel()
    return publisher.told


async def test_each_change_is_told_once(publisher: Publisher) -> None:
    announcer = Announcer(cast("Bus", publisher), ADDRESSES[0], "me")
    now = state("healthy")
    announcer.tell(now, [VerdictTurn("unknown"), ProviderTurn(now.providers[0])])
    verdict, provider = await told(announcer, publisher, 2)
    assert isinstance(verdict, ChainChanged)
    assert (verdict.was, verdict.verdict, verdict.monitor, verdict.instance) == ("unknown", "healthy", ADDRESSES[0], "me")
    assert isinstance(provider, ProviderChanged)
    assert (provider.was_healthy, provider.healthy) == (False, True)
    assert publisher.ids == [
        f"health.chain.changed.solana.{ADDRESSES[0]}.me.{NOW_MS}",
        f"health.provider.changed.solana.acme-1.{ADDRESSES[0]}.me.{NOW_MS}",
    ]


async def test_what_changed_while_the_bus_was_away_is_told_as_one_change(publisher: Publisher) -> None:
    announcer = Announcer(cast("Bus", publisher), ADDRESSES[0], "me")
    publisher.failure = Transient("not connected")
    running = asyncio.create_task(announcer.run())
    announcer.tell(state("degraded", 1), [VerdictTurn("healthy")])
    await asyncio.sleep(0.02)
    announcer.tell(state("halted", 2), [VerdictTurn("degraded")])
    await asyncio.sleep(0.02)
    running.cancel()
    assert publisher.told == []
    publisher.failure = None
    (change,) = await told(announcer, publisher, 1)
    assert (change.was, change.verdict, change.changed_ms) == ("healthy", "halted", 2)


async def test_there_and_back_again_is_no_change(publisher: Publisher) -> None:
    announcer = Announcer(cast("Bus", publisher), ADDRESSES[0], "me")
    announcer.tell(state("degraded", 1), [VerdictTurn("healthy")])
    announcer.tell(state("healthy", 2), [VerdictTurn("degraded")])
    announcer.tell(state("halted", 3, healthy=False), [ProviderTurn(state("halted", 3, healthy=False).providers[0])])
    (only,) = await told(announcer, publisher, 1)
    assert isinstance(only, ProviderChanged)


async def test_a_change_that_is_refused_does_not_hold_up_the_others(publisher: Publisher) -> None:
    announcer = Announcer(cast("Bus", publisher), ADDRESSES[0], "me")
    publisher.failure = Rejected("not yours")
    running = asyncio.create_task(announcer.run())
    announcer.tell(state("degraded"), [VerdictTurn("healthy")])
    await asyncio.sleep(0.02)
    running.cancel()
    publisher.failure = None
    announcer.tell(state("halted"), [VerdictTurn("degraded")])
    (change,) = await told(announcer, publisher, 1)
    assert (change.was, change.verdict) == ("degraded", "halted")
