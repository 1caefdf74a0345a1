"""A real EVM node: anvil, from its npm package."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.servers import Process, eventually, free_port

PACKAGE = "@foundry-rs/anvil@1.7.1"
DIRECTORY = Path(sys.prefix) / "npm"
INSTALL_S = 180


def anvil_binary() -> Path:
    """Installed into the environment by the first test that needs it; skips with the reason where that is impossible."""
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
        return _found() or _installed()


def _found() -> Path | None:
    # The package for this machine's platform holds it; the other one is a script that looks for that.
    return next(DIRECTORY.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*"), None)


def _installed() -> Path:
    if (npm := shutil.which("npm")) is None:
        pytest.skip("no npm here, and with it no anvil")
    command = [npm, "install", "--prefix", str(DIRECTORY), "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    binary = _found()
    if done.returncode != 0 or binary is None:
        pytest.skip(f"anvil cannot be installed: {done.stderr.strip()[-300:]}")
    return binary


class Anvil:
    def __init__(self, port: int, session: aiohttp.ClientSession, process: Process) -> None:
        self.port = port
        self.process = process
        self._session = session

    async def call(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(f"http://127.0.0.1:{self.port}", json=request) as response:
            return (await response.json())["result"]

    async def answers(self) -> bool:
        try:
            return bool(await self.call("eth_chainId"))
        except aiohttp.ClientError:
            return False


@asynccontextmanager
async def running_anvil(directory: Path, block_s: float) -> AsyncIterator[Anvil]:
    port = free_port()
    options = ("--port", str(port), "--block-time", str(block_s), "--slots-in-an-epoch", "2", "--silent")
    process = Process(str(anvil_binary()), *options, log=directory / "anvil.log")
    try:
        async with aiohttp.ClientSession() as session:
            anvil = Anvil(port, session, process)
            await eventually(anvil.answers, what="anvil")
            yield anvil
    finally:
        process.end()
