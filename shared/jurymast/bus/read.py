"""Single messages as the leader of their stream has them: a copy, which answers direct gets, may not know them yet."""

from __future__ import annotations

from typing import Generic, NamedTuple

from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from jurymast.errors import Transient, Undecodable, explain
from jurymast.messages.channel import SCHEMA_HEADER, Channel, M
from jurymast.nats_failure import NATS_FAILURE


class Stored(NamedTuple, Generic[M]):
    """What the stream holds, where, and since when by the server's clock; no message where it is none, and why."""

    sequence: int
    at_ms: int
    message: M | None
    problem: str = ""


async def read(js: JetStreamContext, stream: str, channel: Channel[M], subject: str, first: int = 0) -> Stored[M] | None:
    """The last message, or the next one from `first` on."""
    try:
        raw = await js.get_msg(stream, first or None, subject, next=bool(first))
    except NotFoundError:
        return None
    except NATS_FAILURE as error:
        raise Transient(f"{subject} cannot be read: {explain(error)}") from error
    sequence, at_ms = raw.seq or 0, round(raw.time.timestamp() * 1000) if raw.time else 0
    schema = (raw.headers or {}).get(SCHEMA_HEADER)
    try:
        message = channel.decode(raw.data or b"", schema=schema, subject=raw.subject or "")
    except Undecodable as error:
        return Stored(sequence, at_ms, None, str(error))
    return Stored(sequence, at_ms, message)
