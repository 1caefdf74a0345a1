"""`jurymast dead` and `jurymast tail`, as an operator runs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple

import pytest

from jurymast.bus import Bus
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.dead import DEAD, DeadLetter
from jurymast.messages.service import STARTED, ServiceStarted
from tests.echo.messages import ASKED, COUNT, Asked, CountAsked
from tests.mesh.test_provision import jurymast
from tests.servers import ROOT, NatsServer, Service, eventually

LETTER = "echo-asked.ECHO.1"


@pytest.fixture
async def refused(start_echo: Callable[..., Service], bus: Bus) -> Service:
    """A running echo service that has refused one message: once; it would answer the next time."""
    echo = await start_echo().ready()
    await bus.publish(ASKED, Asked(id="a", text="hello", act="refuse"), id="a")

    async def buried() -> bool:
        return (await bus.js.stream_info("DEAD")).state.messages == 1

    await eventually(buried, what="a dead letter")
    return echo


async def test_list_and_show_tell_what_why_and_where_from(server: NatsServer, refused: Service) -> None:
    code, output = await jurymast("dead", "list", url=server.url)
    assert code == 0
    assert f"{LETTER}  rejected after 1 attempt: Rejected: no answer to that" in output
    assert output.endswith("1 dead letter\n")
    code, output = await jurymast("dead", "show", LETTER, url=server.url)
    assert code == 0
    assert "subject  echo.asked.a" in output
    assert "header   Jurymast-Schema: echo.asked/1" in output
    assert '"text":"hello"' in output


async def test_replay_gives_the_letter_back_and_a_dry_run_does_not(server: NatsServer, bus: Bus, refused: Service) -> None:
    code, output = await jurymast("dead", "replay", LETTER, "--dry-run", url=server.url)
    assert (code, output[:12]) == (0, "would replay")
    before = (await bus.js.get_last_msg("DEAD", "dead.letter.echo.echo-asked.ECHO.1")).seq
    code, output = await jurymast("dead", "replay", "echo-asked", url=server.url)
    assert (code, output[:8]) == (0, "replayed"), output

    async def back_again() -> bool:
        info = await bus.js.stream_info("DEAD")
        return info.state.messages == 1 and info.state.first_seq > (before or 0)

    await eventually(back_again, what="the letter's return: the handler still refuses it")
    _, output = await jurymast("dead", "list", url=server.url)
    assert "rejected after 2 attempts" in output


async def test_replay_to_a_handler_that_now_succeeds_empties_the_list(
    server: NatsServer, bus: Bus, refused: Service, start_echo: Callable[..., Service]
) -> None:
    refused.process.end()
    await jurymast("dead", "replay", "all", url=server.url)
    await start_echo(JURYMAST_REFUSES="false").ready()

    async def answered() -> bool:
        return (await bus.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 1

    await eventually(answered, what="the answer")
    assert (await jurymast("dead", "list", url=server.url))[1] == "0 dead letters\n"


async def test_drop_forgets_and_a_dry_run_does_not(server: NatsServer, refused: Service) -> None:
    code, output = await jurymast("dead", "drop", "all", "--dry-run", url=server.url)
    assert (code, output[:10]) == (0, "would drop")
    code, output = await jurymast("dead", "drop", "all", url=server.url)
    assert (code, output[:7]) == (0, "dropped")
    assert (await jurymast("dead", "list", url=server.url))[1] == "0 dead letters\n"
    code, output = await jurymast("dead", "drop", LETTER, url=server.url)
    assert (code, output) == (1, f"jurymast: no dead letter is or belongs to '{LETTER}': see `jurymast dead list`\n")
    assert await jurymast("dead", "show", "all", url=server.url) == (0, "0 dead letters\n")


async def test_a_letter_of_a_service_that_is_gone_stays_and_an_unreadable_one_is_passed_over(
    server: NatsServer, bus: Bus
) -> None:
    await bus.js.publish("dead.letter.a.b.C.1", b"no letter")
    gone = DeadLetter(
        service="gone", consumer="gone-asked", stream="ECHO", sequence=5, cause="rejected", reason="r", attempts=1,
        dead_ms=1, subject="echo.asked.a", headers={}, payload=b"",
    )  # fmt: skip
    await bus.publish(DEAD, gone, id="gone")
    code, output = await jurymast("dead", "replay", "all", url=server.url)
    assert code == 1
    assert "passed over message 1 of DEAD, which is no letter" in output
    assert "gone-asked.ECHO.5: no service gone takes replays on this server" in output
    code, output = await jurymast("dead", "list", url=server.url)
    assert code == 0
    assert output.endswith("1 dead letter\n")


class Tailing(NamedTuple):
    shown: Callable[[], Awaitable[str]]
    """Its next line."""
    told: Callable[[], Awaitable[str]]
    """What it says besides."""


@asynccontextmanager
async def tailing(url: str, count: int) -> AsyncIterator[Tailing]:
    """`jurymast tail` until so many events."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jurymast.cli", "tail", ">", "--count", str(count), "--nats", url, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    tail = Tailing(partial(next_line, process.stdout), partial(next_line, process.stderr))
    assert "listening on >" in await tail.told()
    try:
        yield tail
        assert await asyncio.wait_for(process.wait(), 10) == 0
    finally:
        if process.returncode is None:
            process.kill()


