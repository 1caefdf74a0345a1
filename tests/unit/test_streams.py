from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.errors import Misconfigured
from jurymast.messages import catalog, dead
from jurymast.messages.channel import Channel
from jurymast.provision import refusals
from jurymast.streams import (
    ADVISORY,
    MIB,
    TABLE,
    UNLIMITED,
    Actual,
    Bucket,
    Change,
    Consumer,
    ObjectStore,
    Stream,
    Table,
    covers,
    differences,
    overlap,
    unknown,
)
from tests.echo import messages as echo
from tests.echo.streams import ECHO_TABLE

# -- subject patterns, against what they mean --------------------------------------------------------------------------

# A third letter, which no pattern names, and one more token than a pattern has: enough to tell any two patterns apart.
SUBJECTS = [tokens for length in range(1, 6) for tokens in product("abc", repeat=length)]
PATTERNS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=4).flatmap(
    lambda tokens: st.just([*tokens, ">"]) if not tokens else st.sampled_from([tokens, [*tokens[:3], ">"]])
)


def taken(pattern: list[str]) -> set[tuple[str, ...]]:
    """The subjects that a pattern stands for, one by one as the NATS documentation puts it."""
    open_ended = pattern[-1] == ">"
    fixed = pattern[:-1] if open_ended else pattern
    return {
        subject
        for subject in SUBJECTS
        if (len(subject) > len(fixed) if open_ended else len(subject) == len(fixed))
        and all(want in ("*", token) for want, token in zip(fixed, subject, strict=False))
    }


@given(PATTERNS, PATTERNS)
def test_covering_and_overlapping_mean_what_nats_means(one: list[str], two: list[str]) -> None:
    assert covers(".".join(one), ".".join(two)) is (taken(two) <= taken(one))
    assert overlap(".".join(one), ".".join(two)) is bool(taken(one) & taken(two))


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("dead.letter.>", "dead.letter.a.b", True),
        ("dead.letter.>", "dead.letter", False),
        ("dead.letter.>", "dead.letters.a", False),
        ("echo.*", "echo.>", False),
        ("echo.>", "echo.*", True),
        ("*.*", "*", False),
        (">", ">", True),
    ],
)
def test_covering(pattern: str, subject: str, covered: bool) -> None:
    assert covers(pattern, subject) is covered


# -- the table's rules -------------------------------------------------------------------------------------------------


def consumer(name: str = "taker", *subjects: str, **more: Any) -> Consumer:
    return Consumer(**{"name": name, "service": "mirror", "subjects": subjects or ("a.b",), "summary": "Takes."} | more)


def stream(name: str = "A", *subjects: str, **more: Any) -> Stream:
    fields: dict[str, Any] = {"name": name, "subjects": subjects or ("a.>",), "summary": "Holds.", "max_bytes": MIB}
    return Stream(**fields | more)


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
    assert {c.name for _, c in table.consumers_of("mirror")} == {"mirror-b", "mirror-c", "replays-mirror", "advisories-mirror"}
    assert table.consumer("replays-bridge")[1].subjects == ("dead.replay.bridge.>",)
    assert table.consumer("advisories-mirror")[1].subjects == (f"{ADVISORY}.A.mirror-b", f"{ADVISORY}.A.mirror-c")
    assert table.consumer("advisories-bridge")[1].max_deliver == UNLIMITED


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


# -- differences -------------------------------------------------------------------------------------------------------


def held(table: Table, servers: int = 3) -> dict[str, Actual]:
    """What a server would tell that was brought to this table: it leaves out whatever is zero, false or empty."""
    return {s.name: Actual(_told(s.config(servers)), {c.name: _told(c.config()) for c in s.consumers}) for s in table.compiled}


def _told(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if value not in (0, False, "", [])}


@pytest.mark.parametrize("servers", [1, 3])
@pytest.mark.parametrize("table", [TABLE, ECHO_TABLE])
def test_a_server_that_holds_the_table_differs_in_nothing(table: Table, servers: int) -> None:
    assert differences(table, held(table, servers), servers) == []
    assert unknown(table, held(table, servers)) == []


def test_an_empty_server_gets_everything_streams_before_their_consumers() -> None:
    changes = differences(ECHO_TABLE, {}, 1)
    assert {change.effect for change in changes} == {"create"}
    expected = [(s.name, name) for s in ECHO_TABLE.compiled for name in (None, *(c.name for c in s.consumers))]
    assert [(change.stream, change.consumer) for change in changes] == expected
    assert refusals(changes, allow_lossy=False) == []


def between(old: Stream, new: Stream, servers: int = 3) -> list[Change]:
    return differences(Table((new,)), held(Table((old,)), servers), servers)


