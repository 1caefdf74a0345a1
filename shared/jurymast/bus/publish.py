"""What a process has stored: sent again until the server says what became of it, or the time is up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple, Protocol

from nats.aio.client import Client
from nats.errors import MaxPayloadError, OutboundBufferLimitError
from nats.js import JetStreamContext
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError

from jurymast.credentials import Violation
from jurymast.envelope import EXPECT_SUBJECT_HEADER, ID_HEADER
from jurymast.errors import Rejected, Transient, explain
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.nats_failure import (
    INCOMPLETE_BATCH,
    NATS_FAILURE,
    STORAGE_FULL,
    STORE_FAILED,
    WRITE_IN_FLIGHT,
    WRONG_LAST_SEQUENCE,
)
from jurymast.telemetry import Metrics

log = logging.getLogger(__name__)

WITHIN_S = 10.0
ATTEMPT_S = 2.0
PAUSE_S = 0.1
IN_FLIGHT_PAUSE_S = 0.003
"""After another's guarded write, which takes about as long on a cluster."""
PER_SUBJECT = "messages per subject"
BAD_REQUEST, SERVER_ERROR = 400, 500
REMEMBERED = 1_000
"""Forbidden subjects, so that each is logged once."""


class Overtaken(Rejected):
    """Another message was stored first. Ours was not, or it was and one more followed: read again what is true now."""


class Taken(NamedTuple):
    subject: str
    sequence: int


class Occupied(Overtaken):
    """Subjects that take one message have one of somebody else."""

    def __init__(self, reason: str, taken: Sequence[Taken] = ()) -> None:
        super().__init__(reason)
        self.taken = tuple(taken)


class Write(Protocol):
    """What is to be stored, however often it takes."""

    @property
    def subject(self) -> str: ...
    @property
    def size(self) -> int: ...
    async def attempt(self, within_s: float) -> int:
        """The sequence, once it is stored; sends once."""

    async def settle(self, failure: Overtaken, *, lost: bool) -> int:
        """The sequence if what stands there is ours; zero: try again. Raises the failure if it is true, `Transient` if that
        cannot be known now. `lost`: an earlier attempt may have been stored."""


class Ids:
    """Message ids that nobody else can use first. The server drops whatever carries an id that its stream has seen, whoever sent
    it: with ids that can be guessed, a hostile writer of the same stream could have another's message taken for a repeat."""

    def __init__(self, seed: str) -> None:
        self._key = hashlib.sha256(b"jurymast message ids " + seed.encode()).digest() if seed else b""

    def sealed(self, headers: dict[str, str]) -> dict[str, str]:
        """Always the same for the same id and role; on an open bus, where anybody may do anything, as they are."""
        if not self._key:
            return headers
        id_ = headers[ID_HEADER]
        return {**headers, ID_HEADER: f"{id_}.{hmac.digest(self._key, id_.encode(), 'sha256')[:8].hex()}"}


class Forbidden:
    """What the server does not let us do. The client hears of it beside the call, which only times out."""

    def __init__(self, service: str) -> None:
        self.unheard: set[str] = set()
        """Subjects that we should hear on this connection and do not."""
        self._service = service
        self._when: dict[str, float] = {}

    def add(self, violation: Violation) -> None:
        subject = violation.subject
        if violation.listening:
            self.unheard.add(subject)
        if subject not in self._when:
            log.error("NATS does not let %s use %s", self._service, subject, extra={"subject": subject})
        if len(self._when) >= REMEMBERED:
            self._when.clear()
        self._when[subject] = monotonic()

    def since(self, subject: str, started: float) -> bool:
        return self._when.get(subject.lower(), 0) >= started


@dataclass(frozen=True)
class Single:
    """One message under one id. What stands behind a fence is known by it."""

    js: JetStreamContext
    subject: str
    payload: bytes
    headers: dict[str, str]
    stream: str
    """Where to read back; empty if it is not fenced."""

    @property
    def size(self) -> int:
        return len(self.payload)

    async def attempt(self, within_s: float) -> int:
        return (await self.js.publish(self.subject, self.payload, headers=dict(self.headers), timeout=within_s)).seq

    async def settle(self, failure: Overtaken, *, lost: bool) -> int:
        if not lost:
            raise failure
        if not self.stream:
            raise _doubtful(failure)
        try:  # From the leader, never a direct get.
            last = await self.js.get_last_msg(self.stream, self.headers[EXPECT_SUBJECT_HEADER])
        except NotFoundError:
            raise failure from None
        if (last.headers or {}).get(ID_HEADER) != self.headers[ID_HEADER]:
            raise failure
        return last.seq or 0


