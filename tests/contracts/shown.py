"""What the grid on a chain shows, in the words of the scenarios (contracts/vectors/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from jurymast.book.leaves import NOBODY
from jurymast.book.nonces import WORD_BYTES
from jurymast.chains.evm import packed
from jurymast.crypto.keccak import keccak256
from tests.contracts import abi
from tests.contracts.abi import Interface
from tests.contracts.evm import Contract

Row = dict[str, Any]
Shown = dict[str, Any]


def shown(grid: Contract, expected: Shown) -> Shown:
    """Of everything that is expected, what the contract says."""
    assert expected.keys() == READS.keys() | {"deposits", "lock", "guards"}
    tables = {name: tuple(read(grid, row) for row in expected[name]) for name, read in READS.items()}
    lock, deposits = _lock(grid, expected["lock"]), _read(grid, "deposits")["count"]
    return tables | {"lock": lock, "guards": _guards(grid), "deposits": deposits}


def differences(grid: Contract, expected: Shown) -> list[str]:
    found = shown(grid, expected)
    return [f"{name}: {found[name]} instead of {expected[name]}" for name in expected if found[name] != expected[name]]


def _read(grid: Contract, function: str, *keys: Any) -> Any:
    """Most of it answers what it answered before: that is neither written nor read twice."""
    output = grid.chain.read(grid.address, _calldata(grid.interface, function, keys))
    return _answer(grid.interface, function, output)


@lru_cache(maxsize=1 << 16)
def _calldata(interface: Interface, function: str, keys: tuple[Any, ...]) -> bytes:
    entry = interface.function(function)
    return entry.selector + abi.encode(entry.inputs, keys)


@lru_cache(maxsize=1 << 16)
def _answer(interface: Interface, function: str, output: bytes) -> Any:
    return plain(abi.answer(interface.function(function).outputs, output))


def parsed(text: Any) -> Any:
    """The values that JSON's decimals and hexadecimals stand for."""
    match text:
        case bool():
            return text
        case str():
            return bytes.fromhex(text[2:]) if text.startswith("0x") else int(text)
        case dict():
            return {name: parsed(value) for name, value in text.items()}
        case _:
            return tuple(map(parsed, text))


def plain(value: Any) -> Any:
    """Lists as tuples, which compare equal."""
    match value:
        case dict():
            return {name: plain(item) for name, item in value.items()}
        case list() | tuple():
            return tuple(map(plain, value))
    return value


def _lock(grid: Contract, expected: Row) -> Row:
    """Of the root and the totals there is only a hash."""
    lock, cut = _read(grid, "lock"), _read(grid, "cut")
    totals = keccak256(packed.amounts(dict(expected["totals"])))
    as_expected = cut == (keccak256(expected["root"], totals) if lock["epoch"] else expected["root"])
    row = {name: lock[name] for name in ("epoch", "active", "fee_bps", "since", "paused_until")}
    row["opening"] = _read(grid, "deposits")["opening"]
    return row | {name: expected[name] if as_expected else cut for name in ("root", "totals")}


def _guards(grid: Contract) -> Row:
    found: Row = _read(grid, "guards")
    return found


def _account(grid: Contract, row: Row) -> Row:
    read = _read(grid, "accountOf", row["account"])
    nonces = read["nonces"].to_bytes(WORD_BYTES, "big")
    return {
        "account": row["account"],
        "entered": read["entered"],
        "new": read["is_new"],
        "authority": read["authority"] or NOBODY,
        "nonces": nonces,
    }


def _by(function: str, *keys: str) -> Callable[[Contract, Row], Row]:
    """A function that answers with the rest of the row by its names."""

    def read(grid: Contract, row: Row) -> Row:
        found: Row = _read(grid, function, *(row[key] for key in keys))
        return {key: row[key] for key in keys} | found

    return read


def _one(function: str, value: str, *keys: str) -> Callable[[Contract, Row], Row]:
    """A function that answers with the one value that is not a key."""
    return lambda grid, row: {key: row[key] for key in keys} | {value: _read(grid, function, *(row[key] for key in keys))}


def _listing(grid: Contract, row: Row) -> Row:
    found: Row = _read(grid, "listingOf", row["asset"])
    rest = {name: found[name] for name in ("token_decimals", "grid_decimals", "bridge_limit", "bridge_window")}
    return {"chain": _read(grid, "chain"), "asset": row["asset"], "token": bytes(12) + found["token"]} | rest


def _resolved(grid: Contract, row: Row) -> Row:
    found = _read(grid, "resolutionOf", row["origin"], row["epoch"], row["batch"])
    return row | {"executed": {1: False, 2: True}[found]}


def _transfer(function: str) -> Callable[[Contract, Row], Row]:
    def read(grid: Contract, row: Row) -> Row:
        found: Row = _read(grid, function, row["id"])
        assert found["done"]
        return {"id": row["id"], "amount": found["amount"]}

    return read


READS: dict[str, Callable[[Contract, Row], Row]] = {
    "listings": _listing,
    "assets": _by("assetOf", "asset"),
    "accounts": _account,
    "balances": _by("balanceOf", "account", "asset"),
    "matches": _by("matchOf", "match"),
    "orders": _one("orderOf", "epoch", "id"),
    "batches": _one("outcomeOf", "outcome", "epoch", "batch"),
    "accumulators": _one("accumulatorOf", "accumulator", "epoch"),
    "resolved": _resolved,
    "settled": _one("settledIn", "epoch", "hold"),
    "credited": _one("creditedIn", "epoch", "origin", "sequence"),
    "bridged": _transfer("bridgedIn"),
    "sent": _transfer("sentOut"),
}
