"""Whether events tell all of the state of a grid: what they rebuild is its storage, word for word, and what its views say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from jurymast.crypto.keccak import keccak256
from tests.contracts import driver, storage
from tests.contracts.artifacts import Artifact
from tests.contracts.driver import OnChain
from tests.contracts.rebuilt import Rebuilt, own_authority
from tests.contracts.records import Balance
from tests.contracts.shown import differences

NO_CUT = 1
"""Before the first epoch."""

Fields = dict[str, Any]


def unlike(grid: OnChain) -> list[str]:
    """Where the events of a grid tell something else than its storage, or than its views."""
    told = Rebuilt(grid.contract.read("treasury")).follow(
        each for each in grid.chain.logged if each.event.address == grid.address
    )
    stored, expected = grid.chain.storage(grid.address), words(told, driver.artifact())
    slots = [f"slot {slot:#x}" for slot in stored.keys() | expected.keys() if stored.get(slot) != expected.get(slot)]
    return slots + differences(grid.contract, views(told, grid.contract.read("chain")))


def words(told: Rebuilt, artifact: Artifact) -> storage.Words:
    """Of the storage of the contract."""
    addresses = told.guards["addresses"]
    guards = {"version": told.guards["version"], "threshold": told.guards["threshold"], "guards": len(addresses)}
    values: Fields = {
        "_lock": told.lock | guards,
        "_deposits": told.deposits,
        "_cut": keccak256(told.root, keccak256(told.totals)) if told.epoch else NO_CUT,
        "_guards": addresses,
        "_guardOf": told.guard_of,
        "_accounts": {id_: {"word": each.word, "nonces": each.nonces.word} for id_, each in told.accounts.items()},
        "_balances": _nested({key: {"word": each.word} for key, each in told.balances.items()}),
        "_assets": {number: vars(each) for number, each in told.assets.items()},
        "_listings": told.listings,
        "_matches": {id_: vars(each) for id_, each in told.matches.items()},
        "_orders": told.orders,
        "_outcomes": _nested(told.outcomes),
        "_accumulators": told.accumulators,
        "_resolutions": _nested({key: 1 + executed for key, executed in told.resolutions.items()}),
        "_settled": told.settled,
        "_credited": _nested(told.credited),
        "_bridged": {id_: {"amount": amount, "done": True} for id_, amount in told.bridged.items()},
        "_sent": {id_: {"amount": amount, "done": True} for id_, amount in told.sent.items()},
    }
    return storage.words(artifact, values)


def views(told: Rebuilt, chain: int) -> Fields:
    """What the views answer, in the words of the scenarios."""
    lock, names = told.lock, ("asset", "vault", "liabilities", "entered")
    rows: Fields = {
        "lock": {
            "epoch": told.epoch, "active": lock["active"], "fee_bps": lock["feeBps"], "since": lock["since"],
            "paused_until": lock["pausedUntil"], "opening": told.opening, "root": told.root,
            "totals": tuple(_amounts(told.totals)),
        },
        "guards": told.guards,
        "deposits": told.deposits["count"],
        "listings": tuple(_listing(chain, number, each) for number, each in told.listings.items()),
        "assets": tuple(dict(zip(names, _asset(told, number), strict=True)) for number in list(told.assets)),
        "accounts": tuple(_account(told, id_) for id_ in list(told.accounts)),
        "balances": tuple(_balance(told, *key) for key in list(told.balances)),
        "matches": tuple(
            {"match": id_, "epoch": each.epoch, "step": each.step, "players": each.playing}
            for id_, each in told.matches.items()
        ),
        "orders": _rows(told.orders, "id", "epoch"),
        "batches": _rows(told.outcomes, "epoch", "batch", "outcome"),
        "accumulators": _rows(told.accumulators, "epoch", "accumulator"),
        "resolved": _rows(told.resolutions, "origin", "epoch", "batch", "executed"),
        "settled": _rows(told.settled, "hold", "epoch"),
        "credited": _rows(told.credited, "origin", "sequence", "epoch"),
        "bridged": _rows(told.bridged, "id", "amount"),
        "sent": _rows(told.sent, "id", "amount"),
    }  # fmt: skip
    return rows


def _asset(told: Rebuilt, number: int) -> tuple[int, ...]:
    found = told.assets[number]
    return (number, found.vault, *((found.liabilities, found.entered) if found.epoch == told.epoch else (0, 0)))


def _account(told: Rebuilt, id_: bytes) -> Fields:
    found = told.accounts[id_]
    return {
        "account": id_,
        "entered": told.entered(id_),
        "new": told.new(id_),
        "authority": (found.authority or own_authority(id_)).to_bytes(20, "big"),
        "nonces": found.nonces.word.to_bytes(32, "big"),
    }


def _balance(told: Rebuilt, id_: bytes, asset: int) -> Fields:
    found = told.balances[id_, asset]
    alive = found if found.epoch == told.epoch else Balance()
    available, received = (alive.amount, 0) if alive.entered else (0, alive.amount)
    return {
        "account": id_, "asset": asset, "entered": alive.entered,
        "available": available, "held": alive.held, "received": received,
    }  # fmt: skip


def _amounts(packed: bytes) -> Iterator[tuple[int, int]]:
    for at in range(0, len(packed), 12):
        yield int.from_bytes(packed[at : at + 4], "big"), int.from_bytes(packed[at + 4 : at + 12], "big")


def _nested(flat: dict[Any, Any]) -> dict[Any, Any]:
    """By one key within the other."""
    found: dict[Any, Any] = {}
    for (*outer, last), value in flat.items():
        table = found
        for key in outer:
            table = table.setdefault(key, {})
        table[last] = value
    return found


def _rows(table: dict[Any, Any], *names: str) -> tuple[Fields, ...]:
    keys = ((key if isinstance(key, tuple) else (key,), value) for key, value in table.items())
    return tuple(dict(zip(names, (*key, value), strict=True)) for key, value in keys)


def _listing(chain: int, number: int, found: Fields) -> Fields:
    names = {"tokenDecimals": "token_decimals", "gridDecimals": "grid_decimals"}
    names |= {"bridgeLimit": "bridge_limit", "bridgeWindow": "bridge_window"}
    rest = {ours: found[theirs] for theirs, ours in names.items()}
    return {"chain": chain, "asset": number, "token": bytes(12) + found["token"]} | rest
