"""Many messages or none, each on a subject that had none, behind the last record of a pattern: how the log is a lock.

One publish is the uniqueness check and the fence, whoever sends it and however late. No message carries an id that the server
would look at: the subject says what is a repeat, and what stands there says whose it is, by the id of the batch that brought it.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

import msgspec
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from jurymast.bus.publish import Occupied, Outgoing, Overtaken, Taken
from jurymast.envelope import ALONE_HEADER, BATCH_COMMIT_HEADER, BATCH_HEADER, BATCH_SEQUENCE_HEADER, fence
from jurymast.errors import Misconfigured, Rejected, Transient

MOST = 1_000
"""What a server takes in one atomic publish."""
ID_BYTES, SUFFIX_BYTES = 16, 8
"""Together, in hexadecimal, below the 64 characters that a server takes."""
READS = 50
"""At once, when looking which of many subjects are taken."""


class Written(NamedTuple):
    """All of it is stored, by this call or by an earlier one under the same id."""

    first: int
    last: int


class Duplicate(NamedTuple):
    """Nothing was stored: these subjects have a message of somebody else."""

    taken: tuple[Taken, ...]


class Fenced(NamedTuple):
    """Nothing was stored: the last record is not the one that was expected."""

    reason: str


class Refused(NamedTuple):
    """Nothing was stored, and this will never be."""

    reason: str


Answer = Written | Duplicate | Fenced | Refused


class Body(NamedTuple):
    subject: str
    payload: bytes


@dataclass(frozen=True)
class Together:
    """One atomic publish. Every attempt is a batch of its own, so that what is left of one cannot end up in the next; all of them
    begin with the same id."""

    nc: Client
    js: JetStreamContext
    stream: str
    bodies: Sequence[Body]
    headers: Mapping[str, str]
    fence: Mapping[str, str]
    id: str

    @property
    def subject(self) -> str:
        return self.bodies[0].subject

    @property
    def size(self) -> int:
        return max(len(body.payload) for body in self.bodies)

    async def attempt(self, within_s: float) -> int:
        return await (self._one(within_s) if len(self.bodies) == 1 else self._several(within_s))

    async def _one(self, within_s: float) -> int:
        """Behind the same fence, and of a subject that takes one message: the server stages batches on its disk, and needs many
        times as long for one of one."""
        headers = {**self.headers, **self.fence, ALONE_HEADER: self.id}
        ack = await self.js.publish(self.subject, self.bodies[0].payload, timeout=within_s, headers=headers)
        return ack.seq

    async def _several(self, within_s: float) -> int:
        headers = {**self.headers, BATCH_HEADER: f"{self.id}-{secrets.token_hex(SUFFIX_BYTES)}"}
        first: Mapping[str, str] = self.fence
        for number, (subject, payload) in enumerate(self.bodies[:-1], 1):
            await self.nc.publish(subject, payload, headers={**headers, **first, BATCH_SEQUENCE_HEADER: str(number)})
            first = {}
        headers |= {**first, BATCH_SEQUENCE_HEADER: str(len(self.bodies)), BATCH_COMMIT_HEADER: "1"}
        subject, payload = self.bodies[-1]
        try:
            return self._stored(await self.nc.request(subject, payload, timeout=within_s, headers=headers))
        except NoRespondersError:
            raise NoStreamResponseError from None

    def _stored(self, reply: Msg) -> int:
        answer: dict[str, Any] = msgspec.json.decode(reply.data)
        if error := answer.get("error"):
            APIError.from_error(error)
        if answer.get("count") != len(self.bodies):  # A server that knows nothing of batches stores them one by one.
            raise Misconfigured(f"{self.stream} does not store batches whole: its NATS server is too old")
        sequence: int = answer["seq"]
        return sequence

    async def settle(self, failure: Overtaken, *, lost: bool) -> int:
        """Whatever was lost: an earlier life may have stored it under the same id. As it was all or nothing, the first tells."""
        first = await self._standing(self.bodies[0])
        if first and self._ours(first):
            return (first.seq or 0) + len(self.bodies) - 1
        if not isinstance(failure, Occupied):
            raise failure
        if taken := await self._taken():
            raise Occupied(str(failure), taken)
        return 0

    def _ours(self, message: RawStreamMsg) -> bool:
        headers = message.headers or {}
        batch = headers.get(ALONE_HEADER) or headers.get(BATCH_HEADER, "").partition("-")[0]
        return batch == self.id and message.data == self.bodies[0].payload

    async def _taken(self) -> list[Taken]:
        taken: list[Taken] = []
        for begin in range(0, len(self.bodies), READS):
            part = self.bodies[begin : begin + READS]
            standing = await asyncio.gather(*map(self._standing, part))
            taken += [Taken(body.subject, message.seq or 0) for body, message in zip(part, standing, strict=True) if message]
        return taken

    async def _standing(self, body: Body) -> RawStreamMsg | None:
        try:  # From the leader, never a direct get: a copy may not know it yet.
            return await self.js.get_last_msg(self.stream, body.subject)
        except NotFoundError:
            return None


class Creator:
    """A cluster has one guarded write under way at a time, and turns others away: those of one process wait for each other."""

    def __init__(self, nc: Client, js: JetStreamContext, outgoing: Outgoing) -> None:
        self._nc = nc
        self._js = js
        self._outgoing = outgoing
        self._gates: dict[str, asyncio.Lock] = {}

    async def create(
        self,
        stream: str,
        channel: str,
        bodies: Sequence[Body],
        headers: Mapping[str, str],
        *,
        after: int,
        scope: str,
        id: str,  # noqa: A002
        within_s: float,
    ) -> Answer:
        if problem := _problem(bodies):
            return Refused(problem)
        short = hashlib.sha256(id.encode()).digest()[:ID_BYTES].hex()
        write = Together(self._nc, self._js, stream, bodies, headers, fence(after, scope) if scope else {}, short)
        deadline = monotonic() + within_s
        try:
            async with self._turn(stream, bodies[0].subject, within_s):
                last = await self._outgoing.until_known(write, deadline, channel=channel, count=len(bodies))
        except Occupied as error:
            return Duplicate(error.taken)
        except Overtaken as error:
            return Fenced(str(error))
        except Rejected as error:
            return Refused(str(error))
        return Written(last - len(bodies) + 1, last)

    @asynccontextmanager
    async def _turn(self, stream: str, subject: str, within_s: float) -> AsyncIterator[None]:
        gate = self._gates.setdefault(stream, asyncio.Lock())
        try:
            async with asyncio.timeout(within_s):
                await gate.acquire()
        except TimeoutError:
            raise Transient(f"{subject}: others were written until its time was up; nothing was sent") from None
        try:
            yield
        finally:
            gate.release()


def _problem(bodies: Sequence[Body]) -> str:
    if not 0 < len(bodies) <= MOST:
        return f"{len(bodies)} messages do not fit into one atomic publish of 1 to {MOST}"
    if len({body.subject for body in bodies}) < len(bodies):
        return "two messages of one atomic publish have the same subject"
    return ""
