"""A signed intent all the way: handed in, planned, claimed, permitted, executed on a real chain, final, told to its sender."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jurymast.book.execute import Action
from jurymast.book.signed import ARBITRUM
from jurymast.chains.words import Wanted
from jurymast.cli.keys import read_seed
from jurymast.client import Client, connect
from jurymast.crypto.keccak import keccak256
from jurymast.messages.intents import APPLICATION as APPLICATION_ROLE
from jurymast.messages.intents import MIRROR
from jurymast.settings import Secret, Settings
from tests.mesh.guarding import ADDRESSES, DEADLINE, MUCH, Guarded, guarded
from tests.servers import Service
from tests.unit.grids import ANN, APPLICATION, BEN, DOMAIN, EUR, TREASURY, USD, Person

ENDS_S = 60.0


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as made:
        yield made


def start_mirror(world: Guarded) -> Service:
    sent = world.directory / "sent"
    sent.mkdir(exist_ok=True)
    settings = {
        "JURYMAST_APPLICATION": APPLICATION.hex(),
        "JURYMAST_TREASURY": TREASURY.id.hex(),
        "JURYMAST_GUARDS": ",".join(ADDRESSES),
        "JURYMAST_THRESHOLD": "2",
        "JURYMAST_CHAINS_FILE": str(world.chains_file()),
        "JURYMAST_SENDER_KEY": keccak256(b"relay").hex(),
        "JURYMAST_SENT": str(sent),
    }
    world.started.append(
        Service("jurymast.mirror", world.server.url, world.directory, **world.server.settings(MIRROR), **settings)
    )
    return world.started[-1]


@asynccontextmanager
async def client_of(world: Guarded) -> AsyncIterator[Client]:
    assert world.server.keys is not None
    seed = Secret(read_seed(world.server.keys.file(APPLICATION_ROLE)))
    async with connect(Settings(nats_url=world.server.url, nats_seed=seed), DOMAIN) as client:
        yield client


def sells(who: Person, nonce: int, asset: int, amount: int) -> Action:
    return who.intent(nonce, asset, amount, EUR + USD - asset, amount, deadline=DEADLINE)


async def balances(world: Guarded) -> dict[tuple[str, int], int]:
    """What the chain says, finally."""
    names = {"ann": ANN, "ben": BEN}
    wanted = Wanted(balances=frozenset((who.id, asset) for who in names.values() for asset in (EUR, USD)))
    heads = await world.rig.chain.heads()
    state = (await world.rig.chain.state(wanted, heads.final)).state
    return {(name, asset): state.balances[who.id, asset].available for name, who in names.items() for asset in (EUR, USD)}


async def _blocks(world: Guarded) -> None:
    while True:
        await world.rig.blocks(1)
        await asyncio.sleep(0.1)


@asynccontextmanager
async def running(world: Guarded) -> AsyncIterator[None]:
    """The chain goes on, whatever happens."""
    task = asyncio.create_task(_blocks(world))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_what_was_handed_in_executes_once_on_the_chain_and_its_sender_is_told(world: Guarded) -> None:
    await asyncio.gather(world.ready(), start_mirror(world).ready(60))
    async with client_of(world) as client, running(world):
        actions = [sells(who, nonce, asset, 10 + nonce) for nonce in range(3) for who, asset in ((ANN, EUR), (BEN, USD))]
        for answer in await asyncio.gather(*(client.submit(action) for action in actions)):
            assert answer.accepted, answer.reason
        for nonce in range(3):
            for who in (ANN, BEN):
                assert (await client.ended(who.id.hex(), nonce, ENDS_S)).status == "executed"
        moved = 10 + 11 + 12
        assert await balances(world) == {
            ("ann", EUR): MUCH - moved, ("ann", USD): moved, ("ben", USD): MUCH - moved, ("ben", EUR): moved,
        }  # fmt: skip
        for outcome in await world.outcomes(*actions):
            assert (outcome.fate, outcome.chain, outcome.attempt) == ("executed", ARBITRUM, 0)
        again = await client.submit(actions[0])
        assert (again.accepted, again.status) == (True, "executed")


async def test_a_relay_that_dies_is_followed_by_one_that_goes_on(world: Guarded) -> None:
    await world.ready()
    mirror = await start_mirror(world).ready(60)
    async with client_of(world) as client, running(world):
        nonces = range(6)
        for nonce in nonces:
            for who, asset in ((ANN, EUR), (BEN, USD)):
                assert (await client.submit(sells(who, nonce, asset, 5))).accepted
            if nonce % 2:
                mirror.process.end()
                mirror = await start_mirror(world).ready(60)
        for nonce in nonces:
            for who in (ANN, BEN):
                assert (await client.ended(who.id.hex(), nonce, ENDS_S)).status == "executed"
        assert (await balances(world))["ann", EUR] == MUCH - 5 * len(nonces)
