"""A Docker engine with compose: the one that runs here, or else one of our own that touches nothing outside two directories.

Our own is unpacked, not installed, and configures neither the machine's firewall nor its routing: networks of containers work as
everywhere, but only images that are built with the host's network reach anything outside.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil

from tests.deploy.debian import Packages, Unavailable
from tests.servers import ROOT

CACHE = ROOT / ".engine"
"""Packages and images, kept between runs as .venv is; everything else is gone when a run has ended."""
ANSWER_S, START_S, STOP_S = 10, 30, 40
POLL_S = 0.1
TIMED_OUT = 124
BRIDGES_FILTERED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


@dataclass(frozen=True)
class Engine:
    environment: Mapping[str, str]
    """With which `docker` reaches it."""
    ours: bool

    def docker(self, *arguments: str, within_s: float = 60, **environment: str) -> subprocess.CompletedProcess[str]:
        command, variables = ["docker", *arguments], {**self.environment, **environment}
        try:
            return subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=within_s, check=False)
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, TIMED_OUT, "", f"did not end within {within_s:g} s")

    def said(self, *arguments: str, within_s: float = 60, **environment: str) -> str:
        """What a command that must succeed writes."""
        done = self.docker(*arguments, within_s=within_s, **environment)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr[-3000:]}{done.stdout[-1000:]}"
        return done.stdout.strip()


@contextmanager
def engine() -> Iterator[Engine]:
    """Raises `Unavailable` with the reason when there is none to be had."""
    with ExitStack() as stack:
        found = Engine(dict(os.environ), ours=False)
        if not _answers(found):
            found = stack.enter_context(_started())
        yield found if _has_compose(found) else _with_plugins(found)


def _answers(candidate: Engine) -> bool:
    with suppress(OSError):  # No such program.
        return candidate.docker("version", "--format", "{{.Server.Version}}", within_s=ANSWER_S).returncode == 0
    return False


def _has_compose(candidate: Engine) -> bool:
    return candidate.docker("compose", "version", within_s=ANSWER_S).returncode == 0


def _with_plugins(base: Engine) -> Engine:
    unpacked = CACHE / "plugins"
    _packages("compose is not installed").unpack("docker-compose", "docker-buildx", into=unpacked, newer=True)
    plugins = CACHE / "config" / "cli-plugins"
    plugins.mkdir(parents=True, exist_ok=True)
    for program in (unpacked / "usr/libexec/docker/cli-plugins").iterdir():
        shutil.copy(program, plugins)
    equipped = Engine({**base.environment, "DOCKER_CONFIG": str(plugins.parent)}, base.ours)
    if not _has_compose(equipped):
        raise Unavailable("compose is not installed, and Debian's does not work with this engine")
    return equipped


def _packages(why: str) -> Packages:
    try:
        return Packages(CACHE)
    except Unavailable as error:
        raise Unavailable(f"{why}, and {error}") from None


# -- our own -----------------------------------------------------------------------------------------------------------


@contextmanager
def _started() -> Iterator[Engine]:
    if os.geteuid() != 0:
        raise Unavailable("no Docker engine runs, and only root can start one")
    CACHE.mkdir(exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        _lock(lock)
        root = CACHE / "engine"
        _packages("no Docker engine runs").unpack("docker.io", "iptables", into=root)
        _end_leftover()
        # Sockets have short names, and the repository may have a long one.
        with tempfile.TemporaryDirectory(prefix="jurymast-engine-", ignore_cleanup_errors=True) as run:
            (CACHE / "run").write_text(run)
            started = Engine(_environment(root, Path(run)), ours=True)
            with _daemon(started, Path(run)):
                _clear(started)
                yield started


def _lock(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Unavailable("another run of these tests has the engine") from None


def _environment(root: Path, run: Path) -> dict[str, str]:
    libraries = [str(path) for path in (root / "usr/lib").glob("*-linux-gnu*")]
    tools = run / "bin"
    tools.mkdir()
    environment = {
        **os.environ,
        "DOCKER_HOST": f"unix://{run}/docker.sock",
        "PATH": os.pathsep.join([str(tools), str(root / "usr/sbin"), str(root / "usr/bin"), os.environ["PATH"]]),
        "LD_LIBRARY_PATH": os.pathsep.join([*libraries, os.environ.get("LD_LIBRARY_PATH", "")]).rstrip(os.pathsep),
    }
    for name in ("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY"):
        environment.pop(name, None)
    if shutil.which("iptables") is None:  # Containers' name resolution is a rule in their own network namespace.
        environment["XTABLES_LIBDIR"] = next((path + "/xtables" for path in libraries), "")
        for name in ("iptables", "ip6tables"):
            (tools / name).symlink_to(root / "usr/sbin" / _working(root, environment))
    _refuse_dropping_firewall(environment)
    return environment


def _refuse_dropping_firewall(environment: Mapping[str, str]) -> None:
    """What an engine leaves behind that has configured the firewall: without its rules, nothing passes between containers."""
    asked = ["iptables", "-S", "FORWARD"]
    policy = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=ANSWER_S, check=False).stdout
    if BRIDGES_FILTERED.exists() and BRIDGES_FILTERED.read_text().strip() == "1" and policy.startswith("-P FORWARD DROP"):
        raise Unavailable("no Docker engine runs, and this machine's firewall drops what one container sends to another")


def _working(root: Path, environment: Mapping[str, str]) -> str:
    """Kernels have one of two interfaces for this, or both."""
    for program in ("xtables-nft-multi", "xtables-legacy-multi"):
        command = [str(root / "usr/sbin" / program), "iptables", "-t", "nat", "-S"]
        if subprocess.run(command, env=environment, capture_output=True, timeout=ANSWER_S, check=False).returncode == 0:
            return program
    raise Unavailable("no Docker engine runs, and the kernel has no address translation for containers")


@contextmanager
def _daemon(started: Engine, run: Path) -> Iterator[None]:
    log = CACHE / "dockerd.log"
    command = ["dockerd", "--host", started.environment["DOCKER_HOST"], "--data-root", str(CACHE / "data")]
    command += ["--exec-root", str(run / "exec"), "--pidfile", str(CACHE / "dockerd.pid")]
    command += ["--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"]
    with log.open("wb") as output:
        daemon = subprocess.Popen(command, env=started.environment, stdout=output, stderr=output, start_new_session=True)
    try:
        until = time.monotonic() + START_S
        while not _answers(started):
            if daemon.poll() is not None or time.monotonic() > until:
                why = log.read_text(errors="replace").strip().splitlines() or ["it says nothing"]
                raise Unavailable(f"no Docker engine runs, and ours does not start: {why[-1][-300:]}")
            time.sleep(POLL_S)
        yield
    finally:
        _end(psutil.Process(daemon.pid) if daemon.poll() is None else None)
        daemon.wait(STOP_S)
        _unmount(CACHE, run)


def _end_leftover() -> None:
    """A run that was killed leaves its daemon; it is known by where it keeps its data."""
    with suppress(OSError, ValueError, psutil.Error):
        process = psutil.Process(int((CACHE / "dockerd.pid").read_text()))
        if str(CACHE / "data") in process.cmdline():
            _end(process)
    _unmount(CACHE)
    with suppress(OSError):
        run = Path((CACHE / "run").read_text())
        _unmount(run)
        shutil.rmtree(run, ignore_errors=True)


def _clear(started: Engine) -> None:
    """Containers of a run that was killed would start again with the engine. Tagged images and the cache of builds stay."""
    if containers := started.said("ps", "--all", "--quiet").split():
        started.said("rm", "--force", "--volumes", *containers)
    for kind in ("volume", "network", "image"):
        started.said(kind, "prune", "--force")
    for volume in started.said("volume", "ls", "--quiet").split():  # Named ones are not pruned by every version.
        started.said("volume", "rm", volume)


def left() -> list[str]:
    """What still runs or is mounted of an engine of ours."""
    processes = psutil.process_iter(["cmdline"])
    running = [
        " ".join(process.info["cmdline"]) for process in processes if str(CACHE) in " ".join(process.info["cmdline"] or [])
    ]
    return running + [mount for mount in _mounts() if Path(mount).is_relative_to(CACHE)]


def _end(daemon: psutil.Process | None) -> None:
    """On SIGTERM it ends its containers first. Killed, it would leave what it started: so that goes with it."""
    if daemon is None:
        return
    children = daemon.children(recursive=True)
    daemon.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs([daemon, *children], timeout=STOP_S)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=ANSWER_S)


def _unmount(*directories: Path) -> None:
    for mount in reversed(_mounts()):
        if any(Path(mount).is_relative_to(directory) for directory in directories):
            subprocess.run(["umount", "--lazy", mount], capture_output=True, timeout=ANSWER_S, check=False)


def _mounts() -> list[str]:
    return [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
