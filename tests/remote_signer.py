"""The smallest remote signer: it signs whatever it is asked, with the keys that it has. For tests, and as what one has to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from jurymast.crypto.address import parse_address
from jurymast.crypto.secp256k1 import SigningKey


class ReferenceSigner:
    def __init__(self, keys: Iterable[SigningKey]) -> None:
        self._keys = {key.address: key for key in keys}
        self.url = ""
        self.asked = 0
        self.answer: web.Response | None = None
        """Instead of a signature."""
        self.silent = False

    async def sign(self, request: web.Request) -> web.Response:
        self.asked += 1
        if self.silent:
            await asyncio.sleep(60)
        if self.answer is not None:
            return web.Response(status=self.answer.status, body=self.answer.body)
        asked = await request.json()
        key = self._keys.get(parse_address(asked["address"]))
        if key is None:
            return web.Response(status=403, text="there is no such key here")
        return web.json_response({"signature": f"0x{key.sign(bytes.fromhex(asked['digest'][2:])).hex()}"})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[ReferenceSigner]:
        application = web.Application()
        application.router.add_post("/sign", self.sign)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/sign"
        try:
            yield self
        finally:
            await runner.cleanup()
