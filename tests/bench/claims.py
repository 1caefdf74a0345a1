"""How many claims a second become durable, and permitted: journal, its head on the bus and one signature a batch included."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import nats

from jurymast.bus.atomic import Written
from jurymast.claims import ClaimsLog
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.messages.claims import EPOCHS, INTENT, NONCE_GUARD, Claimed
from jurymast.nonce_guard.decide.words import Permit
from jurymast.nonce_guard.store import BusHeads, VetoStore, veto_store
from jurymast.streams import TABLE
from jurymast.tasks import cancel
from tests.bench.figure import Figure, Goal, Scale, compared, interleaved
from tests.claiming import claims, opened
from tests.servers import NatsServer, running_bus

SIZES = (1_000, 100, 4)
AT_ONCE = 8
"""Batches of ours: while one is claimed, others are journaled."""
KEY = SigningKey(bytes(31) + b"\x01")
GOAL = Goal("ratio", "least", 0.6)

_accounts = itertools.count()


def fresh(size: int) -> list[Claimed]:
    return claims(next(_accounts) * max(SIZES), size)


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    with TemporaryDirectory(prefix="jurymast-bench-") as directory:
        server = NatsServer(Path(directory) / "nats", sync="always")
        try:
            await server.start()
            await server.provision(TABLE)
            async with running_bus(server.url, TABLE, service=NONCE_GUARD) as bus:
                after = await opened(ClaimsLog(bus))
            for size in SIZES:
                batches = min(scale.claims // size, scale.claim_batches)
                ours = partial(claimed_by_us, server.url, Path(directory) / "guard.journal", after, size, batches)
                pairs = await interleaved(scale.claim_runs, ours, partial(claimed_raw, server.url, after, size, batches))
                yield compared(f"claims in batches of {size:,}, permitted / bare atomic publish", "claims/s", pairs, GOAL)
        finally:
            server.kill()


# -- ours --------------------------------------------------------------------------------------------------------------


async def claimed_by_us(url: str, path: Path, after: int, size: int, batches: int) -> float:
    async with running_bus(url, TABLE, service=NONCE_GUARD) as bus, _journal(path, BusHeads(bus, KEY.address)) as store:
        left = iter([fresh(size) for _ in range(batches)])
        started = time.perf_counter()
        await asyncio.gather(*(_lane(ClaimsLog(bus), store, left, after) for _ in range(AT_ONCE)))
        return size * batches / (time.perf_counter() - started)


async def _lane(log: ClaimsLog, store: VetoStore, left: Iterator[list[Claimed]], after: int) -> None:
    for batch in left:
        number = next(_accounts)
        answer = await log.claim(batch, after=after, id=f"bench-{number}")
        assert isinstance(answer, Written), answer
        identities = frozenset((bytes.fromhex(claim.account), claim.nonce) for claim in batch)
        permit = Permit(1, 1, number, 100, bytes(32), identities)
        assert await store.permit(permit, {}) is None
        KEY.sign(keccak256(number.to_bytes(8, "big")))


@asynccontextmanager
async def _journal(path: Path, heads: BusHeads) -> AsyncIterator[VetoStore]:
    async with veto_store(path, KEY.address, heads) as store:
        running = asyncio.create_task(store.run())
        try:
            yield store
        finally:
            await cancel(running)


# -- the raw client ----------------------------------------------------------------------------------------------------


async def claimed_raw(url: str, after: int, size: int, batches: int) -> float:
    """One batch after the other, made of bytes that are there already."""
    messages = [[(INTENT.subject(claim), INTENT.encode(claim)) for claim in fresh(size)] for _ in range(batches)]
    async with await nats.connect(url) as nc:
        started = time.perf_counter()
        for number, batch in enumerate(messages):
            headers = {"Nats-Batch-Id": f"raw-{number}"}
            first = {"Nats-Expected-Last-Subject-Sequence": str(after), "Nats-Expected-Last-Subject-Sequence-Subject": EPOCHS}
            for place, (subject, payload) in enumerate(batch[:-1], 1):
                await nc.publish(subject, payload, headers={**headers, **first, "Nats-Batch-Sequence": str(place)})
                first = {}
            last = {**headers, "Nats-Batch-Sequence": str(size), "Nats-Batch-Commit": "1"}
            reply = await nc.request(*batch[-1], timeout=5, headers=last)
            assert json.loads(reply.data).get("count") == size, reply.data
        return size * batches / (time.perf_counter() - started)