async def next_line(stream: asyncio.StreamReader) -> str:
    return (await asyncio.wait_for(stream.readline(), 10)).decode()


async def test_tail_shows_decoded_events_and_what_is_not_ours(server: NatsServer, bus: Bus) -> None:
    async with tailing(server.url, 2) as tail:
        event = ServiceStarted(service="echo", instance="i", version="1", started_ms=5)
        await bus.publish(STARTED, event, id="s")
        await bus.nc.publish("foreign.subject", b"\xc1")
        assert (
            'service.started.echo [service.started/1] {"service":"echo","instance":"i","version":"1","started_ms":5}'
            in await tail.shown()
        )
        assert "foreign.subject [no schema] (1 bytes: " in await tail.shown()


async def test_tail_goes_on_when_the_server_is_back(server: NatsServer) -> None:
    async with tailing(server.url, 1) as tail:
        server.kill()
        assert await tail.told() == "the NATS server is away: waiting until it is back\n"
        await server.start()
        assert await tail.told() == "the NATS server is back\n"
        async with server.client() as nc:
            await nc.publish("foreign.subject", b"\x07")
        assert "foreign.subject [no schema] 7" in await tail.shown()
    server.kill()
    code, output = await jurymast("dead", "list", url=server.url)
    assert code == 1
    assert output.startswith(f"jurymast: no NATS server answers at {server.url}: ")
    assert output.count("\n") == 1


HOSTILE = [
    (b"PUB x\x1b[2J.a 2\r\n\xa1\x07\r\n", r'x\u001b[2J.a [no schema] "\u0007"'),
    (b"PUB a 3\r\n\xa2\xff\xfe\r\n", "(3 bytes: 'utf-8' codec can't decode byte 0xff"),
    (b"PUB a 3\r\n\xd4\x05a\r\n", '{"extension":5,"data":"0x61"}'),
    (b"PUB a 5000\r\n" + b"\x91" * 5000 + b"\r\n", "(5000 bytes: maximum recursion depth exceeded"),
    (b"PUB a\x0b\x0c 1\r\n\x06\r\n", r"a\u000b\f [no schema] 6"),
    (b"PUB a\xff 1\r\n\x01\r\n", r"a\xff [no schema] 1"),
    (b"PUB a r\xff 1\r\n\x02\r\n", "a [no schema] 2"),
    (b"HPUB a 16 17\r\nNATS/1.0 \xff\xff\xff\r\n\r\n\x03\r\n", "a [no schema] 3"),
    (b"HPUB a 8 9\r\nNATS/1.0\x04\r\n", "a [no schema] 4"),
    (b"HPUB a 34 35\r\nNATS/1.0\r\nJurymast-Schema: \xff\x1b[\r\n\r\n\x05\r\n", r"a [\xff\u001b[] 5"),
]


async def test_tail_outlives_whatever_is_published(server: NatsServer) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(b'CONNECT {"headers":true,"verbose":false}\r\n')
        async with tailing(server.url, len(HOSTILE)) as tail:
            for raw, expected in HOSTILE:
                writer.write(raw)
                line = await tail.shown()
                assert expected in line
                assert line[:-1].isprintable()
    finally:
        writer.close()


async def test_dead_letters_are_shown_whatever_is_in_them(server: NatsServer, bus: Bus) -> None:
    letter = DeadLetter(
        service="echo", consumer="echo-asked", stream="ECHO", sequence=5, cause="rejected", reason="\x1b[2J\nr", attempts=1,
        dead_ms=2**63, subject="a\x9b", headers={"\x1b": "\x1b"}, payload=b"\xa2\xff\xfe",
    )  # fmt: skip
    await bus.publish(DEAD, letter, id="hostile")
    await bus.js.publish("dead.letter.a.b.C.1", b"", headers={SCHEMA_HEADER: "\x1b\x9b"})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b'CONNECT {"headers":true}\r\n')
    writer.write(b"HPUB dead.letter.a.b.C.2 32 32\r\nNATS/1.0\r\nJurymast-Schema: \xff\r\n\r\n\r\nPING\r\n")
    while await reader.readline() != b"PONG\r\n":
        pass
    writer.close()
    code, output = await jurymast("dead", "list", url=server.url)
    assert code == 0, output
    assert rf"{2**63} ms  echo-asked.ECHO.5  rejected after 1 attempt: \u001b[2J\nr" in output
    assert output.count("which is no letter") == 2
    code, shown = await jurymast("dead", "show", "all", url=server.url)
    assert code == 0, shown
    assert r"header   \u001b: \u001b" in shown
    assert r"subject  a\u009b" in shown
    assert "(3 bytes: 'utf-8' codec" in shown
    assert all(line.isprintable() for line in (output + shown).splitlines())


@pytest.mark.parametrize("subject", ["a..b", ">.a", "a*", "a\tb", "a b", "a\n", ""])
async def test_a_subject_that_is_none_is_named(server: NatsServer, subject: str) -> None:
    code, output = await jurymast("tail", subject, url=server.url)
    assert code == 1
    assert output.startswith(f"jurymast: {subject!r} is no subject")
    assert output.count("\n") == 1
