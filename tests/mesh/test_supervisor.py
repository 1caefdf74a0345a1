"""The supervisor with real servers and a real service: start, restart, stop, and what it leaves behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from jurymast.cli.mesh import processes
from jurymast.cli.mesh.state import Identity
from tests.mesh.supervised import MeshUnderTest, is_free, jurymast, one_line, pid, process, runs
from tests.servers import eventually

NAMES = ("nats", "redis", "stub")


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[MeshUnderTest]:
    with MeshUnderTest(tmp_path) as under_test:
        yield under_test


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with any mesh."""
    child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield child
    child.kill()
    child.wait(10)


async def test_services_start_when_servers_and_streams_are_ready_and_ctrl_c_leaves_nothing(mesh: MeshUnderTest) -> None:
    up = await mesh.ready()
    said = mesh.said()
    order = [
        next(i for i, s in enumerate(said) if text in s) for text in ("streams: create GREETINGS", "nats: ready", "stub: ready")
    ]
    assert order == sorted(order)
    serving = json.loads((mesh.state / "logs" / "stub.log").read_text().splitlines()[0])
    assert (serving["stream"], serving["redis"]) == (True, True)
    assert any(s.startswith("ready in ") and up["nats_url"] in s for s in said)

    grandchild = int((mesh.directory / "grandchild").read_text())
    assert len(mesh.marked()) == 4
    assert runs(grandchild)
    assert await mesh.stop(signal.SIGINT) == 0
    assert mesh.marked() == []
    assert not runs(grandchild)
    assert all(is_free(record["port"]) for record in up["processes"])
    stopped = mesh.recorded()
    assert stopped is not None
    assert stopped["state"] == "stopped"
    assert mesh.said()[-4:] == ["stopping stub", "stopping redis", "stopping nats", "stopped, nothing is left running"]
    assert "asked to stop signal=SIGTERM" in mesh.printed()  # The merged log holds what the service wrote.


@pytest.mark.parametrize("name", NAMES)
async def test_a_killed_process_comes_back_on_its_port(mesh: MeshUnderTest, name: str) -> None:
    before = await mesh.ready()
    os.kill(pid(before, name), signal.SIGKILL)
    after = await mesh.restarted(name, before)
    assert process(after, name)["port"] == process(before, name)["port"]
    assert process(after, name)["restarts"] == 1
    assert await mesh.says(f"{name}: killed by SIGKILL; starting it again in 0.2 s")
    others = set(NAMES) - {name}
    assert all(pid(after, other) == pid(before, other) for other in others)
    await mesh.says("everything is ready again")


async def test_what_a_killed_service_had_started_goes_with_it(mesh: MeshUnderTest) -> None:
    before = await mesh.ready()
    grandchild = int((mesh.directory / "grandchild").read_text())
    os.kill(pid(before, "stub"), signal.SIGKILL)
    await mesh.restarted("stub", before)
    assert not runs(grandchild)


@pytest.mark.parametrize("record", ["kept", "lost", "torn"])
async def test_the_next_up_cleans_after_a_killed_supervisor(mesh: MeshUnderTest, record: str) -> None:
    before = await mesh.ready()
    mesh.supervisor.send(signal.SIGKILL)
    await mesh.supervisor.wait()
    left = [pid(before, name) for name in NAMES]
    assert all(runs(number) for number in left)
    if record == "lost":
        (mesh.state / "mesh.json").unlink()
    if record == "torn":
        (mesh.state / "mesh.json").write_bytes(b'{"version":')

    after = await mesh.ready()
    assert not any(runs(number) for number in left)
    assert all(pid(after, name) not in left for name in NAMES)
    assert len([sentence for sentence in mesh.said() if "left behind by an earlier run" in sentence]) == 4
    assert await mesh.stop() == 0
    assert mesh.marked() == []


