"""What the suite needs of a chain under test: a real node that does as it is told, and three providers of it that may lie."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from jurymast.chains.chain import Chain, Sender
from jurymast.chains.operations import Operation


class Lie(StrEnum):
    """What one provider does while the others are honest."""

    AHEAD = "ahead"
    """Tells of blocks that do not exist."""
    BEHIND = "behind"
    """Stands still."""
    OTHER_BLOCKS = "other blocks"
    """Blocks with the right heights and other contents."""
    STATE = "state"
    """Another state of the contract than there is."""
    NO_EVENTS = "no events"
    """Keeps events to itself."""
    OTHER_CHAIN = "other chain"
    SILENT = "silent"
    """Takes questions, and never answers."""
    REFUSES = "refuses"
    GARBAGE = "garbage"


class Refused(Exception):
    """The contract refused an operation."""


class Rig(Protocol):
    """A chain on which the grid of `tests.unit.grids` is deployed, in no epoch, with `GUARDS` as its guards."""

    @property
    def chain(self) -> Chain: ...

    @property
    def provider(self) -> str:
        """The name of the one that can lie."""

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of all."""

    async def blocks(self, count: int) -> None:
        """So many more, with nothing in them."""

    async def finalize(self) -> None:
        """Blocks until everything so far is final."""

    async def reorganise(self, depth: int) -> None:
        """So many blocks are replaced by as many others, with nothing in them."""

    async def run(self, operation: Operation) -> None:
        """In a block of its own, from somebody's account; `Refused` if the contract does not take it."""

    def lie(self, lie: Lie | None) -> None:
        """From now on, or not any more."""

    def hang(self) -> None:
        """No provider answers any more."""

    def sender(self, path: Path) -> AbstractAsyncContextManager[Sender]:
        """Of an account that has enough of everything."""

    async def tampered(self, evidence: bytes) -> list[bytes]:
        """Evidence that somebody has changed, in every way that its form has."""
