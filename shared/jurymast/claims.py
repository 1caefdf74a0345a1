"""The log of epochs, claims and outcomes, read and written: every write stands behind the last epoch record.

Whoever reads a claim checks again whether it counts: a server that lost its tail may hold what it should have refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Generic, NamedTuple

from jurymast.bus import Bus
from jurymast.bus.atomic import Answer, Fenced
from jurymast.errors import Transient, Undecodable
from jurymast.messages.channel import Channel, M
from jurymast.messages.claims import EPOCH, EPOCHS, INTENT, OUTCOME, Claimed, Concluded, EpochRecord

WITHIN_S = 10.0
READS = 50
"""Identities looked up at once."""
TRIES = 10
"""An outcome is true in every epoch: a record that comes in between does not refuse it."""

Identity = tuple[bytes, int]
"""(account, nonce), or (match, step)."""


class Kept(NamedTuple, Generic[M]):
    sequence: int
    message: M


class Lives(NamedTuple):
    """What became of an identity so far: by attempts, in their order."""

    claims: tuple[Kept[Claimed], ...]
    outcomes: tuple[Kept[Concluded], ...]


class ClaimsLog:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    # -- reading, from the leader ----------------------------------------------------------------------------------------

    async def records(self, after: int = 0) -> list[Kept[EpochRecord]]:
        """All epoch records, or those with a greater sequence."""
        return [record async for record in self._each(EPOCH, EPOCHS, after)]

    async def last_record(self) -> Kept[EpochRecord] | None:
        """The one that claims stand behind; None before the first."""
        stored = await self._bus.read(EPOCH, EPOCHS)
        return None if stored is None else _readable(EPOCHS, stored.sequence, stored.message, stored.problem)

    async def lives(self, identities: Sequence[Identity]) -> Mapping[Identity, Lives]:
        """The server tells of one subject at a time, so this is for few identities, or for once."""
        found: dict[Identity, Lives] = {}
        for begin in range(0, len(identities), READS):
            part = identities[begin : begin + READS]
            found |= zip(part, await asyncio.gather(*map(self._lives, part)), strict=True)
        return found

    async def _lives(self, identity: Identity) -> Lives:
        account, nonce = identity[0].hex(), str(identity[1])
        claims = self._each(INTENT, INTENT.wildcard_with(account=account, nonce=nonce))
        outcomes = self._each(OUTCOME, OUTCOME.wildcard_with(account=account, nonce=nonce))
        return Lives(
            tuple(sorted([kept async for kept in claims], key=lambda kept: kept.message.attempt)),
            tuple(sorted([kept async for kept in outcomes], key=lambda kept: kept.message.attempt)),
        )

    async def _each(self, channel: Channel[M], pattern: str, after: int = 0) -> AsyncIterator[Kept[M]]:
        while stored := await self._bus.read(channel, pattern, after + 1):
            yield _readable(pattern, stored.sequence, stored.message, stored.problem)
            after = stored.sequence

    # -- writing ---------------------------------------------------------------------------------------------------------

    async def claim(self, claims: Sequence[Claimed], *, after: int, id: str, within_s: float = WITHIN_S) -> Answer:  # noqa: A002
        """All of a batch, or nothing: refused if any of them was claimed, or if `after` is not the last record's sequence."""
        return await self._bus.publish_new(INTENT, claims, after=after, scope=EPOCHS, id=id, within_s=within_s)

    async def record(self, record: EpochRecord, *, after: int, id: str, within_s: float = WITHIN_S) -> Answer:  # noqa: A002
        """Moves the epoch, if nobody else has."""
        return await self._bus.publish_new(EPOCH, [record], after=after, scope=EPOCHS, id=id, within_s=within_s)

    async def conclude(self, outcomes: Sequence[Concluded], *, id: str, within_s: float = WITHIN_S) -> Answer:  # noqa: A002
        """All of them, or none: an attempt ends one way."""
        for _ in range(TRIES):
            last = await self._bus.read(EPOCH, EPOCHS)
            after = last.sequence if last else 0
            answer = await self._bus.publish_new(OUTCOME, outcomes, after=after, scope=EPOCHS, id=id, within_s=within_s)
            if not isinstance(answer, Fenced):
                return answer
        raise Transient(f"{TRIES} epoch records came in between")


def _readable(where: str, sequence: int, message: M | None, problem: str) -> Kept[M]:
    """What cannot be read is never passed over: it may be a freeze, or a claim."""
    if message is None:
        raise Undecodable(f"{where}: message {sequence} of the log cannot be read: {problem}")
    return Kept(sequence, message)
