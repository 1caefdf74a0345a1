"""The senders' own list: lines of JSON that they write themselves, each before or as it happens.

    {"what": "signed", "kind": "Intent", "body": {...}}
    {"what": "acknowledged", "digest": "0x..."}
    {"what": "told", "digest": "0x...", "end": "executed", "reason": ""}

What is signed is listed before it is sent, with the members of its EIP-712 type; that somebody answered for it, as soon as it
is so; and in the end what its sender was told: executed, cancelled, expired or rejected, with the reason.
Bytes are hexadecimal with 0x. A last line without an end is one that its sender died in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.checker.ledger import Key
from tests.checker.signed import ACTIONS, TYPES, digest


class End(StrEnum):
    EXECUTED = "executed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class BadList(Exception):
    """A line that says nothing: the run cannot be judged by such a list."""

    def __init__(self, path: Path, number: int, reason: str) -> None:
        super().__init__(f"{path}, line {number}: {reason}")
        self.path, self.number, self.reason = path, number, reason


@dataclass
class Listed:
    """One action, as its sender tells its life."""

    kind: str
    body: dict[str, Any]
    acknowledged: bool = False
    told: dict[End, str] = field(default_factory=dict)
    """With the reason."""

    @property
    def key(self) -> Key:
        return (self.body["match"], self.body["step"]) if self.kind == "Verdict" else (self.body["account"], self.body["nonce"])


def read(paths: list[Path], application: bytes) -> dict[bytes, Listed]:
    """By what was signed."""
    found: dict[bytes, Listed] = {}
    for path in paths:
        *lines, _ = path.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines, 1):
            try:
                _add(found, json.loads(line), application)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise BadList(path, number, repr(error)) from None
    return found


def _add(found: dict[bytes, Listed], line: dict[str, Any], application: bytes) -> None:
    match line["what"]:
        case "signed":
            if line["kind"] not in ACTIONS:
                raise ValueError(f"no kind of action: {line['kind']}")
            body = {name: _value(kind, line["body"][name]) for kind, name in TYPES[line["kind"]].members}
            found.setdefault(digest(application, line["kind"], body), Listed(line["kind"], body))
        case "acknowledged":
            found[unhexed(line["digest"])].acknowledged = True
        case "told":
            found[unhexed(line["digest"])].told[End(line["end"])] = line["reason"]
        case other:
            raise ValueError(f"no such line: {other}")


def _value(kind: str, value: Any) -> Any:
    if kind.endswith("[]"):
        return tuple(_value(kind[:-2], item) for item in value)
    if not kind.startswith("uint"):
        return unhexed(value)
    if type(value) is not int:
        raise ValueError(f"not a whole number: {value!r}")
    return value


def unhexed(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
