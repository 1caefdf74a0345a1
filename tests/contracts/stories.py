"""The stories of scenarios.json, told again on a chain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jurymast.book import leaves, signed
from jurymast.book.execute import Batch
from jurymast.book.signed import hash_of_amounts
from jurymast.chains.operations import (
    ByGuards,
    CancelBelow,
    Deposit,
    EnterAccount,
    EnterBalance,
    EnterMatch,
    EnterOrder,
    Execute,
    Operation,
    Pause,
    SettleHold,
    Transition,
)
from tests.contracts.driver import OnChain
from tests.contracts.evm import SOMEBODY
from tests.unit import replay
from tests.unit.replay import number, pairs, typed, word, words
from tests.vectors import DIRECTORY

Json = Any
GUARDED: dict[str, type[signed.Signed]] = {
    "rotate": signed.Rotation,
    "unpause": signed.Unpause,
    "list_asset": signed.Listing,
    "bridge_in": signed.BridgeIn,
    "resolve": signed.Resolve,
    "credit": signed.Credit,
}


def cases(family: str = "scenarios") -> list[Json]:
    found: list[Json] = json.loads((DIRECTORY / f"{family}.json").read_bytes())["cases"]
    return found


def runnable(case: Json) -> bool:
    """On an EVM chain nobody registers."""
    return all(step["op"] != "register" for step in case["given"]["steps"])


def begun(said: Json) -> OnChain:
    guards = said["guards"]
    return OnChain(
        chain=number(said["chain"]),
        application=word(said["application"]),
        guards=words(guards["addresses"]),
        threshold=number(guards["threshold"]),
        version=number(guards["version"]),
        treasury=word(said["treasury"]),
        pauser=word(said["pauser"]),
    )


def perform(grid: OnChain, step: Json) -> None:
    sender = word(step["by"]) if step["op"] == "pause" else SOMEBODY
    grid.perform(operation(step, grid.totals), number(step["at"]), sender)


def operation(step: Json, totals: Mapping[int, int]) -> Operation:
    match step["op"]:
        case "execute":
            return Execute(_batch(step))
        case "transition":
            brought = dict(pairs(step["totals"], number, number))
            return Transition(typed(signed.LockTransition, step["signed"]), brought, words(step["signatures"]))
        case "pause":
            return Pause(number(step["until"]))
        case "deposit":
            return Deposit(word(step["account"]), number(step["asset"]), number(step["tokens"]))
        case "cancel":
            return CancelBelow(typed(signed.Cancel, step["signed"]), word(step["signature"]))
        case op if op in GUARDED:
            return ByGuards(typed(GUARDED[op], step["signed"]), words(step["signatures"]))
    return _by_leaf(step, totals)


def _by_leaf(step: Json, totals: Mapping[int, int]) -> Operation:
    leaf, proof = step["leaf"], words(step["proof"])
    match step["op"]:
        case "enter_account":
            return EnterAccount(typed(leaves.AccountLeaf, leaf), proof, hash_of_amounts(totals))
        case "enter_balance":
            return EnterBalance(typed(leaves.BalanceLeaf, leaf), proof, totals)
        case "enter_match":
            return EnterMatch(typed(leaves.MatchLeaf, leaf), typed(signed.Terms, step["terms"]), proof, totals)
        case "enter_order":
            return EnterOrder(typed(leaves.OrderLeaf, leaf), proof, hash_of_amounts(totals))
        case "settle_hold":
            return SettleHold(typed(leaves.HoldLeaf, leaf), proof, hash_of_amounts(totals))
    raise KeyError(step["op"])


def _batch(step: Json) -> Batch:
    return Batch(
        permit=typed(signed.Permit, step["permit"]),
        signatures=words(step["signatures"]),
        actions=tuple(map(replay.action, step["actions"])),
        prices=dict(pairs(step["prices"], number, number)),
        absent=tuple(pairs(step["absent"], word, number)),
        dead=tuple(pairs(step["dead"], word, number)),
    )
