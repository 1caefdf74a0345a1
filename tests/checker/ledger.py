"""The grid's state, rebuilt from what it said happened, event by event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.checker import nonces, packed
from tests.checker.packed import NO_ASSET, Fill
from tests.checker.signed import keccak

EMPTY_ROOT = bytes.fromhex("cdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef")
"""Of a cut without leaves: everybody is new."""
NO_NONCE = (1 << 64) - 1
Fields = dict[str, Any]
Key = tuple[bytes, int]
"""Account and asset, or account and nonce."""


@dataclass
class Balance:
    """As of an epoch; dead in every other."""

    epoch: int
    entered: bool = False
    amount: int = 0
    held: int = 0


@dataclass
class Account:
    epoch: int = 0
    entered: bool = False
    new: bool = False
    authority: bytes = b""
    nonces: int = 0


@dataclass
class Asset:
    vault: int = 0
    liabilities: int = 0
    entered: int = 0
    flown: int = 0
    """What came over the bridge, less what left over it: float that is nobody's."""


@dataclass
class Match:
    epoch: int = 0
    step: int = 0
    asset: int = 0
    stake: int = 0
    players: list[bytes] = field(default_factory=list)


@dataclass
class Ledger:
    treasury: bytes
    epoch: int = 0
    active: int = 0
    fee_bps: int = 0
    empty: bool = False
    paused_until: int = 0
    guards: tuple[bytes, ...] = ()
    threshold: int = 0
    deposits: int = 0
    opening: int = 0
    """So many of them came before the epoch."""
    inherits: bool = False
    """Its liabilities are not only of tokens that came into its own vault in this epoch."""
    totals: dict[int, int] = field(default_factory=dict)
    listings: dict[int, Fields] = field(default_factory=dict)
    accounts: dict[bytes, Account] = field(default_factory=lambda: defaultdict(Account))
    balances: dict[Key, Balance] = field(default_factory=dict)
    assets: dict[int, Asset] = field(default_factory=lambda: defaultdict(Asset))
    matches: dict[bytes, Match] = field(default_factory=lambda: defaultdict(Match))
    outcomes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    accumulators: dict[int, bytes] = field(default_factory=lambda: defaultdict(lambda: bytes(32)))
    pending: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    """What the batch at hand changes; it counts when the batch is executed."""
    unusable: list[Key] = field(default_factory=list)
    """Nonces that a batch used and could not: used up already, or beyond the window."""
    overdrawn: list[Key] = field(default_factory=list)
    """Balances of which a batch took what was not there."""

    def apply(self, name: str, fields: Fields) -> None:
        if (change := CHANGES.get(name)) is not None:
            change(self, fields)

    def authority(self, account: bytes) -> bytes:
        known = self.accounts[account].authority
        return known or (account[12:] if not any(account[:12]) else b"")

    def balance(self, key: Key) -> Balance:
        found = self.balances.get(key)
        if found is None or found.epoch != self.epoch:
            found = self.balances[key] = Balance(self.epoch)
        return found

    def flags(self, account: bytes) -> tuple[bool, bool]:
        """Whether it has entered this epoch, and as one of whom the cut has no leaf."""
        found = self.accounts[account]
        return (found.entered, found.new) if found.epoch == self.epoch else (self.empty, self.empty)

    def escrow(self, asset: int) -> int:
        running = (each for each in self.matches.values() if each.epoch == self.epoch and each.step == 0)
        return sum(each.stake * len(each.players) for each in running if each.asset == asset)

    def use(self, account: bytes, nonce: int) -> None:
        if not nonces.usable(self.accounts[account].nonces, nonce):
            self.unusable.append((account, nonce))
        self.accounts[account].nonces = nonces.use(self.accounts[account].nonces, nonce)

    def change(self, key: Key, by: int) -> None:
        balance = self.balance(key)
        balance.entered = balance.entered or self.flags(key[0])[1]
        balance.amount += by
        if by < 0 and (balance.amount < 0 or not balance.entered):
            self.overdrawn.append(key)


