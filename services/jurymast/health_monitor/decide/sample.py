"""What one probe of one provider brought."""

from __future__ import annotations

from typing import NamedTuple

from jurymast.chains.calls import Failure


class Answer(NamedTuple):
    head: int
    """The last block that the chain has confirmed."""
    tip: int
    """The last block at any commitment."""
    finalized: int
    clock_ms: int


class Sample(NamedTuple):
    at_ms: int
    """When the round of probes began, by a clock that nobody sets."""
    read_ms: int
    """Wall time of the answer."""
    latency_ms: int
    result: Answer | Failure
