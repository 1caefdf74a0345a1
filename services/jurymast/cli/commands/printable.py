"""What comes from messages, as it may reach a terminal: on one line, within bounds, and never an escape sequence.

Anybody who may publish decides what is in a message; nothing here raises, whatever that is.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any

import msgspec

from jurymast.errors import explain

SCREEN = 4_000
"""Characters of one value on a terminal. A file or another program gets all of it."""

Unprintable = (msgspec.MsgspecError, ValueError, TypeError, RecursionError)
"""What decoding foreign bytes and writing them as JSON raise."""


def say(text: str) -> None:
    print(escaped(text))


def escaped(text: str) -> str:
    """With everything that a terminal would obey, or that reorders a line, spelled out as JSON does: `\\u001b`, `\\n`."""
    return text if text.isprintable() else "".join(c if c.isprintable() else _spelled(c) for c in text)


def _spelled(character: str) -> str:
    return json.dumps(character)[1:-1].replace("\x7f", "\\u007f")  # The one control character that JSON leaves alone.


def content(payload: bytes) -> str:
    """The fields of a MessagePack payload; what is none is shown as bytes, with the reason."""
    try:
        return fields(msgspec.msgpack.decode(payload))
    except Unprintable as error:
        return unreadable(payload, error)


def fields(value: Any) -> str:
    """JSON, with bytes in hexadecimal."""
    return bounded(escaped(json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))))


def unreadable(payload: bytes, why: Exception) -> str:
    return f"({len(payload)} bytes: {bounded(escaped(explain(why)))}) {bounded(_hex(payload))}"


def bounded(text: str) -> str:
    if len(text) <= SCREEN or not sys.stdout.isatty():
        return text
    return f"{text[:SCREEN]}... ({SCREEN} of {len(text)} characters)"


def moment(ms: int, timespec: str) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec=timespec).replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return f"{ms} ms"


def _hex(value: bytes) -> str:
    return f"0x{value.hex()}"


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return _hex(value)
        case dict():
            return {key if isinstance(key, str) else fields(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case msgspec.msgpack.Ext():
            return {"extension": value.code, "data": _hex(bytes(value.data))}
        case datetime():
            return value.isoformat()
        case _:
            return value
