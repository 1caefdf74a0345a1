"""A process that submits one transaction, and stops where it is told to, to be killed there."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jurymast.chains.calls import Call, Failure
from jurymast.chains.evm import Network, open_sender
from jurymast.chains.evm.providers import Providers, Results
from jurymast.chains.rpc import open_session
from jurymast.chains.words import Payload
from jurymast.watchlist import Provider
from tests.conformance.evm import POLICY, RELAY


class Halting(Providers):
    """Says where it is, and goes no further than where it is to die."""

    die_at = ""

    async def tell(self, calls: Sequence[Call]) -> dict[str, Results | Failure]:
        await self._here("stored")
        answers = await super().tell(calls)
        await self._here("sent")
        return answers

    async def _here(self, where: str) -> None:
        if where == self.die_at:
            print(where, flush=True)  # noqa: T201  Whoever kills it waits for this.
            await asyncio.Event().wait()


async def main(settings: dict[str, Any]) -> None:
    providers = tuple(Provider(name, name, url) for name, url in settings["providers"].items())
    network = Network(name="local", chain_id=settings["chain_id"], genesis=None, providers=providers, quorum=2)
    async with open_session() as session:
        halting = Halting(session, network)
        halting.die_at = settings["die_at"]
        async with open_sender(halting, RELAY, Path(settings["path"]), POLICY) as sender:
            payload = Payload(bytes.fromhex(settings["to"]), bytes.fromhex(settings["data"]))
            await sender.submit(settings["purpose"], payload)


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
