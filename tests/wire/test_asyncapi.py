"""The published description is current, valid, and says what the code does."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import yaml

from jurymast.asyncapi import document
from jurymast.messages import catalog
from jurymast.messages.channel import Channel, Message
from jurymast.streams import TABLE
from tests.echo import messages as echo
from tests.echo.streams import ECHO_TABLE
from tests.wire.asyncapi_rules import problems, resolve
from tests.wire.golden import DIRECTORY, parse
from tests.wire.published import COMMAND, PUBLISHED, rendered
from tests.wire.samples import wire_channels


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture(scope="module")
def of_echo() -> dict[str, Any]:
    return document(catalog.channels(echo), catalog.queries(echo), ECHO_TABLE, version="1")


def test_the_published_file_is_current() -> None:
    assert PUBLISHED.read_text(encoding="utf-8") == rendered(), (
        f"the code says more or less: run `{COMMAND}` and commit the change"
    )


def test_it_keeps_the_rules_of_asyncapi(published: dict[str, Any], of_echo: dict[str, Any]) -> None:
    assert problems(published) == []
    assert problems(of_echo) == []


def test_every_channel_is_there_with_its_subject_and_stream(published: dict[str, Any]) -> None:
    for channel in catalog.channels():
        described = published["channels"][channel.name]
        assert described["address"] == channel.template
        assert described["x-jurymast-stream"] == TABLE.stream_for(channel).name
        assert described["x-jurymast-owners"] == list(channel.owners)
        assert (described["x-jurymast-kind"], described["x-jurymast-public"]) == (channel.kind, channel.public)
        assert f"send.{channel.name}" in published["operations"]
    assert published["channels"].keys() == wire_channels().keys()


def test_a_query_is_received_and_replied_to_on_an_inbox(published: dict[str, Any]) -> None:
    for query in catalog.queries():
        operation = published["operations"][f"answer.{query.name}"]
        assert operation["action"] == "receive"
        assert resolve(published, operation["channel"]["$ref"])["address"] == query.name
        answer = resolve(published, operation["reply"]["channel"]["$ref"])
        assert answer["address"] is None
        assert list(answer["messages"]) == [query.answer.name]


def test_payloads_are_described_as_they_are_on_the_wire(published: dict[str, Any]) -> None:
    for name, channel in wire_channels().items():
        message = published["components"]["messages"][name]
        golden = parse((DIRECTORY / f"{name}.v{channel.version}.hex").read_text(encoding="ascii"))
        fields = resolve(published, message["payload"]["$ref"])["properties"]
        assert list(golden.plain()) == list(fields)
        assert message["contentType"] == "application/msgpack"


def test_bytes_are_described_as_raw_bytes(published: dict[str, Any]) -> None:
    payload = published["components"]["schemas"]["DeadLetter"]["properties"]["payload"]
    assert payload["format"] == "binary"
    assert "contentEncoding" not in payload


def test_headers_name_the_schema_that_is_sent(published: dict[str, Any]) -> None:
    for name, channel in wire_channels().items():
        headers = published["components"]["messages"][name]["headers"]
        assert headers["properties"]["Jurymast-Schema"]["examples"] == [channel.schema]
        assert "traceparent" in headers["properties"]
    for channel in catalog.channels():
        known_by = "Nats-Batch-Id" if TABLE.stream_for(channel).create_only else "Nats-Msg-Id"
        headers = published["components"]["messages"][channel.name]["headers"]["properties"]
        assert {"Nats-Batch-Id", "Nats-Msg-Id"} & set(headers) == {known_by}


def test_what_a_durable_consumer_takes_is_received(of_echo: dict[str, Any]) -> None:
    received = {name: o["x-jurymast-consumers"] for name, o in of_echo["operations"].items() if name.startswith("receive.")}
    assert received == {"receive.echo.asked": ["echo-asked"], "receive.echo.measured": ["echo-measured"]}


class Twin(Message, frozen=True, kw_only=True):
    amount: int


class Other:
    class Twin(Message, frozen=True, kw_only=True):
        note: str


def test_payloads_of_the_same_name_are_told_apart() -> None:
    one, two = Channel("dead.letter.one", Twin, summary="One."), Channel("dead.letter.two", Other.Twin, summary="Two.")
    described = document([one, two], [], TABLE, version="1")
    assert problems(described) == []
    fields = [list(resolve(described, m["payload"]["$ref"])["properties"]) for m in described["components"]["messages"].values()]
    assert fields == [["amount"], ["note"]]


CHANNEL, OPERATION = ("channels", "dead.letter"), ("operations", "send.dead.letter")
MESSAGE, SCHEMA = ("components", "messages", "dead.letter"), ("components", "schemas", "DeadLetter")
ABSENT = object()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("asyncapi",), "2.6.0", "asyncapi: not 3.0.0"),
        (("info", "title"), ABSENT, "info: title is missing"),
        ((*CHANNEL, "subject"), "dead.letter", "dead.letter: subject is no field here"),
        ((*CHANNEL, "parameters", "service"), ABSENT, "dead.letter: the address has"),
        ((*CHANNEL, "messages"), {}, "dead.letter: carries no message"),
        ((*CHANNEL, "address"), "service.status", "service.status: two channels have this address"),
        ((*MESSAGE, "payload"), {"$ref": "#/components/schemas/Nobody"}, "#/components/schemas/Nobody: refers to nothing"),
        ((*MESSAGE, "headers", "type"), "array", "dead.letter: headers are an object"),
        ((*OPERATION, "channel"), ABSENT, "send.dead.letter: channel is missing"),
        ((*OPERATION, "channel"), {"$ref": "#/info"}, "#/info: an operation's channel stands under channels"),
        ((*OPERATION, "action"), "publish", "send.dead.letter: action is send or receive"),
        (OPERATION, ABSENT, "#/channels/dead.letter: no operation uses this channel"),
        ((*SCHEMA, "properties", "payload", "type"), "bytes", "DeadLetter.payload: no such type 'bytes'"),
        ((*SCHEMA, "properties", "payload", "contentEncoding"), "base64", "DeadLetter.payload: contentEncoding is no field here"),
        ((*SCHEMA, "properties", "payload"), ABSENT, "DeadLetter: payload is required and not described"),
        (("components", "messages", "dead/letter"), {"headers": {"type": "object"}}, "'dead/letter' cannot be a key here"),
    ],
)
def test_the_rules_notice(path: tuple[str, ...], value: Any, said: str, published: dict[str, Any]) -> None:
    broken = deepcopy(published)
    *parents, last = path
    node = broken
    for part in parents:
        node = node[part]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    assert said in "\n".join(problems(broken))
