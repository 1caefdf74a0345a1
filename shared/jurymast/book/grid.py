"""The state of the grid on one chain, as its contract stores it, and the few ways in which value moves there.

What was written in an older epoch is dead until it enters the current one: `account` and `balance` read it so, nothing sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from jurymast.book.amounts import amount, signed_amount
from jurymast.book.lock import Lock
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import InsufficientBalance, NoSuchAsset, NotEntered
from jurymast.book.signed import NO_ASSET, Listing
from jurymast.book.undo import Tables
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.merkle import DEPTH, EMPTY

EMPTY_ROOT = EMPTY[DEPTH]
"""Of a cut in which nobody has anything: whoever comes is new."""

EVM_PADDING = bytes(12)


class Account(NamedTuple):
    epoch: int
    entered: bool
    new: bool
    """The cut has no leaf of it, say the guards: its balances need not enter."""
    authority: bytes
    """Who signs for it; empty before a Solana key has registered one."""
    nonces: Nonces


class Balance(NamedTuple):
    epoch: int
    entered: bool
    available: int = 0
    """Negative where batches in doubt may take more than there is."""
    held: int = 0
    received: int = 0
    """Before its leaf has entered: kept apart, and added then."""


class Asset(NamedTuple):
    """Of one epoch, but for the vault."""

    epoch: int
    vault: int = 0
    liabilities: int = 0
    """What entered, was deposited and was credited, less what left."""
    entered: int = 0


class Match(NamedTuple):
    epoch: int
    step: int
    players: tuple[bytes, ...]


@dataclass
class Grid(Tables):
    lock: Lock
    domain: Domain
    treasury: bytes
    """The account that gets the fees."""
    pauser: bytes
    """The address that may pause."""
    accounts: dict[bytes, Account] = field(default_factory=dict)
    balances: dict[tuple[bytes, int], Balance] = field(default_factory=dict)
    assets: dict[int, Asset] = field(default_factory=dict)
    listings: dict[int, Listing] = field(default_factory=dict)
    matches: dict[bytes, Match] = field(default_factory=dict)
    orders: dict[bytes, int] = field(default_factory=dict)
    """The epoch that each entered. Nothing else is known of them here: orders are matched elsewhere."""
    batches: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """The outcome of each that executed, by epoch and number."""
    accumulator: dict[int, bytes] = field(default_factory=dict)
    resolved: dict[tuple[int, int, int], bool] = field(default_factory=dict)
    """Batches of other chains that were in doubt, by origin, epoch and number: whether they executed."""
    settled: dict[bytes, int] = field(default_factory=dict)
    """Their holds by the content of their leaves, and `credited` late deposits: the last epoch in which each was."""
    credited: dict[tuple[int, int], int] = field(default_factory=dict)
    bridged: dict[bytes, int] = field(default_factory=dict)
    """Transfers that arrived, and `sent` those that left: their amounts."""
    sent: dict[bytes, int] = field(default_factory=dict)
    bridging: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By asset the last window in which something came over the bridge, and how much."""
    deposits: int = 0
    opening: int = 0
    """How many deposits there were when the epoch began here: those are not of it."""

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def epoch(self) -> int:
        return self.lock.epoch

    def account(self, id_: bytes) -> Account:
        found = self.accounts.get(id_) or Account(0, entered=False, new=False, authority=own_authority(id_), nonces=Nonces())
        if found.epoch == self.epoch:
            return found
        nothing = self.lock.root == EMPTY_ROOT
        return found._replace(epoch=self.epoch, entered=nothing, new=nothing)

    def balance(self, account: bytes, asset: int) -> Balance:
        found = self.balances.get((account, asset))
        if found and found.epoch == self.epoch:
            return found
        return Balance(self.epoch, entered=False)

    def asset(self, number: int) -> Asset:
        found = self.assets.get(number, Asset(0))
        return found if found.epoch == self.epoch else Asset(self.epoch, found.vault)

    def listed(self, number: int) -> Listing:
        if (listing := self.listings.get(number)) is None:
            raise NoSuchAsset(number)
        return listing

    def entered(self, id_: bytes) -> Account:
        """It may act."""
        if not (account := self.account(id_)).entered:
            raise NotEntered(id_)
        return account

    # -- value ---------------------------------------------------------------------------------------------------------

    def change(self, account: bytes, asset: int, by: int) -> None:
        """Pay, or take what is available."""
        balance = self.balance(account, asset)
        usable = balance.entered or self.account(account).new
        if usable:
            balance = without_leaf(balance)
        if not usable and by > 0:
            balance = balance._replace(received=amount(balance.received + by))
        elif by < 0 and (not usable or balance.available + by < 0):
            raise InsufficientBalance(account, asset, balance.available if usable else 0, -by)
        else:
            balance = balance._replace(available=signed_amount(balance.available + by))
        self.put(self.balances, (account, asset), balance)

    def owe(self, number: int, by: int, vault: int = 0) -> None:
        """More, or less, belongs to accounts and matches; and so many tokens came into the vault, or left it."""
        asset = self.asset(number)
        changed = asset._replace(liabilities=amount(asset.liabilities + by), vault=amount(asset.vault + vault))
        self.put(self.assets, number, changed)


def without_leaf(balance: Balance) -> Balance:
    """It enters with what it received: there is nothing more to come."""
    return balance if balance.entered else balance._replace(entered=True, available=balance.received, received=0)


def real(*assets: int) -> None:
    """Whatever a cut or a guard says: nothing is ever owned under the number that no asset has."""
    if NO_ASSET in assets:
        raise NoSuchAsset(NO_ASSET)


def own_authority(account: bytes) -> bytes:
    """An account that is a padded EVM address signs for itself."""
    return account[len(EVM_PADDING) :] if account.startswith(EVM_PADDING) else b""
