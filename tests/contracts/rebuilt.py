"""The state of the grid, from its events and the clocks of their blocks alone: what whoever follows the chain can know.

Written from what `IGridEvents.sol` says of each, without the code of the contract or of the reference.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from jurymast.crypto.keccak import keccak256
from tests.contracts.evm import Logged
from tests.contracts.records import Account, Asset, Balance, Match, Nonces

NO_ASSET = (1 << 32) - 1
NO_NONCE = (1 << 64) - 1
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
EMPTY_ROOT = bytes.fromhex("cdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef")

Fields = dict[str, Any]


def own_authority(account: bytes) -> int:
    """An address signs for itself."""
    return 0 if any(account[:12]) else int.from_bytes(account, "big")


class Rebuilt:
    def __init__(self, treasury: bytes) -> None:
        self.treasury = treasury
        self.at_s = 0
        self.lock: Fields = dict.fromkeys(("epoch", "active", "feeBps", "pausedUntil", "since", "empty"), 0)
        self.guards: Fields = {"version": 0, "threshold": 0, "addresses": ()}
        self.guard_of: dict[bytes, int] = {}
        self.root, self.totals = bytes(32), b""
        self.deposits: Fields = {"count": 0, "epoch": 0, "opening": 0}
        """`opening` is how many there were when the epoch of the last began."""
        self.accounts: dict[bytes, Account] = defaultdict(Account)
        self.balances: dict[tuple[bytes, int], Balance] = defaultdict(Balance)
        self.assets: dict[int, Asset] = defaultdict(Asset)
        self.listings: dict[int, Fields] = {}
        self.matches: dict[bytes, Match] = defaultdict(Match)
        self.orders: dict[bytes, int] = {}
        self.outcomes: dict[tuple[int, int], bytes] = {}
        self.accumulators: dict[int, bytes] = defaultdict(lambda: bytes(32))
        self.resolutions: dict[tuple[int, int, int], bool] = {}
        self.settled: dict[bytes, int] = {}
        self.credited: dict[tuple[int, int], int] = {}
        self.bridged: dict[bytes, int] = {}
        self.sent: dict[bytes, int] = {}
        self._changes: Counter[tuple[bytes, int]] = Counter()
        """Of the batch whose events come, until it has executed."""

    @property
    def epoch(self) -> int:
        return int(self.lock["epoch"])

    @property
    def opening(self) -> int:
        """How many deposits there were when the epoch began."""
        return int(self.deposits["opening" if self.deposits["epoch"] == self.epoch else "count"])

    def follow(self, logged: Iterable[Logged]) -> Rebuilt:
        for self.at_s, event in logged:
            getattr(self, f"_on_{_HUMP.sub('_', event.name).lower()}")(*event.fields.values())
        return self

    # -- the lock ------------------------------------------------------------------------------------------------------

    def _on_guards_rotated(self, version: int, guards: tuple[bytes, ...], threshold: int) -> None:
        self.guards = {"version": version, "threshold": threshold, "addresses": guards}
        self.guard_of |= dict.fromkeys(guards, version + 1)

    def _on_transitioned(self, epoch: int, active: int, fee_bps: int, root: bytes, totals: bytes) -> None:
        self.lock |= {"epoch": epoch, "active": active, "feeBps": fee_bps, "since": self.at_s, "empty": root == EMPTY_ROOT}
        self.root, self.totals = root, totals

    def _on_paused_until(self, until: int) -> None:
        self.lock["pausedUntil"] = until

    def _on_unpaused(self) -> None:
        self.lock["pausedUntil"] = 0

    # -- batches -------------------------------------------------------------------------------------------------------

    def _on_admitted(self, absent: bytes, dead: bytes) -> None:
        for id_, asset in _pairs(absent, 4):
            if asset != NO_ASSET:
                self._balance(id_, asset).entered = True
            elif not self.entered(id_):
                self._account(id_, entered=True, new=True)
        for id_, nonce in _pairs(dead, 8):
            self.accounts[id_].nonces.use(nonce)

    def _on_withdrawn(self, account: bytes, asset: int, amount: int, recipient: bytes, nonce: int) -> None:
        self.accounts[account].nonces.use(nonce)
        self._changes[account, asset] -= amount
        self._owe(asset, -amount, -amount)

    def _on_bridged_out(self, id_: bytes, asset: int, amount: int, target: int, account: bytes, nonce: int) -> None:
        self.accounts[account].nonces.use(nonce)
        self.sent[id_] = amount
        self._owe(asset, 0, -amount)

    def _on_joined(self, match: bytes, account: bytes, asset: int, stake: int, nonce: int) -> None:
        self.accounts[account].nonces.use(nonce)
        self._changes[account, asset] -= stake
        found = self.matches[match]
        found.players[found.count] = account
        found.epoch, found.count = self.epoch, found.count + 1

    def _on_ended(self, match: bytes, step: int, asset: int, accounts: tuple[bytes, ...], amounts: tuple[int, ...]) -> None:
        self.matches[match].step = step
        for account, amount in zip(accounts, amounts, strict=True):
            self._changes[account, asset] += amount

    def _on_executed(self, epoch: int, batch: int, outcome: bytes, fills: bytes) -> None:
        kept = Counter[int]()
        for account, nonce, sold, bought, sells, buys in fills_of(fills):
            self.accounts[account].nonces.use(nonce)
            self._changes[account, sold] -= sells
            self._changes[account, bought] += buys
            kept[sold] += sells
            kept[bought] -= buys
        for asset, fee in kept.items():
            self._changes[self.treasury, asset] += fee
        for (account, asset), by in self._changes.items():
            if by:
                self._change(account, asset, by)
        self._changes.clear()
        self.outcomes[epoch, batch] = outcome
        self.accumulators[epoch] = keccak256(self.accumulators[epoch], batch.to_bytes(8, "big"), outcome)

    # -- entering and settling -----------------------------------------------------------------------------------------

    def _on_account_entered(self, account: bytes, authority: bytes, nonces: int) -> None:
        self._account(account, entered=True, new=False)
        found = self.accounts[account]
        found.authority, found.nonces = int.from_bytes(authority, "big"), Nonces.of(nonces)

    def _on_balance_entered(self, account: bytes, asset: int, available: int, held: int) -> None:
        balance = self._balance(account, asset)
        balance.amount, balance.held, balance.entered = balance.amount + available, held, True
        self._enter(asset, available + held)

    def _on_match_entered(self, match: bytes, asset: int, stake: int, step: int, players: tuple[bytes, ...]) -> None:
        found = self.matches[match]
        found.epoch, found.step, found.count = self.epoch, step, len(players)
        found.players |= dict(enumerate(players))
        self._enter(asset, stake * len(players))

    def _on_order_entered(self, id_: bytes) -> None:
        self.orders[id_] = self.epoch

    def _on_resolved(self, origin: int, epoch: int, batch: int, executed: bool) -> None:
        self.resolutions[origin, epoch, batch] = executed

    def _on_hold_settled(
        self,
        hold: bytes,
        account: bytes,
        executed: bool,
        nonce: int,
        out_asset: int,
        out_amount: int,
        in_asset: int,
        in_amount: int,
    ) -> None:
        self.settled[hold] = self.epoch
        self._balance(account, out_asset).held -= out_amount
        if not executed:
            self._change(account, out_asset, out_amount)
            return
        self._owe(out_asset, -out_amount)
        self._owe(in_asset, in_amount)
        self._change(account, in_asset, in_amount)
        if nonce != NO_NONCE:
            self.accounts[account].nonces.use(nonce)

    def _on_credited(self, origin: int, sequence: int, account: bytes, asset: int, amount: int) -> None:
        self.credited[origin, sequence] = self.epoch
        self._owe(asset, amount)
        self._change(account, asset, amount)

    # -- accounts and tokens -------------------------------------------------------------------------------------------

    def _on_listed(
        self, asset: int, token: bytes, token_decimals: int, grid_decimals: int, bridge_limit: int, bridge_window: int
    ) -> None:
        self.listings[asset] = {
            "token": token,
            "tokenDecimals": token_decimals,
            "gridDecimals": grid_decimals,
            "bridgeLimit": bridge_limit,
            "bridgeWindow": bridge_window,
            "window": 0,
            "bridged": 0,
        }

    def _on_deposited(self, sequence: int, account: bytes, asset: int, amount: int) -> None:
        if self.deposits["epoch"] != self.epoch:
            self.deposits |= {"epoch": self.epoch, "opening": self.deposits["count"]}
        self.deposits["count"] = sequence
        self._owe(asset, amount, amount)
        self._change(account, asset, amount)

    def _on_bridged_in(self, id_: bytes, asset: int, amount: int) -> None:
        listing = self.listings[asset]
        window = self.at_s // listing["bridgeWindow"]
        before = listing["bridged"] if listing["window"] == window else 0
        listing |= {"window": window, "bridged": before + amount}
        self.bridged[id_] = amount
        self._owe(asset, 0, amount)

    def _on_cancelled(self, account: bytes, floor: int) -> None:
        self.accounts[account].nonces.raise_to(floor)

    def _on_submitted(self, *_: object) -> None:
        """Nothing changes."""

    # -- value ---------------------------------------------------------------------------------------------------------

    def _account(self, id_: bytes, *, entered: bool, new: bool) -> None:
        """In this epoch. An address signs for itself unless a leaf has said who does."""
        account = self.accounts[id_]
        account.authority = account.authority or own_authority(id_)
        account.epoch, account.entered, account.new = self.epoch, entered, new

    def entered(self, id_: bytes) -> bool:
        account = self.accounts[id_]
        return account.entered if account.epoch == self.epoch else bool(self.lock["empty"])

    def new(self, id_: bytes) -> bool:
        account = self.accounts[id_]
        return account.new if account.epoch == self.epoch else bool(self.lock["empty"])

    def _balance(self, id_: bytes, asset: int) -> Balance:
        if self.balances[id_, asset].epoch != self.epoch:
            self.balances[id_, asset] = Balance(self.epoch)
        return self.balances[id_, asset]

    def _change(self, id_: bytes, asset: int, by: int) -> None:
        balance = self._balance(id_, asset)
        balance.amount += by
        balance.entered = balance.entered or self.new(id_)

    def _asset(self, number: int) -> Asset:
        if self.assets[number].epoch != self.epoch:
            self.assets[number] = Asset(self.epoch, self.assets[number].vault)
        return self.assets[number]

    def _owe(self, number: int, by: int, vault: int = 0) -> None:
        asset = self._asset(number)
        asset.liabilities, asset.vault = asset.liabilities + by, asset.vault + vault

    def _enter(self, number: int, units: int) -> None:
        self._owe(number, units)
        self._asset(number).entered += units


def _pairs(packed: bytes, size: int) -> Iterator[tuple[bytes, int]]:
    for at in range(0, len(packed), 32 + size):
        yield packed[at : at + 32], int.from_bytes(packed[at + 32 : at + 32 + size], "big")


def fills_of(packed: bytes) -> Iterator[tuple[bytes, int, int, int, int, int]]:
    for at in range(0, len(packed), 64):
        places = ((32, 40), (40, 44), (44, 48), (48, 56), (56, 64))
        nonce, sold, bought, sells, buys = (int.from_bytes(packed[at + start : at + end], "big") for start, end in places)
        yield packed[at : at + 32], nonce, sold, bought, sells, buys
