from __future__ import annotations

import msgspec
import pytest

from jurymast.bus.failure import REASON_CHARACTERS, Bury, Retry, Stop, Verdict, judge
from jurymast.errors import Fatal, JurymastError, Misconfigured, Rejected, Transient, Undecodable
from jurymast.messages.dead import DEAD, DeadLetter
from jurymast.streams import MAX_MESSAGE_BYTES, MIB, UNLIMITED, Consumer

TAKER = Consumer(name="t", service="s", subjects=("a",), summary="", max_deliver=3, backoff_s=(0.5, 3))
TIRELESS = Consumer(name="t", service="s", subjects=("a",), summary="", max_deliver=UNLIMITED, backoff_s=(0.5, 3))
LOST, NO_KEY = Fatal("journal lost"), Misconfigured("no key")


class Busy(Transient):
    """As a service derives its own."""


@pytest.mark.parametrize(
    ("error", "attempt", "consumer", "verdict"),
    [
        # May succeed later: after the consumer's delays, or the one it asks for.
        (Transient("busy"), 1, TAKER, Retry(0.5)),
        (Transient("busy"), 2, TAKER, Retry(3)),
        (Busy("busy"), 1, TAKER, Retry(0.5)),
        (Transient("busy", retry_after_s=40), 1, TAKER, Retry(40)),
        (Transient("busy", retry_after_s=0.0), 2, TAKER, Retry(0.0)),
        # Every attempt failed, whatever it asks for.
        (Transient("busy"), 3, TAKER, Bury("exhausted", "Transient: busy (after 3 attempts)")),
        (Transient("busy", retry_after_s=40), 3, TAKER, Bury("exhausted", "Transient: busy (after 3 attempts)")),
        (Transient("busy"), 4, TAKER, Bury("exhausted", "Transient: busy (after 4 attempts)")),
        # Without a limit it is never given up.
        (Transient("busy"), 1_000_000, TIRELESS, Retry(3)),
        # A bug or a surprise is treated like a transient error.
        (KeyError("seat"), 1, TAKER, Retry(0.5)),
        (ConnectionResetError("gone"), 2, TAKER, Retry(3)),
        (TimeoutError(), 3, TAKER, Bury("exhausted", "TimeoutError:  (after 3 attempts)")),
        (JurymastError("odd"), 1, TAKER, Retry(0.5)),
        # Can never succeed: at once, at any attempt.
        (Rejected("no such match"), 1, TAKER, Bury("rejected", "Rejected: no such match")),
        (Rejected("no such match"), 3, TAKER, Bury("rejected", "Rejected: no such match")),
        (Undecodable("not ours"), 1, TIRELESS, Bury("rejected", "Undecodable: not ours")),
        # The process must not go on; the message stays, even at its last attempt.
        (LOST, 1, TAKER, Stop(LOST)),
        (LOST, 3, TAKER, Stop(LOST)),
        (NO_KEY, 2, TIRELESS, Stop(NO_KEY)),
    ],
)
def test_what_becomes_of_a_message(error: Exception, attempt: int, consumer: Consumer, verdict: Verdict) -> None:
    assert judge(error, attempt, consumer) == verdict


@pytest.mark.parametrize("text", ["\x00", "ü", "🂡", "\udcff", "x"])
def test_the_reason_always_fits_a_dead_letter_beside_the_largest_message(text: str) -> None:
    verdict = judge(Rejected(text * MAX_MESSAGE_BYTES), 1, TAKER)
    assert isinstance(verdict, Bury)
    assert len(verdict.reason) >= REASON_CHARACTERS
    letter = DeadLetter(
        service="s", consumer="t", stream="A", sequence=1, cause=verdict.cause, reason=verdict.reason, attempts=1, dead_ms=0,
        subject="a", headers={"h": "x" * 4096}, payload=bytes(MAX_MESSAGE_BYTES),
    )  # fmt: skip
    encoded = DEAD.encode(letter)
    assert len(encoded) < MIB
    assert msgspec.msgpack.decode(encoded)["reason"] == verdict.reason
