"""The golden cases that every implementation of the grid is held to; `.venv/bin/python -m tests.vectors` writes them.

Numbers are decimal strings, as JSON's own lose digits; bytes are hexadecimal. A case has either what comes out, or the name of
the error and its data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from jurymast.book import leaves, matches, signed
from jurymast.book.amounts import BPS, MOST
from jurymast.book.nonces import LAST, WINDOW, Nonces
from jurymast.book.refusals import Refusal
from jurymast.book.settle import Fill, settle
from jurymast.book.signed import Signed, Typed
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.merkle import leaf, verify
from jurymast.crypto.secp256k1 import ORDER, SigningKey, compact, recover
from jurymast.crypto.snapshot import SnapshotTree
from jurymast.errors import Rejected
from tests import scenarios
from tests.unit.grids import APPLICATION, DOMAIN

DIRECTORY = Path(__file__).parent.parent / "contracts" / "vectors"
Case = dict[str, Any]


def shown(value: Any) -> Any:
    match value:
        case bool() | None | str():
            return value
        case int():
            return str(value)
        case bytes():
            return f"0x{value.hex()}"
        case dict():
            return {str(shown(key)): shown(item) for key, item in value.items()}
        case _:
            return [shown(item) for item in value]


def case(name: str, given: Case, outcome: Callable[[], Case]) -> Case:
    try:
        return {"name": name, "given": shown(given), "expected": shown(outcome())}
    except Refusal as refused:
        return {"name": name, "given": shown(given), "error": type(refused).__name__, "data": shown(refused.data)}
    except Rejected as refused:
        return {"name": name, "given": shown(given), "error": type(refused).__name__}


def word(name: str) -> bytes:
    return keccak256(name.encode())


# -- what is signed, and leaves ----------------------------------------------------------------------------------------

LOW: Case = {"bytes32": bytes(32), "address": bytes(20), "bool": False, "bytes32[]": (), "address[]": (), "uint16[]": ()}
HIGH: Case = {
    "bytes32": b"\xff" * 32,
    "address": b"\xff" * 20,
    "bool": True,
    "bytes32[]": (b"\xff" * 32,) * 3,
    "address[]": (b"\xff" * 20,) * 2,
    "uint16[]": (65_535, 0),
}


def _edge(kind: str, *, high: bool) -> Any:
    if kind in LOW:
        return (HIGH if high else LOW)[kind]
    bits = int(kind.removeprefix("u").removeprefix("int"))
    if kind.startswith("u"):
        return (1 << bits) - 1 if high else 0
    return (1 << bits - 1) - 1 if high else -(1 << bits - 1)


def typed_kinds() -> list[type[Typed]]:
    found = [kind for module in (signed, leaves) for kind in vars(module).values() if isinstance(kind, type)]
    return [kind for kind in dict.fromkeys(found) if issubclass(kind, Typed) and kind not in (Typed, Signed)]


def typed_cases() -> Iterator[Case]:
    for kind in typed_kinds():
        members = kind.TYPE._types[kind.TYPE.name]
        edges = [{False: _edge(member.type, high=False), True: _edge(member.type, high=True)} for member in members]
        # All low, all high, and each field high by itself: every field is bound, and in its place.
        choices = [[False] * len(members), [True] * len(members)]
        choices += [[at == chosen for at in range(len(members))] for chosen in range(len(members))]
        for choice in choices:
            fields = {name: edge[high] for name, edge, high in zip(kind.__struct_fields__, edges, choice, strict=True)}
            value = kind(**fields)
            which = "".join("1" if high else "0" for high in choice)
            yield case(f"{kind.__name__} {which}", {"type": kind.__name__, **fields}, lambda value=value: _hashes(value))  # type: ignore[misc]


def _hashes(value: Typed) -> Case:
    hashes: Case = {"content": value.content()}
    if isinstance(value, Signed):
        return {**hashes, "digest": value.digest(DOMAIN)}
    return {**hashes, "leaf": leaf(value.content())} if not isinstance(value, signed.Terms) else hashes


# -- signatures --------------------------------------------------------------------------------------------------------


def recover_cases() -> Iterator[Case]:
    for number in range(6):
        key, digest = SigningKey(word(f"key {number}")), word(f"digest {number}")
        good = key.sign(digest)
        r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
        high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
        variants = {
            "65 bytes": good,
            "64 bytes": compact(good),
            "the high s": high,
            "other v": good[:64] + bytes([55 - v]),
            "v from 0": good[:64] + bytes([v - 27]),
            "v of 29": good[:64] + bytes([29]),
            "r of zero": bytes(32) + good[32:],
            "s of zero": r + bytes(32) + good[64:],
            "r of the order": ORDER.to_bytes(32, "big") + good[32:],
            "s of the order": r + ORDER.to_bytes(32, "big") + good[64:],
            "r on no point": b"\x00" * 31 + b"\x05" + good[32:],
            "63 bytes": good[:63],
            "66 bytes": good + b"\0",
            "nothing": b"",
        }
        for name, signature in variants.items():
            given = {"digest": digest, "signature": signature}
            yield case(f"{number}: {name}", given, lambda given=given: {"signer": recover(**given)})  # type: ignore[misc]


# -- nonces ------------------------------------------------------------------------------------------------------------


def nonce_cases() -> Iterator[Case]:
    full = (1 << WINDOW) - 2
    states = [
        Nonces(),
        Nonces(5),
        Nonces(5, 0b110),
        Nonces(5, full),
        Nonces(LAST - 1),
        Nonces(LAST + 1),
        Nonces(9, 1 << WINDOW - 1),
    ]
    for state in states:
        for nonce in sorted(
            {0, state.floor - 1, state.floor, state.floor + 1, state.floor + WINDOW - 1, state.floor + WINDOW, LAST, LAST + 1}
            - {-1}
        ):
            given = {"word": state.word, "use": nonce}
            yield case(f"use {nonce} of {state}", given, lambda s=state, n=nonce: {"word": s.use(n).word})  # type: ignore[misc]
        for floor in sorted({0, state.floor, state.floor + 1, state.floor + 3, state.floor + WINDOW, LAST + 1, LAST + 2}):
            given = {"word": state.word, "floor": floor}
            yield case(f"floor {floor} of {state}", given, lambda s=state, f=floor: {"word": s.cancel_below(f).word})  # type: ignore[misc]
    for one, other in product(states, states):
        given = {"word": one.word, "merge": other.word}
        yield case(f"{one} and {other}", given, lambda o=one, t=other: {"word": o.merged(t).word})  # type: ignore[misc]


# -- settlements -------------------------------------------------------------------------------------------------------

A, B, C = (word(name) for name in ("a", "b", "c"))


def settlement_cases() -> Iterator[Case]:
    def pair(sell: int, other: int, least: int = 0, most_bps: int = BPS) -> list[Fill]:
        return [Fill(A, 1, 2, sell, least, most_bps), Fill(B, 2, 1, other, 0, BPS)]

    flat, steep = {1: 1, 2: 1}, {1: 3, 2: 7}
    ring = [Fill(A, 1, 2, 30, 0, BPS), Fill(B, 2, 3, 30, 0, BPS), Fill(C, 3, 1, 30, 0, BPS)]
    named: list[tuple[str, list[Fill], dict[int, int], int]] = [
        ("nothing", [], flat, 0),
        ("a pair", pair(100, 100), flat, 0),
        ("a ring", ring, {1: 1, 2: 1, 3: 1}, 0),
        ("a ring at odd prices", ring, {1: 5, 2: 5, 3: 5}, 17),
        ("an account with itself", [Fill(A, 1, 2, 9, 9, 0), Fill(A, 2, 1, 9, 9, 0)], flat, 0),
        ("the same asset", [Fill(A, 1, 1, 9, 0, 0)], flat, 0),
        ("nothing sold", pair(0, 5), flat, 0),
        ("no counterpart", pair(100, 1)[:1], flat, 0),
        ("one unit short", pair(100, 99), flat, 0),
        ("one unit over", pair(100, 101), flat, 0),
        ("no price", pair(100, 100), {1: 1}, 0),
        ("a price of nothing", pair(100, 100), {1: 1, 2: 0}, 0),
        ("the limit met", pair(100, 100, least=100), flat, 0),
        ("the limit missed", pair(100, 100, least=101), flat, 0),
        ("the limit missed by the fee", pair(100, 100, least=100), flat, 1),
        ("the dearest fee", pair(100, 100, most_bps=50), flat, 50),
        ("a fee too dear", pair(100, 100, most_bps=50), flat, 51),
        ("the largest amounts", pair(MOST, MOST), flat, 0),
        ("the largest prices", pair(MOST, MOST), {1: MOST, 2: MOST}, 1),
        ("too much to sell", pair(MOST + 1, 1), flat, 0),
        ("too much bought", pair(MOST, 1), {1: 2, 2: 1}, 0),
        ("a price too large", pair(1, 1), {1: MOST + 1, 2: 1}, 0),
    ]
    for sell, fee in product((1, 2, 3, 7, 99, 10_001), (0, 1, 30, 9_999, BPS)):
        named.append((f"{sell} at 3:7, fee {fee}", pair(sell, max(sell * 3 // 7, 1)), steep, fee))
    for name, fills, prices, fee in named:
        given = {"fills": [fill._asdict() for fill in fills], "prices": prices, "fee_bps": fee}
        yield case(name, given, lambda f=fills, p=prices, e=fee: _settled(f, p, e))  # type: ignore[misc]


def _settled(fills: list[Fill], prices: dict[int, int], fee_bps: int) -> Case:
    result = settle(fills, prices, fee_bps)
    changes = [{"account": account, "asset": asset, "by": by} for (account, asset), by in sorted(result.changes.items())]
    return {"bought": result.bought, "changes": changes, "fees": dict(sorted(result.fees.items()))}


# -- matches -----------------------------------------------------------------------------------------------------------


def match_cases() -> Iterator[Case]:
    stakes = ([1, 1], [1, 1, 1], [7, 7], [100] * 10, [MOST // 2] * 2, [MOST, 1], [0, 0], [5])
    splits: tuple[list[int], ...] = (
        [BPS],
        [5_000, 5_000],
        [6_667, 3_333],
        [3_334, 3_333, 3_333],
        [9_999, 1],
        [9_999],
        [4_000, 6_000],
        [],
    )
    for stake, fee, split in product(stakes, (0, 1, 999, BPS, BPS + 1), splits):
        given = {"stakes": stake, "fee_bps": fee, "prizes_bps": split}
        name = f"{len(stake)} of {stake[0]}, fee {fee}, prizes {split}"
        yield case(name, given, lambda s=stake, f=fee, p=split: matches.payout(s, f, p)._asdict())  # type: ignore[misc]


# -- proofs ------------------------------------------------------------------------------------------------------------


def proof_cases() -> Iterator[Case]:
    for size in (1, 2, 3, 50):
        found = [
            leaves.BalanceLeaf(account=word(f"account {number}"), asset=number % 3, available=number, held=number % 2)
            for number in range(size)
        ]
        tree = SnapshotTree({each.key: leaf(each.content()) for each in found})
        for each in found[:3]:
            content, proof = each.content(), tree.proof(each.key, leaf(each.content()))
            foreign = msgspec.structs.replace(each, available=each.available + 1).content()
            variants = {
                "good": (content, proof),
                "another amount": (foreign, proof),
                "a node less": (content, proof[:-1]),
                "a node more": (content, [*proof, bytes(32)]),
                "a node changed": (content, [*proof[:5], word("another"), *proof[6:]]),
                "the leaf for its content": (leaf(content), proof),
            }
            for name, (what, nodes) in variants.items():
                given = {"root": tree.root, "content": what, "proof": nodes}
                yield case(f"{size} leaves, {each.available}: {name}", given, partial(_verified, tree.root, what, nodes))


def _verified(root: bytes, content: bytes, proof: list[bytes]) -> Case:
    verify(root, content, proof)
    return {"valid": True}


# -- scenarios ---------------------------------------------------------------------------------------------------------


def scenario_cases() -> Iterator[Case]:
    for name, given, outcome in scenarios.told():
        yield {"name": name, "given": shown(given), **shown(outcome)}


FAMILIES: dict[str, Callable[[], Iterator[Case]]] = {
    "typed": typed_cases,
    "recover": recover_cases,
    "nonces": nonce_cases,
    "settlements": settlement_cases,
    "matches": match_cases,
    "proofs": proof_cases,
    "scenarios": scenario_cases,
}


def rendered(family: str) -> str:
    """One case on a line, so that a change shows as the lines it changes."""
    lines = ",\n  ".join(json.dumps(each) for each in FAMILIES[family]())
    head = json.dumps({"application": shown(APPLICATION)})[1:-1]
    return f'{{{head}, "cases": [\n  {lines}\n]}}\n'


if __name__ == "__main__":
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name in FAMILIES:
        (DIRECTORY / f"{name}.json").write_text(rendered(name), encoding="utf-8")
