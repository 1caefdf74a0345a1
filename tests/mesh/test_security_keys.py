"""Keys that are missing, wrong, another's or revoked, and what commands say of theirs."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jurymast.cli.keys import KeyDirectory
from jurymast.errors import Rejected
from jurymast.messages.channel import OPERATOR
from jurymast.messages.service import STARTED, ServiceStarted
from jurymast.permissions import PROVISIONER
from tests.echo.messages import ANSWERED, ASKED, ASKER, Answered, Asked
from tests.mesh.locked import ACCESS, bus_of, ended
from tests.mesh.supervised import jurymast
from tests.servers import NatsServer, Service, eventually


async def test_a_missing_or_bad_seed_ends_the_process_with_one_clear_error(
    locked: NatsServer, start: Callable[..., Service], tmp_path: Path
) -> None:
    stranger = KeyDirectory(tmp_path / "stranger")
    stranger.make(["echo"])
    unknown, garbled, missing = stranger.file("echo"), tmp_path / "garbled", tmp_path / "missing"
    garbled.write_text("SUHUNTER2")
    expected = {
        unknown: "NATS does not know the key that JURYMAST_NATS_SEED stands for: set JURYMAST_NATS_SEED_FILE to",
        garbled: "JURYMAST_NATS_SEED: not an nkey seed of a user (58 letters and digits that begin with SU), but 9 characters",
        missing: f"JURYMAST_NATS_SEED: cannot read JURYMAST_NATS_SEED_FILE {missing}: No such file or directory",
    }
    started = {file: start(locked, JURYMAST_NATS_SEED_FILE=str(file)) for file in expected}
    for file, service in started.items():
        assert (await ended(service, 2)).startswith(expected[file])
        assert read_text(file) == "" or read_text(file) not in service.process.log.read_text()
    without = Service("tests.echo", locked.url, tmp_path)
    try:
        assert (await ended(without, 2)).startswith("NATS asks for a key, and there is none: set JURYMAST_NATS_SEED_FILE to")
    finally:
        without.process.end()


def read_text(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


async def test_with_anothers_seed_a_service_gets_nowhere_and_says_why(locked: NatsServer, start: Callable[..., Service]) -> None:
    echo = start(locked, ASKER)
    assert await echo.process.wait() == 1
    said = [line["message"] for line in echo.process.lines()]
    assert [text for text in said if text.startswith("NATS does not let echo use _inbox_echo.")]


async def test_a_key_that_the_server_forgets_ends_the_process(locked: NatsServer, start: Callable[..., Service]) -> None:
    echo = await start(locked).ready()
    assert locked.keys is not None
    conf = locked.keys.path.parent / "nats.conf"
    old = locked.keys.public_key("echo")
    seed = locked.keys.file("echo").read_text()
    locked.keys.make(["echo"], force=True)
    conf.write_text(conf.read_text().replace(old, locked.keys.public_key("echo")))
    renewed = locked.keys.file("echo").read_text()
    locked.keys.file("echo").write_text(seed)  # The operator forgot to hand out the new one.
    locked.send(signal.SIGHUP)
    assert "NATS does not know the key" in await ended(echo, 2)
    assert "NATS does not know the key" in await ended(start(locked), 2)
    locked.keys.file("echo").write_text(renewed)
    await start(locked).ready()


async def test_a_refused_publish_fails_at_once_is_logged_once_and_counted_always(
    locked: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with bus_of(locked, "echo") as echo:
        for number in range(2):
            with pytest.raises(Rejected, match=r"echo\.asked\.a: NATS does not let echo publish there"):
                await echo.publish(ASKED, Asked(id="a", text=""), id=f"a{number}", within_s=30)
        await echo.publish(ANSWERED, Answered(id="a", text="", answer_number=1), id="a")
        assert echo.metrics.violations._value.get() == 2
    refused = [record for record in caplog.records if record.getMessage() == "NATS does not let echo use echo.asked.a"]
    assert len(refused) == 1
    assert refused[0].__dict__["subject"] == "echo.asked.a"


async def test_commands_say_what_their_key_may_not_do(locked: NatsServer, tmp_path: Path) -> None:
    assert locked.keys is not None
    url = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_STATE": str(tmp_path / "none")}
    seeds = {role: str(locked.keys.file(role)) for role in ACCESS.roles}
    none = await jurymast("dead", "list", **url)
    assert (none.code, none.err[:45]) == (1, "jurymast: NATS asks for a key, and there is n")
    for role in (PROVISIONER, ASKER):
        other = await jurymast("dead", "list", "--nats-seed", seeds[role], **url)
        assert other.code == 1
        assert other.err.startswith("jurymast: NATS does not let this key use ")
    for role in (PROVISIONER, OPERATOR):
        assert "unknown    ECHO" in (await jurymast("streams", "diff", "--nats-seed", seeds[role], **url)).out
    missing = await jurymast("dead", "list", "--nats-seed", str(tmp_path / "gone"), **url)
    assert missing.err == f"jurymast: cannot read the seed {tmp_path / 'gone'}: No such file or directory\n"


async def test_tail_shows_each_event_once_and_none_of_the_machinery(locked: NatsServer, start: Callable[..., Service]) -> None:
    assert locked.keys is not None
    login = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_NATS_SEED_FILE": str(locked.keys.file(OPERATOR))}
    tailing = asyncio.create_task(jurymast("tail", "--count", "2", **login))
    event = ServiceStarted(service="echo", instance="i", version="1", started_ms=5)
    async with bus_of(locked, "echo") as echo:

        async def ended() -> bool:
            await echo.publish(STARTED, event, id="the same")
            return tailing.done()

        await eventually(ended, what="two events seen")
    lines = (await tailing).out.splitlines()
    assert ["service.started.echo [service.started/1]" in line for line in lines] == [True, True]


async def test_tail_ends_with_the_reason_when_its_key_is_revoked(locked: NatsServer) -> None:
    assert locked.keys is not None
    conf, old = locked.keys.path.parent / "nats.conf", locked.keys.public_key(OPERATOR)
    command = [sys.executable, "-m", "jurymast.cli", "tail", "--nats-seed", str(locked.keys.file(OPERATOR)), "--nats", locked.url]
    tail = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert tail.stderr is not None
    try:
        assert b"listening on" in await asyncio.wait_for(tail.stderr.readline(), 10)
        locked.keys.make([OPERATOR], force=True)
        conf.write_text(conf.read_text().replace(old, locked.keys.public_key(OPERATOR)))
        locked.send(signal.SIGHUP)
        said = (await asyncio.wait_for(tail.stderr.read(), 20)).decode()
        assert said.splitlines()[-1].startswith("jurymast: NATS does not know the key"), said
        assert await asyncio.wait_for(tail.wait(), 10) == 1
    finally:
        if tail.returncode is None:
            tail.kill()
            await tail.wait()
