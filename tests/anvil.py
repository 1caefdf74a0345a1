"""A real EVM node: anvil, as the local chain starts it, with what tests do to chains."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jurymast.chains.local.evm.install import find_anvil
from jurymast.chains.local.evm.node import Node, command
from jurymast.errors import Misconfigured
from tests.servers import Process, eventually, free_port


def anvil_binary() -> Path:
    """Installed by the first test that needs it; skips with the reason where that is impossible."""
    try:
        return find_anvil()
    except Misconfigured as error:
        pytest.skip(str(error))


class Anvil:
    """One node, which can be frozen, killed and started again on the same port and state."""

    def __init__(self, node: Node, session: aiohttp.ClientSession, log: Path) -> None:
        self.node = node
        self._session = session
        self._log = log
        self._process: Process | None = None

    @property
    def port(self) -> int:
        return self.node.port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def process(self) -> Process:
        assert self._process is not None
        return self._process

    async def start(self) -> None:
        self._process = Process(*command(str(anvil_binary()), self.node), log=self._log)
        await eventually(self.answers, what="anvil")

    def end(self) -> None:
        if self._process is not None:
            self._process.end()

    async def kill(self) -> None:
        self.process.send(signal.SIGKILL)
        await self.process.wait()

    async def call(self, method: str, *params: Any) -> Any:
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        async with self._session.post(self.url, json=request) as response:
            answer = await response.json()
            assert "result" in answer, answer
            return answer["result"]

    async def answers(self) -> bool:
        assert self.process.popen.poll() is None, self._log.read_text()[-2000:]
        try:
            return bool(await self.call("eth_chainId"))
        except aiohttp.ClientError:
            return False

    async def mine(self, blocks: int = 1) -> None:
        await self.call("anvil_mine", hex(blocks))

    async def height(self) -> int:
        return int(await self.call("eth_blockNumber"), 16)


@asynccontextmanager
async def running_anvil(directory: Path, block_s: float, **changes: Any) -> AsyncIterator[Anvil]:
    """`block_s` 0 makes blocks only when asked."""
    node = replace(Node(port=free_port(), state="", block_s=block_s, safe_blocks=2), **changes)
    async with aiohttp.ClientSession() as session:
        anvil = Anvil(node, session, directory / f"anvil-{node.port}.log")
        try:
            await anvil.start()
            yield anvil
        finally:
            anvil.end()
