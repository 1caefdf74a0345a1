"""When a monitor probes, what it makes of it, and how often it looks at what others stored."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from jurymast.chains.calls import Failure
from jurymast.health_monitor import handlers
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.health_monitor.handlers import Monitor, Watch
from jurymast.watchlist import Chain, Provider
from tests.outages import TIMEOUT, Truth, Watched, honest, replay
from tests.unit.test_health_standing import Log
from tests.unit.test_succession import H1
from tests.watching import HEAD, KEYS, NOW_MS, POLICY, policy

PROVIDERS = tuple(Provider(f"{name}-1", name, f"http://{name}.example") for name in ("acme", "bolt", "core"))
GOOD = Answer(HEAD, HEAD, HEAD - 32, NOW_MS)


class Ended(Exception):
    pass


class Probes:
    """All providers answer the same, when the round calls for it."""

    def __init__(self, result: Answer | Failure = GOOD, during: Callable[[int], None] = lambda at_ms: None) -> None:
        self.result = result
        self.during = during
        self.rounds: list[int] = []

    async def probe(self, at_ms: int) -> dict[str, Sample]:
        self.rounds.append(at_ms)
        self.during(at_ms)
        return {p.name: Sample(at_ms, NOW_MS, 50, self.result) for p in PROVIDERS}


class Deaf:
    def tell(self, *_: Any) -> None: ...
    def observe(self, *_: Any) -> None: ...


def monitoring(*probes: Probes, log: Any = None) -> tuple[Monitor, list[Watch]]:
    deaf: Any = Deaf()
    found: list[Any] = list(probes)
    watches = [Watch(Chain(policy(chain=f"chain{n}"), PROVIDERS), prober, "") for n, prober in enumerate(found)]
    return Monitor(watches, log, deaf, deaf, None, "monitor"), watches


@pytest.mark.parametrize(("other", "verdict"), [(TIMEOUT, "unknown"), (Failure("http", "status 503"), "unreachable")])
async def test_that_nothing_of_any_chain_can_be_reached_is_found_over_all_of_them(other: Failure, verdict: str) -> None:
    monitor, (one, two) = monitoring(Probes(TIMEOUT), Probes(other))
    begin_ms = one.state.started_ms
    for at_ms in range(begin_ms, begin_ms + 20_000, 2_000):
        await monitor._round(two, at_ms)
        await monitor._round(one, at_ms)
    assert one.state.verdict == verdict
    assert ("our own network is down" in one.state.reason) is (verdict == "unknown")


async def test_rounds_lie_at_fixed_distances_and_those_that_were_missed_stay_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    now_ms, sleep = 1_000_000, asyncio.sleep

    async def slept(seconds: float) -> None:
        nonlocal now_ms
        now_ms += round(seconds * 1000)
        await sleep(0)

    def takes(at_ms: int) -> None:
        nonlocal now_ms
        now_ms += 60_000 if len(probes.rounds) == 3 else 1_500
        if len(probes.rounds) == 6:
            raise Ended

    probes = Probes(during=takes)
    monitor, (watch,) = monitoring(probes)
    monkeypatch.setattr(handlers, "_uptime_ms", lambda: now_ms)
    monkeypatch.setattr(asyncio, "sleep", slept)
    with pytest.raises(Ended):
        await monitor.watch(watch, 0)
    assert [at_ms - 1_000_000 for at_ms in probes.rounds] == [0, 2_000, 4_000, 64_000, 66_000, 68_000]


@pytest.mark.parametrize(
    ("halts", "stored", "more"),
    [((), [], 0), ((), [H1], 1), (((0.0, 1e9),), [], 1), (((0.0, 1e9),), [H1], 1)],
    ids=["well", "to recover", "to halt", "halted"],
)
async def test_what_others_stored_is_read_anew_while_it_matters(
    halts: tuple[tuple[float, float], ...], stored: list[Any], more: int
) -> None:
    watched = Watched(Truth(halts=halts), dict.fromkeys(("acme", "bolt", "core"), honest))
    for _ in replay(watched, for_s=60):
        pass
    log: Any = Log()
    log.stored = list(stored)
    monitor, (watch,) = monitoring(Probes(), log=log)
    watch.chain = Chain(POLICY, PROVIDERS)
    watch.state = watched.state
    watch.standing = await monitor._standing(watch)
    log.stored.append(None)
    await monitor._advance(watch, KEYS[0])
    assert watch.standing.stored == len(stored) + more