STREAM_CHANGES = [
    ({"subjects": ("a.>",)}, {"subjects": ("a.>", "b.>")}, "update", "subjects"),
    ({"subjects": ("a.b", "a.c")}, {"subjects": ("a.*",)}, "update", "subjects"),
    ({"subjects": ("a.>", "b.>")}, {"subjects": ("a.>",)}, "lossy", "b.> is no longer taken"),
    ({"subjects": ("a.>",)}, {"subjects": ("a.*",)}, "lossy", "a.> is no longer taken"),
    ({"subjects": ("a.>",)}, {"subjects": ("b.>",)}, "lossy", "a.> is no longer taken"),
    ({"summary": "Old."}, {"summary": "New."}, "update", "description 'Old.' -> 'New.'"),
    ({"max_bytes": MIB}, {"max_bytes": 2 * MIB}, "update", "max_bytes"),
    ({"max_bytes": 2 * MIB}, {"max_bytes": MIB}, "lossy", "messages beyond the limit"),
    ({"max_age_s": 600}, {"max_age_s": 900}, "update", "max_age"),
    ({"max_age_s": 600}, {"max_age_s": 0}, "update", "max_age"),
    ({"max_age_s": 600}, {"max_age_s": 300}, "lossy", "older messages are deleted"),
    ({"max_age_s": 0}, {"max_age_s": 300}, "lossy", "older messages are deleted"),
    ({"max_messages_per_subject": 1}, {"max_messages_per_subject": 5}, "update", "max_msgs_per_subject"),
    ({"max_messages_per_subject": 1}, {"max_messages_per_subject": UNLIMITED}, "update", "max_msgs_per_subject"),
    ({"max_messages_per_subject": 5}, {"max_messages_per_subject": 1}, "lossy", "older messages of a subject"),
    ({"max_messages_per_subject": UNLIMITED}, {"max_messages_per_subject": 1}, "lossy", "older messages of a subject"),
    ({"max_message_bytes": 100}, {"max_message_bytes": 200}, "update", "max_msg_size"),
    ({"max_message_bytes": 200}, {"max_message_bytes": 100}, "lossy", "accepted before are refused"),
    ({"replicas": 1}, {"replicas": 3}, "update", "num_replicas 1 -> 3"),
    ({"replicas": 3}, {"replicas": 1}, "lossy", "fewer copies"),
    ({"dedupe_window_s": 60}, {"dedupe_window_s": 120}, "update", "duplicate_window"),
    ({"dedupe_window_s": 120}, {"dedupe_window_s": 60}, "lossy", "stored twice"),
    ({"discard": "old"}, {"discard": "new"}, "update", "discard"),
    ({"discard": "new"}, {"discard": "old"}, "lossy", "drops its oldest"),
    ({"discard_new_per_subject": False}, {"discard_new_per_subject": True}, "update", "discard_new_per_subject False -> True"),
    ({"discard_new_per_subject": True}, {"discard_new_per_subject": False}, "lossy", "a guarantee"),
    ({"allow_atomic": False}, {"allow_atomic": True}, "update", "allow_atomic"),
    ({"allow_atomic": True}, {"allow_atomic": False}, "lossy", "a guarantee"),
    ({"allow_rollup": True}, {"allow_rollup": False}, "lossy", "a guarantee"),
    ({"allow_direct": True}, {"allow_direct": False}, "update", "allow_direct"),
    ({"allow_message_ttl": False}, {"allow_message_ttl": True}, "update", "allow_msg_ttl"),
    ({"allow_message_ttl": True}, {"allow_message_ttl": False}, "impossible", "once on, it stays on"),
    ({"deny_delete": False}, {"deny_delete": True}, "update", "deny_delete"),
    ({"deny_delete": True}, {"deny_delete": False}, "impossible", "once on, it stays on"),
    ({"deny_purge": False}, {"deny_purge": True}, "update", "deny_purge"),
    ({"deny_purge": True}, {"deny_purge": False}, "impossible", "once on, it stays on"),
    ({"retention": "limits"}, {"retention": "workqueue"}, "impossible", "keeps its retention for life"),
    ({"storage": "memory"}, {"storage": "file"}, "impossible", "keeps its storage for life"),
]


@pytest.mark.parametrize(("old", "new", "effect", "said"), STREAM_CHANGES)
def test_a_change_of_a_stream(old: dict[str, Any], new: dict[str, Any], effect: str, said: str) -> None:
    (change,) = between(stream(**old), stream(**new))
    assert (change.stream, change.consumer, change.effect) == ("A", None, effect)
    assert said in change.what
    assert change.config == stream(**new).config(3)
    assert str(change).startswith(f"{effect:<10} A: ")


