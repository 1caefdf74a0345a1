"""What calls, answers, errors and events are as bytes, as an artifact describes them.

Values are Python's: addresses are bytes, arrays tuples, structs and the fields of events and errors dictionaries whose keys are
the Solidity names in snake_case, as the reference calls the same things. To be encoded, a struct may be a tuple, named or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eth_abi.abi import decode as decode_words
from eth_abi.abi import encode as encode_words

from jurymast.crypto.address import checksummed
from jurymast.crypto.keccak import keccak256

SELECTOR = 4

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class Unknown(Exception):
    """The interface has no such thing, or more than one: then its whole signature says which."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        super().__init__(f"{name!r} is not exactly one of {', '.join(known)}")
        self.name = name


class Event(NamedTuple):
    name: str
    fields: dict[str, Any]
    address: bytes


class Entry(NamedTuple):
    """A function, an error, an event or a constructor."""

    name: str
    inputs: Sequence[dict[str, Any]]
    outputs: Sequence[dict[str, Any]]

    @property
    def signature(self) -> str:
        return f"{self.name}({','.join(_type(parameter) for parameter in self.inputs)})"

    @property
    def topic(self) -> bytes:
        return keccak256(self.signature.encode("ascii"))

    @property
    def selector(self) -> bytes:
        return self.topic[:SELECTOR]


class Interface:
    def __init__(self, abi: Sequence[dict[str, Any]]) -> None:
        self.constructor = next(iter(_entries(abi, "constructor")), Entry("", (), ()))
        self.errors = {entry.selector: entry for entry in (*STANDARD_ERRORS, *_entries(abi, "error"))}
        self._functions = {entry.signature: entry for entry in _entries(abi, "function")}
        self._events = {entry.topic: entry for entry in _entries(abi, "event")}

    def function(self, name: str) -> Entry:
        """By its name, or by its signature where several have the name."""
        found = [entry for signature, entry in self._functions.items() if name in {signature, entry.name}]
        if len(found) != 1:
            raise Unknown(name, sorted(self._functions))
        return found[0]

    def event(self, topics: Sequence[bytes], data: bytes, address: bytes) -> Event:
        entry = self._events[topics[0]]
        indexed = [_in_topic(parameter) for parameter in entry.inputs if parameter["indexed"]]
        rest = [parameter for parameter in entry.inputs if not parameter["indexed"]]
        found = fields(indexed, b"".join(topics[1:])) | fields(rest, data)
        return Event(entry.name, {name: found[name] for name in map(_name, entry.inputs)}, address)


def encode(parameters: Sequence[dict[str, Any]], values: Sequence[Any]) -> bytes:
    """A value that its type cannot hold is an error of eth-abi."""
    written = [_written(parameter, value) for parameter, value in zip(parameters, values, strict=True)]
    return encode_words([_type(parameter) for parameter in parameters], written)


def decode(parameters: Sequence[dict[str, Any]], data: bytes) -> list[Any]:
    values = decode_words([_type(parameter) for parameter in parameters], data)
    return [_read(parameter, value) for parameter, value in zip(parameters, values, strict=True)]


def fields(parameters: Sequence[dict[str, Any]], data: bytes) -> dict[str, Any]:
    return dict(zip(map(_name, parameters), decode(parameters, data), strict=True))


def answer(parameters: Sequence[dict[str, Any]], data: bytes) -> Any:
    """One value is that value, several are a tuple; if all have names, a dictionary."""
    values = decode(parameters, data)
    if len(values) == 1:
        return values[0]
    names = [_name(parameter) for parameter in parameters]
    return dict(zip(names, values, strict=True)) if values and all(names) else tuple(values) or None


def _name(parameter: dict[str, Any]) -> str:
    return _HUMP.sub("_", parameter["name"]).lower().strip("_")


def _entries(abi: Sequence[dict[str, Any]], kind: str) -> list[Entry]:
    return [Entry(entry.get("name", ""), entry["inputs"], entry.get("outputs", ())) for entry in abi if entry["type"] == kind]


def _type(parameter: dict[str, Any]) -> str:
    """As signatures and eth-abi have it: a struct is what is in it."""
    name: str = parameter["type"]
    if not name.startswith("tuple"):
        return name
    return f"({','.join(_type(component) for component in parameter['components'])}){name.removeprefix('tuple')}"


def _in_topic(parameter: dict[str, Any]) -> dict[str, Any]:
    """Of what does not fit into a word, a topic has the hash only."""
    fits = not (parameter["type"].endswith("]") or parameter["type"] in {"tuple", "string", "bytes"})
    return parameter if fits else {"name": parameter["name"], "type": "bytes32"}


def _item(parameter: dict[str, Any]) -> dict[str, Any] | None:
    name: str = parameter["type"]
    return parameter | {"type": name[: name.rindex("[")]} if name.endswith("]") else None


def _written(parameter: dict[str, Any], value: Any) -> Any:
    if (item := _item(parameter)) is not None:
        return [_written(item, part) for part in value]
    if parameter["type"] == "tuple":
        components = parameter["components"]
        if isinstance(value, Mapping):
            names = [_name(component) for component in components]
            if value.keys() != set(names):
                raise Unknown(", ".join(value), names)
            value = [value[name] for name in names]
        return tuple(_written(component, part) for component, part in zip(components, value, strict=True))
    return checksummed(value) if parameter["type"] == "address" else value


def _read(parameter: dict[str, Any], value: Any) -> Any:
    if (item := _item(parameter)) is not None:
        return tuple(_read(item, part) for part in value)
    if parameter["type"] == "tuple":
        return {_name(component): _read(component, part) for component, part in zip(parameter["components"], value, strict=True)}
    return bytes.fromhex(value.removeprefix("0x")) if parameter["type"] == "address" else value


STANDARD_ERRORS = (
    Entry("Error", ({"name": "reason", "type": "string"},), ()),
    Entry("Panic", ({"name": "code", "type": "uint256"},), ()),
)
"""What every contract may raise: a text, or a mistake such as an overflow."""
