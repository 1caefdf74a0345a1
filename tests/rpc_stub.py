"""Chains that only exist as the answers of their RPC servers, and servers that give every wrong answer there is."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiohttp import web

FINALITY_BLOCKS = 8
GENESIS = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"
EVM_CHAIN_ID = 412_346
FUTURE = 10**12
HUGE_BYTES = 4 << 20


class StubChain:
    """Makes a block every `slot_ms` of real time, unless it is told to stand still."""

    def __init__(self, family: str = "solana", *, slot_ms: int = 100, start: int = 1_000) -> None:
        self.family = family
        self.slot_ms = slot_ms
        self._base = start
        self._since_s: float | None = time.monotonic()
        self._clock_s = time.time()

    @property
    def id(self) -> str:
        return GENESIS if self.family == "solana" else str(EVM_CHAIN_ID)

    @property
    def head(self) -> int:
        if self._since_s is None:
            return self._base
        return self._base + int((time.monotonic() - self._since_s) * 1000 / self.slot_ms)

    @property
    def clock_s(self) -> int:
        return int(self._clock_s if self._since_s is None else time.time())

    def halt(self) -> None:
        self._base, self._clock_s, self._since_s = self.head, time.time(), None

    def resume(self) -> None:
        self._since_s = time.monotonic()


Behaviour = Callable[["StubProvider", web.Request], Awaitable[web.StreamResponse]]


class StubProvider:
    """One RPC server of a chain, on a port of its own. `behave` is how it answers; honestly at first."""

    def __init__(self, chain: StubChain) -> None:
        self.chain = chain
        self.behave: Behaviour = honest
        self.ahead = 0
        self.wrong_id = False
        self.batches = True
        self.delay_s = 0.0
        self.transactions = 0
        """Hashes in each EVM block."""
        self.asked: list[str] = []
        """Methods, in the order in which they came."""
        self.requests = 0
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[StubProvider]:
        application = web.Application()
        application.router.add_post("/{path:.*}", self._handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/?api-key=sesame-street"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        return await self.behave(self, request)

    def reply(self, call: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(call["method"])
        answer = {"jsonrpc": "2.0", "id": call["id"]}
        result = self._result(call["method"], call["params"])
        return answer | ({"error": {"code": -32601, "message": "no such method"}} if result is None else {"result": result})

    def _result(self, method: str, params: list[Any]) -> Any:
        head = self.chain.head + self.ahead
        match method, params:
            case "getGenesisHash", []:
                return "4uhcVJyU9pJkvQyS88uRDiswHXSCkY3zQawwpjk2NsNY" if self.wrong_id else GENESIS
            case "getSlot", [{"commitment": commitment}]:
                return max(0, head - FINALITY_BLOCKS) if commitment == "finalized" else head + 1
            case "getAccountInfo", [_, {"commitment": "confirmed"}]:
                clock = struct.pack("<QqQQq", head, 0, 0, 0, self.chain.clock_s)
                value = {
                    "data": [base64.b64encode(clock).decode(), "base64"],
                    "owner": "Sysvar1111111111111111111111111111111111111",
                }
                return {"context": {"slot": head, "apiVersion": "3.0.0"}, "value": value}
            case "eth_chainId", []:
                return hex(1 if self.wrong_id else EVM_CHAIN_ID)
            case "eth_getBlockByNumber", [tag, False]:
                height = max(0, head - FINALITY_BLOCKS) if tag == "finalized" else head
                return {
                    "number": hex(height),
                    "timestamp": hex(self.chain.clock_s),
                    "transactions": ["0x" + "0" * 64] * self.transactions,
                }
        return None


async def honest(provider: StubProvider, request: web.Request) -> web.StreamResponse:
    asked = json.loads(await request.read())
    if isinstance(asked, dict):
        return web.json_response(provider.reply(asked))
    if not provider.batches:
        return web.json_response({"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "no batches"}})
    return web.json_response([provider.reply(call) for call in reversed(asked)])  # The order of a batch's replies is free.


async def wrong_chain(provider: StubProvider, request: web.Request) -> web.StreamResponse:
    provider.wrong_id = True
    return await honest(provider, request)


async def future(provider: StubProvider, request: web.Request) -> web.StreamResponse:
    provider.ahead = FUTURE
    return await honest(provider, request)


async def html(_: StubProvider, __: web.Request) -> web.StreamResponse:
    return web.Response(text="<!DOCTYPE html><html><body>Please log in</body></html>", content_type="text/html")


async def garbage(_: StubProvider, __: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\xff\xfe\x00 not json")


async def wrong_shape(_: StubProvider, request: web.Request) -> web.StreamResponse:
    """JSON-RPC, with other results than those that were asked for."""
    asked = json.loads(await request.read())
    return web.json_response([{"jsonrpc": "2.0", "id": call["id"], "result": {"number": "many"}} for call in asked])


async def empty(_: StubProvider, __: web.Request) -> web.StreamResponse:
    return web.json_response([])


async def unavailable(_: StubProvider, __: web.Request) -> web.StreamResponse:
    return web.Response(status=503, text="down for maintenance")


async def refusal(_: StubProvider, request: web.Request) -> web.StreamResponse:
    """Repeats the key that it refuses."""
    asked = json.loads(await request.read())
    error = {"code": -32001, "message": f"invalid key {request.query['api-key']}"}
    return web.json_response([{"jsonrpc": "2.0", "id": call["id"], "error": error} for call in asked])


async def huge(_: StubProvider, request: web.Request) -> web.StreamResponse:
    """Says so in advance."""
    response = web.StreamResponse(headers={"Content-Length": str(HUGE_BYTES)})
    return await _poured(request, response)


async def endless(_: StubProvider, request: web.Request) -> web.StreamResponse:
    """Does not say so."""
    return await _poured(request, web.StreamResponse())


async def _poured(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    await response.prepare(request)
    for _ in range(HUGE_BYTES >> 16):
        await response.write(b" " * (1 << 16))
    return response


async def bomb(_: StubProvider, __: web.Request) -> web.StreamResponse:
    response = web.Response(body=b" " * HUGE_BYTES)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def never(_: StubProvider, __: web.Request) -> web.StreamResponse:
    await asyncio.sleep(60)
    return web.Response()


async def drip(__: StubProvider, request: web.Request) -> web.StreamResponse:
    """A byte now and then: no single wait is long."""
    response = web.StreamResponse()
    await response.prepare(request)
    for _ in range(600):
        await response.write(b" ")
        await asyncio.sleep(0.1)
    return response


async def cut(_: StubProvider, request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def redirect(_: StubProvider, __: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:9/")


@asynccontextmanager
async def providers(chain: StubChain, count: int) -> AsyncIterator[list[StubProvider]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(StubProvider(chain).serving()) for _ in range(count)]