CONSUMER_CHANGES = [
    ({"subjects": ("a.b",)}, {"subjects": ("a.b", "a.c")}, "update", "filter_subjects"),
    ({"subjects": ("a.b", "a.c")}, {"subjects": ("a.b",)}, "lossy", "a.c is no longer taken"),
    ({"summary": "Old."}, {"summary": "New."}, "update", "description"),
    ({"ack_wait_s": 30}, {"ack_wait_s": 5}, "update", "ack_wait"),
    ({"max_deliver": 3}, {"max_deliver": 6}, "update", "max_deliver"),
    ({"max_deliver": 3}, {"max_deliver": UNLIMITED}, "update", "max_deliver"),
    ({"max_deliver": 6}, {"max_deliver": 3}, "lossy", "not delivered again"),
    ({"max_deliver": UNLIMITED}, {"max_deliver": 3}, "lossy", "not delivered again"),
    ({"max_ack_pending": 10}, {"max_ack_pending": 5}, "update", "max_ack_pending"),
    ({"deliver": "all"}, {"deliver": "new"}, "impossible", "keeps it for life"),
]


@pytest.mark.parametrize(("old", "new", "effect", "said"), CONSUMER_CHANGES)
def test_a_change_of_a_consumer(old: dict[str, Any], new: dict[str, Any], effect: str, said: str) -> None:
    before, after = (stream(consumers=(consumer("taker", **kind),)) for kind in (old, new))
    (change,) = between(before, after)
    assert (change.stream, change.consumer, change.effect) == ("A", "taker", effect)
    assert said in change.what
    assert str(change).startswith(f"{effect:<10} A/taker: ")


@pytest.mark.parametrize(("key", "foreign"), [("ack_policy", "all"), ("replay_policy", "original")])
def test_a_consumer_that_somebody_else_made_otherwise(key: str, foreign: str) -> None:
    table = Table((stream(consumers=(consumer(),)),))
    actual = held(table)
    config = {**actual["A"].consumers["taker"], key: foreign}
    (change,) = differences(table, {"A": replace(actual["A"], consumers={"taker": config})}, 3)
    assert change.effect == "impossible"


def test_a_single_filter_is_told_under_another_name() -> None:
    table = Table((stream(consumers=(consumer("taker", "a.b"),)),))
    actual = held(table)
    config = {**actual["A"].consumers["taker"], "filter_subject": "a.b"}
    del config["filter_subjects"]
    assert differences(table, {"A": replace(actual["A"], consumers={"taker": config})}, 3) == []


def test_unlimited_has_two_spellings() -> None:
    table = Table((stream(),))
    actual = held(table)
    config = {**actual["A"].config, "max_msgs": 0, "max_msgs_per_subject": 0, "max_consumers": 0}
    assert differences(table, {"A": replace(actual["A"], config=config)}, 3) == []


def test_what_a_server_adds_by_itself_is_no_difference() -> None:
    table = Table((stream(consumers=(consumer(),)),))
    actual = held(table)
    config = {**actual["A"].config, "metadata": {"_nats.level": "1"}, "compression": "none"}
    assert differences(table, {"A": replace(actual["A"], config=config)}, 3) == []


def test_a_new_consumer_of_a_stream_that_is_there() -> None:
    (change,) = between(stream(), stream(consumers=(consumer(),)))
    assert (change.effect, change.consumer, change.config["durable_name"]) == ("create", "taker", "taker")


def test_several_changes_are_told_one_by_one() -> None:
    changes = between(stream(max_age_s=600, discard="new"), stream(max_age_s=300, discard="old", allow_direct=True))
    assert [(c.effect, c.what.split(" ")[0]) for c in changes] == [
        ("lossy", "max_age"),
        ("lossy", "discard"),
        ("update", "allow_direct"),
    ]


def test_refusals() -> None:
    changes = [Change("A", None, effect, "x") for effect in ("create", "update", "lossy", "impossible")]
    assert [c.effect for c in refusals(changes, allow_lossy=False)] == ["lossy", "impossible"]
    assert [c.effect for c in refusals(changes, allow_lossy=True)] == ["impossible"]


def test_what_only_the_server_has_is_named_and_left_alone() -> None:
    table = Table((stream(consumers=(consumer(),)),))
    extra = Actual({"name": "OLD"}, {})
    passing = {"name": "x"}  # Without a durable name it goes by itself.
    actual = {"OLD": extra, "A": replace(held(table)["A"], consumers={**held(table)["A"].consumers, "x": passing})}
    actual["A"] = replace(actual["A"], consumers={**actual["A"].consumers, "old-taker": {"durable_name": "old-taker"}})
    assert differences(table, actual, 3) == []
    assert unknown(table, actual) == ["OLD", "A/old-taker"]
