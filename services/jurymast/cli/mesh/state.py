"""What a mesh leaves on disk for the other commands, and for the next `up` should this one die."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import msgspec

from jurymast.cli.keys import KeyDirectory
from jurymast.cli.mesh.plan import SUPERVISOR, Kind, Probe
from jurymast.errors import Misconfigured

LEAST_FREE_BYTES = 1 << 20
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


MeshState = Literal["starting", "ready", "not ready", "stopping", "stopped"]


class Identity(msgspec.Struct, frozen=True):
    """One process for all time: a process id alone is reused."""

    pid: int
    started: float


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One process of the mesh as last seen by the supervisor."""

    name: str
    kind: Kind
    port: int
    probe: Probe
    state: str
    reason: str
    restarts: int
    identity: Identity | None


class Mesh(msgspec.Struct, frozen=True, kw_only=True):
    """The file mesh.json."""

    version: Literal[1] = 1
    supervisor: Identity
    state: MeshState
    nats_url: str
    monitor_url: str
    redis_url: str
    websocket_url: str = ""
    evm_url: str = ""
    processes: tuple[Record, ...]

    def ended(self) -> Mesh:
        """The same with nothing running."""
        records = tuple(msgspec.structs.replace(record, state="stopped", identity=None) for record in self.processes)
        return msgspec.structs.replace(self, state="stopped", processes=records)

    def record(self, name: str) -> Record:
        for record in self.processes:
            if record.name == name:
                return record
        raise unknown_name(name, [record.name for record in self.processes])


def unknown_name(name: str, known: list[str]) -> Misconfigured:
    return Misconfigured(f"no service {name!r} in this mesh: it has {', '.join(known)}")


class StateDirectory:
    """The paths below one state directory, and the few things done with them."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute().resolve()
        self.mesh_file = self.path / "mesh.json"
        self.lock_file = self.path / "lock"
        self.nats_conf = self.path / "nats.conf"
        self.logs = self.path / "logs"
        self.keys = KeyDirectory(self.path / "keys")

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Make the directories, or say in one line why a mesh cannot live here."""
        with self._writing():
            for directory in (self.path / "nats", self.path / "redis", self.path / "evm", self.path / "guards", self.logs):
                directory.mkdir(parents=True, exist_ok=True)
            probe = self.path / f"writable.{os.getpid()}"
            probe.write_bytes(b"\n")
            probe.unlink()
            self.lock_file.touch()
        if full := self.disk_full():
            raise Misconfigured(f"{full}: make room there, or choose another disk with --state")

    def write_nats_conf(self, text: str) -> None:
        with self._writing():
            self.nats_conf.write_text(text)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            full = self.disk_full() if error.errno in DISK_FULL else ""
            why = full or f"cannot write to the state directory {self.path}"
            raise Misconfigured(f"{why} ({error.strerror}): make room there, or choose another place with --state") from None

    def free_bytes(self) -> int:
        existing = next(path for path in (self.path, *self.path.parents) if path.exists())
        return shutil.disk_usage(existing).free

    def disk_full(self) -> str:
        """Why nothing can be stored here now; empty if something can."""
        free = self.free_bytes()
        return f"the disk of {self.path} is full ({free // 1024} KiB free)" if free < LEAST_FREE_BYTES else ""

    def save(self, mesh: Mesh) -> None:
        """Replace mesh.json as a whole: a reader sees the old file or the new one."""
        temporary = self.mesh_file.with_suffix(".tmp")
        try:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(mesh)) + b"\n")
            temporary.replace(self.mesh_file)
        except OSError:
            with suppress(OSError):
                temporary.unlink()  # Half a file on a full disk would only take the space that is missing.
            raise

    def load(self) -> Mesh | None:
        """The mesh that was last started here, running or not."""
        try:
            return msgspec.json.decode(self.mesh_file.read_bytes(), type=Mesh)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (msgspec.DecodeError, OSError) as error:
            raise Misconfigured(
                f"cannot read {self.mesh_file} ({error}): `jurymast down --state {self.path}` stops what runs and removes it"
            ) from None

    def known_logs(self) -> list[str]:
        return sorted((path.stem for path in self.logs.glob("*.log")), key=lambda name: (name == SUPERVISOR, name))

    @contextmanager
    def locked(self, holder: Identity) -> Iterator[None]:
        """Hold the directory alone. The lock ends with the process, however it ends; children do not inherit it."""
        with self.lock_file.open("a+b") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                other = self.holder()
                who = f"process {other.pid}" if other else "another process"
                raise Misconfigured(
                    f"a mesh already runs in {self.path} ({who}): stop it with `jurymast down --state {self.path}`"
                ) from None
            with suppress(OSError):  # On a full disk nobody learns who we are, but the lock holds.
                lock.truncate(0)
                lock.write(msgspec.json.encode(holder))
                lock.flush()
            yield

    def holder(self) -> Identity | None:
        """Who took the lock last, alive or not."""
        with suppress(OSError, msgspec.DecodeError):
            return msgspec.json.decode(self.lock_file.read_bytes(), type=Identity)
        return None
