"""The rules of AsyncAPI 3.0.0 that a document of ours can break. Pure: a document in, what is wrong with it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

Node = Mapping[str, Any]


class Fields(NamedTuple):
    required: frozenset[str]
    optional: frozenset[str]


def _fields(required: str, optional: str) -> Fields:
    return Fields(frozenset(required.split()), frozenset(optional.split()))


DOCUMENT = _fields("asyncapi info", "id servers defaultContentType channels operations components")
INFO = _fields("title version", "description termsOfService contact license tags externalDocs")
CHANNEL = _fields("", "address messages title summary description servers parameters tags externalDocs bindings")
PARAMETER = _fields("", "enum default description examples location")
OPERATION = _fields("action channel", "title summary description security tags externalDocs bindings traits messages reply")
REPLY = _fields("", "address channel messages")
MESSAGE = _fields(
    "", "headers payload correlationId contentType name title summary description tags externalDocs bindings examples traits"
)
COMPONENTS = _fields("", "schemas servers channels operations messages parameters replies correlationIds")

SCHEMA = _fields(
    "",
    "title description type properties required items additionalItems enum const default examples pattern format "
    "additionalProperties anyOf oneOf allOf minimum maximum minLength maxLength minItems maxItems",
)
TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}

_EXTENSION = re.compile(r"x-[\w.-]+")
_COMPONENT_KEY = re.compile(r"[\w.-]+")
_EXPRESSION = re.compile(r"\{([A-Za-z0-9_-]+)\}")


def problems(document: Node) -> list[str]:
    return [
        *_shape("document", document, DOCUMENT),
        *_shape("info", document.get("info", {}), INFO),
        *_shape("components", document.get("components", {}), COMPONENTS),
        *([] if document.get("asyncapi") == "3.0.0" else ["asyncapi: not 3.0.0"]),
        *_unresolved(document, document),
        *_channels(document.get("channels", {})),
        *_operations(document),
        *_components(document.get("components", {})),
    ]


def _shape(where: str, node: Node, fields: Fields) -> Iterator[str]:
    for key in sorted(fields.required - node.keys()):
        yield f"{where}: {key} is missing"
    for key in sorted(node.keys() - fields.required - fields.optional):
        if not _EXTENSION.fullmatch(key):
            yield f"{where}: {key} is no field here"


def resolve(document: Node, reference: str) -> Any:
    """What a local JSON pointer names; KeyError if nothing."""
    root, *path = reference.split("/")
    if root != "#":
        raise KeyError(reference)
    node: Any = document
    for part in path:
        node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def _unresolved(document: Node, node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if (reference := node.get("$ref")) is not None:
            try:
                resolve(document, reference)
            except (KeyError, TypeError):
                yield f"{reference}: refers to nothing"
        for value in node.values():
            yield from _unresolved(document, value)
    elif isinstance(node, list):
        for value in node:
            yield from _unresolved(document, value)


def _channels(channels: Node) -> Iterator[str]:
    addresses = [channel["address"] for channel in channels.values() if channel.get("address") is not None]
    for address in sorted({a for a in addresses if addresses.count(a) > 1}):
        yield f"{address}: two channels have this address"
    for name, channel in channels.items():
        yield from _shape(name, channel, CHANNEL)
        if not channel.get("messages"):
            yield f"{name}: carries no message"
        expressions = set(_EXPRESSION.findall(channel.get("address") or ""))
        if expressions != channel.get("parameters", {}).keys():
            yield f"{name}: the address has {sorted(expressions)}, the parameters are {sorted(channel.get('parameters', {}))}"
        for key, parameter in channel.get("parameters", {}).items():
            yield from _shape(f"{name}.{key}", parameter, PARAMETER)


def _operations(document: Node) -> Iterator[str]:
    described = {f"#/channels/{name}" for name in document.get("channels", {})}
    used = set()
    for name, operation in document.get("operations", {}).items():
        yield from _shape(name, operation, OPERATION)
        reply = operation.get("reply", {})
        yield from _shape(f"{name}.reply", reply, REPLY)
        if operation.get("action") not in ("send", "receive"):
            yield f"{name}: action is send or receive"
        for channel in (operation.get("channel"), reply.get("channel")):
            if channel is not None:
                used.add(channel.get("$ref"))
    yield from (f"{wrong}: an operation's channel stands under channels" for wrong in sorted(used - described, key=str))
    yield from (f"{idle}: no operation uses this channel" for idle in sorted(described - used))


def _components(components: Node) -> Iterator[str]:
    for kind, group in components.items():
        yield from (f"{kind}: {key!r} cannot be a key here" for key in group if not _COMPONENT_KEY.fullmatch(key))
    for name, message in components.get("messages", {}).items():
        yield from _shape(name, message, MESSAGE)
        yield from _schema(f"{name}.headers", message.get("headers", {}))
        yield from _schema(f"{name}.payload", message.get("payload", {}))
        if message.get("headers", {}).get("type") != "object":
            yield f"{name}: headers are an object"
    for name, schema in components.get("schemas", {}).items():
        yield from _schema(name, schema)


def _schema(where: str, schema: Node) -> Iterator[str]:
    if "$ref" in schema:
        return
    yield from _shape(where, schema, SCHEMA)
    types = schema.get("type", [])
    if not set([types] if isinstance(types, str) else types) <= TYPES:
        yield f"{where}: no such type {types!r}"
    properties = schema.get("properties", {})
    yield from (f"{where}: {key} is required and not described" for key in schema.get("required", []) if key not in properties)
    inner = [("items", schema.get("items")), ("additionalProperties", schema.get("additionalProperties")), *properties.items()]
    inner += [("anyOf", one) for one in schema.get("anyOf", [])]
    inner += [("items", one) for one in schema["items"]] if isinstance(schema.get("items"), list) else []
    for key, value in inner:
        if isinstance(value, dict):
            yield from _schema(f"{where}.{key}", value)
