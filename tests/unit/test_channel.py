from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.errors import Rejected, Undecodable
from jurymast.messages.channel import EACH_SERVICE, Channel, Message, Query


class Joined(Message, frozen=True, kw_only=True):
    match: str
    seat: int
    stake: int = 0
    key: bytes = b""
    notes: tuple[str, ...] = ()


JOINED = Channel("match.joined.{match}.{seat}", Joined, summary="A player sat down.")
KEYLESS = Channel("match.counted", Joined, summary="All players sat down.")

SAMPLE = Joined(match="A7", seat=3, stake=10**18, key=b"\x00\xff", notes=("first", "zweite ü"))
ON = "match.joined.A7.3"

TOKEN = st.text("ABCXYZabcxyz0189_-", min_size=1, max_size=8)
ANY_TEXT = st.text(max_size=20)
JOINS = st.builds(
    Joined,
    match=TOKEN,
    seat=st.integers(-(2**63), 2**64 - 1),
    stake=st.integers(-(2**63), 2**64 - 1),
    key=st.binary(max_size=40),
    notes=st.lists(ANY_TEXT, max_size=3).map(tuple),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | ANY_TEXT | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


def decode(payload: bytes, *, schema: str | None = "match.joined/1", subject: str = ON) -> Joined:
    return JOINED.decode(payload, schema=schema, subject=subject)


def packed(**fields: Any) -> bytes:
    return msgspec.msgpack.encode({"match": "A7", "seat": 3} | fields)


# -- subjects ----------------------------------------------------------------------------------------------------------


def test_a_subject_is_the_name_and_the_payloads_keys() -> None:
    assert JOINED.name == "match.joined"
    assert JOINED.keys == ("match", "seat")
    assert JOINED.wildcard == "match.joined.*.*"
    assert JOINED.subject(SAMPLE) == ON
    assert (KEYLESS.name, KEYLESS.wildcard, KEYLESS.subject(SAMPLE)) == ("match.counted",) * 3


@pytest.mark.parametrize("key", ["", "a.b", "*", ">", "a b", "a\n", "ü", "a\x00", "$JS", "{match}"])
def test_what_cannot_be_a_token_is_rejected(key: str) -> None:
    with pytest.raises(Rejected, match=r"match=.* cannot be part of a subject"):
        JOINED.subject(Joined(match=key, seat=1))


@given(key=ANY_TEXT, seat=st.integers())
def test_a_message_has_one_whole_subject_or_none(key: str, seat: int) -> None:
    """Never fewer or more tokens, and nothing in them that NATS reads as a pattern: no message lands on another's subject."""
    try:
        subject = JOINED.subject(Joined(match=key, seat=seat))
    except Rejected:
        return
    assert subject.split(".") == ["match", "joined", key, str(seat)]
    assert re.fullmatch(r"[\w.-]+", subject, re.ASCII)


# -- templates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("match.{match}.joined", "keys last"),
        ("{match}", "tokens first"),
        ("Match.joined", "lower-case"),
        ("match_joined", "lower-case"),
        ("match..joined", "lower-case"),
        ("", "lower-case"),
        ("match.>", "lower-case"),
        ("match.joined.{table}", "Joined has no field table"),
    ],
)
def test_a_template_that_could_not_work_is_refused_at_once(template: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Channel(template, Joined, summary="")


@pytest.mark.parametrize(("version", "reader"), [(0, 1), (1, 2), (1, 0), (3, 4), (-1, -1)])
def test_a_channel_cannot_need_a_reader_newer_than_itself(version: int, reader: int) -> None:
    with pytest.raises(ValueError, match="1 <= reader <= version"):
        Channel("match.joined", Joined, summary="", version=version, reader=reader)


# -- the schema header -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "reader", "known"),
    [(v, r, k) for v in (1, 2, 7, 999_999) for r in (1, 2, 7, 999_999) if r <= v for k in (1, 2, 6, 7)],
)
def test_versions(version: int, reader: int, known: int) -> None:
    """A message is readable by whoever knows at least the version that its writer named as the oldest reader."""
    writer = Channel("match.joined.{match}.{seat}", Joined, summary="", version=version, reader=reader)
    here = Channel("match.joined.{match}.{seat}", Joined, summary="", version=known)
    if reader <= known:
        assert here.decode(writer.encode(SAMPLE), schema=writer.schema, subject=ON) == SAMPLE
    else:
        with pytest.raises(Undecodable, match=f"needs a reader of version {reader}, this one knows {known}: upgrade"):
            here.decode(writer.encode(SAMPLE), schema=writer.schema, subject=ON)


