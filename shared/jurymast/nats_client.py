"""nats-py's client, made to outlive whatever a publisher puts on the wire.

Its reader ends at bytes that a server takes and a stream keeps: each redelivery would end it again, for ever. And it takes a
stored message that carries a status for word from the server. Nothing public mends that; tests hold this to its version.
"""

from __future__ import annotations

import re
from typing import Any

from nats.aio.client import NATS_HDR_LINE_SIZE, Client
from nats.aio.msg import Msg
from nats.protocol import parser

STATUS = "Status"
DELIVERED = "$JS.ACK."

# Subjects end at what the server splits lines at, not at every kind of white space.
parser.MSG_RE = re.compile(rb"\AMSG[ \t]+([^ \t\r\n]+)[ \t]+(\d+)[ \t]+(([^ \t\r\n]+)[ \t]+)?(\d+)\r\n")
parser.HMSG_RE = re.compile(rb"\AHMSG[ \t]+([^ \t\r\n]+)[ \t]+(\d+)[ \t]+(([^ \t\r\n]+)[ \t]+)?(\d+)[ \t]+(\d+)\r\n")


class HardenedClient(Client):
    async def _process_msg(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None) -> None:
        headers = _utf8(headers) if headers and len(headers) > NATS_HDR_LINE_SIZE else b""
        await super()._process_msg(sid, _utf8(subject), _utf8(reply), data, headers)

    def _build_message(self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, Any] | None) -> Msg | None:
        message: Msg | None = super()._build_message(sid, subject, reply, data, headers)
        if message and message.headers and message.reply.startswith(DELIVERED):
            message.headers.pop(STATUS, None)
        return message


def harden(client: Client) -> None:
    """For a client that somebody else has made."""
    client.__class__ = HardenedClient


def _utf8(text: bytes) -> bytes:
    return text.decode(errors="backslashreplace").encode()
