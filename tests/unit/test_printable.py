"""What messages may do to whoever looks at them: nothing."""

from __future__ import annotations

import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg

from jurymast.cli.commands.printable import SCREEN, content, escaped, fields, moment
from jurymast.cli.commands.tail import CHANNELS, line
from jurymast.messages.channel import SCHEMA_HEADER

encode = msgspec.msgpack.encode

KEYS = st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**64 - 1), st.floats(), st.text(), st.binary())
VALUES = st.recursive(
    st.one_of(KEYS, st.datetimes(), st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary())),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner),
)


def message(data: bytes, subject: str = "a.b", schema: str | None = None) -> Msg:
    return Msg(_client=Client(), subject=subject, data=data, headers={SCHEMA_HEADER: schema} if schema else None)


@given(st.binary() | VALUES.map(encode))
def test_any_payload_is_one_printable_line(payload: bytes) -> None:
    assert content(payload).isprintable()


@given(st.binary(), st.text(), st.sampled_from([*CHANNELS, "x"]).map("{}/1".format) | st.text())
def test_any_event_is_one_printable_line(payload: bytes, subject: str, schema: str) -> None:
    assert line(message(payload, subject, schema)).isprintable()


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (encode({"a": [1, b"\x01"], "b": None}), '{"a":[1,"0x01"],"b":null}'),
        (encode({"name": "Zoë 漢"}), '{"name":"Zoë 漢"}'),
        (encode({1: 2, b"k": 3}), '{"1":2,"\\"0x6b\\"":3}'),
        (encode({"clear": "\x1b[2J"}), '{"clear":"\\u001b[2J"}'),
        (b"\xd4\x05a", '{"extension":5,"data":"0x61"}'),
        (b"\xd6\xff\x00\x00\x00\x01", '"1970-01-01T00:00:01+00:00"'),
        (b"\xa2\xff\xfe", "(3 bytes: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte) 0xa2fffe"),
        (b"", "(0 bytes: Input data was truncated) 0x"),
    ],
)
def test_what_is_shown(payload: bytes, shown: str) -> None:
    assert content(payload) == shown


@pytest.mark.parametrize("depth", [100, 400, 600, 900, 1_000, 100_000])
def test_depth_is_no_reason_to_die(depth: int) -> None:
    assert content(b"\x91" * depth + b"\x01").isprintable()


@given(st.text())
def test_only_what_prints_is_left_as_it_is(text: str) -> None:
    shown = escaped(text)
    assert shown.isprintable()
    assert (shown == text) is text.isprintable()


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("\x1b\x7f\x9b\u202e\U000e0001\r\n")))
def test_what_is_spelled_out_stays_json(text: str) -> None:
    assert json.loads(fields({"text": text})) == {"text": text}


def test_what_a_terminal_would_obey_is_spelled_out() -> None:
    assert escaped("a\x1b[2J\x9b2J\r\nb\x7f\u202ec") == r"a\u001b[2J\u009b2J\r\nb\u007f\u202ec"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(payload=st.sampled_from([encode("x" * 10**6), encode(bytes(10**6)), bytes(10**6), encode([[[]] * 1000] * 100)]))
def test_a_screen_is_not_flooded_and_a_file_gets_all(payload: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert len(line(message(payload))) < SCREEN + 200
    assert content(payload).endswith(" characters)")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert len(content(payload)) > 100_000


@pytest.mark.parametrize(
    ("ms", "shown"),
    [(0, "1970-01-01T00:00:00Z"), (-(2**63), f"{-(2**63)} ms"), (2**64 - 1, f"{2**64 - 1} ms")],
)
def test_a_time_beyond_reason_is_a_number(ms: Any, shown: str) -> None:
    assert moment(ms, "seconds") == shown
