"""What becomes of a message whose handler failed. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from jurymast.errors import Fatal, Rejected, Transient
from jurymast.messages.dead import Cause
from jurymast.streams import Consumer

REASON_CHARACTERS = 2_000


@dataclass(frozen=True)
class Retry:
    """Deliver it again after a delay; other messages go on meanwhile."""

    delay_s: float


@dataclass(frozen=True)
class Bury:
    """Dead-letter it."""

    cause: Cause
    reason: str


@dataclass(frozen=True)
class Stop:
    """End the process; the message stays unacknowledged and comes back."""

    error: Fatal


Verdict = Retry | Bury | Stop


def judge(error: Exception, attempt: int, consumer: Consumer) -> Verdict:
    """An error that is none of ours is a bug or a surprise: tried again like a transient one, then kept as a dead letter."""
    reason = _told(error)
    match error:
        case Fatal():
            return Stop(error)
        case Rejected():
            return Bury("rejected", reason)
        case _ if 0 < consumer.max_deliver <= attempt:
            return Bury("exhausted", f"{reason} (after {attempt} attempts)")
        case Transient(retry_after_s=float() | int() as delay_s):
            return Retry(delay_s)
        case _:
            return Retry(consumer.retry_delay_s(attempt))


def _told(error: Exception) -> str:
    """As a dead letter can carry it: an error may quote the whole message, or text that is not Unicode."""
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS].encode(errors="backslashreplace").decode()
