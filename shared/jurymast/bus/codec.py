"""FastStream's view of our messages: MessagePack in, MessagePack out."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from faststream.message import StreamMessage
from nats.aio.msg import Msg

from jurymast.bus.delivery import Delivery, Reader, position_of
from jurymast.errors import Undecodable

CONTENT_TYPE = "application/msgpack"


class Incoming(NamedTuple):
    """A raw message and what it turned out to be. Undecodable is a value here: one bad message must not fail its neighbours."""

    raw: Msg
    content: Delivery[Any] | Undecodable


class MessagePackCodec:
    """Decodes for one consumer; `encode` is for what FastStream itself publishes."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._encoder = msgspec.msgpack.Encoder()

    def incoming(self, raw: Msg) -> Incoming:
        try:
            return Incoming(raw, self._reader.read(raw.subject, raw.headers or {}, raw.data, position_of(raw)))
        except Undecodable as problem:
            return Incoming(raw, problem)

    async def decode(self, msg: StreamMessage[Any]) -> Any:
        return self.incoming(msg.raw_message)

    async def encode(self, msg: Any, serializer: Any = None) -> tuple[bytes, str | None]:
        return self._encoder.encode(msg), CONTENT_TYPE
