"""The smallest streams and consumers that are right, to be made wrong by tests."""

from __future__ import annotations

from typing import Any

from jurymast.streams import MIB, Consumer, Stream


def consumer(name: str = "taker", *subjects: str, **more: Any) -> Consumer:
    return Consumer(**{"name": name, "service": "mirror", "subjects": subjects or ("a.b",), "summary": "Takes."} | more)


def stream(name: str = "A", *subjects: str, **more: Any) -> Stream:
    fields: dict[str, Any] = {"name": name, "subjects": subjects or ("a.>",), "summary": "Holds.", "max_bytes": MIB}
    return Stream(**fields | more)
