"""Several atomic publishes in one: while one is on its way, others come together.

All of a group is written or nothing. If it was nothing, somebody else was faster with one of them, and each tries for itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from jurymast.bus.atomic import MOST, Answer, Written
from jurymast.errors import Transient
from jurymast.messages.channel import Message

M = TypeVar("M", bound=Message)
Write = Callable[[Sequence[M], int], Awaitable[Answer]]
"""All of these messages, behind the record with this sequence."""


class _Wanted(NamedTuple, Generic[M]):
    messages: Sequence[M]
    after: int
    answer: asyncio.Future[Answer]


class Groups(Generic[M]):
    """`run` in the background."""

    def __init__(self, write: Write[M]) -> None:
        self._publish = write
        self._waiting: list[_Wanted[M]] = []
        self._more = asyncio.Event()

    async def write(self, messages: Sequence[M], after: int = 0) -> Answer:
        wanted = _Wanted(messages, after, asyncio.get_running_loop().create_future())
        self._waiting.append(wanted)
        self._more.set()
        return await wanted.answer

    async def run(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                if group := self._next():
                    await self._write(group)

    def _next(self) -> list[_Wanted[M]]:
        """As many as fit, behind one record."""
        group: list[_Wanted[M]] = []
        size = 0
        for wanted in self._waiting:
            if wanted.after != self._waiting[0].after or (group and size + len(wanted.messages) > MOST):
                break
            group.append(wanted)
            size += len(wanted.messages)
        del self._waiting[: len(group)]
        return [wanted for wanted in group if not wanted.answer.done()]  # Whoever asked may have been cancelled.

    async def _write(self, group: Sequence[_Wanted[M]]) -> None:
        try:
            answer = await self._publish([each for wanted in group for each in wanted.messages], group[0].after)
        except Transient as error:
            for wanted in group:
                if not wanted.answer.done():
                    wanted.answer.set_exception(error)
            return
        if not isinstance(answer, Written) and len(group) > 1:
            for wanted in group:
                await self._write([wanted])
            return
        for wanted in group:
            if not wanted.answer.done():
                wanted.answer.set_result(answer)
