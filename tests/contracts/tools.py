"""Analysers in Python, each in an environment of its own, as contracts/evm/tools/*.lock name them."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

from tests.npm import PROJECT, environment

DIRECTORY = Path(sys.prefix) / "tools"
INSTALL_S = 600
TIMEOUT_S = 1800

_UV = Path(sys.executable).with_name("uv")


def run(root: Path, name: str, *options: str, **variables: str) -> str:
    """What it prints. Whether it found something, it says in what it writes."""
    command: list[str | Path] = [_installed(name) / "bin" / name, *options]
    done = subprocess.run(
        command, cwd=root, env=environment() | variables, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    return done.stdout + done.stderr


def _installed(name: str) -> Path:
    """Made by whoever asks first after the lock has changed."""
    directory, pinned = DIRECTORY / name, PROJECT / "tools" / f"{name}.lock"
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
        installed = directory / pinned.name
        if not installed.exists() or installed.read_bytes() != pinned.read_bytes():
            _uv("venv", "--clear", "--python", sys.executable, str(directory))
            _uv("pip", "sync", "--require-hashes", "--python", str(directory), str(pinned))
            shutil.copy(pinned, installed)
    return directory


def _uv(*arguments: str) -> None:
    done = subprocess.run([_UV, *arguments], capture_output=True, text=True, timeout=INSTALL_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"uv {' '.join(arguments)}: {done.stderr.strip()}")