# -- the lock and its guards -------------------------------------------------------------------------------------------


def _transitioned(ledger: Ledger, it: Fields) -> None:
    ledger.inherits = any(asset.vault for asset in ledger.assets.values())
    ledger.epoch, ledger.active, ledger.fee_bps = it["epoch"], it["active"], it["feeBps"]
    ledger.opening = ledger.deposits
    ledger.empty, ledger.totals = it["root"] == EMPTY_ROOT, packed.amounts(it["totals"])
    for asset in ledger.assets.values():
        asset.liabilities = asset.entered = 0


def _paused(ledger: Ledger, it: Fields) -> None:
    ledger.paused_until = it["until"]


def _unpaused(ledger: Ledger, _: Fields) -> None:
    ledger.paused_until = 0


def _rotated(ledger: Ledger, it: Fields) -> None:
    ledger.guards, ledger.threshold = it["guards"], it["threshold"]


# -- batches -----------------------------------------------------------------------------------------------------------


def _admitted(ledger: Ledger, it: Fields) -> None:
    for id_, asset in packed.absent(it["absent"]):
        if asset != NO_ASSET:
            ledger.balance((id_, asset)).entered = True
        elif not ledger.flags(id_)[0]:
            account = ledger.accounts[id_]
            account.epoch, account.entered, account.new = ledger.epoch, True, True
    for id_, nonce in packed.dead(it["dead"]):
        ledger.accounts[id_].nonces = nonces.use(ledger.accounts[id_].nonces, nonce)


def _withdrawn(ledger: Ledger, it: Fields) -> None:
    ledger.use(it["account"], it["nonce"])
    ledger.pending[it["account"], it["asset"]] -= it["amount"]
    asset = ledger.assets[it["asset"]]
    asset.vault, asset.liabilities = asset.vault - it["amount"], asset.liabilities - it["amount"]


def _bridged_out(ledger: Ledger, it: Fields) -> None:
    ledger.use(it["account"], it["nonce"])
    asset = ledger.assets[it["asset"]]
    asset.vault, asset.flown = asset.vault - it["amount"], asset.flown - it["amount"]


def _joined(ledger: Ledger, it: Fields) -> None:
    ledger.use(it["account"], it["nonce"])
    ledger.pending[it["account"], it["asset"]] -= it["stake"]
    match = ledger.matches[it["match"]]
    match.epoch, match.asset, match.stake = ledger.epoch, it["asset"], it["stake"]
    match.players.append(it["account"])


def _ended(ledger: Ledger, it: Fields) -> None:
    ledger.matches[it["match"]].step = it["step"]
    for account, amount in zip(it["accounts"], it["amounts"], strict=True):
        ledger.pending[account, it["asset"]] += amount


def _executed(ledger: Ledger, it: Fields) -> None:
    fills = packed.fills(it["fills"])
    for fill in fills:
        ledger.use(fill.account, fill.nonce)
        ledger.pending[fill.account, fill.sell_asset] -= fill.sold
        ledger.pending[fill.account, fill.buy_asset] += fill.bought
    for asset, over in left_over(fills).items():
        ledger.pending[ledger.treasury, asset] += over
    for key, by in ledger.pending.items():
        if by:
            ledger.change(key, by)
    ledger.pending.clear()
    epoch, batch, outcome = it["epoch"], it["batch"], it["outcome"]
    ledger.outcomes[epoch, batch] = outcome
    ledger.accumulators[epoch] = keccak(ledger.accumulators[epoch], batch.to_bytes(8, "big"), outcome)


def left_over(fills: list[Fill]) -> dict[int, int]:
    """What was sold and not bought, by asset: the treasury's, and below zero never."""
    over: dict[int, int] = defaultdict(int)
    for fill in fills:
        over[fill.sell_asset] += fill.sold
        over[fill.buy_asset] -= fill.bought
    return over


