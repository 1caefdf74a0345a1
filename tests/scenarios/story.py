"""One grid and what happens on it, step by step, told so that a reader needs no keys and no reference to tell it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import msgspec

from jurymast.book import entry, operations
from jurymast.book.execute import Action, Batch, execute
from jurymast.book.grid import EMPTY_ROOT, Grid
from jurymast.book.leaves import NOBODY, AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.lock import GuardSet, Lock
from jurymast.book.signed import (
    ARBITRUM,
    BridgeIn,
    Cancel,
    Credit,
    Listing,
    LockTransition,
    Resolve,
    Rotation,
    Signed,
    Terms,
    Typed,
    Unpause,
    hash_of_amounts,
)
from jurymast.crypto.merkle import leaf
from jurymast.crypto.secp256k1 import Guards
from jurymast.crypto.snapshot import SnapshotTree
from jurymast.errors import Rejected
from tests.unit.grids import (
    APPLICATION,
    DOMAIN,
    EUR,
    GUARDS,
    NOW,
    PAUSER,
    SOON,
    TERMS,
    TREASURY,
    USD,
    Person,
    by_guards,
    listing,
    permitted,
)

Said: TypeAlias = dict[str, Any]
Leaf: TypeAlias = AccountLeaf | BalanceLeaf | HoldLeaf | MatchLeaf | OrderLeaf
By: TypeAlias = Callable[[Signed], tuple[bytes, ...]]


class Scenario(NamedTuple):
    name: str
    refusal: type[Rejected] | None
    """Of the last step."""
    tell: Callable[[Story], object]
    chain: int = ARBITRUM


Scenarios: TypeAlias = Iterator[Scenario]


class Story:
    def __init__(self, chain: int = ARBITRUM) -> None:
        self.grid = Grid(Lock(chain, GuardSet(GUARDS, 1)), DOMAIN, TREASURY.id, PAUSER)
        self.now = NOW
        self.steps: list[Said] = []
        self.trees: dict[bytes, SnapshotTree] = {}
        """Of the cuts that epochs were opened on, by their roots."""

    @property
    def given(self) -> Said:
        guards = {"addresses": GUARDS.addresses, "threshold": GUARDS.threshold, "version": 1}
        grid = {
            "chain": self.grid.lock.chain,
            "application": APPLICATION,
            "guards": guards,
            "treasury": TREASURY.id,
            "pauser": PAUSER,
        }
        return {"grid": grid, "steps": self.steps}

    def _step(self, op: str, does: Callable[..., Any], *arguments: Any, **said: Any) -> None:
        self.steps.append({"op": op, "at": self.now, **{name: plain(value) for name, value in said.items()}})
        does(self.grid, *arguments)

    def at(self, now: int) -> Story:
        self.now = now
        return self

    # -- how stories begin ---------------------------------------------------------------------------------------------

    def listed(self) -> Story:
        for asset in (EUR, USD):
            self.list_asset(listing(self.grid.lock.chain, asset))
        return self

    def opened(self, *deposits: tuple[Person, int, int], fee_bps: int = 0) -> Story:
        """In its first epoch, with money in it."""
        self.listed().transition(1, fee_bps=fee_bps, active=self.grid.lock.chain)
        for person, asset, tokens in deposits:
            self.deposit(person, asset, tokens)
        return self

    def cut(
        self, *leaves: Leaf, epoch: int = 2, totals: Mapping[int, int] | None = None, terms: Terms = TERMS, fee_bps: int = 0
    ) -> Story:
        """An epoch that starts from these leaves; the totals are theirs unless others are said."""
        tree = SnapshotTree({each.key: leaf(each.content()) for each in leaves})
        self.trees[tree.root] = tree
        totals = totals_of(leaves, terms) if totals is None else totals
        self.transition(epoch, root=tree.root, totals=totals, fee_bps=fee_bps, active=self.grid.lock.chain)
        return self

    # -- guards --------------------------------------------------------------------------------------------------------

    def transition(
        self,
        epoch: int,
        *,
        active: int = ARBITRUM,
        root: bytes = EMPTY_ROOT,
        totals: Mapping[int, int] | None = None,
        brought: Mapping[int, int] | None = None,
        fee_bps: int = 0,
        by: By = by_guards,
    ) -> None:
        totals = totals or {}
        brought = totals if brought is None else brought
        signed = LockTransition(
            epoch=epoch, active=active, root=root, totals=hash_of_amounts(totals), source_height=77, fee_bps=fee_bps
        )
        signatures = by(signed)
        said = sorted(brought.items())
        self._step(
            "transition", operations.transition, signed, brought, signatures, self.now,
            signed=signed, totals=said, signatures=signatures,
        )  # fmt: skip

    def rotate(self, guards: Guards | Sequence[bytes], threshold: int = 2, version: int = 2, by: By = by_guards) -> None:
        addresses = guards.addresses if isinstance(guards, Guards) else tuple(guards)
        self._signed(
            "rotate", operations.rotate, Rotation(version=version, guards=addresses, threshold=threshold), by, clock=False
        )

    def pause(self, until: int, by: bytes = PAUSER) -> None:
        self._step("pause", operations.pause, by, until, self.now, by=by, until=until)

    def unpause(self, until: int, chain: int = 0, by: By = by_guards) -> None:
        self._signed("unpause", operations.unpause, Unpause(chain=chain or self.grid.lock.chain, until=until), by)

    def list_asset(self, signed: Listing, by: By = by_guards) -> None:
        self._signed("list_asset", operations.list_asset, signed, by, clock=False)

    def bridge_in(
        self, asset: int, amount: int, *, id_: bytes = b"t" * 32, chain: int = 0, expiry: int = SOON, by: By = by_guards
    ) -> None:
        signed = BridgeIn(id=id_, chain=chain or self.grid.lock.chain, asset=asset, amount=amount, expiry=expiry)
        self._signed("bridge_in", operations.bridge_in, signed, by)

    def resolve(self, signed: Resolve, by: By = by_guards) -> None:
        self._signed("resolve", entry.resolve, signed, by)

    def credit(self, signed: Credit, by: By = by_guards) -> None:
        self._signed("credit", entry.credit, signed, by)

    def _signed(self, op: str, does: Callable[..., Any], signed: Signed, by: By, *, clock: bool = True) -> None:
        signatures = by(signed)
        clocks = (self.now,) if clock else ()
        self._step(op, does, signed, signatures, *clocks, signed=signed, signatures=signatures)

    # -- owners --------------------------------------------------------------------------------------------------------

    def deposit(self, person: Person, asset: int, tokens: int) -> None:
        self._step(
            "deposit", operations.deposit, person.id, asset, tokens, self.now, account=person.id, asset=asset, tokens=tokens
        )

    def register(self, account: bytes, authority: bytes) -> None:
        self._step("register", operations.register, account, authority, self.now, account=account, authority=authority)

    def cancel(self, person: Person, floor: int, *, chain: int = 0, by: Person | None = None) -> None:
        signed = Cancel(account=person.id, floor=floor, chain=chain or self.grid.lock.chain)
        signature = (by or person).key.sign(signed.digest(DOMAIN))
        self._step("cancel", operations.cancel, signed, signature, signed=signed, signature=signature)

    # -- batches -------------------------------------------------------------------------------------------------------

    def execute(
        self, *actions: Action, by: By = by_guards, brings: Callable[[Batch], Batch] = lambda batch: batch, **permit: Any
    ) -> None:
        """What is brought is what is permitted unless it is changed on the way."""
        batch = permitted(self.grid, *actions, **permit)
        batch = brings(msgspec.structs.replace(batch, signatures=by(batch.permit)))
        self._step(
            "execute", execute, batch, self.now,
            permit=batch.permit, signatures=batch.signatures, actions=[action_said(action) for action in batch.actions],
            prices=sorted(batch.prices.items()), absent=batch.absent, dead=batch.dead,
        )  # fmt: skip

    # -- leaves --------------------------------------------------------------------------------------------------------

    def proof(self, of: Leaf, root: bytes = b"") -> list[bytes]:
        return self.trees[root or self.grid.lock.root].proof(of.key, leaf(of.content()))

    def enter(self, *leaves: Leaf, proof: list[bytes] | None = None, terms: Terms = TERMS) -> Story:
        """By its own proof, unless it is given another."""
        for each in leaves:
            nodes = self.proof(each) if proof is None else proof
            match each:
                case AccountLeaf():
                    self._step("enter_account", entry.enter_account, each, nodes, self.now, leaf=each, proof=nodes)
                case BalanceLeaf():
                    self._step("enter_balance", entry.enter_balance, each, nodes, self.now, leaf=each, proof=nodes)
                case MatchLeaf():
                    self._step(
                        "enter_match", entry.enter_match, each, terms, nodes, self.now, leaf=each, terms=terms, proof=nodes
                    )
                case OrderLeaf():
                    self._step("enter_order", entry.enter_order, each, nodes, self.now, leaf=each, proof=nodes)
                case HoldLeaf():
                    self._step("settle_hold", entry.settle_hold, each, nodes, self.now, leaf=each, proof=nodes)
        return self


def totals_of(leaves: Sequence[Leaf], terms: Terms) -> dict[int, int]:
    totals: dict[int, int] = {}
    for each in leaves:
        match each:
            case BalanceLeaf():
                totals[each.asset] = totals.get(each.asset, 0) + each.available + each.held
            case MatchLeaf():
                totals[terms.asset] = totals.get(terms.asset, 0) + terms.stake * len(each.players)
    return {asset: total for asset, total in totals.items() if total > 0}


def action_said(action: Action) -> Said:
    said = {"type": type(action.signed).__name__, "signed": plain(action.signed), "signature": action.signature}
    return said if action.terms is None else {**said, "terms": plain(action.terms)}


def plain(value: Any) -> Any:
    return msgspec.structs.asdict(value) if isinstance(value, Typed) else value


# -- what can be seen --------------------------------------------------------------------------------------------------


def observed(grid: Grid) -> Said:
    """As it reads in the current epoch; each list by its keys, rising."""
    lock = grid.lock
    return {
        "lock": {
            "epoch": lock.epoch, "active": lock.active, "root": lock.root, "totals": sorted(lock.totals.items()),
            "fee_bps": lock.fee_bps, "since": lock.since, "paused_until": lock.paused_until, "opening": grid.opening,
        },
        "guards": {
            "addresses": lock.guards.guards.addresses, "threshold": lock.guards.guards.threshold, "version": lock.guards.version,
        },
        "listings": [plain(listing) for _, listing in sorted(grid.listings.items())],
        "assets": [{"asset": number, **_asset(grid, number)} for number in sorted(grid.assets)],
        "accounts": [{"account": id_, **_account(grid, id_)} for id_ in sorted(grid.accounts)],
        "balances": [{"account": id_, "asset": number, **_balance(grid, id_, number)} for id_, number in sorted(grid.balances)],
        "matches": [{"match": id_, **match._asdict()} for id_, match in sorted(grid.matches.items())],
        "orders": [{"id": id_, "epoch": epoch} for id_, epoch in sorted(grid.orders.items())],
        "batches": [{"epoch": key[0], "batch": key[1], "outcome": outcome} for key, outcome in sorted(grid.batches.items())],
        "accumulators": [{"epoch": epoch, "accumulator": word} for epoch, word in sorted(grid.accumulator.items())],
        "resolved": [
            {"origin": key[0], "epoch": key[1], "batch": key[2], "executed": executed}
            for key, executed in sorted(grid.resolved.items())
        ],
        "settled": [{"hold": hold, "epoch": epoch} for hold, epoch in sorted(grid.settled.items())],
        "credited": [
            {"origin": key[0], "sequence": key[1], "epoch": epoch} for key, epoch in sorted(grid.credited.items())
        ],
        "bridged": [{"id": id_, "amount": amount} for id_, amount in sorted(grid.bridged.items())],
        "sent": [{"id": id_, "amount": amount} for id_, amount in sorted(grid.sent.items())],
        "deposits": grid.deposits,
    }  # fmt: skip


def _asset(grid: Grid, number: int) -> Said:
    asset = grid.asset(number)
    return {"vault": asset.vault, "liabilities": asset.liabilities, "entered": asset.entered}


def _account(grid: Grid, id_: bytes) -> Said:
    account = grid.account(id_)
    authority = account.authority or NOBODY
    return {"entered": account.entered, "new": account.new, "authority": authority, "nonces": account.nonces.word}


def _balance(grid: Grid, id_: bytes, number: int) -> Said:
    balance = grid.balance(id_, number)
    return {"entered": balance.entered, "available": balance.available, "held": balance.held, "received": balance.received}
