"""Which words a contract has in its storage, by the layout that the compiler tells of it.

Values are as in `abi`: structs and mappings are dictionaries, with Solidity's own names and with keys as numbers or bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jurymast.crypto.keccak import keccak256
from tests.contracts.artifacts import Artifact

WORD = 32
Words = dict[int, int]


def words(artifact: Artifact, values: Mapping[str, Any]) -> Words:
    """Of all its variables: all slots that are not zero."""
    assert values.keys() == {variable["label"] for variable in artifact.storage}
    found: Words = {}
    for slot, word in _members(artifact.types, artifact.storage, 0, values):
        found[slot] = found.get(slot, 0) | word
    return {slot: word for slot, word in found.items() if word}


def _members(types: Any, members: Any, base: int, values: Mapping[str, Any]) -> Iterator[tuple[int, int]]:
    for member in members:
        slot = base + int(member["slot"])
        for at, word in _value(types, member["type"], slot, values[member["label"]]):
            yield at, word << 8 * member["offset"]


def _value(types: Any, name: str, slot: int, value: Any) -> Iterator[tuple[int, int]]:
    kind = types[name]
    match kind["encoding"]:
        case "mapping":
            for key, item in value.items():
                yield from _value(types, kind["value"], _hashed(_word(key), _word(slot)), item)
        case "dynamic_array":
            size = int(types[kind["base"]]["numberOfBytes"])
            assert 2 * size > WORD, "each item has a word of its own"
            yield slot, len(value)
            for number, item in enumerate(value):
                yield from _value(types, kind["base"], _hashed(_word(slot)) + number, item)
        case "inplace" if "members" in kind:
            yield from _members(types, kind["members"], slot, value)
        case _:
            number = value if isinstance(value, int) else int.from_bytes(value, "big")
            assert 0 <= number < 1 << 8 * int(kind["numberOfBytes"]), name
            yield slot, number


def _hashed(*parts: bytes) -> int:
    return int.from_bytes(keccak256(*parts), "big")


def _word(key: int | bytes) -> bytes:
    """As a key of a mapping is hashed."""
    return key.to_bytes(WORD, "big") if isinstance(key, int) else key.rjust(WORD, b"\0")
