"""Buckets and object stores belong to services: owners write, readers read, nobody else does either."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from jurymast.permissions import PROVISIONER
from jurymast.streams import MIB, Bucket, ObjectStore
from tests.echo.messages import ASKER
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import ACCESS, contents, visitor
from tests.servers import NatsServer, all_sent

TABLE = replace(
    ECHO_TABLE,
    buckets=(Bucket(name="views", owner="echo", readers=(ASKER,), summary="b", max_bytes=MIB, history=2),),
    object_stores=(ObjectStore(name="cuts", owner="echo", readers=(ASKER,), summary="o", max_bytes=8 * MIB),),
)
STREAMS = ("KV_views", "OBJ_cuts")
WRITES = ["$KV.views.key", "$O.cuts.C.x", "$O.cuts.M.x"]
READS = [f"$JS.API.{call}.{name}" for name in STREAMS for call in ("STREAM.MSG.GET", "STREAM.INFO", "DIRECT.GET")]
CHANGES = [
    f"$JS.API.{call}.{name}{rest}"
    for name in STREAMS
    for call, rest in (
        ("STREAM.CREATE", ""), ("STREAM.UPDATE", ""), ("STREAM.DELETE", ""), ("STREAM.PURGE", ""), ("STREAM.MSG.DELETE", ""),
        ("CONSUMER.CREATE", ""), ("CONSUMER.CREATE", ".x"), ("CONSUMER.CREATE", ".x.$KV.views.>"), ("CONSUMER.LIST", ""),
    )
]  # fmt: skip
SIZE = 300_000


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    locked = NatsServer(tmp_path / "nats", access=replace(ACCESS, table=TABLE))
    try:
        await locked.start()
        await locked.provision(TABLE)
        yield locked
    finally:
        locked.kill()


async def test_the_owner_writes_into_its_bucket_and_readers_read_it(server: NatsServer) -> None:
    async with visitor(server, "echo") as owner, visitor(server, ASKER) as reader:
        bucket = await owner.nc.jetstream().key_value("views")
        revisions = [await bucket.put("key", value) for value in (b"one", b"two")]
        await bucket.delete("gone")
        seen = await reader.nc.jetstream().key_value("views")
        assert (await seen.get("key")).value == b"two"
        assert (await seen.get("key", revision=revisions[0])).value == b"one"
        assert owner.refused == reader.refused == []


async def test_the_owner_keeps_objects_and_readers_fetch_them_chunk_by_chunk(server: NatsServer) -> None:
    data = bytes(range(256)) * (SIZE // 256)
    async with visitor(server, "echo") as owner, visitor(server, ASKER) as reader:
        await (await owner.nc.jetstream().object_store("cuts")).put("cut", data)
        js = reader.nc.jetstream()
        info = await (await js.object_store("cuts")).get_info("cut")
        assert await fetched(js, f"$O.cuts.C.{info.nuid}") == data
        assert info.chunks == 3
        assert owner.refused == reader.refused == []


async def fetched(js: JetStreamContext, subject: str) -> bytes:
    """Without a consumer: services create none."""
    data, sequence = b"", 1
    while True:
        try:
            chunk = await js.get_msg("OBJ_cuts", sequence, subject, direct=True, next=True)
        except NotFoundError:
            return data
        data, sequence = data + (chunk.data or b""), (chunk.seq or 0) + 1


@pytest.mark.parametrize("role", ["echo", ASKER, "health-monitor", PROVISIONER])
async def test_only_the_owner_writes_and_only_readers_read(server: NatsServer, role: str) -> None:
    before = await contents(server)
    refused = [*([] if role == "echo" else WRITES), *([] if role in ("echo", ASKER) else READS)]
    async with visitor(server, role) as guest:
        assert await guest.publishes(*(s for s in (*WRITES, *READS) if s in refused)) == [s.lower() for s in refused]
        assert await contents(server) == before
        if role == "echo":
            assert await guest.publishes(*WRITES) == []


@pytest.mark.parametrize("role", ["echo", ASKER])
async def test_not_even_the_owner_makes_changes_or_empties_a_store(server: NatsServer, role: str) -> None:
    async with visitor(server, role) as guest:
        assert await guest.publishes(*CHANGES) == [subject.lower() for subject in CHANGES]
        assert await guest.subscribes("$KV.views.>", "$O.cuts.>") == ["$kv.views.>", "$o.cuts.>"]


async def test_an_answer_about_a_store_cannot_be_sent_into_it(server: NatsServer) -> None:
    """A reader asks, and names as the way back what it may not write."""
    async with visitor(server, ASKER) as reader:
        await reader.nc.publish("echo.measured", b"{}")
        before = await contents(server)
        question = json.dumps({"seq": 1}).encode()
        for target in WRITES:
            await reader.nc.publish("$JS.API.STREAM.MSG.GET.ECHO", question, reply=target)
            await reader.nc.publish("$JS.API.DIRECT.GET.KV_views", question, reply=target)
        await all_sent(reader.nc)
    after = await contents(server)
    assert [after[name] for name in STREAMS] == [before[name] for name in STREAMS] == [(0, 0)] * 2