class Outgoing:
    def __init__(self, nc: Client, js: JetStreamContext, *, service: str, forbidden: Forbidden, metrics: Metrics) -> None:
        self._nc = nc
        self._js = js
        self._service = service
        self._forbidden = forbidden
        self._metrics = metrics
        self._counters: dict[str, tuple[Any, Any]] = {}

    async def store(self, subject: str, payload: bytes, headers: Mapping[str, str], *, within_s: float, stream: str = "") -> int:
        """Returns its sequence. `stream` is asked what became of a fenced one."""
        write = Single(self._js, subject, payload, dict(headers), stream)
        return await self.until_known(write, monotonic() + within_s, channel=headers[SCHEMA_HEADER].partition("/")[0])

    async def until_known(self, write: Write, deadline: float, *, channel: str, count: int = 1) -> int:
        """The one place that retries a publish."""
        ok, failed = self._counted(channel)
        try:
            sequence = await self._until_known(write, deadline)
        except (Transient, Rejected):
            failed.inc(count)
            raise
        ok.inc(count)
        return sequence

    async def _until_known(self, write: Write, deadline: float) -> int:
        lost = False
        while True:
            started = monotonic()
            try:
                return await self._attempt(write, deadline)
            except NATS_FAILURE as error:
                failure = self._failure(write.subject, write.size, error, since=started)
                if isinstance(failure, Overtaken):
                    settled = await self._settled(write, failure, lost=lost)
                    if isinstance(settled, int):
                        return settled
                    failure = settled
                pause_s = IN_FLIGHT_PAUSE_S if _in_flight(error) else PAUSE_S
                if isinstance(failure, Rejected) or monotonic() + pause_s >= deadline:
                    raise (_doubtful(failure) if lost else failure) from error
                lost = lost or may_be_stored(error)
            await asyncio.sleep(pause_s)

    async def _attempt(self, write: Write, deadline: float) -> int:
        if not self._nc.is_connected:  # Buffered, it would land after its caller gave up.
            raise OutboundBufferLimitError
        within_s = max(min(ATTEMPT_S, deadline - monotonic()), PAUSE_S)
        async with asyncio.timeout(within_s + PAUSE_S):  # The client's own begins when the bytes are on their way.
            return await write.attempt(within_s)

    async def _settled(self, write: Write, failure: Overtaken, *, lost: bool) -> int | Transient:
        """The server looks at a fence before it looks for repeats: an attempt may be refused because the one before, whose answer
        was lost, was stored. What stands there now tells; the failure is raised if it is the whole story."""
        try:
            return await write.settle(failure, lost=lost) or Transient(f"{failure}; nothing stands there now")
        except NATS_FAILURE as error:
            return Transient(f"{failure}; cannot read it back: {explain(error)}")

    def _failure(self, subject: str, size: int, error: BaseException, *, since: float) -> Transient | Rejected:
        if self._forbidden.since(subject, since):
            return Rejected(f"{subject}: NATS does not let {self._service} publish there: see who owns the channel")
        match error:
            case MaxPayloadError():
                return Rejected(f"{subject}: a message of {size} bytes, the server takes {self._nc.max_payload}")
            case NoStreamResponseError():
                return Transient(f"no stream takes {subject}: run `jurymast streams apply`, or is JetStream down?")
            case OutboundBufferLimitError():
                return Transient(f"{subject}: not connected to NATS")
            case APIError():
                return refusal(subject, error)
            case TimeoutError():
                return Transient(f"{subject}: no acknowledgement in time; it may or may not be stored")
            case _:
                return Transient(f"{subject}: {explain(error)}")

    def _counted(self, channel: str) -> tuple[Any, Any]:
        if (counters := self._counters.get(channel)) is None:
            published = self._metrics.published
            counters = self._counters[channel] = published.labels(channel, "ok"), published.labels(channel, "failed")
        return counters


def refusal(subject: str, error: APIError) -> Transient | Rejected:
    """What JetStream's answer means: only what names a fault of the request can never succeed."""
    why = f"{error.description} (error {error.err_code})"
    if error.err_code == WRONG_LAST_SEQUENCE:
        return Overtaken(f"{subject}: another message was stored before: {why}")
    if error.err_code == STORE_FAILED and PER_SUBJECT in (error.description or ""):
        return Occupied(f"{subject}: a message was stored there before: {why}")
    if error.code == BAD_REQUEST and error.err_code not in (WRITE_IN_FLIGHT, STORAGE_FULL, INCOMPLETE_BATCH):
        return Rejected(f"{subject}: refused by the stream: {why}")
    return Transient(f"{subject}: JetStream cannot store now: {why}")


def may_be_stored(error: BaseException) -> bool:
    """Whether this failure leaves it open. A server error does: in a cluster it may come from one that just lost the lead."""
    match error:
        case NoStreamResponseError() | OutboundBufferLimitError() | MaxPayloadError():
            return False
        case APIError(code=int() as code):
            return code >= SERVER_ERROR
        case _:
            return True


def _in_flight(error: BaseException) -> bool:
    return isinstance(error, APIError) and error.err_code == WRITE_IN_FLIGHT


def _doubtful(failure: Transient | Rejected) -> Transient | Rejected:
    """The last failure is not the whole story."""
    return type(failure)(f"{failure}; an earlier attempt may have been stored, its answer was lost")
