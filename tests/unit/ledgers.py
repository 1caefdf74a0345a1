"""A ledger beside the grids that it tells of: whatever happens is done on the active grid, said to the ledger, and compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from jurymast.book import entry, operations
from jurymast.book.cut import imbalance, leaves, totals, tree
from jurymast.book.events import (
    BatchDoubted,
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
    BridgeArrived,
    Credited,
    Deposited,
    EpochCut,
    EpochFrozen,
    EpochOpened,
    Event,
    IntentAccepted,
    Registered,
)
from jurymast.book.execute import Action, execute
from jurymast.book.grid import EMPTY_ROOT, Grid
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.ledger import Applied, apply
from jurymast.book.refusals import Refusal
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Credit, Resolve
from jurymast.book.state import Ledger
from jurymast.crypto.merkle import leaf
from tests.unit.grids import EUR, NOW, SOON, TREASURY, USD, WINDOW, Person, arrives, begin, by_guards, move, permitted

PRICES = {EUR: 1, USD: 1}


class World:
    def __init__(self, chain: int = SOLANA, fee_bps: int = 0) -> None:
        self.ledger = Ledger(TREASURY.id)
        self.grids = {each: begin(each) for each in (SOLANA, ARBITRUM)}
        self.log: list[Event] = []
        self.batches = 0
        self.fee_bps = fee_bps
        self.late: list[Credit] = []
        """Deposits of which nobody has told the ledger."""
        self._open(1, chain, EMPTY_ROOT)

    @property
    def grid(self) -> Grid:
        return self.grids[self.ledger.chain]

    def say(self, event: Event) -> Applied | Refusal:
        self.log.append(event)
        answer = apply(self.ledger, event)
        assert imbalance(self.ledger) == {}
        return answer

    def must(self, event: Event) -> None:
        answer = self.say(event)
        assert answer is Applied.NOW, answer

    def deposit(self, person: Person, asset: int, amount: int) -> None:
        sequence = operations.deposit(self.grid, person.id, asset, amount, NOW)
        self.must(
            Deposited(
                chain=self.ledger.chain, epoch=self.ledger.epoch, sequence=sequence,
                account=person.id, asset=asset, amount=amount, height=sequence,
            )
        )  # fmt: skip

    def deposit_late(self, person: Person, asset: int, amount: int) -> None:
        """Above the height of the cut that comes next."""
        sequence = operations.deposit(self.grid, person.id, asset, amount, NOW)
        self.late.append(
            Credit(origin=self.ledger.chain, sequence=sequence, epoch=0, account=person.id, asset=asset, amount=amount)
        )  # fmt: skip

    def credit(self, late: Credit) -> None:
        self.credit_unheard(late)
        self.must(
            Credited(
                chain=late.origin, sequence=late.sequence, epoch=self.ledger.epoch,
                account=late.account, asset=late.asset, amount=late.amount,
            )
        )  # fmt: skip

    def credit_unheard(self, late: Credit) -> None:
        """On the grid alone, whose chain fails before anybody hears of it."""
        signed = msgspec.structs.replace(late, epoch=self.grid.epoch)
        entry.credit(self.grid, signed, by_guards(signed), NOW)

    def register(self, person: Person) -> None:
        operations.register(self.grid, person.id, person.key.address, NOW)
        self.must(Registered(account=person.id, authority=person.key.address))

    def arrive(self, transfer: bytes) -> None:
        under_way = self.ledger.transfers[transfer]
        later = NOW + WINDOW * len(self.log)  # Each in a window of its own.
        arrives(self.grids[under_way.target], transfer, under_way.asset, under_way.amount, later)
        self.must(BridgeArrived(transfer=transfer))

    def plan(self, *actions: Action, prices: dict[int, int] | None = None) -> Applied | Refusal:
        """Under the next number, `batches`."""
        for action in actions:
            self.say(IntentAccepted(action=action, now=NOW + len(self.log)))  # Said again it is another event.
        self.batches += 1
        return self.say(self.planned(*actions, prices=prices))

    def planned(
        self, *actions: Action, prices: dict[int, int] | None = None, dead: tuple[tuple[bytes, int], ...] = ()
    ) -> BatchPlanned:
        ledger = self.ledger
        owners = dict.fromkeys(id_ for action in actions if (id_ := getattr(action.signed, "account", None)))
        return BatchPlanned(
            chain=ledger.chain, epoch=ledger.epoch, batch=self.batches, expiry=SOON, actions=actions,
            prices=PRICES if prices is None else prices, absent=tuple(self.absent(*owners)), dead=dead,
        )  # fmt: skip

    def absent(self, *accounts: bytes) -> Iterator[tuple[bytes, int]]:
        """Whatever of these the last cut has no leaf of."""
        for id_ in accounts:
            if self.ledger.account(id_).since == self.ledger.cuts:
                yield id_, NO_ASSET
            else:
                yield from ((id_, asset) for asset in PRICES if self.ledger.balance(id_, asset).since == self.ledger.cuts)

    def perform(self, planned: BatchPlanned) -> Refusal | None:
        """On the grid alone."""
        grid = self.grids[planned.chain]
        batch = permitted(
            grid, *planned.actions, number=planned.batch, prices=planned.prices, absent=planned.absent, dead=planned.dead
        )
        try:
            execute(grid, batch, NOW)
        except Refusal as refusal:
            return refusal
        return None

    def settle(self, planned: BatchPlanned) -> Refusal | None:
        """On the grid, and what came of it in the ledger."""
        place = {"chain": planned.chain, "epoch": planned.epoch, "batch": planned.batch}
        refused = self.perform(planned)
        self.must(BatchReleased(**place) if refused else BatchExecuted(**place, height=self.ledger.height))
        return refused

    def run(self, *actions: Action, prices: dict[int, int] | None = None) -> Refusal | None:
        """Planned and at once settled; or why the ledger did not plan it."""
        answer = self.plan(*actions, prices=prices)
        if isinstance(answer, Refusal):
            return answer
        planned = self.log[-1]
        assert isinstance(planned, BatchPlanned)
        return self.settle(planned)

    def fail_over(self, target: int = 0, *, burnt: int = 0) -> None:
        """What is outstanding is in doubt, and everything enters the other chain, or the one that it is told; some numbers are
        burnt first."""
        ledger, source = self.ledger, self.ledger.chain
        self.must(EpochFrozen(epoch=ledger.epoch))
        for chain, epoch, batch in list(ledger.outstanding):
            if chain == source and epoch == ledger.opened:
                self.must(BatchDoubted(chain=chain, epoch=epoch, batch=batch))
        self.must(EpochCut(epoch=ledger.epoch, heights={source: ledger.height}))
        for _ in range(burnt):
            self.must(EpochFrozen(epoch=ledger.epoch + 1))
            self.must(EpochCut(epoch=ledger.epoch, heights={source: ledger.height}))
        cut, found = tree(ledger), list(leaves(ledger))
        self.proofs = {each.key: cut.proof(each.key, leaf(each.content())) for each in found}
        self.cut_holds = [each for each in found if isinstance(each, HoldLeaf)]
        self._open(ledger.epoch + 1, target or SOLANA + ARBITRUM - source, cut.root)
        for each in found:
            match each:
                case AccountLeaf():
                    entry.enter_account(self.grid, each, self.proofs[each.key], NOW)
                case BalanceLeaf():
                    entry.enter_balance(self.grid, each, self.proofs[each.key], NOW)
                case MatchLeaf():
                    entry.enter_match(self.grid, each, ledger.matches[each.terms].terms, self.proofs[each.key], NOW)
                case OrderLeaf():
                    entry.enter_order(self.grid, each, self.proofs[each.key], NOW)

    def resolve(self, chain: int, epoch: int, batch: int, *, executed: bool) -> None:
        self.resolve_unheard(chain, epoch, batch, executed=executed)
        self.must(BatchResolved(chain=chain, epoch=epoch, batch=batch, executed=executed))

    def resolve_unheard(self, chain: int, epoch: int, batch: int, *, executed: bool) -> None:
        """The active chain knows its own batches, and what it was once told of another's."""
        if chain != self.ledger.chain and (chain, epoch, batch) not in self.grid.resolved:
            signed = Resolve(origin=chain, epoch=epoch, batch=batch, executed=executed)
            entry.resolve(self.grid, signed, by_guards(signed), NOW)
        for hold in self.cut_holds:
            if (hold.origin, hold.epoch, hold.batch) == (chain, epoch, batch):
                entry.settle_hold(self.grid, hold, self.proofs[hold.key], NOW)

    def check_same(self) -> None:
        """The grid holds exactly what the ledger says: of everybody, and in total."""
        grid, ledger = self.grid, self.ledger
        running = {id_: match for id_, match in grid.matches.items() if match.epoch == grid.epoch and not match.step}
        for id_, asset in grid.balances.keys() | ledger.balances.keys():
            here, there = grid.balance(id_, asset), ledger.balance(id_, asset)
            terms = ledger.matches[id_].terms if id_ in running else None
            escrow = terms.stake * len(running[id_].players) if terms and terms.asset == asset else 0
            on_grid = here.available + here.received + here.held + escrow
            assert on_grid == there.available + there.held + there.reserved, (id_.hex(), asset)
            if not any(batch[1] == grid.epoch for batch in ledger.outstanding):
                assert here.held == there.held
        for asset, owed in ledger.liabilities.items():
            assert grid.asset(asset).liabilities == owed
        if not ledger.outstanding and not self.late:
            for (chain, asset), vault in ledger.vaults.items():
                assert self.grids[chain].asset(asset).vault == vault

    def _open(self, epoch: int, chain: int, root: bytes) -> None:
        grid = self.grids[chain]
        move(grid, epoch, chain, root, totals(self.ledger), self.fee_bps)
        self.must(EpochOpened(epoch=epoch, chain=chain, fee_bps=self.fee_bps, opening=grid.opening))


def fold(events: Iterable[Event], ledger: Ledger | None = None) -> Ledger:
    ledger = ledger or Ledger(TREASURY.id)
    for event in events:
        apply(ledger, event)
    return ledger
