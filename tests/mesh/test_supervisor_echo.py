"""A mesh with one more service and another stream table is five lines. The service runs in the frame that all of them use."""

from __future__ import annotations

import json
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from jurymast.cli.mesh.plan import Probe
from jurymast.cli.mesh.servers import Prober
from jurymast.errors import Fatal
from tests.echo.access import ECHO_ACCESS
from tests.mesh.supervised import MeshUnderTest, jurymast, one_line, pid
from tests.servers import Process, eventually, free_port

SCRIPT = """
from pathlib import Path
from jurymast.cli.mesh.plan import Plan, Service
from jurymast.cli.mesh.up import up
from tests.echo.access import ECHO_ACCESS as access
echo = Service("echo", "tests.echo", environment={{"JURYMAST_DATABASE": {database!r}}})
up(Plan((echo,), access.table, channels=access.channels, queries=access.queries), Path({state!r}))
"""


async def test_a_service_in_the_frame_lives_in_the_mesh(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with MeshUnderTest(tmp_path, state=state, script=SCRIPT.format(database=str(tmp_path / "echo.db"), state=str(state))) as mesh:
        before = await mesh.ready()
        os.kill(pid(before, "echo"), signal.SIGKILL)
        after = await mesh.restarted("echo", before)
        assert await mesh.says("echo: killed by SIGKILL; starting it again in 0.5 s")

        os.kill(pid(after, "nats"), signal.SIGSTOP)  # Shorter than the bound for a restart: only readiness shows it.
        assert "nats: " in await mesh.says("echo: not ready: ")
        status = await jurymast("status", "--json", "--state", str(state))
        rows = {row["name"]: row for row in json.loads(status.out)["processes"]}
        assert (status.code, rows["echo"]["state"], rows["nats"]["state"]) == (1, "not ready", "not ready")
        assert rows["echo"]["reason"].startswith("nats: ")
        os.kill(pid(after, "nats"), signal.SIGCONT)
        await mesh.becomes("ready")

        assert await mesh.stop() == 0
        assert mesh.marked() == []
        stopped = mesh.recorded()
        assert stopped is not None
        assert stopped["processes"][-1]["restarts"] == 1
        assert not [sentence for sentence in mesh.said() if "killed" in sentence and "SIGKILL" not in sentence]


async def test_the_local_mesh_is_locked_down_and_the_operator_comes_in_by_default(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with MeshUnderTest(tmp_path, state=state, script=SCRIPT.format(database=str(tmp_path / "echo.db"), state=str(state))) as mesh:
        up = await mesh.ready()
        keys = state / "keys"
        assert stat.S_IMODE(keys.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in keys.iterdir()} == {0o600}
        seeds = {file.stem: file.read_text().strip() for file in keys.iterdir()}
        assert set(seeds) == {*ECHO_ACCESS.roles, "observer", "guard"}

        assert (await jurymast("dead", "list", "--state", str(state))).out == "0 dead letters\n"
        assert (await jurymast("dead", "list", "--nats", up["nats_url"], "--state", str(state))).out == "0 dead letters\n"
        elsewhere = await jurymast("dead", "list", "--nats", up["nats_url"], "--state", str(tmp_path / "elsewhere"))
        assert one_line(elsewhere).startswith("NATS asks for a key, and there is none")

        assert await mesh.stop() == 0
        await mesh.ready()  # With the same keys: whoever has one is not locked out by a restart.
        assert {file.stem: file.read_text().strip() for file in keys.iterdir()} == seeds
        written = [file.read_text() for file in (state / "nats.conf", state / "mesh.json", *(state / "logs").iterdir())]
        assert not [seed for seed in seeds.values() if any(seed in text for text in written)]
        assert await mesh.stop() == 0


async def test_a_garbled_seed_in_the_state_directory_is_one_clear_error(tmp_path: Path) -> None:
    with MeshUnderTest(tmp_path) as mesh:
        await mesh.ready()
        assert await mesh.stop() == 0
        (mesh.state / "keys" / "stub.seed").write_text("SUHUNTER2")
        assert await mesh.fails() == (
            f"Misconfigured: {mesh.state}/keys/stub.seed: "
            "not an nkey seed of a user (58 letters and digits that begin with SU), but 9 characters"
        )


@pytest.mark.parametrize("sync", ["always", "10s"])
async def test_only_a_server_that_syncs_every_write_is_accepted(tmp_path: Path, sync: str) -> None:
    monitor = free_port()
    config = (
        f"port: -1\nhttp: 127.0.0.1:{monitor}\njetstream {{ store_dir: {str(tmp_path / 'store')!r}, sync_interval: {sync} }}\n"
    )
    (tmp_path / "nats.conf").write_text(config)
    binary = Path(sys.executable).with_name("nats-server")
    server = Process(str(binary), "-c", str(tmp_path / "nats.conf"), log=tmp_path / "nats.log")
    probe = Probe("nats", f"http://127.0.0.1:{monitor}")
    try:
        async with Prober(timeout_s=2) as prober:

            async def ready() -> bool:
                return (await prober.ask(probe)).ready

            await eventually(ready, what="nats-server")
            if sync == "always":
                await prober.assert_durable(probe.url)
            else:
                with pytest.raises(Fatal, match="a power loss would lose acknowledged messages"):
                    await prober.assert_durable(probe.url)
    finally:
        server.end()
