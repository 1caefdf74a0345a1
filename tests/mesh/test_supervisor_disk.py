"""A disk that is full, before the start and while the mesh runs, on a small file system of its own."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from nats.errors import Error as NatsError

from tests.mesh.supervised import MeshUnderTest, jurymast, one_line, pid, process
from tests.servers import eventually

SIZE = 8 << 20


class Disk:
    """A file system of a few MiB that can be filled to the last byte, and given room again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self) -> None:
        with self._filler.open("ab", buffering=0) as filler, suppress(OSError):
            while True:
                filler.write(bytes(4096))

    def give_room(self) -> None:
        self._filler.unlink()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", path], check=False, capture_output=True)
    if mounted.returncode:
        pytest.skip(f"needs the right to mount a small file system: {mounted.stderr.decode().strip()}")
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


async def test_a_full_disk_is_named_before_anything_starts(disk: Disk) -> None:
    disk.fill()
    result = await jurymast("up", "--state", str(disk.path / "state"))
    assert result.code == 1
    assert "is full (0 KiB free)" in one_line(result)
    assert "make room there, or choose another" in one_line(result)


async def test_a_disk_too_small_for_the_streams_is_named(tmp_path: Path, disk: Disk) -> None:
    with MeshUnderTest(tmp_path, state=disk.path / "state") as mesh:
        result = await jurymast("up", "--state", str(mesh.state))
        assert result.code == 1
        assert "insufficient storage resources" in one_line(result)
        assert f"{disk.path}/state has 7 MiB free" in one_line(result)
        assert mesh.marked() == []


async def test_streams_that_met_a_full_disk_work_again_once_there_is_room(tmp_path: Path, disk: Disk) -> None:
    """NATS itself stays in its error for ever; it is restarted as soon as that helps, and what it had acknowledged is there."""
    with MeshUnderTest(tmp_path, state=disk.path / "state", stub=False, liveness_s=0.5) as mesh:
        before = await mesh.ready()
        acknowledged = await publish(mesh, before["nats_url"], 100)
        assert acknowledged == 100
        disk.fill()
        acknowledged += await publish(mesh, before["nats_url"], 10_000)

        async def told() -> bool:
            return "nats: not ready: " in mesh.printed() and "redis: not ready: MISCONF" in mesh.printed()

        await touch_redis(before["redis_url"])
        await eventually(told, what="both say that they cannot write")
        assert "no space left on device" in mesh.printed()
        assert f"(the disk of {mesh.state} is full" in mesh.printed()

        disk.give_room()
        after = await mesh.restarted("nats", before)
        assert process(after, "nats")["port"] == process(before, "nats")["port"]
        mesh_again = await mesh.becomes("ready")
        assert pid(mesh_again, "redis") == pid(before, "redis")  # Recovers by itself.
        assert (
            acknowledged <= await stored(mesh, before["nats_url"]) <= acknowledged + 1
        )  # One may be stored and not acknowledged.
        assert await publish(mesh, before["nats_url"], 10) == 10
        assert await mesh.stop() == 0


async def publish(mesh: MeshUnderTest, url: str, count: int) -> int:
    """How many of these messages were acknowledged before the first that was not."""
    client = await mesh.client(url)
    try:
        for number in range(count):
            try:
                await client.jetstream().publish("greetings.hello", bytes(100), timeout=2)
            except (NatsError, TimeoutError):
                return number
        return count
    finally:
        await client.close()


async def stored(mesh: MeshUnderTest, url: str) -> int:
    client = await mesh.client(url)
    try:
        info: Any = await client.jetstream().stream_info("GREETINGS")
        messages: int = info.state.messages
        return messages
    finally:
        await client.close()


async def touch_redis(url: str) -> None:
    """Redis notices a full disk only when it has something to write."""
    address = urlsplit(url)
    _, writer = await asyncio.open_connection(address.hostname, address.port)
    writer.write(b"SET greeting hello\r\n")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
