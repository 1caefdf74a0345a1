"""Builds Merkle-Patricia tries and proofs, from the definition and without a thought of speed, to hold the verifier to."""

from __future__ import annotations

from collections.abc import Mapping

from jurymast.chains.evm import rlp
from jurymast.crypto.keccak import keccak256

DIGITS = "0123456789abcdef"


class Trie:
    """Under the hashes of the keys, as Ethereum has it."""

    def __init__(self, values: Mapping[bytes, bytes]) -> None:
        self._values = {keccak256(key).hex(): value for key, value in values.items()}
        self.root = keccak256(rlp.encode(_node(self._values, None, [])))

    def proof(self, key: bytes) -> list[bytes]:
        """Every node on the way that is known by its hash, the root first."""
        passed: list[bytes] = []
        top = rlp.encode(_node(self._values, keccak256(key).hex(), passed))
        return [top, *reversed(passed)]


def _node(values: Mapping[str, bytes], way: str | None, passed: list[bytes]) -> rlp.Item:
    """With these below it; those on the way are noted as they are passed, from below."""
    if len(values) < 2:
        return next(([_part(path, leaf=True), value] for path, value in values.items()), b"")
    if common := _common(list(values)):
        return [_part(common, leaf=False), _child(values, common, way, passed)]
    return [*(_child(values, digit, way, passed) for digit in DIGITS), b""]


def _child(values: Mapping[str, bytes], part: str, way: str | None, passed: list[bytes]) -> rlp.Item:
    below = {path[len(part) :]: value for path, value in values.items() if path.startswith(part)}
    on_the_way = way is not None and way.startswith(part)
    node = _node(below, way[len(part) :] if way is not None and on_the_way else None, passed)
    encoded = rlp.encode(node)
    if len(encoded) < 32:
        return node
    if on_the_way:
        passed.append(encoded)
    return keccak256(encoded)


def _part(path: str, *, leaf: bool) -> bytes:
    flags = (2 if leaf else 0) + len(path) % 2
    return bytes.fromhex(f"{flags}{'' if len(path) % 2 else '0'}{path}")


def _common(paths: list[str]) -> str:
    first, last = min(paths), max(paths)
    return first[: next(at for at in range(len(first)) if first[at] != last[at])]
