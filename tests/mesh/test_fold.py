"""Every process that folds the ledger knows the same, and answers for each event what all of them say."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from jurymast.book.cut import tree
from jurymast.book.events import Deposited, EpochOpened, Registered
from jurymast.book.ledger import Applied
from jurymast.book.refusals import AlreadyCounted
from jurymast.book.signed import ARBITRUM
from jurymast.book.state import Ledger
from jurymast.bus import Bus
from jurymast.cli.keys import read_seed
from jurymast.errors import Misconfigured, Rejected, Transient
from jurymast.fold import Answer, Fold
from jurymast.messages import catalog
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.ledger import EPOCHS, LANDED, EpochMoved, Landed, Told
from jurymast.permissions import Access
from jurymast.streams import TABLE
from tests.mesh.locked import contents
from tests.servers import NatsServer, running_bus

TREASURY, ANN, BEN = (name.rjust(32, b"\0") for name in (b"treasury", b"ann", b"ben"))
DEPOSIT = Deposited(chain=ARBITRUM, epoch=1, sequence=1, account=ANN, asset=7, amount=5, height=3)


@pytest.fixture
async def log_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(tmp_path / "nats", access=Access(TABLE, tuple(catalog.channels()), tuple(catalog.queries())))
    try:
        await server.start()
        await server.provision(TABLE)
        yield server
    finally:
        server.kill()


@asynccontextmanager
async def bus_of(server: NatsServer, role: str) -> AsyncIterator[Bus]:
    assert server.keys is not None
    async with running_bus(server.url, TABLE, service=role, seed=read_seed(server.keys.file(role))) as bus:
        yield bus


@asynccontextmanager
async def folding(bus: Bus, fold: Fold) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(fold.run(bus))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def opened(server: NatsServer) -> int:
    async with bus_of(server, "switcher") as bus:
        event = EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0)
        return await bus.publish(EPOCHS, EpochMoved(event=event), id="1")


async def test_all_replicas_fold_the_same_and_answer_the_same(log_server: NatsServer) -> None:
    await opened(log_server)
    heard: list[tuple[int, Told, Answer]] = []
    one, other = Fold(Ledger(TREASURY), lambda *each: heard.append(each)), Fold(Ledger(TREASURY))
    async with AsyncExitStack() as stack:
        mirror, guard = [await stack.enter_async_context(bus_of(log_server, role)) for role in ("mirror", "nonce-guard")]
        async with folding(mirror, one), folding(guard, other):
            first = await mirror.publish(LANDED, Landed(event=DEPOSIT), id="1")
            again = await mirror.publish(LANDED, Landed(event=DEPOSIT), id="1 again")
            forged = Landed(event=Deposited(chain=ARBITRUM, epoch=1, sequence=1, account=BEN, asset=7, amount=5, height=3))
            refused = await mirror.publish(LANDED, forged, id="forged")
            for fold in (one, other):
                assert await fold.answer(first, 5) is Applied.NOW
                assert await fold.answer(again, 5) is Applied.BEFORE
                assert isinstance(await fold.answer(refused, 5), AlreadyCounted)
    assert one.ledger.balance(ANN, 7).available == 5
    assert tree(one.ledger).root == tree(other.ledger).root
    assert [sequence for sequence, _, _ in heard] == [1, first, again, refused]


async def test_what_nobody_can_read_has_its_place_and_no_effect(log_server: NatsServer) -> None:
    await opened(log_server)
    fold = Fold(Ledger(TREASURY))
    async with bus_of(log_server, "mirror") as mirror, folding(mirror, fold):
        garbage = await mirror.js.publish(LANDED.name, b"\xff", headers={SCHEMA_HEADER: LANDED.schema})
        after = await mirror.publish(LANDED, Landed(event=DEPOSIT), id="1")
        assert await fold.answer(after, 5) is Applied.NOW
        with pytest.raises(Transient, match="nothing is known"):
            await fold.answer(garbage.seq, 5)
        with pytest.raises(Transient, match=r"followed to 3 only, not to 9 within 0\.1 s"):
            await fold.answer(9, 0.1)


async def test_what_a_later_version_would_understand_ends_an_older_one(log_server: NatsServer) -> None:
    await opened(log_server)
    fold = Fold(Ledger(TREASURY))
    async with bus_of(log_server, "mirror") as mirror, folding(mirror, fold) as task:
        await mirror.js.publish(LANDED.name, b"\xff", headers={SCHEMA_HEADER: f"{LANDED.name}/2"})
        with pytest.raises(Misconfigured, match=r"needs a reader of version 2, this one knows 1: upgrade this service"):
            await asyncio.wait_for(task, 5)


async def test_nobody_else_says_what_a_service_may_say(log_server: NatsServer) -> None:
    async with bus_of(log_server, "nonce-guard") as guard:
        with pytest.raises(Rejected, match=r"ledger\.chain\.landed: NATS does not let nonce-guard publish there"):
            await guard.publish(LANDED, Landed(event=Registered(account=ANN, authority=bytes(20))), id="x")
    assert (await contents(log_server))["LEDGER"] == (0, 0)
