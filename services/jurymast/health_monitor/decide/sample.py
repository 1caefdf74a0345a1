"""What one probe of one provider brought."""

from __future__ import annotations

from typing import Literal, NamedTuple

FailureKind = Literal[
    "unreachable",  # No connection: refused, reset, no such name, no valid certificate.
    "timeout",
    "http",  # A status other than 200.
    "garbage",  # Not the JSON that was asked for.
    "huge",
    "error",  # A well-formed refusal.
    "wrong-chain",
    "impossible",  # Heights that contradict each other.
]
NETWORK: frozenset[FailureKind] = frozenset({"unreachable", "timeout"})
"""What one also gets when one's own network is down."""


class Answer(NamedTuple):
    head: int
    """The last block that the chain has confirmed."""
    tip: int
    """The last block at any commitment."""
    finalized: int
    clock_ms: int


class Failure(NamedTuple):
    kind: FailureKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Sample(NamedTuple):
    at_ms: int
    """When the round of probes began, by a clock that nobody sets."""
    read_ms: int
    """Wall time of the answer."""
    latency_ms: int
    result: Answer | Failure
