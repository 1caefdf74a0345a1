"""The errors of Jurymast. Each one says what went wrong and what to do; handlers raise them, the bus acts on their kind.

JurymastError
├── Transient      may succeed later: the message is delivered again after a delay, then dead-lettered
├── Rejected       can never succeed: the message is dead-lettered at once, with this error as the reason
│   └── Undecodable    not a message that this reader can understand
│       └── TooNew         but a later one could: it has to be upgraded first
└── Fatal          this process must not go on: it stops with a non-zero code and its supervisor restarts it
    └── Misconfigured  starting again will not help before an operator changes something
"""

from __future__ import annotations


class JurymastError(Exception):
    """Any failure that Jurymast names itself."""


class Transient(JurymastError):
    """May succeed when tried again. `retry_after_s` overrides the consumer's back-off for the next attempt."""

    def __init__(self, reason: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Rejected(JurymastError):
    """Can never succeed, however often it is tried."""


class Undecodable(Rejected):
    """Bytes or headers that are not a message this reader understands."""


class TooNew(Undecodable):
    """A message that says itself that this reader is too old for it."""


class Fatal(JurymastError):
    """The process must stop."""


class Misconfigured(Fatal):
    """A setting, a file or a server that an operator must put right first."""


def explain(error: BaseException) -> str:
    """Many library exceptions carry no text; their type then says the most."""
    return str(error) or type(error).__name__
