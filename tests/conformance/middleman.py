"""Stands between a client and an EVM node, and says what it likes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web

from jurymast.chains.evm.header import hash_of
from tests.conformance.rig import Lie

FAR = 1_000
WRONG = "0x" + "12" * 32


class Middleman:
    def __init__(self, target: str, session: aiohttp.ClientSession) -> None:
        self._target = target
        self._session = session
        self.lie: Lie | None = None
        self.url = ""
        self.asked: list[str] = []
        self._seen: Any = None

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Middleman]:
        application = web.Application(client_max_size=64 << 20)
        application.router.add_post("/", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        calls = asked if isinstance(asked, list) else [asked]
        self.asked += [call["method"] for call in calls]
        match self.lie:
            case Lie.SILENT:
                await asyncio.sleep(60)
            case Lie.GARBAGE:
                return web.Response(text="<html>busy</html>")
            case Lie.REFUSES:
                error = {"code": -32000, "message": "missing trie node"}
                answers: Any = [{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in calls]
                return web.json_response(answers if isinstance(asked, list) else answers[0])
        async with self._session.post(self._target, json=asked) as response:
            answers = await response.json()
        told = [
            self._told(call, answer)
            for call, answer in zip(calls, answers if isinstance(asked, list) else [answers], strict=True)
        ]
        return web.json_response(told if isinstance(asked, list) else told[0])

    def _told(self, call: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        result = answer.get("result")
        if result is None:
            return answer
        match self.lie, call["method"]:
            case Lie.OTHER_CHAIN, "eth_chainId":
                return answer | {"result": "0x1"}
            case Lie.AHEAD, "eth_getBlockByNumber" if call["params"][0] != "0x0":
                return answer | {"result": _rehashed(result | {"number": hex(int(result["number"], 16) + FAR)})}
            case Lie.BEHIND, "eth_getBlockByNumber" if not call["params"][0].startswith("0x"):
                self._seen = self._seen or {}
                return answer | {"result": self._seen.setdefault(call["params"][0], result)}
            case Lie.OTHER_BLOCKS, "eth_getBlockByNumber" if call["params"][0] != "0x0":
                return answer | {"result": _rehashed(result | {"stateRoot": WRONG})}
            case Lie.NO_EVENTS, "eth_getLogs":
                return answer | {"result": []}
            case Lie.STATE, "eth_getProof":
                return answer | {"result": json.loads(json.dumps(result).replace("a", "b"))}
        return answer


def _rehashed(block: dict[str, Any]) -> dict[str, Any]:
    """With the hash that belongs to what it says: a careful liar."""
    return block | {"hash": f"0x{hash_of(json.dumps(block).encode()).hex()}"}
