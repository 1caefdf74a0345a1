from __future__ import annotations

import asyncio

import pytest

from jurymast import tasks


async def test_a_task_that_drops_a_cancellation_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN_S", 0.01)
    heard: list[int] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append(len(heard))
                if len(heard) == 3:
                    raise

    async def willing() -> None:
        await asyncio.Event().wait()

    running = [asyncio.create_task(deaf()), asyncio.create_task(willing())]
    await asyncio.sleep(0)
    await tasks.cancel(*running)
    assert heard == [0, 1, 2]
    assert all(task.cancelled() for task in running)


async def test_what_has_ended_already_is_no_trouble() -> None:
    async def failed() -> None:
        raise ZeroDivisionError

    task = asyncio.create_task(failed())
    await asyncio.wait({task})
    await tasks.cancel(task)
    await tasks.cancel()


async def test_an_end_that_nobody_asked_for_is_told_from_one_that_was() -> None:
    async def waiting() -> None:
        await asyncio.Event().wait()

    async def cancelled_inside() -> None:
        raise asyncio.CancelledError

    async def failing() -> None:
        raise ZeroDivisionError

    async def ending() -> None:
        return

    asked = asyncio.create_task(waiting())
    await asyncio.sleep(0)
    await tasks.cancel(asked)
    others = [asyncio.create_task(work()) for work in (cancelled_inside, failing, ending)]
    await asyncio.wait(others)
    reasons = [tasks.ended_unasked(task) for task in (asked, *others)]
    assert reasons == ["", "was cancelled from inside", "ended: ZeroDivisionError()", "ended"]
