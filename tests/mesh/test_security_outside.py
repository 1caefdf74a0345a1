"""Consumers outside hear what was stored, and nothing else."""

from __future__ import annotations

import pytest
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from jurymast.messages.channel import OPERATOR
from jurymast.permissions import EXTERNAL, PROVISIONER
from tests.echo.messages import ANSWERED, Answered
from tests.mesh.locked import ACCESS, bus_of, visitor
from tests.servers import NatsServer, all_sent

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float'.*:DeprecationWarning")
"""nats-py's way of asking aiohttp for a websocket."""


@pytest.mark.parametrize("way", ["tcp", "websocket"])
async def test_consumers_outside_hear_what_was_stored_and_nothing_else(locked: NatsServer, way: str) -> None:
    url = locked.websocket_url if way == "websocket" else locked.url
    async with visitor(locked, EXTERNAL, url) as guest, bus_of(locked, "echo") as echo:
        subscription = await guest.nc.subscribe("echo.answered.*")
        await all_sent(guest.nc)
        await echo.publish(ANSWERED, Answered(id="a", text="one", answer_number=1), id="a")
        await echo.publish(ANSWERED, Answered(id="a", text="repeated", answer_number=1), id="a")
        with pytest.raises(APIError):
            await echo.js.publish("echo.answered.b", b"refused", headers={"Nats-Expected-Last-Sequence": "99"})
        await echo.publish(ANSWERED, Answered(id="c", text="two", answer_number=2), id="c")
        heard = [await subscription.next_msg(timeout=5) for _ in range(2)]
        assert [raw.subject for raw in heard] == ["echo.answered.a", "echo.answered.c"]
        assert [(raw.headers or {})["Nats-Sequence"] for raw in heard] == ["1", "2"]
        schema = (heard[1].headers or {})["Jurymast-Schema"]
        assert ANSWERED.decode(heard[1].data, schema=schema, subject=heard[1].subject).text == "two"
        assert await guest.publishes("echo.answered.x", "$JS.API.INFO", "service.status", "x") != []
        assert len(guest.refused) == 4
        for channel in ACCESS.channels:
            assert await guest.subscribes(channel.wildcard) == ([] if channel.public else [channel.wildcard])


async def test_services_do_not_come_in_by_websocket(locked: NatsServer) -> None:
    for role in ("echo", OPERATOR, PROVISIONER):
        with pytest.raises(NatsError, match="Authorization Violation"):
            async with visitor(locked, role, locked.websocket_url):
                pass
