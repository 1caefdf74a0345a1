from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.drift import Actual, Change, differences, refusals, steps, unknown
from jurymast.streams import MIB, TABLE, UNLIMITED, Stream, Table
from jurymast.subjects import overlap
from tests.echo.streams import ECHO_TABLE
from tests.unit.tables import consumer, stream


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


LAST_STAYS = {"discard": "new", "max_messages_per_subject": 1}
STREAM_CHANGES: list[tuple[dict[str, Any], dict[str, Any], str, str]] = [
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
    (
        LAST_STAYS | {"discard_new_per_subject": False},
        LAST_STAYS | {"discard_new_per_subject": True},
        "update",
        "per_subject False",
    ),
    (LAST_STAYS | {"discard_new_per_subject": True}, LAST_STAYS | {"discard_new_per_subject": False}, "lossy", "a guarantee"),
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


# -- the order of changes ----------------------------------------------------------------------------------------------


def applied(changes: list[Change], actual: dict[str, Actual]) -> dict[str, list[str]]:
    """The subjects that a server then has; fails where a server would refuse a step."""
    held = {name: list(there.config["subjects"]) for name, there in actual.items()}
    for step in steps(changes, actual):
        if step.consumer is None:
            wanted = step.config["subjects"]
            assert wanted
            others = [theirs for name, taken in held.items() if name != step.stream for theirs in taken]
            assert not any(overlap(one, two) for one in wanted for two in others), step
            assert (step.effect == "create") is (step.stream not in held)
            held[step.stream] = wanted
        else:
            assert step.stream in held
    return held


def moved(old: dict[str, list[str]], new: dict[str, list[str]]) -> list[Change]:
    before, after = (Table(tuple(stream(name, *subjects) for name, subjects in kind.items())) for kind in (old, new))
    changes = differences(after, held(before), 3)
    assert refusals(changes, allow_lossy=True) == []
    assert {name: held for name, held in applied(changes, held(before)).items() if name in new} == new
    return steps(changes, held(before))


@pytest.mark.parametrize(
    ("old", "new", "order"),
    [
        ({"A": ["a"], "B": ["b", "c"]}, {"A": ["a", "c"], "B": ["b"]}, "BA"),
        ({"A": ["a", "c"], "B": ["b"]}, {"A": ["a"], "B": ["b", "c"]}, "AB"),
        ({"B": ["b", "c"]}, {"A": ["c"], "B": ["b"]}, "BA"),
        ({"A": ["a"], "B": ["b"], "C": ["c", "d"]}, {"A": ["b"], "B": ["c"], "C": ["d"]}, "CBA"),
        ({"A": ["a"], "B": ["b"]}, {"A": ["b"], "B": ["a"]}, "BAB"),
        ({"A": ["a", "x"], "B": ["b", "y"]}, {"A": ["b", "x"], "B": ["a", "y"]}, "BAB"),
        ({"A": ["a.*"], "B": ["b"]}, {"A": ["b", "a.x"], "B": ["a.y"]}, "BAB"),
    ],
)
def test_what_takes_subjects_away_comes_before_what_adds_them(
    old: dict[str, list[str]], new: dict[str, list[str]], order: str
) -> None:
    assert "".join(step.stream for step in moved(old, new)) == order


def test_what_gives_way_keeps_what_nobody_else_wants_and_its_other_settings() -> None:
    first, *_ = moved({"A": ["a", "x"], "B": ["b", "y"]}, {"A": ["b", "x"], "B": ["a", "y"]})
    assert first.config["subjects"] == ["y"]
    assert first.config["max_bytes"] == MIB


SPREAD = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("ABCD"), min_size=1).map(
    lambda placed: {name: sorted(s for s, owner in placed.items() if owner == name) for name in set(placed.values())}
)


@given(SPREAD, SPREAD)
def test_any_rearrangement_has_an_order(old: dict[str, list[str]], new: dict[str, list[str]]) -> None:
    gone = {name: [f"gone.{name}"] for name in old.keys() - new.keys()}
    moved(old, new | gone)


def test_streams_come_before_all_consumers_and_several_fields_are_one_step() -> None:
    before = Table((stream("A", "a.>"), stream("B", "b.>", "c.>")))
    after = Table((stream("A", "a.>", "c.>", summary="New.", consumers=(consumer("taker", "c.d"),)), stream("B", "b.>")))
    order = [(step.stream, step.consumer) for step in steps(differences(after, held(before), 3), held(before))]
    assert order == [("B", None), ("A", None), ("A", "taker")]


def test_subjects_that_a_foreign_stream_takes_are_told_before_the_first_change() -> None:
    (blocked, *_) = differences(Table((stream(),)), {"OLD": Actual({"name": "OLD", "subjects": ["a.b"]}, {})}, 3)
    assert str(blocked) == "impossible A: OLD, not of the table, takes some of its subjects: remove it"
