"""The stream table against a real server, through the function and through the command."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st
from nats.aio.client import Client

from jurymast.drift import differences, unknown
from jurymast.errors import Misconfigured
from jurymast.provision import provision, read, request
from jurymast.streams import LONGEST_S, MIB, SHORTEST_S, TABLE, UNLIMITED, Bucket, ObjectStore, Stream, Table
from tests.echo.streams import ECHO, ECHO_TABLE
from tests.servers import ROOT, NatsServer
from tests.unit.tables import consumer, stream

OTHERS = tuple(stream for stream in ECHO_TABLE.streams if stream.name != "ECHO")


def with_echo(**changes: object) -> Table:
    return Table((*OTHERS, replace(ECHO, **changes)))  # type: ignore[arg-type]


async def jurymast(*arguments: str, url: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jurymast.cli", *arguments, "--nats", url, cwd=ROOT,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_applying_twice_changes_nothing(server: NatsServer) -> None:
    assert await server.provision(ECHO_TABLE) == []


async def test_buckets_and_object_stores_serve_their_clients(server: NatsServer) -> None:
    table = replace(
        TABLE,
        buckets=(Bucket(name="settings", summary="b", max_bytes=MIB, history=3),),
        object_stores=(ObjectStore(name="files", summary="o", max_bytes=8 * MIB),),
    )
    await server.provision(table)
    async with server.client() as nc:
        bucket = await nc.jetstream().key_value("settings")
        revisions = [await bucket.put("key", value) for value in (b"one", b"two")]
        assert (await bucket.get("key")).value == b"two"
        assert revisions == [1, 2]
        files = await nc.jetstream().object_store("files")
        await files.put("file", bytes(1_000_000))
        assert (await files.get("file")).data == bytes(1_000_000)


async def test_a_change_that_loses_nothing_is_made_in_place(server: NatsServer) -> None:
    async with server.client() as nc:
        await nc.jetstream().publish("echo.measured", b"kept")
        subjects = (*ECHO.subjects, "echo.more.>")
        changes = await provision(nc, with_echo(subjects=subjects, max_bytes=ECHO.max_bytes * 2), replicas=1)
        assert [line.split()[:2] for line in changes] == [["update", "ECHO:"]] * 2
        info = await nc.jetstream().stream_info("ECHO")
        assert (info.state.messages, info.config.subjects) == (1, list(subjects))


async def test_a_change_that_loses_something_is_refused_as_a_whole(server: NatsServer) -> None:
    table = with_echo(max_age_s=60, subjects=(*ECHO.subjects, "echo.more.>")).with_streams(
        Stream(name="NEW", subjects=("new.>",), summary="n", max_bytes=MIB)
    )
    async with server.client() as nc:
        before = (await read(nc, table))["ECHO"]
        with pytest.raises(Misconfigured, match=r"nothing was changed.*\n.*ECHO: max_age 0 -> 60000000000 \(older messages"):
            await provision(nc, table, replicas=1)
        after = await read(nc, table)
        assert after["ECHO"] == before
        assert "NEW" not in after
        await provision(nc, table, replicas=1, allow_lossy=True)
        assert differences(table, await read(nc, table), 1) == []


async def test_what_a_stream_keeps_for_life_is_refused_even_when_losses_are_allowed(server: NatsServer) -> None:
    async with server.client() as nc:
        with pytest.raises(Misconfigured, match="retention"):
            await provision(nc, with_echo(retention="workqueue"), replicas=1, allow_lossy=True)


async def test_a_consumer_is_updated_in_place_and_keeps_its_position(server: NatsServer) -> None:
    async with server.client() as nc:
        js = nc.jetstream()
        for number in range(3):
            await js.publish("echo.measured", b"%d" % number)
        subscription = await js.pull_subscribe_bind(consumer="echo-measured", stream="ECHO")
        for message in await subscription.fetch(2):
            await message.ack_sync()
        consumers = tuple(replace(c, ack_wait_s=77) if c.name == "echo-measured" else c for c in ECHO.consumers)
        assert len(await provision(nc, with_echo(consumers=consumers), replicas=1)) == 1
        info = await js.consumer_info("ECHO", "echo-measured")
        assert (info.config.ack_wait, info.num_pending) == (77, 1)


async def test_what_only_the_server_has_is_named_and_left_alone(server: NatsServer) -> None:
    async with server.client() as nc:
        await _foreign(nc)
        await provision(nc, ECHO_TABLE, replicas=1)
        actual = await read(nc, ECHO_TABLE)
        assert unknown(ECHO_TABLE, actual) == ["FOREIGN", "ECHO/foreign"]


def holding(**streams: tuple[str, ...]) -> Table:
    return Table(tuple(Stream(name=name, subjects=subjects, summary="s", max_bytes=MIB) for name, subjects in streams.items()))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (holding(A=("a",), B=("b", "c")), holding(A=("a", "c"), B=("b",))),
        (holding(B=("b", "c")), holding(A=("c",), B=("b",))),
        (holding(A=("a",), B=("b",)), holding(A=("b",), B=("a",))),
        (holding(A=("a.*",), B=("b",), C=("c",)), holding(A=("b", "a.x"), B=("c",), C=("a.y",))),
    ],
)
async def test_subjects_move_from_stream_to_stream(server: NatsServer, before: Table, after: Table) -> None:
    async with server.client() as nc:
        await provision(nc, before, replicas=1)
        await nc.jetstream().publish("b", b"kept")
        await provision(nc, after, replicas=1, allow_lossy=True)
        assert differences(after, await read(nc, after), 1) == []
        assert (await nc.jetstream().stream_info("B")).state.messages == 1


async def test_subjects_that_a_foreign_stream_has_are_refused_before_the_first_change(server: NatsServer) -> None:
    async with server.client() as nc:
        await nc.jetstream().add_stream(name="FOREIGN", subjects=["b.c"])
        with pytest.raises(Misconfigured, match=r"nothing was changed.*\n.*B: FOREIGN, not of the table"):
            await provision(nc, holding(A=("a",), B=("b.>",)), replicas=1, allow_lossy=True)
        assert not {"A", "B"} & (await read(nc, ECHO_TABLE)).keys()


async def _foreign(nc: Client) -> None:
    js = nc.jetstream()
    await js.add_stream(name="FOREIGN", subjects=["foreign.>"])
    await js.pull_subscribe("echo.measured", durable="foreign", stream="ECHO")


# -- whatever the table lets pass --------------------------------------------------------------------------------------

# Values on both sides of what a server takes as it is.
SECONDS = st.sampled_from([0, 1e-10, SHORTEST_S, 0.3, 1, 60, 3_600, LONGEST_S])
SWITCHES = [f.name for f in fields(Stream) if f.type == "bool"]
CONSUMERS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"name": st.sampled_from(["taker", "other", "A_b-1"])},
    optional={
        "subjects": st.sampled_from([("a.b",), ("a.>",), ("a.b", "a.c"), ("a.*",)]),
        "summary": st.sampled_from(["", "Zoë\n"]),
        "deliver": st.sampled_from(["all", "new"]),
        "ack_wait_s": SECONDS,
        "max_ack_pending": st.sampled_from([-2, 0, 1, 2_000, 2**63 - 1]),
    },
)
STREAMS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"consumers": st.lists(CONSUMERS.map(lambda more: consumer(**more)), max_size=2).map(tuple)},
    optional={
        "subjects": st.sampled_from([("a.>",), ("a.b", "a.c"), ("*", "a.>"), ("a.*",)]),
        "summary": st.sampled_from(["", "Zoë\n"]),
        "max_bytes": st.sampled_from([-2, 1, MIB]),
        "retention": st.sampled_from(["limits", "workqueue"]),
        "storage": st.sampled_from(["file", "memory"]),
        "replicas": st.integers(0, 5),
        "max_age_s": SECONDS,
        "max_messages_per_subject": st.sampled_from([-2, UNLIMITED, 1, 2**63 - 1]),
        "max_message_bytes": st.sampled_from([-2, 1, 2**31 - 1, 2**31]),
        "discard": st.sampled_from(["old", "new"]),
        "dedupe_window_s": SECONDS,
        **{switch: st.booleans() for switch in SWITCHES},
    },
)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
)
@given(STREAMS)
async def test_whatever_the_table_lets_pass_a_server_then_holds(server: NatsServer, more: dict[str, Any]) -> None:
    try:
        table = Table((stream(**more),))
    except ValueError:
        reject()
    async with server.client() as nc:
        await provision(nc, table, replicas=1)
        assert differences(table, await read(nc, table), 1) == []
        await nc.jetstream().delete_stream("A")


@pytest.mark.parametrize(("history", "ttl_s"), [(1, 0), (64, 0.1), (5, 3_600)])
async def test_a_server_holds_buckets_and_object_stores_as_they_are(server: NatsServer, history: int, ttl_s: float) -> None:
    bucket = Bucket(name="b", summary="b", max_bytes=MIB, history=history, ttl_s=ttl_s)
    table = Table((), (bucket,), (ObjectStore(name="o", summary="o", max_bytes=MIB, ttl_s=ttl_s),))
    async with server.client() as nc:
        await provision(nc, table, replicas=1)
        assert differences(table, await read(nc, table), 1) == []


# -- the command -------------------------------------------------------------------------------------------------------


async def test_diff_shows_and_apply_makes_the_changes(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats")
    try:
        await server.start()
        code, shown = await jurymast("streams", "diff", url=server.url)
        assert code == 1
        assert "create     LEASES: " in shown
        code, done = await jurymast("streams", "apply", url=server.url)
        assert code == 0
        assert "create     LEASES: " in done
        assert await jurymast("streams", "apply", url=server.url) == (0, "nothing to change\n")
        assert await jurymast("streams", "diff", url=server.url) == (0, "the server holds exactly what the table says\n")
        async with server.client() as nc:
            await provision(nc, _wider_leases(), replicas=1)
        code, shown = await jurymast("streams", "diff", url=server.url)
        assert code == 1
        assert "lossy      LEASES: max_bytes" in shown
        code, refused = await jurymast("streams", "apply", url=server.url)
        assert code == 1
        assert refused.startswith("jurymast: nothing was changed")
        assert (await jurymast("streams", "apply", "--allow-lossy", url=server.url))[0] == 0
    finally:
        server.kill()


async def test_names_that_others_gave_do_not_reach_the_terminal_as_they_are(server: NatsServer) -> None:
    async with server.client() as nc:
        await request(nc, "STREAM.CREATE.\x1b[2J", {"name": "\x1b[2J", "subjects": ["foreign"]})
    code, shown = await jurymast("streams", "diff", url=server.url)
    assert code == 0
    assert r"unknown    \u001b[2J: not in the table" in shown
    assert "\x1b" not in shown


def _wider_leases() -> Table:
    return Table(tuple(replace(s, max_bytes=2 * s.max_bytes) if s.name == "LEASES" else s for s in TABLE.streams))


async def test_no_server_is_one_clear_line() -> None:
    code, output = await jurymast("streams", "diff", url="nats://127.0.0.1:1")
    assert code == 1
    assert output.startswith("jurymast: no NATS server answers at nats://127.0.0.1:1")
    assert output.count("\n") == 1
