"""EIP-712: hashes of typed data that wallets show and contracts check.

A type is written once, as the string that Solidity hashes too:

    MAIL = Struct("Mail(Person from,Person to,string contents)Person(string name,address wallet)")
    signed = digest(Domain(name="Jurymast", version="1", salt=application), MAIL, {"from": ..., "to": ..., "contents": "Hi"})

Values are mappings, or objects with attributes of the members' names. Types and values are our own making: what does not fit is a
`ValueError` with its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from jurymast.crypto.address import SIZE as ADDRESS_BYTES
from jurymast.crypto.keccak import keccak256

WORD = 32

_STRUCT = re.compile(r"([A-Za-z_]\w*)\(([^()]*)\)", re.ASCII)
_MEMBER = re.compile(r"(?P<type>[A-Za-z_]\w*(\[\d*\])*) (?P<name>[A-Za-z_]\w*)", re.ASCII)
_ARRAY = re.compile(r"(?P<of>.+)\[(?P<length>\d*)\]")
_INTEGER = re.compile(r"(?P<sign>u?)int(?P<bits>\d+)")
_FIXED_BYTES = re.compile(r"bytes(?P<size>\d+)")


class Member(NamedTuple):
    type: str
    name: str


class Struct:
    """A struct type, from its `encodeType` string: itself first, then every struct it refers to, by name."""

    def __init__(self, encoded: str) -> None:
        found = _STRUCT.findall(encoded)
        if not found or "".join(f"{name}({members})" for name, members in found) != encoded:
            raise ValueError(f"not an EIP-712 type: {encoded!r}")
        self.name: str = found[0][0]
        self._types = {name: _members(name, members) for name, members in found}
        self._hashes = {name: keccak256(self._encode_type(name).encode()) for name in self._types}
        if self._encode_type(self.name) != encoded:
            raise ValueError(f"{self.name}: the types it refers to, and no others, follow it in alphabetical order")

    @property
    def members(self) -> tuple[Member, ...]:
        """Its own, in their order."""
        return self._types[self.name]

    def hash(self, value: Any) -> bytes:
        """`hashStruct`: commits to the type and to every member."""
        return self._hash(self.name, value)

    def _encode_type(self, name: str) -> str:
        order = [name, *sorted(self._referred(name) - {name})]
        return "".join(f"{each}({','.join(f'{m.type} {m.name}' for m in self._types[each])})" for each in order)

    def _referred(self, name: str, seen: frozenset[str] = frozenset()) -> set[str]:
        found = {base for member in self._types[name] if (base := member.type.partition("[")[0]) in self._types}
        return found.union(*(self._referred(other, seen | {name}) for other in found - seen - {name}))

    def _hash(self, name: str, value: Any) -> bytes:
        words = (self._word(f"{name}.{member.name}", member.type, _get(name, value, member.name)) for member in self._types[name])
        return keccak256(self._hashes[name], *words)

    def _word(self, where: str, kind: str, value: Any) -> bytes:
        """`encodeData` of one member: always 32 bytes."""
        if array := _ARRAY.fullmatch(kind):
            return self._array(where, array["of"], array["length"], value)
        if kind in self._types:
            return self._hash(kind, value)
        if kind in ("string", "bytes"):
            return keccak256(_typed(where, value, str).encode() if kind == "string" else _typed(where, value, bytes))
        return _atomic(where, kind, value)

    def _array(self, where: str, kind: str, length: str, value: Any) -> bytes:
        if isinstance(value, str | bytes) or not isinstance(value, Sequence) or (length and len(value) != int(length)):
            raise ValueError(f"{where}: expected {length or 'a list'} of {kind}, got {value!r}")
        return keccak256(*(self._word(f"{where}[{index}]", kind, item) for index, item in enumerate(value)))


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Where a signature is valid. What is not given is not part of the type."""

    name: str | None = None
    version: str | None = None
    chain_id: int | None = None
    verifying_contract: bytes | None = None
    salt: bytes | None = None

    @cached_property
    def separator(self) -> bytes:
        all_members = [
            ("string", "name", self.name),
            ("string", "version", self.version),
            ("uint256", "chainId", self.chain_id),
            ("address", "verifyingContract", self.verifying_contract),
            ("bytes32", "salt", self.salt),
        ]
        given = [member for member in all_members if member[2] is not None]
        struct = Struct(f"EIP712Domain({','.join(f'{kind} {name}' for kind, name, _ in given)})")
        return struct.hash({name: value for _, name, value in given})


def digest(domain: Domain, struct: Struct, value: Any) -> bytes:
    """What is signed."""
    return keccak256(b"\x19\x01", domain.separator, struct.hash(value))


def _members(struct: str, text: str) -> tuple[Member, ...]:
    members = []
    for part in text.split(",") if text else ():
        if (match := _MEMBER.fullmatch(part)) is None:
            raise ValueError(f"{struct}: {part!r} is not a type and a name")
        members.append(Member(match["type"], match["name"]))
    return tuple(members)


def _get(struct: str, value: Any, name: str) -> Any:
    try:
        return value[name] if isinstance(value, Mapping) else getattr(value, name)
    except (KeyError, AttributeError):
        raise ValueError(f"{struct}.{name}: missing") from None


def _typed(where: str, value: Any, kind: type[Any]) -> Any:
    if type(value) is not kind:  # A bool is an int to isinstance, and never meant as one here.
        raise ValueError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value


def _atomic(where: str, kind: str, value: Any) -> bytes:
    if kind == "bool":
        return int(_typed(where, value, bool)).to_bytes(WORD, "big")
    if kind == "address":
        return _exactly(where, value, ADDRESS_BYTES).rjust(WORD, b"\0")
    if fixed := _FIXED_BYTES.fullmatch(kind):
        return _exactly(where, value, int(fixed["size"])).ljust(WORD, b"\0")
    if integer := _INTEGER.fullmatch(kind):
        return _integer(where, kind, _typed(where, value, int), int(integer["bits"]), signed=not integer["sign"])
    raise ValueError(f"{where}: there is no type {kind}")


def _exactly(where: str, value: Any, size: int) -> bytes:
    data: bytes = _typed(where, value, bytes)
    if len(data) != size or not 0 < size <= WORD:
        raise ValueError(f"{where}: expected {size} bytes, got {len(data)}")
    return data


def _integer(where: str, kind: str, value: int, bits: int, *, signed: bool) -> bytes:
    if not 0 < bits <= 256 or bits % 8:
        raise ValueError(f"{where}: there is no type {kind}")
    lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if not lowest <= value <= highest:
        raise ValueError(f"{where}: {value} is no {kind}")
    return value.to_bytes(WORD, "big", signed=signed)
