"""Claims of several batches in one publish: while one is on its way, others come together.

All of it is written or nothing. If it was nothing, somebody else was faster with one of them, and each tries for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from jurymast.bus.atomic import MOST, Answer, Refused, Written
from jurymast.claims import ClaimsLog
from jurymast.errors import Transient
from jurymast.messages.claims import Claimed


class _Wanted(NamedTuple):
    claims: Sequence[Claimed]
    after: int
    answer: asyncio.Future[Answer]


class Claimer:
    """`run` in the background."""

    def __init__(self, log: ClaimsLog) -> None:
        self._log = log
        self._waiting: list[_Wanted] = []
        self._more = asyncio.Event()

    async def claim(self, claims: Sequence[Claimed], after: int) -> Answer:
        """Behind the epoch record with that sequence."""
        wanted = _Wanted(claims, after, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        self._more.set()
        return await wanted.answer

    async def run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while group := self._next():
                await self._write(group)

    def _next(self) -> list[_Wanted]:
        """As many as fit, behind one record."""
        group: list[_Wanted] = []
        size = 0
        for wanted in self._waiting:
            if wanted.after != self._waiting[0].after or (group and size + len(wanted.claims) > MOST):
                break
            group.append(wanted)
            size += len(wanted.claims)
        del self._waiting[: len(group)]
        return [wanted for wanted in group if not wanted.answer.done()]  # Whoever asked may have been cancelled.

    async def _write(self, group: Sequence[_Wanted]) -> None:
        try:
            answer = await self._publish([claim for wanted in group for claim in wanted.claims], group[0].after)
        except Transient as error:
            for wanted in group:
                _fail(wanted.answer, error)
            return
        if isinstance(answer, Written) or len(group) == 1:
            for wanted in group:
                _tell(wanted.answer, answer)
            return
        for wanted in group:
            await self._write([wanted])

    async def _publish(self, claims: Sequence[Claimed], after: int) -> Answer:
        if len({(claim.account, claim.nonce, claim.attempt) for claim in claims}) < len(claims):
            return Refused("two batches want the same")
        first = claims[0]
        return await self._log.claim(claims, after=after, id=f"{first.chain}/{first.epoch}/{first.batch}/{first.attempt}")


def _tell(answer: asyncio.Future[Answer], value: Answer) -> None:
    if not answer.done():
        answer.set_result(value)


def _fail(answer: asyncio.Future[Answer], error: Exception) -> None:
    if not answer.done():
        answer.set_exception(error)
