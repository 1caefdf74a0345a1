"""A real EVM node: anvil, from its npm package."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.npm import NotInstalled, program
from tests.servers import Process, eventually, free_port


def anvil_binary() -> Path:
    """Installed by the first test that needs it; skips with the reason where that is impossible."""
    try:
        return program("anvil")
    except NotInstalled as error:
        pytest.skip(f"anvil cannot be installed: {error.reason}")


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
