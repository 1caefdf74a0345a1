from __future__ import annotations

from typing import Any

import pytest

from jurymast.errors import Misconfigured
from jurymast.messages import catalog, dead
from jurymast.messages.channel import Channel
from jurymast.streams import MIB, TABLE, UNLIMITED, Bucket, ObjectStore, Stream, Table
from jurymast.subjects import covers, overlap
from tests.echo import messages as echo
from tests.echo.streams import ECHO_TABLE
from tests.unit.tables import consumer, stream

# -- the table's rules -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streams", "why"),
    [
        ([stream("A"), stream("A", "b")], "stream names are unique: A"),
        (
            [stream("A", consumers=(consumer("x"),)), stream("B", "b.>", consumers=(consumer("x", "b.c"),))],
            "consumer names are unique over all streams: x",
        ),
        ([stream("A", "a.*"), stream("B", "*.b")], r"A and B both take subjects of a\.\* and \*\.b"),
        ([stream("A", "a.b", "a.>")], r"A and A both take subjects of a\.b and a\.>"),
        ([stream(consumers=(consumer("x", "a.b", "b.c", "b.d"),))], r"x: A does not take b\.c, b\.d"),
        ([stream(consumers=(consumer("x", "a.b", "a.*"),))], "x: its subjects overlap"),
        ([stream(consumers=(consumer(backoff_s=()),))], "taker: backoff_s is empty"),
        ([stream("A.B")], "'A.B' is no name"),
        ([stream(consumers=(consumer("a b"),))], "'a b' is no name"),
        ([stream(subjects=())], "A: it has no subjects"),
        ([stream(consumers=(consumer(subjects=()),))], "taker: it has no subjects"),
        ([stream("A", "a..b", ">.a")], r"A: no subjects are 'a\.\.b', '>\.a'"),
        ([stream(max_bytes=0)], r"A: max_bytes is 0, and has to be from 1 to"),
        ([stream(max_bytes=UNLIMITED)], r"A: max_bytes is -1, and has to be from 1 to"),
        ([stream(replicas=0)], r"A: replicas is 0, and has to be from 1 to 5"),
        ([stream(replicas=6)], r"A: replicas is 6, and has to be from 1 to 5"),
        ([stream(max_age_s=0.05)], r"A: max_age_s is 0\.05, and has to be from 0\.1 to"),
        ([stream(max_age_s=1e10)], r"A: max_age_s is 10000000000\.0, and has"),
        ([stream(max_messages_per_subject=0)], r"A: max_messages_per_subject is 0, and has"),
        ([stream(max_message_bytes=2**31)], r"A: max_message_bytes is 2147483648, and has"),
        ([stream(dedupe_window_s=0)], r"A: dedupe_window_s is 0, and has to be from 0\.1 to"),
        ([stream(dedupe_window_s=float("nan"))], r"A: dedupe_window_s is nan, and has"),
        ([stream(consumers=(consumer(ack_wait_s=0),))], r"taker: ack_wait_s is 0, and has to be from 0\.1 to"),
        ([stream(consumers=(consumer(max_ack_pending=0),))], r"taker: max_ack_pending is 0, and has to be from 1 to"),
        ([stream(discard_new_per_subject=True, discard="new")], "A: discard_new_per_subject needs"),
        ([stream(discard_new_per_subject=True, max_messages_per_subject=1)], "A: discard_new_per_subject needs"),
        ([stream(allow_rollup=True, deny_purge=True)], "A: a roll-up purges"),
        ([stream(followers=("fold",), republish=True)], "A: who follows it"),
        ([stream(followers=("fold",), allow_direct=True)], "A: who follows it"),
        ([stream(retention="workqueue", consumers=(consumer(deliver="new"),))], "taker must deliver all"),
        (
            [stream(retention="workqueue", consumers=(consumer("x", "a.*"), consumer("y", "a.b")))],
            "A: x and y take the same subjects of a work queue",
        ),
        ([stream("KV_hot", "x")], "stream names are unique: KV_hot"),
        ([stream("B", "$KV.>")], r"B and KV_hot both take subjects of \$KV\.> and \$KV\.hot\.>"),
    ],
)
def test_a_table_that_could_not_work_is_refused(streams: list[Stream], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Table(streams=tuple(streams), buckets=(Bucket(name="hot", summary="Views.", max_bytes=MIB),))


def test_every_service_with_consumers_gets_its_two_for_dead_letters() -> None:
    mine = [consumer("mirror-b", "a.b"), consumer("mirror-c", "a.c"), consumer("bridge-d", "a.d", service="bridge")]
    table = TABLE.with_streams(stream(consumers=tuple(mine)), stream("IDLE", "idle"))
    assert {c.name for _, c in table.consumers_of("mirror")} == {"mirror-b", "mirror-c", "replays-mirror"}
    assert table.consumer("replays-bridge")[1].subjects == ("dead.replay.bridge.>",)


def test_a_letter_given_back_reaches_the_service_that_failed_and_no_other() -> None:
    replays = [c for s in ECHO_TABLE.with_streams(stream(consumers=(consumer(),))).compiled for c in s.consumers]
    letter = dead.DeadLetter(
        service="mirror", consumer="taker", stream="A", sequence=7, cause="rejected", reason="", attempts=1, dead_ms=0,
        subject="a.b", headers={}, payload=b"",
    )  # fmt: skip
    takers = [c.name for c in replays if any(covers(s, dead.REPLAY.subject(letter)) for s in c.subjects)]
    assert takers == ["replays-mirror"]


def test_without_services_there_is_nobody_to_give_letters_to() -> None:
    assert [c for s in TABLE.compiled for c in s.consumers] == []


def test_what_is_not_in_the_table_is_said_to_be_missing() -> None:
    with pytest.raises(Misconfigured, match="no consumer nobody in the stream table"):
        TABLE.consumer("nobody")
    with pytest.raises(Misconfigured, match=r"no stream takes echo\.asked\.\*: add it"):
        TABLE.stream_for(echo.ASKED)


@pytest.mark.parametrize("table", [TABLE, ECHO_TABLE])
def test_nothing_grows_without_a_bound(table: Table) -> None:
    for s in table.compiled:
        config = s.config(3)
        assert config["max_bytes"] > 0
        assert 0 < config["max_msg_size"] <= MIB
        assert config["duplicate_window"] > 0
        for c in s.consumers:
            assert c.config()["max_ack_pending"] > 0
            assert c.config()["ack_policy"] == "explicit"


def test_a_dead_letter_holds_any_message_that_could_be_stored() -> None:
    """The whole message, with room for its headers, reason and names."""
    letters, _ = TABLE.stream_for(dead.DEAD), TABLE.stream_for(dead.REPLAY)
    largest = max(s.max_message_bytes for s in ECHO_TABLE.compiled if s.name not in ("DEAD", "REPLAYS"))
    assert letters.max_message_bytes >= 2 * largest


@pytest.mark.parametrize(("attempt", "delay_s"), [(1, 0.5), (2, 3), (3, 9), (4, 9), (1000, 9)])
def test_the_last_delay_repeats(attempt: int, delay_s: float) -> None:
    assert consumer(backoff_s=(0.5, 3, 9)).retry_delay_s(attempt) == delay_s


@pytest.mark.parametrize(("wanted", "servers", "copies"), [(3, 1, 1), (3, 3, 3), (3, 5, 3), (1, 3, 1)])
def test_no_more_copies_than_servers(wanted: int, servers: int, copies: int) -> None:
    assert stream(replicas=wanted).config(servers)["num_replicas"] == copies


@pytest.mark.parametrize(("age_s", "window_s"), [(0, 120), (60, 60), (3600, 120)])
def test_repeats_are_remembered_no_longer_than_messages(age_s: float, window_s: int) -> None:
    """A server refuses a window that is longer than the messages' age."""
    bucket = Bucket(name="b", summary="", max_bytes=MIB, ttl_s=age_s).stream()
    store = ObjectStore(name="o", summary="", max_bytes=MIB, ttl_s=age_s).stream()
    for s in (stream(max_age_s=age_s), bucket, store):
        assert s.config(1)["duplicate_window"] == window_s * 10**9


def test_buckets_and_object_stores_stand_where_nats_clients_look() -> None:
    table = Table(
        streams=(),
        buckets=(Bucket(name="hot", summary="Views.", max_bytes=MIB, history=5, ttl_s=60),),
        object_stores=(ObjectStore(name="snapshots", summary="Files.", max_bytes=MIB),),
    )
    bucket, store = (s.config(1) for s in table.compiled)
    assert (bucket["name"], bucket["subjects"]) == ("KV_hot", ["$KV.hot.>"])
    assert bucket["max_msgs_per_subject"] == 5
    assert bucket["max_age"] == 60 * 10**9
    assert (bucket["discard"], bucket["allow_rollup_hdrs"], bucket["allow_direct"], bucket["deny_delete"]) == ("new", *[True] * 3)
    assert (store["name"], store["subjects"]) == ("OBJ_snapshots", ["$O.snapshots.C.>", "$O.snapshots.M.>"])
    assert (store["discard"], store["allow_rollup_hdrs"], store["deny_delete"]) == ("new", True, False)


# -- queries and events ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [TABLE, ECHO_TABLE])
@pytest.mark.parametrize("query", [*catalog.queries(), *catalog.queries(echo)], ids=lambda query: query.name)
def test_no_stream_answers_a_query(table: Table, query: Any) -> None:
    """A stream that takes a query's subject acknowledges each question, and the asker takes that for the answer."""
    assert [s.name for s in table.compiled if s.takes(query.name)] == []


def channel_and_table() -> list[tuple[Channel[Any], Table]]:
    return [(c, TABLE) for c in catalog.channels()] + [(c, ECHO_TABLE) for c in [*catalog.channels(), *catalog.channels(echo)]]


@pytest.mark.parametrize(("channel", "table"), channel_and_table(), ids=lambda value: getattr(value, "name", ""))
def test_every_event_is_stored_once(channel: Channel[Any], table: Table) -> None:
    assert [s.name for s in table.compiled if overlap_any(s, channel)] == [table.stream_for(channel).name]


def overlap_any(s: Stream, channel: Channel[Any]) -> bool:
    return any(overlap(pattern, channel.wildcard) for pattern in s.subjects)
