"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
from typing import Any

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