async def test_down_stops_leftovers_and_leaves_strangers_with_a_reused_pid_alone(
    mesh: MeshUnderTest, stranger: subprocess.Popen[bytes]
) -> None:
    up = await mesh.ready()
    mesh.supervisor.send(signal.SIGKILL)
    await mesh.supervisor.wait()
    reused = process(up, "redis")["identity"] | {"pid": stranger.pid}
    process(up, "redis")["identity"] = reused | {"started": reused["started"] - 3_600}
    (mesh.state / "mesh.json").write_text(json.dumps(up))

    down = await jurymast("down", "--state", str(mesh.state))
    assert down.code == 0
    assert "left behind by an earlier run" in down.out
    assert str(stranger.pid) not in down.out
    assert mesh.marked() == []
    assert stranger.poll() is None


async def test_leftovers_are_known_by_record_or_by_mark(tmp_path: Path, stranger: subprocess.Popen[bytes]) -> None:
    identity = Identity(stranger.pid, psutil.Process(stranger.pid).create_time())
    assert [found.pid for found in processes.leftovers(tmp_path, [identity])] == [stranger.pid]
    assert processes.leftovers(tmp_path, [Identity(stranger.pid, identity.started - 60)]) == []
    assert processes.leftovers(tmp_path, []) == []
    assert await processes.stop(processes.leftovers(tmp_path, [identity]), 5) == []
    assert processes.find(identity) is None


async def test_a_second_up_says_who_runs_and_how_to_stop_it(mesh: MeshUnderTest) -> None:
    await mesh.ready()
    second = await jurymast("up", "--state", str(mesh.state))
    assert second.code == 1
    assert one_line(second) == (
        f"a mesh already runs in {mesh.state} (process {mesh.supervisor.pid}): stop it with `jurymast down --state {mesh.state}`"
    )
    down = await jurymast("down", "--state", str(mesh.state))
    assert (down.code, down.out) == (0, f"stopped the mesh (supervisor {mesh.supervisor.pid})\n")
    assert await mesh.supervisor.wait() == 0
    assert mesh.marked() == []


@pytest.mark.parametrize("name", NAMES)
async def test_a_frozen_process_is_killed_and_replaced(tmp_path: Path, name: str) -> None:
    with MeshUnderTest(tmp_path, liveness_s=1.5) as mesh:
        before = await mesh.ready()
        os.kill(pid(before, name), signal.SIGSTOP)
        await mesh.restarted(name, before)
        sentence = await mesh.says(f"{name}: not alive for")
        assert "no answer within 0.5 s" in sentence


async def test_a_deaf_service_is_killed_at_the_bound(tmp_path: Path) -> None:
    with MeshUnderTest(tmp_path, stop_s=0.5) as mesh:
        await mesh.ready()
        mesh.behave("deaf")
        assert await mesh.stop(signal.SIGTERM) == 0
        assert "stub: still ran 0.5 s after SIGTERM: killed" in mesh.said()
        assert mesh.marked() == []


async def test_a_service_that_does_not_become_ready_is_named_with_its_reason(tmp_path: Path) -> None:
    with MeshUnderTest(tmp_path, start_s=2) as mesh:
        mesh.behave("not ready")
        mesh.up()
        sentence = await mesh.says("stub: still not ready")
        assert "store: the cellar is locked" in sentence
        assert "the end of its log: serving" in sentence
        status = await jurymast("status", "--state", str(mesh.state), "--json")
        assert status.code == 1
        stub = next(row for row in json.loads(status.out)["processes"] if row["name"] == "stub")
        assert (stub["state"], stub["reason"]) == ("starting", "store: the cellar is locked")
        mesh.behave("well")
        await mesh.becomes("ready")
        mesh.behave("not ready")
        assert await mesh.says("stub: not ready: store: the cellar is locked")
        mesh.behave("well")
        assert await mesh.says("stub: ready again")


async def test_a_misconfigured_service_is_tried_again_and_its_last_words_are_the_reason(mesh: MeshUnderTest) -> None:
    mesh.behave("misconfigured")
    mesh.up()
    assert await mesh.says("stub: ended with exit code 2 (misconfigured): JURYMAST_MOON is not set; starting it again in 0.2 s")
    assert await mesh.says("starting it again in 0.4 s")
    mesh.behave("well")
    up = await mesh.becomes("ready")
    assert process(up, "stub")["restarts"] >= 2


