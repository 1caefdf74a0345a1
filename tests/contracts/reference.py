"""The reference of the grid, driven with operations as a chain is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from jurymast.book import entry, operations
from jurymast.book.execute import execute
from jurymast.book.grid import Grid
from jurymast.book.refusals import NotAuthorised
from jurymast.book.signed import BridgeIn, Credit, Listing, Resolve, Rotation, Unpause
from jurymast.chains.operations import (
    ByGuards,
    CancelBelow,
    Deposit,
    Enter,
    EnterAccount,
    EnterBalance,
    EnterMatch,
    EnterOrder,
    Execute,
    Operation,
    Pause,
    Register,
    SettleHold,
    Submit,
    Transition,
)
from jurymast.crypto.secp256k1 import recover


def perform(grid: Grid, operation: Operation, now: int, sender: bytes) -> None:
    match operation:
        case Execute(batch):
            execute(grid, batch, now)
        case Transition(signed, totals, signatures):
            operations.transition(grid, signed, totals, signatures, now)
        case ByGuards():
            _by_guards(grid, operation, now)
        case Pause(until):
            operations.pause(grid, sender, until, now)
        case Deposit(account, asset, tokens):
            operations.deposit(grid, account, asset, tokens, now)
        case CancelBelow(signed, signature):
            operations.cancel(grid, signed, signature)
        case Submit():
            _submit(grid, operation, now)
        case Register(account, authority):
            operations.register(grid, account, authority, now)
        case _:
            _by_leaf(grid, operation, now)


def _by_guards(grid: Grid, operation: ByGuards, now: int) -> None:
    match operation:
        case ByGuards(Rotation() as signed, signatures):
            operations.rotate(grid, signed, signatures)
        case ByGuards(Listing() as signed, signatures):
            operations.list_asset(grid, signed, signatures)
        case ByGuards(Unpause() as signed, signatures):
            operations.unpause(grid, signed, signatures, now)
        case ByGuards(BridgeIn() as signed, signatures):
            operations.bridge_in(grid, signed, signatures, now)
        case ByGuards(Resolve() as signed, signatures):
            entry.resolve(grid, signed, signatures, now)
        case ByGuards(Credit() as signed, signatures):
            entry.credit(grid, signed, signatures, now)


def _by_leaf(grid: Grid, operation: Operation, now: int) -> None:
    match operation:
        case Enter(account, proof, balances, _):
            with _whole(grid):
                entry.enter_account(grid, account, proof, now)
                for leaf, path in balances:
                    entry.enter_balance(grid, leaf, path, now)
        case EnterAccount(leaf, proof, _):
            entry.enter_account(grid, leaf, proof, now)
        case EnterBalance(leaf, proof, _):
            entry.enter_balance(grid, leaf, proof, now)
        case EnterMatch(leaf, terms, proof, _):
            entry.enter_match(grid, leaf, terms, proof, now)
        case EnterOrder(leaf, proof, _):
            entry.enter_order(grid, leaf, proof, now)
        case SettleHold(leaf, proof, _):
            entry.settle_hold(grid, leaf, proof, now)
        case _:
            raise TypeError(f"the reference has no {type(operation).__name__}")


def _submit(grid: Grid, said: Submit, now: int) -> None:
    """Changes nothing, so the reference has no operation for it: this is the rule."""
    grid.lock.check_active(now)
    if recover(said.intent.digest(grid.domain), said.signature) != grid.account(said.intent.account).authority:
        raise NotAuthorised(said.intent.account)


@contextmanager
def _whole(grid: Grid) -> Iterator[None]:
    """Several operations of the reference, as one transaction."""
    before: dict[str, Any] = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(grid).items()}
    try:
        yield
    except BaseException:
        vars(grid).update(before)
        raise
