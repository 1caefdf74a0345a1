"""Following a whole stream in its order, from any place in it: what a fold of the log is made from.

Each replica folds the whole log, so none shares a consumer, and services create none. What was stored is heard as the server
repeats it; whatever is missing between is asked for. So the end of the log is near at once, and nothing is skipped.

A log may lose its end (a server restored without its last seconds), and go on with other messages under the same numbers. Then
what was folded here never happened: the follower compares the last message that it took with what stands there, and ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from jurymast.bus.delivery import Delivery, Position, Reader
from jurymast.errors import Fatal, Undecodable, explain
from jurymast.nats_failure import NATS_FAILURE
from jurymast.permissions import direct_get, stored
from jurymast.streams import Stream

log = logging.getLogger(__name__)

CHECK_S = 1.0
"""Silence on the wire may be a connection that lost something: after so long the server is asked."""
ANSWER_S = 2.0
PAUSE_S = 0.25
PAGE = 500
PAGE_BYTES = 4 << 20
HEARD = 10_000
"""What may wait here; what comes beyond is dropped by the client, and asked for."""

STREAM, SUBJECT, SEQUENCE, PENDING = "Nats-Stream", "Nats-Subject", "Nats-Sequence", "Nats-Num-Pending"


class Followed(NamedTuple):
    """Undecodable is a value here: the fold decides what it means, and all folds alike."""

    sequence: int
    content: Delivery[Any] | Undecodable


class Taken(NamedTuple):
    sequence: int
    what: tuple[str, bytes] | None = None
    """Subject and payload; None before the server has said what stands where the follower begins."""


class Follower:
    def __init__(self, nc: Client, js: JetStreamContext, stream: Stream, reader: Reader, after: int) -> None:
        self._nc, self._js, self._stream, self._reader = nc, js, stream, reader
        self._last = Taken(after)
        self._behind = True
        """There is more than what was answered last."""
        self._connection = -1

    async def run(self) -> AsyncIterator[Sequence[Followed]]:
        """What is there, page by page and in order; then what comes. Never ends by itself, and outlives a server that is away."""
        async with self._hearing() as heard:
            while True:
                page = self._next(await self._heard(heard))
                if page is None:
                    page = await self._asked()
                if page:
                    self._last = Taken(_sequence(page[-1]), ((page[-1].headers or {})[SUBJECT], page[-1].data))
                    yield [self._followed(each) for each in page]

    # -- hearing -------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _hearing(self) -> AsyncIterator[asyncio.Queue[Msg]]:
        heard: asyncio.Queue[Msg] = asyncio.Queue(HEARD)
        subscriptions: list[Subscription] = []

        async def hear(raw: Msg) -> None:
            if not heard.full():
                heard.put_nowait(raw)

        try:
            for subject in self._stream.subjects:
                subscriptions.append(await self._nc.subscribe(stored(subject), cb=hear))  # noqa: PERF401  Those made are ended.
            yield heard
        finally:
            for subscription in subscriptions:
                if self._nc.is_connected:
                    await subscription.unsubscribe()

    async def _heard(self, heard: asyncio.Queue[Msg]) -> list[Msg]:
        """All that waits; nothing when the server is to be asked: at the beginning, after a silence, on a new connection."""
        if self._behind or self._connection != self._nc.stats["reconnects"]:
            return []
        try:
            found = [await asyncio.wait_for(heard.get(), CHECK_S)]
        except TimeoutError:
            return []
        while not heard.empty() and len(found) < PAGE:
            found.append(heard.get_nowait())
        return found

    def _next(self, heard: Sequence[Msg]) -> list[Msg] | None:
        """What follows without a gap on what was taken; None if the server must be asked."""
        fresh = [raw for raw in heard if _sequence(raw) > self._last.sequence]
        if heard and not fresh:
            return []
        expected = range(self._last.sequence + 1, self._last.sequence + 1 + len(fresh))
        return fresh if fresh and [_sequence(raw) for raw in fresh] == list(expected) else None

    # -- asking --------------------------------------------------------------------------------------------------------

    async def _asked(self) -> list[Msg]:
        try:
            if self._nc.is_connected:
                connection = self._nc.stats["reconnects"]
                if not self._behind or connection != self._connection:
                    await self._check()
                page = await self._page()
                self._connection = connection
                return page
        except NATS_FAILURE as error:
            log.warning("cannot read %s, trying again: %s", self._stream.name, explain(error))
        await asyncio.sleep(PAUSE_S)
        return []

    async def _check(self) -> None:
        """From the leader: whether the log still has what was folded."""
        sequence, what = self._last
        if not sequence:
            return
        try:
            raw = await self._js.get_msg(self._stream.name, seq=sequence)
        except NotFoundError:
            raw = None
        there = (raw.subject or "", raw.data or b"") if raw else None
        if there is None and await self._forgotten(sequence):
            return
        if there is None or (what and there != what):
            raise Fatal(f"{self._stream.name} lost its end: what was read at {sequence} is not there any more")
        self._last = Taken(sequence, there)

    async def _forgotten(self, sequence: int) -> bool:
        """By a stream that may: it has got that far all the same."""
        return self._stream.forgets and (await self._js.stream_info(self._stream.name)).state.last_seq >= sequence

    async def _page(self) -> list[Msg]:
        question = json.dumps({"seq": self._last.sequence + 1, "batch": PAGE, "max_bytes": PAGE_BYTES}).encode()
        inbox = self._nc.new_inbox()
        subscription = await self._nc.subscribe(inbox)
        page: list[Msg] = []
        try:
            await self._nc.publish(direct_get(self._stream.name), question, reply=inbox)
            while is_stored(raw := await subscription.next_msg(timeout=ANSWER_S), self._stream.name):
                if _sequence(raw) > (_sequence(page[-1]) if page else self._last.sequence):
                    page.append(raw)
            self._behind = int((raw.headers or {}).get(PENDING, "0")) > 0
            return page
        finally:
            await subscription.unsubscribe()

    def _followed(self, raw: Msg) -> Followed:
        headers: Mapping[str, str] = raw.headers or {}
        sequence, subject = _sequence(raw), headers[SUBJECT]
        try:
            return Followed(sequence, self._reader.read(subject, headers, raw.data, Position(self._stream.name, sequence, 1)))
        except Undecodable as problem:
            return Followed(sequence, problem)


def is_stored(raw: Msg, stream: str) -> bool:
    """Not the word of the server that there is no more, which carries no subject."""
    headers = raw.headers or {}
    return headers.get(STREAM) == stream and SUBJECT in headers and SEQUENCE in headers


def _sequence(raw: Msg) -> int:
    return int((raw.headers or {})[SEQUENCE])
