from __future__ import annotations

import asyncio
import socket
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import suppress

import aiohttp
import nats
import pytest

from tests.servers import free_port

NOWHERE = "127.0.0.1"


def _connect() -> None:
    socket.create_connection((NOWHERE, 9), timeout=1)


def _fetch() -> None:
    with suppress(Exception):  # Not even code that catches everything hides it.
        urllib.request.urlopen(f"http://{NOWHERE}:9/", timeout=1)


@pytest.mark.parametrize("open_one", [_connect, _fetch, free_port])
def test_a_socket_cannot_be_opened(open_one: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="opened a socket"):
        open_one()


async def _stream() -> None:
    await asyncio.open_connection(NOWHERE, 9)


async def _nats() -> None:
    await nats.connect(f"nats://{NOWHERE}:9", allow_reconnect=False, max_reconnect_attempts=1)


async def _http() -> None:
    async with aiohttp.ClientSession() as session:
        await session.get(f"http://{NOWHERE}:9/")


@pytest.mark.parametrize("open_one", [_stream, _nats, _http])
async def test_nor_can_one_from_an_event_loop(open_one: Callable[[], Awaitable[None]]) -> None:
    with pytest.raises(pytest.fail.Exception, match="opened a socket"):
        await open_one()
