"""Questions with a deadline, over plain request-reply. Nothing is stored; no answer is an error the caller sees."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from time import monotonic

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import NoRespondersError

from jurymast.envelope import ERROR_HEADER, stamp
from jurymast.errors import Fatal, JurymastError, Rejected, Transient, explain
from jurymast.messages.channel import SCHEMA_HEADER, M, Query, R
from jurymast.nats_failure import NATS_FAILURE
from jurymast.tasks import asked_to_end
from jurymast.telemetry import TRACE_HEADER, Tracer, parse_traceparent

log = logging.getLogger(__name__)

ERROR_CHARACTERS = 500
ANSWER_S = 10.0
AT_ONCE = 100
"""Questions that are being answered; who asks more gets no answer, and asks again."""

Answer = Callable[[M], Awaitable[R | None]]


class Queries:
    def __init__(self, nc: Client, service: str, tracer: Tracer, fatal: Callable[[Fatal], None] | None = None) -> None:
        self._nc = nc
        self._service = service
        self._tracer = tracer
        self._fatal = fatal
        self.running: set[asyncio.Task[None]] = set()

    async def answer(self, query: Query[M, R], handler: Answer[M, R], *, everyone: bool = False) -> None:
        """One replica answers each question, or `everyone`. None means: the question is not for me."""

        async def begin(raw: Msg) -> None:
            """In a task of its own, so that a slow answer holds up no other question."""
            if not raw.reply:
                return  # Nobody waits for the answer.
            if len(self.running) >= AT_ONCE:
                log.warning("a question to %s is dropped: %d are being answered", query.name, AT_ONCE)
                return
            task = asyncio.create_task(self._guarded(query, handler, raw))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

        await self._nc.subscribe(query.name, queue="" if everyone else self._service, cb=begin)

    async def _guarded(self, query: Query[M, R], handler: Answer[M, R], raw: Msg) -> None:
        """The asker sees a timeout; one bad question must not end the answering."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._respond(query, handler, raw)
        except asyncio.CancelledError:
            if asked_to_end():
                raise
            log.exception("could not answer %s", query.name)
        except Exception:
            log.exception("could not answer %s", query.name)

    async def _respond(self, query: Query[M, R], handler: Answer[M, R], raw: Msg) -> None:
        with self._tracer.span(f"answer {query.name}", parse_traceparent((raw.headers or {}).get(TRACE_HEADER))):
            try:
                asked = query.ask.decode(raw.data, schema=(raw.headers or {}).get(SCHEMA_HEADER), subject=raw.subject)
                answer = await handler(asked)
            except JurymastError as error:
                await self._nc.publish(raw.reply, b"", headers={ERROR_HEADER: _told(error)})
                if isinstance(error, Fatal) and self._fatal:
                    self._fatal(error)
                return
            if answer is not None:
                await self._nc.publish(raw.reply, query.answer.encode(answer), headers=stamp(query.answer))

    async def ask(self, query: Query[M, R], question: M, *, within_s: float) -> R:
        self._check()
        try:
            raw = await self._nc.request(query.name, query.ask.encode(question), timeout=within_s, headers=stamp(query.ask))
        except NoRespondersError:
            raise Transient(f"nobody answers {query.name}") from None
        except NATS_FAILURE as error:
            raise Transient(f"{query.name}: no answer within {within_s:g} s: {explain(error)}") from error
        return read_answer(query, raw)

    async def ask_all(self, query: Query[M, R], question: M, *, within_s: float) -> list[R]:
        """Every answer that arrives in time. A refusal is somebody's who cannot help; it hides no other's answer."""
        self._check()
        inbox = self._nc.new_inbox()
        answers: list[R] = []
        try:
            subscription = await self._nc.subscribe(inbox)
            try:
                await self._nc.publish(query.name, query.ask.encode(question), reply=inbox, headers=stamp(query.ask))
                async for raw in _until(subscription, monotonic() + within_s):
                    try:
                        answers.append(read_answer(query, raw))
                    except (Transient, Rejected) as problem:
                        log.warning("one of those asked does not answer: %s", problem)
            finally:
                await subscription.unsubscribe()
        except NATS_FAILURE as error:
            raise Transient(f"{query.name}: cannot ask: {explain(error)}") from error
        return answers

    def _check(self) -> None:
        """What is sent while disconnected is asked later, when nobody waits for the answer."""
        if not self._nc.is_connected:
            raise Transient("not connected to NATS")


async def _until(subscription: Subscription, deadline: float) -> AsyncIterator[Msg]:
    """What arrives until then: nobody knows how many will answer, unless the server says that nobody can."""
    while (left := deadline - monotonic()) > 0:
        try:
            raw = await subscription.next_msg(timeout=left)
        except TimeoutError:
            return
        if (raw.headers or {}).get("Status") == "503":
            return
        yield raw


def read_answer(query: Query[M, R], raw: Msg) -> R:
    headers = raw.headers or {}
    if problem := headers.get(ERROR_HEADER):
        kind = Transient if problem.startswith(Transient.__name__) else Rejected
        raise kind(f"{query.name}: {problem}")
    return query.answer.decode(raw.data, schema=headers.get(SCHEMA_HEADER), subject=query.answer.name)


def _told(error: JurymastError) -> str:
    """As a header can carry it: one line of Unicode."""
    text = f"{type(error).__name__}: {error}"[:ERROR_CHARACTERS].encode(errors="backslashreplace").decode()
    return " ".join(text.split())
