"""Ending tasks for certain, and telling an end that was asked for from one that was not."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import Any

log = logging.getLogger(__name__)

AGAIN_S = 3.0
"""Longer than anything of ours takes to end in order once it was asked to."""


async def cancel(*tasks: asyncio.Task[Any]) -> None:
    """Cancel and wait. Asked again until heard: `asyncio.wait_for` of Python 3.11 may drop a cancellation that comes just as what
    it waits for is done, and the task then goes on as if nothing had been said."""
    pending = {task for task in tasks if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


def asked_to_end() -> bool:
    """Inside `except CancelledError`: whether it is for the task that runs. If not, something it waited for was cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


def ended_unasked(task: asyncio.Task[Any]) -> str:
    """For a task that should go on for as long as the process: why its end is a failure; empty when it was cancelled."""
    if task.cancelled():
        return "" if task.cancelling() else "was cancelled from inside"
    if error := task.exception():
        log.error("task %s died", task.get_name(), exc_info=error)
        return f"ended: {error!r}"
    return "ended"


def exit_within(seconds: float, code: int) -> None:
    """End this process by then whatever still runs: a task, a thread, or a call that blocks the event loop."""

    def leave() -> None:
        log.critical("did not end within %g s, leaving", seconds)
        os._exit(code)

    watchdog = threading.Timer(seconds, leave)
    watchdog.daemon = True
    watchdog.start()
