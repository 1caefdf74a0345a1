"""Observers are one service and do not trust each other: one that was taken over speaks for itself alone."""

from __future__ import annotations

from typing import Any

import pytest
from nats.js.errors import APIError

from jurymast.messages.health import CHAIN_CHANGED, MONITOR, ChainChanged
from jurymast.permissions import EXTERNAL, inbox, member_role
from jurymast.streams import KIB, OBSERVATIONS
from tests.mesh.locked import contents, visitor
from tests.servers import NatsServer, all_sent
from tests.watching import ADDRESSES

FIRST, SECOND = MONITOR, member_role(MONITOR, ADDRESSES[1])


@pytest.mark.parametrize(("role", "own"), [(FIRST, 0), (SECOND, 1)])
async def test_an_observer_publishes_under_its_own_address_only(locked: NatsServer, role: str, own: int) -> None:
    mine, others = f"health.observed.{ADDRESSES[own]}", [f"health.observed.{a}" for a in ADDRESSES[:3]]
    others.remove(mine)
    others += ["health.observed.x", f"health.observed.main.{ADDRESSES[own]}", f"health.observed.{mine.lower()[-42:]}"]
    async with visitor(locked, role) as hostile:
        assert await hostile.publishes(*others) == [subject.lower() for subject in others]
        assert (await contents(locked))["OBSERVATIONS"] == (0, 0)
        await hostile.nc.jetstream().publish(mine, b"{}")
        assert (await contents(locked))["OBSERVATIONS"] == (1, 1)


async def test_however_much_an_observer_sends_what_the_others_signed_stays(locked: NatsServer) -> None:
    limit = OBSERVATIONS.max_message_bytes
    async with visitor(locked, FIRST) as honest, visitor(locked, SECOND) as hostile:
        await honest.nc.jetstream().publish(f"health.observed.{ADDRESSES[0]}", b"{}")
        with pytest.raises(APIError, match="message size exceeds maximum allowed"):
            await hostile.nc.jetstream().publish(f"health.observed.{ADDRESSES[1]}", bytes(limit + 1))
        for _ in range(2 * OBSERVATIONS.max_bytes // limit):
            await hostile.nc.publish(f"health.observed.{ADDRESSES[1]}", bytes(limit - KIB))
        await hostile.nc.jetstream().publish(f"health.observed.{ADDRESSES[1]}", b"{}")
        kept = await honest.nc.jetstream().get_last_msg(OBSERVATIONS.name, f"health.observed.{ADDRESSES[0]}")
        assert (kept.seq, kept.data) == (1, b"{}")


@pytest.mark.parametrize(("role", "own"), [(FIRST, 0), (SECOND, 1)])
async def test_an_observer_tells_of_changes_in_its_own_name_only(locked: NatsServer, role: str, own: int) -> None:
    lie = ChainChanged(
        chain="main", monitor=ADDRESSES[own], instance="x", was="healthy", verdict="halted", reason="x", changed_ms=1
    )
    others = [f"health.chain.changed.main.{a}" for a in ADDRESSES[:3] if a != lie.monitor]
    others += ["health.chain.changed.main", f"health.provider.changed.main.acme-1.{ADDRESSES[2]}"]
    async with visitor(locked, role) as hostile, visitor(locked, EXTERNAL) as guest:
        heard = await guest.nc.subscribe(CHAIN_CHANGED.wildcard)
        await all_sent(guest.nc)
        assert await hostile.publishes(*others) == [subject.lower() for subject in others]
        await hostile.nc.jetstream().publish(CHAIN_CHANGED.subject(lie), CHAIN_CHANGED.encode(lie))
        assert (await heard.next_msg(timeout=5)).subject == f"health.chain.changed.main.{ADDRESSES[own]}"
        assert heard.pending_msgs == 0


async def test_an_observer_neither_hears_what_another_is_told_nor_answers_it(locked: NatsServer) -> None:
    """Within one account it would hear every answer, and could have the server send its own bytes where the other waits."""
    heard: list[str] = []

    async def hear(raw: Any) -> None:
        heard.append(raw.subject)

    async with visitor(locked, SECOND) as hostile, visitor(locked, FIRST) as honest:
        await hostile.nc.subscribe(f"{inbox(FIRST)}.>", cb=hear)
        await all_sent(hostile.nc)
        waiting = await honest.nc.subscribe(f"{inbox(FIRST)}.waiting")
        await all_sent(honest.nc)
        for _ in range(3):
            await honest.nc.request("$JS.API.INFO", timeout=2)
        for target in (f"{inbox(FIRST)}.waiting", f"health.observed.{ADDRESSES[0]}"):
            await hostile.nc.publish("$JS.API.INFO", b"", reply=target)
            await hostile.nc.publish(f"health.observed.{ADDRESSES[1]}", b"{}", reply=target)
        await all_sent(hostile.nc)
        await honest.nc.request("$JS.API.INFO", timeout=2)
        assert set(heard) <= {f"{inbox(FIRST)}.waiting"}, "but for what it sent itself"
        assert waiting.pending_msgs == 0
    assert (await contents(locked))["OBSERVATIONS"] == (2, 1), "all under the one address"
