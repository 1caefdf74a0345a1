"""Questions over plain request-reply: refusals, silence, and what an answer can carry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jurymast.bus import Bus
from jurymast.bus.query import Queries
from jurymast.errors import Fatal, Rejected, Transient
from jurymast.telemetry import Tracer
from tests.echo.messages import COUNT, Count, CountAsked
from tests.echo.streams import ECHO_TABLE
from tests.servers import NatsServer, all_sent, eventually, running_bus


@pytest.fixture
async def asker(server: NatsServer) -> AsyncIterator[Bus]:
    async with running_bus(server.url, ECHO_TABLE, service="tester") as connected:
        yield connected


async def answer(_: CountAsked) -> Count:
    return Count(answered=3)


async def test_a_refusal_hides_no_other_answer(bus: Bus, asker: Bus) -> None:
    async def refuse(_: CountAsked) -> Count:
        raise Rejected("not mine")

    for handler in (refuse, answer, refuse):
        await bus.queries.answer(COUNT, handler, everyone=True)
    await all_sent(bus.nc)
    assert await asker.queries.ask_all(COUNT, CountAsked(), within_s=0.5) == [Count(answered=3)]


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (Transient("the store is busy"), Transient, "Transient: the store is busy"),
        (Rejected("no such match"), Rejected, "Rejected: no such match"),
        (Rejected("two\r\nlines: and more"), Rejected, "Rejected: two lines: and more"),
        (Rejected("not \udcff Unicode"), Rejected, r"Rejected: not \\udcff Unicode"),
    ],
)
async def test_a_refusal_reaches_the_asker_as_its_kind(
    bus: Bus, asker: Bus, error: Exception, kind: type[Exception], says: str
) -> None:
    async def refuse(_: CountAsked) -> Count:
        raise error

    await bus.queries.answer(COUNT, refuse)
    await all_sent(bus.nc)
    with pytest.raises(kind, match=says):
        await asker.queries.ask(COUNT, CountAsked(), within_s=5)


async def test_nobody_there_is_told_at_once(asker: Bus) -> None:
    with pytest.raises(Transient, match=r"nobody answers echo\.count"):
        await asker.queries.ask(COUNT, CountAsked(), within_s=30)
    assert await asyncio.wait_for(asker.queries.ask_all(COUNT, CountAsked(), within_s=30), 5) == []


async def test_a_question_without_a_server_is_transient(server: NatsServer, asker: Bus) -> None:
    server.kill()
    await eventually(lambda: _trouble(asker), what="noticing")
    for question in (asker.queries.ask, asker.queries.ask_all):
        with pytest.raises(Transient):
            await asyncio.wait_for(question(COUNT, CountAsked(), within_s=0.3), 5)


async def _trouble(bus: Bus) -> str:
    return bus.trouble


async def test_a_fatal_error_in_an_answer_is_told_to_the_asker_and_ends_the_process(bus: Bus, asker: Bus) -> None:
    ended: list[Fatal] = []

    async def broken(_: CountAsked) -> Count:
        raise Fatal("the store is gone")

    await Queries(bus.nc, "echo", Tracer("echo"), ended.append).answer(COUNT, broken)
    await all_sent(bus.nc)
    with pytest.raises(Rejected, match="the store is gone"):
        await asker.queries.ask(COUNT, CountAsked(), within_s=5)
    assert [str(error) for error in ended] == ["the store is gone"]


async def test_an_answer_that_never_comes_or_is_cancelled_holds_up_no_other(
    bus: Bus, asker: Bus, caplog: pytest.LogCaptureFixture
) -> None:
    calls = 0

    async def moody(_: CountAsked) -> Count:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise asyncio.CancelledError  # As when what it waits for was cancelled by somebody else.
        if calls == 2:
            await asyncio.Event().wait()
        return Count(answered=calls)

    await bus.queries.answer(COUNT, moody)
    await all_sent(bus.nc)
    for _ in range(2):
        with pytest.raises(Transient, match="no answer"):
            await asker.queries.ask(COUNT, CountAsked(), within_s=0.3)
    assert (await asker.queries.ask(COUNT, CountAsked(), within_s=5)).answered == 3
    assert [record.getMessage() for record in caplog.records].count("could not answer echo.count") == 1, (
        "the first; the second hangs"
    )