def test_the_header_names_the_reader_only_when_it_is_older() -> None:
    assert JOINED.schema == "match.joined/1"
    assert Channel("match.joined", Joined, summary="", version=4, reader=4).schema == "match.joined/4"
    assert Channel("match.joined", Joined, summary="", version=4, reader=2).schema == "match.joined/4;reader=2"


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        (None, "no Jurymast-Schema header"),
        ("", "malformed"),
        ("match.joined", "malformed"),
        ("match.joined/", "malformed"),
        ("match.joined/0", "malformed"),
        ("match.joined/01", "malformed"),
        ("match.joined/-1", "malformed"),
        ("match.joined/1.0", "malformed"),
        ("match.joined/1000000", "malformed"),
        ("match.joined/1;reader=", "malformed"),
        ("match.joined/1;reader=0", "malformed"),
        ("match.joined/1; reader=1", "malformed"),
        ("match.joined/1;writer=1", "malformed"),
        ("match.joined/1\n", "malformed"),
        (" match.joined/1", "malformed"),
        ("match.joined/²", "malformed"),
        ("match.left/1", "carries match.left, expected match.joined"),
        ("match.joined.answer/1", "carries match.joined.answer"),
        ("match.joined/2", "needs a reader of version 2"),
        ("match.joined/1;reader=2", "needs a reader of version 2"),
    ],
)
def test_a_header_that_does_not_fit(schema: str | None, why: str) -> None:
    with pytest.raises(Undecodable, match=why):
        decode(packed(), schema=schema)


def test_a_long_header_is_not_quoted_whole() -> None:
    with pytest.raises(Undecodable) as refused:
        decode(packed(), schema="x" * 10_000)
    assert len(str(refused.value)) < 200


# -- payloads ----------------------------------------------------------------------------------------------------------


@given(JOINS)
def test_what_is_encoded_decodes_to_the_same(message: Joined) -> None:
    assert decode(JOINED.encode(message), subject=JOINED.subject(message)) == message


def test_truncated_at_every_length() -> None:
    whole = JOINED.encode(SAMPLE)
    assert decode(whole) == SAMPLE
    for length in range(len(whole)):
        with pytest.raises(Undecodable):
            decode(whole[:length])


@given(st.binary(min_size=1, max_size=20))
def test_trailing_bytes(more: bytes) -> None:
    with pytest.raises(Undecodable, match="trailing"):
        decode(JOINED.encode(SAMPLE) + more)


@given(st.dictionaries(ANY_TEXT.filter(lambda name: name not in Joined.__struct_fields__), PLAIN, max_size=4))
def test_fields_of_a_later_version_are_ignored(later: dict[str, Any]) -> None:
    assert decode(packed(**later)) == Joined(match="A7", seat=3)


