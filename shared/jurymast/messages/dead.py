"""Messages that could not be handled, kept with the reason until an operator replays or drops them."""

from __future__ import annotations

from typing import Literal

from jurymast.messages.channel import EACH_SERVICE, OPERATOR, Channel, Message

Cause = Literal["rejected", "exhausted", "crashed"]
"""rejected: it can never succeed. exhausted: every attempt failed. crashed: no attempt ever finished (the process died on it)."""


class DeadLetter(Message, frozen=True, kw_only=True):
    service: str
    consumer: str
    stream: str
    sequence: int
    cause: Cause
    reason: str
    attempts: int
    dead_ms: int
    subject: str
    headers: dict[str, str]
    payload: bytes


DEAD = Channel(
    "dead.letter.{service}.{consumer}.{stream}.{sequence}",
    DeadLetter,
    summary="A message that its consumer gave up on, with the reason, the original headers and payload.",
    owner=EACH_SERVICE,
)
REPLAY = Channel(
    "dead.replay.{service}.{consumer}.{stream}.{sequence}",
    DeadLetter,
    summary="An operator wants the same consumer, and no other, to try this message once more.",
    owner=OPERATOR,
    kind="command",
)
