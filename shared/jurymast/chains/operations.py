"""Everything that can be said to the contract of a chain, whichever chain it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from jurymast.book.execute import Batch
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.signed import BridgeIn, Cancel, Credit, Intent, Listing, LockTransition, Resolve, Rotation, Terms, Unpause
from jurymast.errors import Rejected

Proof = tuple[bytes, ...]
Signatures = tuple[bytes, ...]
Totals = Mapping[int, int]


class NotHere(Rejected):
    """This chain has no such operation."""


class Execute(NamedTuple):
    """By anybody who has the permit."""

    batch: Batch


class Transition(NamedTuple):
    signed: LockTransition
    totals: Totals
    signatures: Signatures


class ByGuards(NamedTuple):
    """What the guards have signed, and nothing needs to be shown for."""

    signed: Rotation | Unpause | Listing | Resolve | Credit | BridgeIn
    signatures: Signatures


class Pause(NamedTuple):
    """By the pauser, from its own account."""

    until: int


class Enter(NamedTuple):
    """An account, with some of its balances."""

    account: AccountLeaf
    proof: Proof
    balances: tuple[tuple[BalanceLeaf, Proof], ...]
    totals: Totals


class EnterAccount(NamedTuple):
    leaf: AccountLeaf
    proof: Proof
    totals: bytes
    """The hash of the list, where the list itself is not needed: a cut is known by its root and by this."""


class EnterBalance(NamedTuple):
    leaf: BalanceLeaf
    proof: Proof
    totals: Totals


class EnterMatch(NamedTuple):
    leaf: MatchLeaf
    terms: Terms
    proof: Proof
    totals: Totals


class EnterOrder(NamedTuple):
    leaf: OrderLeaf
    proof: Proof
    totals: bytes


class SettleHold(NamedTuple):
    leaf: HoldLeaf
    proof: Proof
    totals: bytes


class Deposit(NamedTuple):
    """Of the sender's tokens, in the token's own units, for whatever account."""

    account: bytes
    asset: int
    tokens: int


class CancelBelow(NamedTuple):
    signed: Cancel
    signature: bytes


class Submit(NamedTuple):
    """An intent, on the chain itself, when nobody else takes it."""

    intent: Intent
    signature: bytes


class Register(NamedTuple):
    """Who signs for a key that cannot; from the account of that key."""

    account: bytes
    authority: bytes


Operation = (
    Execute
    | Transition
    | ByGuards
    | Pause
    | Enter
    | EnterAccount
    | EnterBalance
    | EnterMatch
    | EnterOrder
    | SettleHold
    | Deposit
    | CancelBelow
    | Submit
    | Register
)
