"""How a monitor keeps up with a stream into which others store between any two of its steps."""

from __future__ import annotations

from typing import Any

import pytest

from jurymast.bus.read import Stored
from jurymast.certificate import Standing
from jurymast.errors import Transient
from jurymast.health_monitor.handlers import READ_AT_ONCE, STORE_TRIES, Monitor, Watch
from jurymast.messages.health import Certificate, Observation, Policy
from jurymast.watchlist import Chain
from tests.outages import Truth, Watched, honest, replay
from tests.unit.test_succession import H1
from tests.watching import HEAD, KEYS, NOW_MS, POLICY, halt_seen


class Log:
    """A stream in memory; before each of the first attempts to store, somebody else stores something."""

    def __init__(self, *between: Certificate | None) -> None:
        self.stored: list[Certificate | None] = []
        self.between = list(between)
        self.observed: list[Observation] = []
        self.newest_ms = 0

    async def put(self, observation: Observation) -> None:
        self.observed.append(observation)

    async def observations(self, _: Policy) -> tuple[list[Observation], int]:
        return self.observed, self.newest_ms

    async def last_sequence(self, _: str) -> int:
        return len(self.stored)

    async def next(self, _: str, after: int) -> Stored[Certificate] | None:
        return Stored(after + 1, NOW_MS, self.stored[after]) if after < len(self.stored) else None

    async def certify(self, certificate: Certificate, after: int) -> bool:
        if self.between:
            self.stored.append(self.between.pop(0))
        if after != len(self.stored):
            return False
        self.stored.append(certificate)
        return True


def monitoring(log: Any) -> tuple[Monitor, Watch]:
    unused: Any = None
    watch = Watch(Chain(POLICY, ()), unused, "")
    return Monitor([watch], log, unused, unused, None, "monitor"), watch


async def test_what_others_store_in_between_is_read_and_storing_tried_again() -> None:
    log = Log(*[None] * (STORE_TRIES - 1))
    monitor, watch = monitoring(log)
    assert await monitor._store_after(Standing(), watch, H1) == "certified the halt"
    assert log.stored[-1] == H1


async def test_a_certificate_that_counts_ends_the_trying() -> None:
    log = Log(None, H1)
    monitor, watch = monitoring(log)
    assert await monitor._store_after(Standing(), watch, H1) == "the halt was certified by another observer"
    assert log.stored == [None, H1]


async def test_whoever_is_always_faster_is_named_as_the_reason() -> None:
    monitor, watch = monitoring(Log(*[None] * STORE_TRIES))
    said = await monitor._store_after(Standing(), watch, H1)
    assert said.endswith("cannot certify now: others store faster than this monitor reads")


async def test_more_than_can_be_read_at_once_is_read_in_parts() -> None:
    log = Log()
    log.stored = [None] * (READ_AT_ONCE + 1) + [H1]
    monitor, watch = monitoring(log)
    with pytest.raises(Transient, match=f"still reading certificates: {READ_AT_ONCE} of {READ_AT_ONCE + 2}"):
        await monitor._standing(watch)
    assert (await monitor._standing(watch)).certificate == H1


async def test_a_stream_that_lost_its_end_is_read_anew(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    log.stored = [H1, None, None]
    monitor, watch = monitoring(log)
    assert (await monitor._standing(watch)).certificate == H1
    log.stored = [None]
    assert await monitor._standing(watch) == Standing(1, 0, None, 1, "it is none")
    assert "certificates are gone from the stream" in caplog.text


async def test_what_is_known_is_not_read_again_before_its_time() -> None:
    log = Log()
    monitor, watch = monitoring(log)
    await monitor._standing(watch)
    log.stored = [H1]
    assert (await monitor._standing(watch, within_s=60)).certificate is None
    assert (await monitor._standing(watch)).certificate == H1


@pytest.mark.parametrize(("late_ms", "says"), [(500, "certified the halt"), (60_001, "is 60 s old, at most 60 s are allowed")])
async def test_how_old_observations_are_counts_by_the_servers_time(late_ms: int, says: str) -> None:
    """Our own clock is months away from all of them here."""
    watched = Watched(Truth(halts=((0.0, 1e9),)), {f"{name}0": honest for name in ("acme", "bolt", "core")})
    for _ in replay(watched, for_s=60):
        pass
    to_ms = watched.state.judged_ms
    log = Log()
    log.observed = [halt_seen(1, to_ms=to_ms, head=watched.state.head or HEAD)]
    log.newest_ms = to_ms + late_ms
    monitor, watch = monitoring(log)
    watch.state = watched.state
    assert says in await monitor._advance(watch, KEYS[0])
    assert len(log.observed) == 2
