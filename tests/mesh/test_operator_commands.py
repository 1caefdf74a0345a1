"""`jurymast dead` and `jurymast tail`, as an operator runs them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest

from jurymast.bus import Bus
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


async def test_tail_shows_decoded_events_and_what_is_not_ours(server: NatsServer, bus: Bus) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jurymast.cli", "tail", ">", "--count", "2", "--nats", server.url, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    assert b"listening on >" in await asyncio.wait_for(process.stderr.readline(), 10)
    event = ServiceStarted(service="echo", instance="i", version="1", started_ms=5)
    await bus.publish(STARTED, event, id="s")
    await bus.nc.publish("foreign.subject", b"\xc1")
    first = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
    second = (await asyncio.wait_for(process.stdout.readline(), 10)).decode()
    assert 'service.started.echo [service.started/1] {"service":"echo","instance":"i","version":"1","started_ms":5}' in first
    assert "foreign.subject [no schema] (1 bytes: " in second
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_a_subject_that_is_none_is_named(server: NatsServer) -> None:
    code, output = await jurymast("tail", "a..b", url=server.url)
    assert code == 1
    assert output.startswith("jurymast: 'a..b' is no subject")
