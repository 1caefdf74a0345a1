"""What an observer tells, and what others take of it."""

from __future__ import annotations

from typing import Any, cast

from msgspec.structs import replace

from jurymast.bus import Bus
from jurymast.health_monitor.store import KEEP_MS, Store, about
from jurymast.messages.health import Observation, Observations
from tests.watching import ADDRESSES, NOW_MS, halt_seen, policy

OTHER = policy(chain="arbitrum")


class Publisher:
    def __init__(self) -> None:
        self.told: list[Observations] = []

    async def publish(self, _: Any, message: Observations, **__: Any) -> int:
        self.told.append(message)
        return len(self.told)


def told(*observations: Observation) -> Observations:
    return Observations(observer=ADDRESSES[0], observations=observations)


async def test_what_is_known_of_other_chains_is_told_along_and_what_is_old_is_not() -> None:
    bus = Publisher()
    store = Store(cast("Bus", bus))
    one, two, later = halt_seen(0), halt_seen(0, OTHER), halt_seen(0, to_ms=NOW_MS + 2_000)
    last = halt_seen(0, to_ms=NOW_MS + KEEP_MS)
    for observation in (one, two, later, last):
        await store.put(observation)
    assert bus.told == [told(one), told(one, two), told(later, two), told(last)]


def test_an_observer_speaks_once_about_a_chain_and_for_itself_alone() -> None:
    own, again, another = halt_seen(0), halt_seen(0, to_ms=NOW_MS + 1), halt_seen(1)
    assert about("solana", told(own, halt_seen(0, OTHER), again, another)) == again
    assert about("solana", told(another, replace(own, chain="x"))) is None