# -- entering and settling ---------------------------------------------------------------------------------------------


def _account_entered(ledger: Ledger, it: Fields) -> None:
    account = ledger.accounts[it["account"]]
    account.epoch, account.entered, account.new = ledger.epoch, True, False
    account.authority, account.nonces = it["authority"], it["nonces"]


def _balance_entered(ledger: Ledger, it: Fields) -> None:
    balance = ledger.balance((it["account"], it["asset"]))
    balance.entered, balance.amount, balance.held = True, balance.amount + it["available"], it["held"]
    _count_in(ledger, it["asset"], it["available"] + it["held"])


def _match_entered(ledger: Ledger, it: Fields) -> None:
    match = ledger.matches[it["match"]]
    match.epoch, match.step, match.asset, match.stake = ledger.epoch, it["step"], it["asset"], it["stake"]
    match.players = list(it["players"])
    _count_in(ledger, it["asset"], it["stake"] * len(it["players"]))


def _count_in(ledger: Ledger, number: int, amount: int) -> None:
    asset = ledger.assets[number]
    asset.entered, asset.liabilities = asset.entered + amount, asset.liabilities + amount
    ledger.inherits = True


def _hold_settled(ledger: Ledger, it: Fields) -> None:
    ledger.inherits = True
    ledger.balance((it["account"], it["outAsset"])).held -= it["outAmount"]
    if not it["executed"]:
        ledger.change((it["account"], it["outAsset"]), it["outAmount"])
        return
    ledger.assets[it["outAsset"]].liabilities -= it["outAmount"]
    ledger.assets[it["inAsset"]].liabilities += it["inAmount"]
    ledger.change((it["account"], it["inAsset"]), it["inAmount"])
    if it["nonce"] != NO_NONCE:
        account = ledger.accounts[it["account"]]
        account.nonces = nonces.use(account.nonces, it["nonce"])


def _credited(ledger: Ledger, it: Fields) -> None:
    ledger.inherits = True
    ledger.assets[it["asset"]].liabilities += it["amount"]
    ledger.change((it["account"], it["asset"]), it["amount"])


# -- tokens and owners -------------------------------------------------------------------------------------------------


def _listed(ledger: Ledger, it: Fields) -> None:
    ledger.listings[it["asset"]] = it


def _deposited(ledger: Ledger, it: Fields) -> None:
    ledger.deposits += 1
    asset = ledger.assets[it["asset"]]
    asset.vault, asset.liabilities = asset.vault + it["amount"], asset.liabilities + it["amount"]
    ledger.change((it["account"], it["asset"]), it["amount"])


def _bridged_in(ledger: Ledger, it: Fields) -> None:
    asset = ledger.assets[it["asset"]]
    asset.vault, asset.flown = asset.vault + it["amount"], asset.flown + it["amount"]


def _cancelled(ledger: Ledger, it: Fields) -> None:
    account = ledger.accounts[it["account"]]
    account.nonces = nonces.cancel_below(account.nonces, it["floor"])


CHANGES: dict[str, Callable[[Ledger, Fields], None]] = {
    "Transitioned": _transitioned,
    "GuardsRotated": _rotated,
    "PausedUntil": _paused,
    "Unpaused": _unpaused,
    "Admitted": _admitted,
    "Withdrawn": _withdrawn,
    "BridgedOut": _bridged_out,
    "Joined": _joined,
    "Ended": _ended,
    "Executed": _executed,
    "AccountEntered": _account_entered,
    "BalanceEntered": _balance_entered,
    "MatchEntered": _match_entered,
    "HoldSettled": _hold_settled,
    "Credited": _credited,
    "Listed": _listed,
    "Deposited": _deposited,
    "BridgedIn": _bridged_in,
    "Cancelled": _cancelled,
}
"""What else there is moves no value."""
