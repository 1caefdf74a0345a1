"""The economic state as this process knows it: the fold of `LEDGER`, followed from its beginning.

What the fold refuses is refused everywhere alike, so the answer to whoever said it is what the fold makes of it at its place.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence

from jurymast.book.ledger import Applied, apply
from jurymast.book.refusals import Refusal
from jurymast.book.state import Ledger
from jurymast.bus.bus import Bus
from jurymast.bus.follow import Followed
from jurymast.errors import Misconfigured, TooNew, Transient, Undecodable, explain
from jurymast.messages.ledger import CHANNELS, Told
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import LEDGER

KEPT = 10_000
"""Answers that are kept for whoever waits for one."""

LAG = 1_000
"""Whoever is further behind than this is not ready."""

Answer = Applied | Refusal
Heard = Callable[[int, Told, Answer], None]


class Fold:
    """`run` in the background; `heard` is called for each event, in order, after it was applied or refused."""

    def __init__(self, ledger: Ledger, heard: Heard | None = None) -> None:
        self.ledger = ledger
        self.sequence = 0
        """Of the last message that was folded, whatever it was."""
        self._heard = heard
        self._answers: OrderedDict[int, Answer | Undecodable] = OrderedDict()
        self._moved = asyncio.Condition()

    async def run(self, bus: Bus) -> None:
        pages: AsyncIterator[Sequence[Followed]] = bus.follow(LEDGER.name, *CHANNELS, after=self.sequence)
        async for page in pages:
            for each in page:
                self._take(each)
            async with self._moved:
                self._moved.notify_all()
            await asyncio.sleep(0)  # A long log must not starve what else this process does.

    def _take(self, followed: Followed) -> None:
        sequence, content = followed
        if isinstance(content, TooNew):  # Others may understand it: going on would make another state of the same log.
            raise Misconfigured(str(content))
        if isinstance(content, Undecodable):
            answer: Answer | Undecodable = content
        else:
            answer = apply(self.ledger, content.message.event)
            if self._heard:
                self._heard(sequence, content.message, answer)
        self.sequence = sequence
        self._answers[sequence] = answer
        if len(self._answers) > KEPT:
            self._answers.popitem(last=False)

    async def check(self, bus: Bus) -> None:
        """Near the end of the log; `Transient` says how far away."""
        try:
            end = (await bus.js.stream_info(LEDGER.name)).state.last_seq
        except NATS_FAILURE as error:
            raise Transient(f"the end of the ledger is not known: {explain(error)}") from error
        if end - self.sequence > LAG:
            raise Transient(f"following the ledger: at {self.sequence:,} of {end:,}")

    async def reach(self, sequence: int, within_s: float) -> None:
        """Wait until so much is folded."""
        try:
            async with asyncio.timeout(within_s), self._moved:
                await self._moved.wait_for(lambda: self.sequence >= sequence)
        except TimeoutError:
            raise Transient(f"the ledger was followed to {self.sequence} only, not to {sequence} within {within_s:g} s") from None

    async def answer(self, sequence: int, within_s: float) -> Answer:
        """What became of the event that was stored there."""
        await self.reach(sequence, within_s)
        answer = self._answers.get(sequence)
        if answer is None or isinstance(answer, Undecodable):
            raise Transient(f"nothing is known any more of what was stored at {sequence}")
        return answer
