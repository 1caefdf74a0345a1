"""A guard that kills itself at one point of its work: `JURYMAST_TEST_DIES=signed python -m tests.mesh.dying_guard`."""

from __future__ import annotations

import os
import signal
from typing import Any

from jurymast.bus import Bus
from jurymast.claims import ClaimsLog
from jurymast.messages.ledger import ENDED
from jurymast.messages.permits import KEPT, SIGNED
from jurymast.nonce_guard.app import app
from jurymast.nonce_guard.settings import NonceGuardSettings
from jurymast.service import run_service

POINTS = ("claimed", "journaled", "signed", "kept", "concluded", "ended")
"""Right after it has claimed, written into its journal, told its signature, kept a proof, written an outcome, told the ledger."""


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(point: str) -> None:
    publish, new, claim, conclude = Bus.publish, Bus.publish_new, ClaimsLog.claim, ClaimsLog.conclude

    async def dying_publish(bus: Bus, channel: Any, message: Any, **options: Any) -> int:
        sequence = await publish(bus, channel, message, **options)
        if {"kept": KEPT, "ended": ENDED}.get(point) is channel:
            die()
        return sequence

    async def dying_new(bus: Bus, channel: Any, messages: Any, **options: Any) -> Any:
        if point == "journaled" and channel is SIGNED:  # It is the next thing that is done.
            die()
        answer = await new(bus, channel, messages, **options)
        if point == "signed" and channel is SIGNED:
            die()
        return answer

    async def dying_claim(log: ClaimsLog, *args: Any, **options: Any) -> Any:
        answer = await claim(log, *args, **options)
        if point == "claimed":
            die()
        return answer

    async def dying_conclude(log: ClaimsLog, *args: Any, **options: Any) -> Any:
        answer = await conclude(log, *args, **options)
        if point == "concluded":
            die()
        return answer

    Bus.publish, Bus.publish_new = dying_publish, dying_new  # type: ignore[assignment,method-assign]
    ClaimsLog.claim, ClaimsLog.conclude = dying_claim, dying_conclude  # type: ignore[assignment,method-assign]


if __name__ == "__main__":
    deadly(os.environ["JURYMAST_TEST_DIES"])
    run_service("nonce-guard", NonceGuardSettings, app)
