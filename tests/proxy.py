"""A TCP proxy that loses answers, or turns into a black hole: connections stay open, nothing passes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self


class Proxy:
    def __init__(self, target_port: int) -> None:
        self._target_port = target_port
        self._swallowing = False
        self._unwanted: bytes | None = None
        self.lost = 0
        self._stalled: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        self.port = 0
        await self.appear()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    def swallow(self) -> None:
        """From now on bytes are accepted and go nowhere; those of a connection made meanwhile, too."""
        self._swallowing = True

    def lose(self, marker: bytes) -> None:
        """The next bytes from the target that hold this go nowhere. Servers write whole messages."""
        self._unwanted = marker

    def stall(self) -> None:
        """The connections there are now are not read from any more: their senders' buffers fill. New ones work."""
        self._stalled |= self._tasks

    async def appear(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def vanish(self) -> None:
        """As if there had never been anything."""
        self._server.close()
        for writer in self._writers:
            writer.close()

    def forward(self) -> None:
        """New connections work again. Those that lost bytes are cut, as a stateful firewall does."""
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        self._swallowing = False

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target_reader, target_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
        self._writers += [writer, target_writer]
        for source, sink in ((reader, target_writer), (target_reader, writer)):
            task = asyncio.create_task(self._pump(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                if asyncio.current_task() in self._stalled:
                    await asyncio.Event().wait()
                if self._unwanted is not None and self._unwanted in data:
                    self._unwanted, self.lost = None, self.lost + 1
                elif not self._swallowing:
                    sink.write(data)
                    await sink.drain()
            sink.close()
