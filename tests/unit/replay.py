"""Tells the stories of scenarios.json again, out of the file alone: neither keys nor what wrote them are here.

Whoever holds another implementation to them writes this once for it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from jurymast.book import entry, leaves, operations, signed
from jurymast.book.execute import Action, Batch, execute
from jurymast.book.grid import Grid
from jurymast.book.lock import GuardSet, Lock
from jurymast.crypto.eip712 import Struct
from jurymast.crypto.secp256k1 import Guards
from jurymast.errors import Rejected

Json = Any


# -- out of JSON -------------------------------------------------------------------------------------------------------


def number(text: str) -> int:
    return int(text)


def word(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


def words(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(map(word, texts))


def pairs(rows: list[list[str]], *kinds: Callable[[str], Any]) -> list[tuple[Any, ...]]:
    return [tuple(kind(text) for kind, text in zip(kinds, row, strict=True)) for row in rows]


def typed(kind: type[signed.Typed], fields: Json) -> Any:
    """By its EIP-712 type: the fields stand in its order."""
    members = _members(kind.TYPE)
    assert list(fields) == list(kind.__struct_fields__)
    return kind(**{name: _value(of, fields[name]) for (name, of) in zip(fields, members, strict=True)})


def _members(struct: Struct) -> list[str]:
    return [member.type for member in struct._types[struct.name]]


def _value(kind: str, said: Json) -> Any:
    if kind.endswith("[]"):
        return tuple(_value(kind.removesuffix("[]"), each) for each in said)
    if kind == "bool":
        assert isinstance(said, bool)
        return said
    return number(said) if "int" in kind else word(said)


# -- onto the grid -----------------------------------------------------------------------------------------------------


def made(said: Json) -> Grid:
    guards = Guards(words(said["guards"]["addresses"]), number(said["guards"]["threshold"]))
    lock = Lock(number(said["chain"]), GuardSet(guards, number(said["guards"]["version"])))
    return Grid(lock, signed.domain(word(said["application"])), word(said["treasury"]), word(said["pauser"]))


def perform(grid: Grid, step: Json) -> None:
    said = dict(step)
    op, at = said.pop("op"), number(said.pop("at"))
    OPERATIONS[op](grid, said, at)


def _by_guards(kind: type[signed.Typed], does: Callable[..., object]) -> Callable[[Grid, Json, int], None]:
    def perform(grid: Grid, said: Json, at: int) -> None:
        does(grid, typed(kind, said["signed"]), words(said["signatures"]), at)

    return perform


def _by_guards_at_any_time(kind: type[signed.Typed], does: Callable[..., object]) -> Callable[[Grid, Json, int], None]:
    def perform(grid: Grid, said: Json, _: int) -> None:
        does(grid, typed(kind, said["signed"]), words(said["signatures"]))

    return perform


def _by_leaf(kind: type[signed.Typed], does: Callable[..., object]) -> Callable[[Grid, Json, int], None]:
    def perform(grid: Grid, said: Json, at: int) -> None:
        terms = [typed(signed.Terms, said["terms"])] if "terms" in said else []
        does(grid, typed(kind, said["leaf"]), *terms, list(words(said["proof"])), at)

    return perform


def _transition(grid: Grid, said: Json, at: int) -> None:
    totals = dict(pairs(said["totals"], number, number))
    operations.transition(grid, typed(signed.LockTransition, said["signed"]), totals, words(said["signatures"]), at)


def _pause(grid: Grid, said: Json, at: int) -> None:
    operations.pause(grid, word(said["by"]), number(said["until"]), at)


def _deposit(grid: Grid, said: Json, at: int) -> None:
    operations.deposit(grid, word(said["account"]), number(said["asset"]), number(said["tokens"]), at)


def _register(grid: Grid, said: Json, at: int) -> None:
    operations.register(grid, word(said["account"]), word(said["authority"]), at)


def _cancel(grid: Grid, said: Json, _: int) -> None:
    operations.cancel(grid, typed(signed.Cancel, said["signed"]), word(said["signature"]))


def _execute(grid: Grid, said: Json, at: int) -> None:
    batch = Batch(
        permit=typed(signed.Permit, said["permit"]),
        signatures=words(said["signatures"]),
        actions=tuple(map(action, said["actions"])),
        prices=dict(pairs(said["prices"], number, number)),
        absent=tuple(pairs(said["absent"], word, number)),
        dead=tuple(pairs(said["dead"], word, number)),
    )
    execute(grid, batch, at)


def action(said: Json) -> Action:
    terms = typed(signed.Terms, said["terms"]) if "terms" in said else None
    return Action(signed=typed(getattr(signed, said["type"]), said["signed"]), signature=word(said["signature"]), terms=terms)


OPERATIONS: dict[str, Callable[[Grid, Json, int], None]] = {
    "transition": _transition,
    "rotate": _by_guards_at_any_time(signed.Rotation, operations.rotate),
    "pause": _pause,
    "unpause": _by_guards(signed.Unpause, operations.unpause),
    "list_asset": _by_guards_at_any_time(signed.Listing, operations.list_asset),
    "bridge_in": _by_guards(signed.BridgeIn, operations.bridge_in),
    "resolve": _by_guards(signed.Resolve, entry.resolve),
    "credit": _by_guards(signed.Credit, entry.credit),
    "deposit": _deposit,
    "register": _register,
    "cancel": _cancel,
    "execute": _execute,
    "enter_account": _by_leaf(leaves.AccountLeaf, entry.enter_account),
    "enter_balance": _by_leaf(leaves.BalanceLeaf, entry.enter_balance),
    "enter_match": _by_leaf(leaves.MatchLeaf, entry.enter_match),
    "enter_order": _by_leaf(leaves.OrderLeaf, entry.enter_order),
    "settle_hold": _by_leaf(leaves.HoldLeaf, entry.settle_hold),
}


def told(case: Json) -> tuple[Grid, Rejected | None]:
    """The grid at the end, and why it refused the last step. A refusal before is raised."""
    grid = made(case["given"]["grid"])
    *steps, last = case["given"]["steps"]
    for step in steps:
        perform(grid, step)
    try:
        perform(grid, last)
    except Rejected as refused:
        return grid, refused
    return grid, None


# -- what it shows -----------------------------------------------------------------------------------------------------


def differences(grid: Grid, expected: Json) -> list[str]:
    """Everything that reads otherwise than it should, or is there and should not be."""
    shown = {name: reads(grid) for name, reads in READS.items()}
    assert shown.keys() == expected.keys()
    return [f"{name}: {shown[name]!r} instead of {expected[name]!r}" for name in shown if shown[name] != expected[name]]


def text(value: Any) -> Json:
    match value:
        case bool():
            return value
        case int():
            return str(value)
        case bytes():
            return "0x" + value.hex()
        case _:
            return [text(each) for each in value]


def row(**fields: Any) -> Json:
    return {name: text(value) for name, value in fields.items()}


def _lock(grid: Grid) -> Json:
    lock = grid.lock
    return row(
        epoch=lock.epoch, active=lock.active, root=lock.root, totals=sorted(lock.totals.items()), fee_bps=lock.fee_bps,
        since=lock.since, paused_until=lock.paused_until, opening=grid.opening,
    )  # fmt: skip


def _guards(grid: Grid) -> Json:
    guards, version = grid.lock.guards
    return row(addresses=guards.addresses, threshold=guards.threshold, version=version)


def _accounts(grid: Grid) -> Json:
    rows = [(id_, grid.account(id_)) for id_ in sorted(grid.accounts)]
    return [
        row(account=id_, entered=each.entered, new=each.new, authority=each.authority or bytes(20), nonces=each.nonces.word)
        for id_, each in rows
    ]


def _balances(grid: Grid) -> Json:
    rows = [(key, grid.balance(*key)) for key in sorted(grid.balances)]
    return [
        row(account=id_, asset=asset, entered=each.entered, available=each.available, held=each.held, received=each.received)
        for (id_, asset), each in rows
    ]


def _assets(grid: Grid) -> Json:
    rows = [(asset, grid.asset(asset)) for asset in sorted(grid.assets)]
    return [row(asset=asset, vault=each.vault, liabilities=each.liabilities, entered=each.entered) for asset, each in rows]


def _listings(grid: Grid) -> Json:
    rows = [grid.listings[asset] for asset in sorted(grid.listings)]
    return [row(**{name: getattr(each, name) for name in each.__struct_fields__}) for each in rows]


READS: dict[str, Callable[[Grid], Json]] = {
    "lock": _lock,
    "guards": _guards,
    "listings": _listings,
    "assets": _assets,
    "accounts": _accounts,
    "balances": _balances,
    "matches": lambda g: [
        row(match=id_, epoch=m.epoch, step=m.step, players=m.players) for id_, m in sorted(g.matches.items())
    ],
    "orders": lambda g: [row(id=id_, epoch=epoch) for id_, epoch in sorted(g.orders.items())],
    "batches": lambda g: [row(epoch=key[0], batch=key[1], outcome=outcome) for key, outcome in sorted(g.batches.items())],
    "accumulators": lambda g: [row(epoch=epoch, accumulator=at) for epoch, at in sorted(g.accumulator.items())],
    "resolved": lambda g: [
        row(origin=key[0], epoch=key[1], batch=key[2], executed=done) for key, done in sorted(g.resolved.items())
    ],
    "settled": lambda g: [row(hold=hold, epoch=epoch) for hold, epoch in sorted(g.settled.items())],
    "credited": lambda g: [row(origin=key[0], sequence=key[1], epoch=epoch) for key, epoch in sorted(g.credited.items())],
    "bridged": lambda g: [row(id=id_, amount=amount) for id_, amount in sorted(g.bridged.items())],
    "sent": lambda g: [row(id=id_, amount=amount) for id_, amount in sorted(g.sent.items())],
    "deposits": lambda g: text(g.deposits),
}  # fmt: skip


# -- what must hold ----------------------------------------------------------------------------------------------------


def unbalanced(grid: Grid, steps: list[Json]) -> dict[int, tuple[int, int]]:
    """Assets of which what is owed is not what accounts and matches have."""
    has, terms = Counter[int](), _terms(steps)
    for id_, asset in grid.balances:
        balance = grid.balance(id_, asset)
        has[asset] += balance.available + balance.held + balance.received
    for id_, match in grid.matches.items():
        if match.epoch == grid.epoch and not match.step:
            has[terms[id_].asset] += terms[id_].stake * len(match.players)
    owed = {asset: grid.asset(asset).liabilities for asset in grid.assets}
    return {asset: (has[asset], owed.get(asset, 0)) for asset in has.keys() | owed.keys() if has[asset] != owed.get(asset, 0)}


def _terms(steps: list[Json]) -> dict[bytes, signed.Terms]:
    said = [each["terms"] for step in steps for each in (step, *step.get("actions", ())) if "terms" in each]
    return {of.content(): of for of in (typed(signed.Terms, each) for each in said)}


def in_vaults(steps: list[Json]) -> dict[int, int]:
    """By asset what came in, less what left, when all of these have succeeded."""
    tokens, scales = Counter[int](), dict[int, int]()
    for step in steps:
        match step["op"]:
            case "list_asset":
                listing = typed(signed.Listing, step["signed"])
                scales[listing.asset] = 10 ** (listing.token_decimals - listing.grid_decimals)
            case "deposit":
                tokens[number(step["asset"])] += number(step["tokens"]) // scales[number(step["asset"])]
            case "bridge_in":
                tokens[number(step["signed"]["asset"])] += number(step["signed"]["amount"])
            case "execute":
                for each in step["actions"]:
                    if each["type"] in ("Withdrawal", "BridgeOut"):
                        tokens[number(each["signed"]["asset"])] -= number(each["signed"]["amount"])
    return {asset: amount for asset, amount in tokens.items() if amount}
