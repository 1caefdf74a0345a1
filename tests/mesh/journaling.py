"""A guard that writes its journal until it is killed, and says which batches it may sign: `python -m tests.mesh.journaling`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from jurymast.journal.entries import Head
from jurymast.nonce_guard.decide.memory import Told
from jurymast.nonce_guard.decide.words import Permit
from jurymast.nonce_guard.store import veto_store
from jurymast.tasks import cancel

GUARD = b"\x11" * 20
LANES = 8


class Nowhere:
    async def told(self) -> Told | None:
        return None

    async def tell(self, head: Head, epoch: int) -> None:
        pass


def permit(lane: int, number: int) -> Permit:
    batch = number * LANES + lane
    return Permit(1, 1, batch, 100, bytes(32), frozenset((batch.to_bytes(32, "big"), nonce) for nonce in range(lane + 1)))


async def main(path: Path, first: int) -> None:
    async with veto_store(path, GUARD, Nowhere()) as store:
        running = asyncio.create_task(store.run())

        async def lane(number: int) -> None:
            for each in range(first, first + 100_000):
                assert await store.permit(permit(number, each), {}) is None
                sys.stdout.write(f"{permit(number, each).batch}\n")
                sys.stdout.flush()

        await asyncio.gather(*map(lane, range(LANES)))
        await cancel(running)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
