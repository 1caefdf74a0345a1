"""What is written together, and what happens to the others when one of them comes too late."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from jurymast.bus.atomic import MOST, Answer, Duplicate, Written
from jurymast.errors import Transient
from jurymast.messages.claims import Claimed
from jurymast.nonce_guard.groups import Groups
from jurymast.tasks import cancel
from tests.claiming import claims

TAKEN = Duplicate(())


class Server:
    """Takes what holds none of `taken`, all of it or nothing."""

    def __init__(self, *taken: int) -> None:
        self.taken = {claims(number, 1)[0].account for number in taken}
        self.asked: list[tuple[int, int]] = []
        self.away = False
        self.gate = asyncio.Event()

    async def write(self, messages: Sequence[Claimed], after: int) -> Answer:
        await self.gate.wait()
        self.asked.append((len(messages), after))
        if self.away:
            raise Transient("away")
        return TAKEN if any(each.account in self.taken for each in messages) else Written(1, len(messages))


async def written(server: Server, *groups: tuple[int, int, int]) -> list[Answer | BaseException]:
    """Each group is a first claim, a count and a record: the first one is on its way when the others come."""
    grouping: Groups[Claimed] = Groups(server.write)
    running = asyncio.create_task(grouping.run())
    try:
        writing = []
        for first, count, after in groups:
            writing.append(asyncio.create_task(grouping.write(claims(first, count), after)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        server.gate.set()
        return await asyncio.wait_for(asyncio.gather(*writing, return_exceptions=True), 5)
    finally:
        await cancel(running)


async def test_what_comes_while_another_is_written_goes_together() -> None:
    server = Server()
    answers = await written(server, (0, 2, 5), (10, 3, 5), (20, 4, 5))
    assert server.asked == [(2, 5), (7, 5)]
    assert all(isinstance(answer, Written) for answer in answers)


async def test_behind_another_record_or_above_the_most_is_another_publish() -> None:
    server = Server()
    await written(server, (0, 1, 5), (10, 2, 5), (2_000, MOST - 1, 5), (5_000, 1, 5), (6_000, 1, 6))
    assert server.asked == [(1, 5), (2, 5), (MOST, 5), (1, 6)]


async def test_one_that_is_too_late_takes_nobody_with_it() -> None:
    server = Server(11)
    answers = await written(server, (0, 1, 5), (10, 2, 5), (20, 2, 5))
    assert server.asked == [(1, 5), (4, 5), (2, 5), (2, 5)]
    assert answers[1] is TAKEN
    assert isinstance(answers[2], Written)


async def test_what_cannot_be_known_is_said_to_all_and_the_next_is_tried() -> None:
    server = Server()
    server.away = True
    answers = await written(server, (0, 1, 5), (10, 2, 5), (20, 2, 5))
    with pytest.raises(Transient, match="away"):
        raise answers[2]  # type: ignore[misc]
    assert server.asked == [(1, 5), (4, 5)]
