"""For applications: sign what users want, hand it in, follow what becomes of it.

    async with connect(Settings(nats_url=..., nats_seed=...), domain(application)) as jurymast:
        submitted = await jurymast.submit(Intent(...), key)
        ended = await jurymast.ended(submitted)

Any NATS client in any language can do the same: `docs/asyncapi.yaml` describes the messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jurymast.book.execute import Action
from jurymast.book.intents import Signed
from jurymast.book.signed import Terms
from jurymast.bus import Bus
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Fatal, Transient
from jurymast.messages.intents import APPLICATION, CHANGED, STANDS, SUBMIT, IntentAsked, IntentStands, Submit, Submitted
from jurymast.settings import Settings
from jurymast.streams import TABLE
from jurymast.telemetry import Metrics, Tracer

ANSWER_S = 5.0
TRIES = 5
PAUSE_S = 0.2
ASK_EVERY_S = 2.0
"""Changes are heard at once; what was missed is asked for so often."""
ENDED = {"executed", "cancelled", "expired", "rejected"}


class Client:
    def __init__(self, bus: Bus, domain: Domain) -> None:
        self._bus, self._domain = bus, domain

    def sign(self, signed: Signed, key: SigningKey, terms: Terms | None = None) -> Action:
        return Action(signed=signed, signature=key.sign(signed.digest(self._domain)), terms=terms)

    async def submit(self, action: Action) -> Submitted:
        """Asked again until it is answered: the same action has one answer, so nothing is done twice. `Transient` if nobody
        answers; whether it was taken in is open then, and asking again tells."""
        for _ in range(TRIES - 1):
            try:
                return await self._bus.queries.ask(SUBMIT, Submit(action=action), within_s=ANSWER_S)
            except Transient:
                await asyncio.sleep(PAUSE_S)
        return await self._bus.queries.ask(SUBMIT, Submit(action=action), within_s=ANSWER_S)

    async def stands(self, account: str, nonce: int) -> IntentStands:
        return await self._bus.queries.ask(STANDS, IntentAsked(account=account, nonce=nonce), within_s=ANSWER_S)

    async def ended(self, account: str, nonce: int, within_s: float) -> IntentStands:
        """How it ended; `Transient` if it has not yet."""
        try:
            async with asyncio.timeout(within_s):
                async for stands in self.follow(account, nonce):
                    if stands.status in ENDED:
                        return stands
        except TimeoutError:
            pass
        raise Transient(f"nonce {nonce} of {account} has not ended within {within_s:g} s")

    async def follow(self, account: str, nonce: int) -> AsyncIterator[IntentStands]:
        """How it stands, and every change that is heard of."""
        heard = asyncio.Event()
        subscription = await self._bus.hear(CHANGED, heard.set, account=account, nonce=str(nonce))
        last: IntentStands | None = None
        try:
            while True:
                heard.clear()
                stands = await self._asked(account, nonce)
                if stands and (last is None or (stands.status, stands.batch) != (last.status, last.batch)):
                    last = stands
                    yield stands
                try:
                    await asyncio.wait_for(heard.wait(), ASK_EVERY_S)
                except TimeoutError:
                    continue
        finally:
            await subscription.unsubscribe()

    async def _asked(self, account: str, nonce: int) -> IntentStands | None:
        try:
            return await self.stands(account, nonce)
        except Transient:
            return None


@asynccontextmanager
async def connect(settings: Settings, domain: Domain) -> AsyncIterator[Client]:
    """`Fatal` problems of the connection end what runs inside with the next question that is asked."""
    problems: list[Fatal] = []
    bus = Bus(settings, service=APPLICATION, table=TABLE, metrics=Metrics(), tracer=Tracer(APPLICATION), fatal=problems.append)
    await bus.connect()
    try:
        yield Client(bus, domain)
    finally:
        await bus.close()
