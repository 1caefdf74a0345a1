"""Locked down, what every role needs works. All of it tried on a real server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from jurymast.bus import Bus, Lease
from jurymast.bus.query import Queries
from jurymast.cli.keys import read_seed
from jurymast.messages.channel import OPERATOR
from jurymast.messages.dead import DEAD
from jurymast.messages.service import STATUS, StatusAsked
from jurymast.telemetry import Tracer
from tests.echo.messages import ANSWERED, ASKED, COUNT, ECHO_LEASE, MEASURED, Asked, CountAsked, Measured
from tests.mesh.locked import ACCESS, bus_of, has_letter, last_of, refusals
from tests.mesh.supervised import jurymast
from tests.servers import NatsServer, Service, eventually


async def test_a_service_handles_retries_and_answers(locked: NatsServer, start: Callable[..., Service], asker: Bus) -> None:
    echo = await start(locked).ready()
    await asker.publish(ASKED, Asked(id="a", text="hello"), id="a")
    await asker.publish(ASKED, Asked(id="b", text="hello", act="busy", times=1), id="b")
    for number in range(20):
        await asker.publish(MEASURED, Measured(number=number), id=f"m{number}")

    async def answered() -> bool:
        return (await asker.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 2

    await eventually(answered, what="both answers")
    answer = await eventually(lambda: last_of(asker, "ECHO", "echo.answered.b"), what="the answer from the outbox")
    assert ANSWERED.decode(answer.data, schema="echo.answered/1", subject="echo.answered.b").text == "hello"
    assert await refusals(echo) == 0
    assert "Violation" not in (locked.keys.path.parent / "nats.log").read_text()  # type: ignore[union-attr]


async def test_a_dead_letter_is_listed_and_replayed_with_the_operators_seed(
    locked: NatsServer, start: Callable[..., Service], asker: Bus
) -> None:
    echo = await start(locked).ready()
    await asker.publish(ASKED, Asked(id="a", text="hello", act="refuse"), id="a")
    assert locked.keys is not None
    login = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_NATS_SEED_FILE": str(locked.keys.file(OPERATOR))}

    async def listed() -> bool:
        return "echo-asked.ECHO.1  rejected" in (await jurymast("dead", "list", **login)).out

    await eventually(listed, what="the dead letter")
    echo.process.end()
    replayed = await jurymast("dead", "replay", "all", **login)
    assert replayed.out.startswith("replayed ")
    echo = await start(locked, JURYMAST_REFUSES="false").ready()

    async def answered() -> bool:
        return (await asker.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 1

    await eventually(answered, what="the answer")
    assert (await jurymast("dead", "list", **login)).out == "0 dead letters\n"
    assert await refusals(echo) == 0


async def test_a_message_on_which_the_service_dies_is_buried(
    locked: NatsServer, start: Callable[..., Service], asker: Bus
) -> None:
    await asker.publish(ASKED, Asked(id="a", text="hello", act="crash"), id="a")
    for _ in range(3):  # As often as it may be tried.
        assert await start(locked).process.wait() == 9
    await start(locked).ready()
    await eventually(lambda: has_letter(locked), what="a dead letter")
    async with locked.client() as nc:
        raw = await nc.jetstream().get_msg("DEAD", seq=1)
    assert DEAD.decode(raw.data or b"", schema="dead.letter/1", subject=raw.subject or "").cause == "crashed"


async def test_leases_of_both_kinds_are_taken_and_given_back(locked: NatsServer) -> None:
    async with bus_of(locked, "echo") as one, bus_of(locked, "echo") as two:
        for options in ({}, {"channel": ECHO_LEASE}):
            leader, rival = Lease(one, "work", "one", ttl_s=60, **options), Lease(two, "work", "two", ttl_s=60, **options)
            running = asyncio.create_task(leader.run())
            await eventually(lambda lease=leader: _held(lease), what="leading")  # type: ignore[misc]
            assert not await rival.step()
            if options:
                await one.js.publish("echo.answered.fenced", b"", headers=leader.fence())
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert await rival.step()


async def _held(lease: Lease) -> bool:
    return lease.held


async def test_every_instance_answers_the_operators_question(locked: NatsServer, start: Callable[..., Service]) -> None:
    one, two = start(locked, JURYMAST_DATABASE=""), start(locked, JURYMAST_DATABASE="")
    await one.ready()
    await two.ready()
    async with locked.client() as nc:
        answers = await Queries(nc, OPERATOR, Tracer(OPERATOR)).ask_all(STATUS, StatusAsked(), within_s=1)
    assert [answer.service for answer in answers] == ["echo", "echo"]
    assert len({answer.instance for answer in answers}) == 2


async def test_seeds_appear_nowhere(locked: NatsServer, start: Callable[..., Service], asker: Bus) -> None:
    echo = await start(locked, JURYMAST_LOG_LEVEL="debug").ready()
    await asker.publish(ASKED, Asked(id="a", text="hello", act="bug"), id="a")
    await eventually(lambda: has_letter(locked), what="a dead letter")
    pages = [(await echo.get(path))[1] for path in ("/healthz", "/readyz", "/metrics")]
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait() == 0
    assert locked.keys is not None
    directory = locked.keys.path.parent
    texts = [*pages, echo.process.log.read_text(), (directory / "nats.log").read_text(), (directory / "nats.conf").read_text()]
    assert '"nats_seed": "***"' in pages[0]
    for role in ACCESS.roles:
        seed = read_seed(locked.keys.file(role))
        assert not [text for text in texts if seed in text]