async def test_a_server_that_cannot_start_ends_up_with_its_last_words(mesh: MeshUnderTest) -> None:
    manifest = mesh.state / "redis" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text("this is no manifest")
    error = await mesh.fails()
    assert error.startswith("Fatal: redis failed 3 times and has never been ready: ended with exit code 1")
    assert "manifest file" in error


async def test_changes_to_streams_that_lose_messages_need_consent(tmp_path: Path) -> None:
    with MeshUnderTest(tmp_path, stub=False) as mesh:
        await mesh.ready()
        await mesh.stop()
    with MeshUnderTest(tmp_path, stub=False, max_bytes=1 << 19) as mesh:
        error = await mesh.fails()
        assert error.startswith("Misconfigured: the streams cannot be applied")
        assert "lossy      GREETINGS: max_bytes 1048576 -> 524288" in error
    with MeshUnderTest(tmp_path, stub=False, max_bytes=1 << 19, allow_lossy=True) as mesh:
        await mesh.ready()


async def test_a_log_that_grows_too_large_is_cut_and_followed_on(tmp_path: Path) -> None:
    with MeshUnderTest(tmp_path, log_bytes=10_000) as mesh:
        await mesh.ready()
        log = mesh.state / "logs" / "stub.log"
        with log.open("a") as writer:
            writer.write("chatter\n" * 2_000)

        async def cut() -> bool:
            return log.with_suffix(".log.1").exists() and log.stat().st_size == 0

        await eventually(cut, what="a cut log")
        assert await mesh.stop() == 0
        assert "asked to stop" in log.read_text()
        assert "asked to stop signal=SIGTERM" in mesh.printed()


async def test_a_reader_that_goes_away_does_not_stop_the_mesh(mesh: MeshUnderTest) -> None:
    reader, writer = os.pipe()
    child = await asyncio.create_subprocess_exec(*mesh.command, stdout=writer, stderr=asyncio.subprocess.PIPE)
    os.close(writer)
    os.close(reader)

    async def ready() -> bool:
        return (mesh.recorded() or {}).get("state") == "ready"

    try:
        await eventually(ready, what="a mesh that nobody reads")
    finally:
        child.terminate()
        _, error = await asyncio.wait_for(child.communicate(), 20)
    assert (child.returncode, error) == (0, b"")
    assert mesh.marked() == []


@pytest.fixture
def terminal(mesh: MeshUnderTest) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A supervisor whose controlling terminal is ours to read and to type into."""
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    os.set_blocking(master, False)
    adopt = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
    command = [sys.executable, "-c", adopt, *mesh.command]
    environment = {**os.environ, "TERM": "xterm"}
    child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, env=environment)
    os.close(slave)
    yield child, master
    child.kill()
    child.wait(10)
    os.close(master)


async def test_on_a_terminal_a_table_is_shown_and_ctrl_c_reaches_only_the_supervisor(
    mesh: MeshUnderTest, terminal: tuple[subprocess.Popen[bytes], int]
) -> None:
    child, master = terminal
    screen = b""

    async def shows(*texts: str) -> bool:
        nonlocal screen
        with suppress(OSError):  # Nothing new, or the other end is closed.
            screen += os.read(master, 1 << 16)
        return all(text.encode() in screen for text in texts)

    await eventually(lambda: shows("jurymast mesh: ready", "restarts", "memory", "stub", "MiB", "ready in"), what="the table")
    os.write(master, b"\x03")
    await eventually(lambda: shows("nothing is left running"), what="the end")
    assert await asyncio.to_thread(child.wait, 20) == 0
    assert mesh.marked() == []
    log = (mesh.state / "logs" / "stub.log").read_text()
    assert "SIGTERM" in log
    assert "SIGINT" not in log
