"""Questions with a deadline, over plain request-reply. Nothing is stored; no answer is an error the caller sees."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import monotonic

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError

from jurymast.envelope import stamp
from jurymast.errors import JurymastError, Rejected, Transient, explain
from jurymast.messages.channel import SCHEMA_HEADER, M, Query, R
from jurymast.nats_failure import NATS_FAILURE
from jurymast.telemetry import TRACE_HEADER, Tracer, parse_traceparent

log = logging.getLogger(__name__)

ERROR_HEADER = "Jurymast-Error"


class Queries:
    def __init__(self, nc: Client, service: str, tracer: Tracer) -> None:
        self._nc = nc
        self._service = service
        self._tracer = tracer

    async def answer(self, query: Query[M, R], handler: Callable[[M], Awaitable[R | None]], *, everyone: bool = False) -> None:
        """One replica answers each question, or `everyone`. None means: the question is not for me."""

        async def respond(raw: Msg) -> None:
            with self._tracer.span(f"answer {query.name}", parse_traceparent((raw.headers or {}).get(TRACE_HEADER))):
                try:
                    asked = query.ask.decode(raw.data, schema=(raw.headers or {}).get(SCHEMA_HEADER), subject=raw.subject)
                    answer = await handler(asked)
                except JurymastError as error:
                    await self._nc.publish(raw.reply, b"", headers={ERROR_HEADER: f"{type(error).__name__}: {error}"[:500]})
                    return
            if answer is not None:
                await self._nc.publish(raw.reply, query.answer.encode(answer), headers=stamp(query.answer))

        async def guarded(raw: Msg) -> None:
            if not raw.reply:
                return  # Nobody waits for the answer.
            try:
                await respond(raw)
            except Exception:  # The asker sees a timeout; one bad question must not end the answering.
                log.exception("could not answer %s", query.name)

        await self._nc.subscribe(query.name, queue="" if everyone else self._service, cb=guarded)

    async def ask(self, query: Query[M, R], question: M, *, within_s: float) -> R:
        try:
            raw = await self._nc.request(query.name, query.ask.encode(question), timeout=within_s, headers=stamp(query.ask))
        except NoRespondersError:
            raise Transient(f"nobody answers {query.name}") from None
        except NATS_FAILURE as error:
            raise Transient(f"{query.name}: no answer within {within_s:g} s: {explain(error)}") from error
        return read_answer(query, raw)

    async def ask_all(self, query: Query[M, R], question: M, *, within_s: float) -> list[R]:
        """Every answer that arrives in time."""
        inbox = self._nc.new_inbox()
        subscription = await self._nc.subscribe(inbox)
        answers: list[R] = []
        try:
            await self._nc.publish(query.name, query.ask.encode(question), reply=inbox, headers=stamp(query.ask))
            deadline = monotonic() + within_s
            while (left := deadline - monotonic()) > 0:
                raw = await subscription.next_msg(timeout=left)
                if (raw.headers or {}).get("Status") == "503":
                    break
                answers.append(read_answer(query, raw))
        except TimeoutError:
            pass  # The deadline is the normal end: nobody knows how many will answer.
        finally:
            await subscription.unsubscribe()
        return answers


def read_answer(query: Query[M, R], raw: Msg) -> R:
    headers = raw.headers or {}
    if problem := headers.get(ERROR_HEADER):
        kind = Transient if problem.startswith(Transient.__name__) else Rejected
        raise kind(f"{query.name}: {problem}")
    return query.answer.decode(raw.data, schema=headers.get(SCHEMA_HEADER), subject=query.answer.name)
