"""What users signed is taken in once, durably, with one answer for ever, whichever replica is asked and whichever dies."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import time

import msgspec
import pytest

from jurymast.book.events import BatchExecuted, BatchPlanned, Deposited, EpochOpened
from jurymast.book.execute import Action
from jurymast.book.signed import ARBITRUM
from jurymast.bus import Bus
from jurymast.cli.keys import read_seed
from jurymast.client import Client, connect
from jurymast.messages import catalog
from jurymast.messages.intents import APPLICATION
from jurymast.messages.ledger import ENDED, EPOCHS, LANDED, PLANNED, Ended, EpochMoved, Landed, Planned
from jurymast.permissions import Access
from jurymast.settings import Secret, Settings
from jurymast.streams import TABLE
from tests.mesh.locked import contents
from tests.servers import NatsServer, Service, eventually, running_bus
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, TREASURY, USD, Person
from tests.unit.grids import APPLICATION as APPLICATION_ID

LATER = int(time()) + 3_600
REPLICAS = 2


def sells(who: Person, nonce: int, asset: int, amount: int = 100) -> Action:
    return who.intent(nonce, asset, amount, EUR + USD - asset, amount, deadline=LATER)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """With an epoch and money in the ledger."""
    found = NatsServer(tmp_path / "nats", access=Access(TABLE, tuple(catalog.channels()), tuple(catalog.queries())))
    try:
        await found.start()
        await found.provision(TABLE)
        async with bus_of(found, "switcher") as bus:
            opened = EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0)
            await bus.publish(EPOCHS, EpochMoved(event=opened), id="1")
        async with bus_of(found, "mirror") as bus:
            for sequence, (who, asset) in enumerate(((ANN, EUR), (BEN, USD)), 1):
                landed = Deposited(
                    chain=ARBITRUM, epoch=1, sequence=sequence, account=who.id, asset=asset, amount=1_000_000, height=1
                )
                await bus.publish(LANDED, Landed(event=landed), id=str(sequence))
        yield found
    finally:
        found.kill()


@asynccontextmanager
async def bus_of(server: NatsServer, role: str) -> AsyncIterator[Bus]:
    assert server.keys is not None
    async with running_bus(server.url, TABLE, service=role, seed=read_seed(server.keys.file(role))) as bus:
        yield bus


@pytest.fixture
def replicas(server: NatsServer, tmp_path: Path) -> Iterator[list[Service]]:
    started = [_start(server, tmp_path) for _ in range(REPLICAS)]
    yield started
    for service in started:
        service.process.end()


def _start(server: NatsServer, directory: Path) -> Service:
    settings = {"JURYMAST_APPLICATION": APPLICATION_ID.hex(), "JURYMAST_TREASURY": TREASURY.id.hex()}
    return Service("jurymast.mirror", server.url, directory, **server.settings("mirror"), **settings)


@pytest.fixture
async def client(server: NatsServer, replicas: list[Service]) -> AsyncIterator[Client]:
    for service in replicas:
        await service.ready()
    assert server.keys is not None
    seed = Secret(read_seed(server.keys.file(APPLICATION)))
    async with connect(Settings(nats_url=server.url, nats_seed=seed), DOMAIN) as connected:
        yield connected


async def test_the_same_action_has_one_answer_whoever_is_asked_and_another_body_is_a_conflict(
    client: Client, server: NatsServer
) -> None:
    action = sells(ANN, 0, EUR)
    answers = await asyncio.gather(*(client.submit(action) for _ in range(20)))
    assert {answer.accepted for answer in answers} == {True}
    assert {answer.status for answer in answers} == {"open"}
    other = await client.submit(sells(ANN, 0, EUR, 99))
    assert (other.accepted, other.refusal, other.status) == (False, "Conflict", "open")
    stood = await client.stands(ANN.id.hex(), 0)
    assert (stood.status, stood.batch) == ("open", 0)
    before = (await contents(server))["LEDGER"]
    assert (await client.submit(action)).accepted
    assert (await contents(server))["LEDGER"] == before, "what is known is not said again"


async def test_what_is_not_good_is_refused_with_the_rule_that_it_breaks_and_leaves_nothing(
    client: Client, server: NatsServer
) -> None:
    before = (await contents(server))["LEDGER"]
    good = sells(ANN, 0, EUR)
    forged = msgspec.structs.replace(good, signature=BEN.key.sign(good.signed.digest(DOMAIN)))
    late = ANN.intent(1, EUR, 1, USD, deadline=int(time()) - 10)
    for action, refusal in ((forged, "NotAuthorised"), (late, "Expired"), (sells(ANN, 2, EUR, 1_000_001), "InsufficientBalance")):
        answer = await client.submit(action)
        assert (answer.accepted, answer.refusal, answer.status) == (False, refusal, None)
        assert answer.reason.startswith(refusal)
    assert (await client.stands(ANN.id.hex(), 0)).status is None
    assert (await contents(server))["LEDGER"] == before


async def test_whoever_follows_an_intent_sees_it_planned_and_executed(client: Client, server: NatsServer) -> None:
    actions = (sells(ANN, 0, EUR), sells(BEN, 0, USD))
    for action in actions:
        assert (await client.submit(action)).accepted
    seen: list[str | None] = []

    async def follow() -> None:
        async for stands in client.follow(ANN.id.hex(), 0):
            seen.append(stands.status)
            if stands.status == "executed":
                return

    following = asyncio.create_task(follow())
    await eventually(lambda: _says(seen, "open"), what="open")
    planned = BatchPlanned(chain=ARBITRUM, epoch=1, batch=7, expiry=LATER, actions=actions, prices={EUR: 1, USD: 1})
    async with bus_of(server, "mirror") as bus:
        await bus.publish(PLANNED, Planned(event=planned), id="7")
    await eventually(lambda: _says(seen, "planned"), what="planned")
    async with bus_of(server, "nonce-guard") as bus:
        await bus.publish(ENDED, Ended(event=BatchExecuted(chain=ARBITRUM, epoch=1, batch=7, height=9)), id="7")
    await asyncio.wait_for(following, 10)
    assert seen == ["open", "planned", "executed"]
    assert (await client.ended(BEN.id.hex(), 0, within_s=10)).batch == 7


async def _says(seen: list[str | None], status: str) -> bool:
    return status in seen


async def test_nothing_that_was_acknowledged_is_lost_when_replicas_and_the_server_die(
    client: Client, server: NatsServer, replicas: list[Service], tmp_path: Path
) -> None:
    acknowledged: dict[int, Action] = {}

    async def hand_in(nonces: range) -> None:
        for nonce in nonces:
            action = sells(ANN, nonce, EUR)
            if (await client.submit(action)).accepted:
                acknowledged[nonce] = action

    async def some(count: int) -> None:
        async def enough() -> bool:
            return len(acknowledged) >= count

        await eventually(enough, within_s=60, what=f"{count} acknowledged")

    lanes = [asyncio.create_task(hand_in(range(lane, 160, 4))) for lane in range(4)]
    await some(20)
    replicas[0].process.end()
    await some(60)
    server.kill()
    await server.start()
    replicas.append(await _start(server, tmp_path).ready())
    await some(100)
    replicas[1].process.end()
    await asyncio.gather(*lanes)
    assert len(acknowledged) == 160
    for nonce, action in acknowledged.items():
        assert (await client.stands(ANN.id.hex(), nonce)).status == "open"
        assert (await client.submit(action)).accepted

    async def told() -> bool:
        return (await contents(server))["INTENTS"][1] == len(acknowledged)

    await eventually(told, what="every change told")
