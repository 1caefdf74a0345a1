"""Questions to a provider, and how one can fail to answer. Pure."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

FailureKind = Literal[
    "unreachable",  # No connection: refused, reset, no such name, no valid certificate.
    "timeout",
    "http",  # A status other than 200.
    "garbage",  # Not the JSON that was asked for.
    "huge",
    "error",  # A well-formed refusal.
    "wrong-chain",
    "impossible",  # Heights that contradict each other, a proof that proves something else.
]
NETWORK: frozenset[FailureKind] = frozenset({"unreachable", "timeout"})
"""What one also gets when one's own network is down."""


class Call(NamedTuple):
    method: str
    params: tuple[Any, ...] = ()


class Failure(NamedTuple):
    kind: FailureKind
    detail: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"


class Refused(NamedTuple):
    """A well-formed answer that says no."""

    code: int
    message: str
    data: str = ""
    """What a contract that reverted returned, in hexadecimal."""

    def __str__(self) -> str:
        return f"{self.code} {self.message}"
