"""The published description of everything on the bus, as an AsyncAPI 3.0.0 document: catalog and stream table in, plain data out.

It is written from Jurymast's side: Jurymast sends every event, receives what its own durable consumers take, and answers queries.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec

from jurymast.envelope import ALONE_HEADER, BATCH_HEADER, ERROR_HEADER, ID_HEADER
from jurymast.messages.channel import SCHEMA_HEADER, AnyChannel, Query
from jurymast.streams import Table
from jurymast.subjects import overlap
from jurymast.telemetry import TRACE_HEADER

CONTENT_TYPE = "application/msgpack"

DESCRIPTION = """\
Payloads are MessagePack maps with spelled-out field names. Fields are only ever added, with defaults: ignore those that you do \
not know. Amounts are integers in the asset's smallest unit; fields that end in _ms are milliseconds since 1970; \
keys of maps from assets or chains are integers. \
Every event stands in the JetStream stream that its channel names; queries use plain request-reply."""

Node = dict[str, Any]

_EVENT_HEADERS: Node = {
    ID_HEADER: {"type": "string", "description": "Deterministic: the same event has the same id, however often it is sent."}
}
_CREATED_HEADERS: Node = {
    BATCH_HEADER: {
        "type": "string",
        "description": "Of all messages that were stored together. Each subject takes one message, ever.",
    },
    ALONE_HEADER: {"type": "string", "description": "Instead of it, of what was stored alone."},
}
_ANSWER_HEADERS: Node = {
    ERROR_HEADER: {"type": "string", "description": "Why there is no answer; the payload is empty then, and has no schema."}
}


def document(channels: Sequence[AnyChannel], queries: Sequence[Query[Any, Any]], table: Table, *, version: str) -> Node:
    asks, answers = [query.ask for query in queries], [query.answer for query in queries]
    payloads = list(dict.fromkeys(c.payload for c in chain(channels, asks, answers)))
    references, schemas = msgspec.json.schema_components(payloads, ref_template="#/components/schemas/{name}")
    payload_of = dict(zip(payloads, references, strict=True))

    def messages(of: Sequence[AnyChannel], headers: Node) -> Node:
        return {c.name: _message(c, payload_of[c.payload], headers) for c in of}

    created = [c for c in channels if table.stream_for(c).create_only]
    events = [c for c in channels if c not in created]

    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Jurymast", "version": version, "description": DESCRIPTION, "license": {"name": "Apache-2.0"}},
        "defaultContentType": CONTENT_TYPE,
        "channels": {c.name: _event_channel(c, table) for c in channels}
        | {c.name: _query_channel(c, c.name) for c in asks}
        | {c.name: _query_channel(c, None) for c in answers},  # NATS names the inbox for the answer with each question.
        "operations": {name: operation for c in channels for name, operation in _event_operations(c, table).items()}
        | {f"answer.{query.name}": _query_operation(query) for query in queries},
        "components": {
            "messages": messages(events, _EVENT_HEADERS)
            | messages(created, _CREATED_HEADERS)
            | messages(asks, {})
            | messages(answers, _ANSWER_HEADERS),
            "schemas": {name: _as_msgpack(schema) for name, schema in sorted(schemas.items())},
        },
    }


def _event_channel(channel: AnyChannel, table: Table) -> Node:
    node = {
        "address": channel.template,
        "description": channel.summary,
        "messages": _carried(channel),
        "x-jurymast-stream": table.stream_for(channel).name,
        "x-jurymast-kind": channel.kind,
        "x-jurymast-owners": list(channel.owners),
        "x-jurymast-public": channel.public,
    }
    if channel.keys:
        node["parameters"] = {key: {"description": f"The payload's field `{key}`."} for key in channel.keys}
    return node


def _query_channel(channel: AnyChannel, address: str | None) -> Node:
    return {"address": address, "description": channel.summary, "messages": _carried(channel)}


def _event_operations(channel: AnyChannel, table: Table) -> Node:
    operations: Node = {f"send.{channel.name}": {"action": "send", "channel": _reference(channel)}}
    takers = [c.name for c in table.stream_for(channel).consumers if any(overlap(s, channel.wildcard) for s in c.subjects)]
    if takers:
        receive = {"action": "receive", "channel": _reference(channel), "x-jurymast-consumers": takers}
        operations[f"receive.{channel.name}"] = receive
    return operations


def _query_operation(query: Query[Any, Any]) -> Node:
    return {
        "action": "receive",
        "channel": _reference(query.ask),
        "summary": query.summary,
        "reply": {"channel": _reference(query.answer)},
    }


def _message(channel: AnyChannel, payload: Node, more_headers: Node) -> Node:
    schema = {
        "type": "string",
        "description": "Name and version of the payload; `reader` is the oldest version that may read it, if it is not the same.",
        "pattern": rf"^{channel.name.replace('.', '[.]')}/[1-9][0-9]*(;reader=[1-9][0-9]*)?$",
        "examples": [channel.schema],
    }
    trace = {"type": "string", "description": "W3C Trace Context."}
    return {
        "name": channel.name,
        "title": channel.payload.__name__,
        "summary": channel.summary,
        "contentType": CONTENT_TYPE,
        "headers": {
            "type": "object",
            "required": [] if ERROR_HEADER in more_headers else [SCHEMA_HEADER],
            "properties": {SCHEMA_HEADER: schema, **more_headers, TRACE_HEADER: trace},
        },
        "payload": payload,
    }


def _as_msgpack(schema: Any) -> Any:
    """msgspec describes JSON; in MessagePack bytes travel as they are."""
    match schema:
        case {"contentEncoding": "base64", **rest}:
            return rest | {"format": "binary", "description": "Raw bytes (MessagePack bin)."}
        case {"prefixItems": members, "items": _, **rest}:  # As draft 7, which AsyncAPI speaks, has it.
            return _as_msgpack({**rest, "items": members, "additionalItems": False})
        case {"discriminator": _, **rest}:  # Of OpenAPI; the field `type` of each alternative says the same.
            return _as_msgpack(rest)
        case dict():
            return {key: _as_msgpack(value) for key, value in schema.items()}
        case list():
            return [_as_msgpack(item) for item in schema]
        case _:
            return schema


def _reference(channel: AnyChannel) -> Node:
    return {"$ref": f"#/channels/{channel.name}"}


def _carried(channel: AnyChannel) -> Node:
    return {channel.name: {"$ref": f"#/components/messages/{channel.name}"}}