@given(JOINS, st.data())
def test_any_change_of_bytes_is_another_message_or_undecodable(message: Joined, data: st.DataObject) -> None:
    """Nothing else may come out: any other error would end the process that reads, again and again."""
    payload = bytearray(JOINED.encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    _decodes_or_not(bytes(payload))


@given(st.binary(max_size=60))
def test_any_bytes_are_a_message_or_undecodable(payload: bytes) -> None:
    _decodes_or_not(payload)


@given(PLAIN)
def test_any_msgpack_is_a_message_or_undecodable(content: Any) -> None:
    _decodes_or_not(msgspec.msgpack.encode(content))


def _decodes_or_not(payload: bytes) -> None:
    try:
        message = decode(payload)
    except Undecodable:
        return
    assert JOINED.subject(message) == ON


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (packed(seat="3"), r"Expected `int`, got `str` - at `\$.seat`"),
        (packed(seat=3.0), "Expected `int`, got `float`"),
        (packed(seat=True), "Expected `int`, got `bool`"),
        (packed(seat=None), "Expected `int`, got `None`"),
        (packed(match=b"A7"), "Expected `str`, got `bytes`"),
        (packed(key="text"), "Expected `bytes`, got `str`"),
        (packed(notes="text"), "Expected `array`, got `str`"),
        (msgspec.msgpack.encode({"match": "A7"}), "missing required field `seat`"),
        (msgspec.msgpack.encode(["A7", 3]), "Expected `object`, got `array`"),
        (msgspec.msgpack.encode({1: 2}), "Expected `str`, got `int` - at `key`"),
        (b"\x82\xa5match\xa2A\xff\xa4seat\x03", "can't decode byte 0xff"),
        (b"\x83\xa5match\xa2A7\xa4seat\x03\xa5later" + b"\x91" * 100_000 + b"\xc0", "recursion"),
        (b"\x83\xa5match\xa2A7\xa4seat\x03\xa5notes\xdd\xff\xff\xff\xff", "truncated"),
        (b"", "truncated"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_a_payload_that_does_not_fit(payload: bytes, why: str) -> None:
    with pytest.raises(Undecodable, match=f"^{ON}: {len(payload)} bytes are not a match.joined: .*{why}"):
        decode(payload)


@pytest.mark.parametrize("subject", ["match.joined.A8.3", "match.joined.A7.4", "match.joined.A7", "match.joined.A7.3.x", "x"])
def test_a_payload_that_belongs_on_another_subject(subject: str) -> None:
    with pytest.raises(Undecodable, match=r"the payload belongs on match\.joined\.A7\.3"):
        decode(packed(), subject=subject)


def test_a_payload_whose_keys_make_no_subject() -> None:
    with pytest.raises(Undecodable, match="cannot be part of a subject"):
        decode(packed(match="A7.3"))


def test_without_keys_there_is_one_subject() -> None:
    assert KEYLESS.decode(packed(), schema="match.counted/1", subject="match.counted").seat == 3
    with pytest.raises(Undecodable, match=r"the payload belongs on match\.counted"):
        KEYLESS.decode(packed(), schema="match.counted/1", subject="match.count")


# -- queries -----------------------------------------------------------------------------------------------------------


def test_a_question_cannot_be_taken_for_its_answer() -> None:
    query = Query("match.count", Joined, Joined, summary="How many?", version=2)
    asked = query.ask.encode(SAMPLE)
    assert query.ask.decode(asked, schema=query.ask.schema, subject="match.count") == SAMPLE
    with pytest.raises(Undecodable, match=r"carries match\.count, expected match\.count\.answer"):
        query.answer.decode(asked, schema=query.ask.schema, subject=query.answer.name)


# -- owners ------------------------------------------------------------------------------------------------------------


class Told(Message, frozen=True, kw_only=True):
    service: str


def test_owners_are_nobody_one_or_several() -> None:
    assert JOINED.owners == ()
    assert Channel("match.told", Joined, summary="s", owner="mirror").owners == ("mirror",)
    assert Channel("match.told", Joined, summary="s", owner=("mirror", "bridge")).owners == ("mirror", "bridge")
    query = Query("match.count", Joined, Joined, summary="s", asked_by="bridge", answered_by=("mirror", "bridge"))
    assert (query.askers, query.answerers) == (("bridge",), ("mirror", "bridge"))


def test_each_service_owns_only_what_carries_its_name() -> None:
    assert Channel("match.told.{service}", Told, summary="s", owner=EACH_SERVICE).owners == (EACH_SERVICE,)
    with pytest.raises(ValueError, match=r"match.told: that each service owns its part needs the key \{service\}"):
        Channel("match.told", Told, summary="s", owner=EACH_SERVICE)


def test_commands_are_not_public() -> None:
    assert Channel("match.told", Joined, summary="s", public=True).public
    with pytest.raises(ValueError, match=r"match.tell: only events are public"):
        Channel("match.tell", Joined, summary="s", kind="command", public=True)
