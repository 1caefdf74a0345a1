"""A message as a handler sees it, and how bytes become one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple

from nats.aio.msg import Msg

from jurymast.errors import Undecodable
from jurymast.messages.channel import SCHEMA_HEADER, AnyChannel, M
from jurymast.telemetry import TRACE_HEADER, Trace, parse_traceparent


class Position(NamedTuple):
    """Where in a stream a delivery stands, and how often it was tried."""

    stream: str
    sequence: int
    attempt: int


class Delivery(Generic[M]):
    """One message, decoded and checked. Handlers are idempotent by what the message identifies, not by `sequence`."""

    __slots__ = ("channel", "headers", "message", "position", "subject")

    def __init__(self, channel: AnyChannel, message: M, subject: str, headers: Mapping[str, str], position: Position) -> None:
        self.channel = channel
        self.message = message
        self.subject = subject
        self.headers = headers
        self.position = position

    @property
    def trace(self) -> Trace | None:
        return parse_traceparent(self.headers.get(TRACE_HEADER))


class Reader:
    """Turns bytes into deliveries of the channels that one consumer handles."""

    def __init__(self, channels: tuple[AnyChannel, ...]) -> None:
        self._by_name = {channel.name: channel for channel in channels}
        self._expected = " or ".join(sorted(self._by_name))

    def read(self, subject: str, headers: Mapping[str, str], payload: bytes, position: Position) -> Delivery[Any]:
        schema = headers.get(SCHEMA_HEADER)
        channel = self._by_name.get(schema.partition("/")[0]) if schema else None
        if channel is None:
            carries = f"carries {schema[:80]!r}" if schema else f"has no {SCHEMA_HEADER} header"
            raise Undecodable(f"{subject}: {carries}, expected {self._expected}")
        return Delivery(channel, channel.decode(payload, schema=schema, subject=subject), subject, headers, position)


def position_of(raw: Msg) -> Position:
    """From the acknowledgement subject: `$JS.ACK.<stream>.<consumer>.<delivered>.<sequence>…`, longer with a domain."""
    tokens = raw.reply.split(".")
    first = 2 if len(tokens) == 9 else 4
    return Position(stream=tokens[first], sequence=int(tokens[first + 3]), attempt=int(tokens[first + 2]))
