"""Random histories of the reference and of the compiled grid at once: whatever is done, both do the same."""

from __future__ import annotations

from collections import Counter
from typing import Any, ClassVar

import msgspec
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from jurymast.book.grid import EVM_PADDING, Account, Balance, Grid, own_authority
from jurymast.book.leaves import AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.lock import GuardSet, Lock
from jurymast.book.nonces import Nonces
from jurymast.book.signed import (
    ARBITRUM,
    NO_ASSET,
    SOLANA,
    BridgeIn,
    Cancel,
    Credit,
    Intent,
    Listing,
    LockTransition,
    Resolve,
    Rotation,
    Unpause,
    hash_of_amounts,
)
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
    SettleHold,
    Submit,
    Transition,
)
from tests.contracts import batches, cuts, reference, told
from tests.contracts.choices import GUARD_KEYS, PEOPLE, Dice
from tests.contracts.cuts import ASSETS, GOLD, MATCHES, Leaf
from tests.contracts.driver import OnChain, Said, refusal
from tests.contracts.evm import SOMEBODY
from tests.contracts.shown import differences, plain
from tests.scenarios.story import observed
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, GUARDS, PAUSER, TREASURY, USD, Person

BEGIN_S = 1_000_000
LIMIT, WINDOW_S = 1_000, 100
DECIMALS = {EUR: 6, USD: 8, GOLD: 18}
"""Of the tokens; on the grid all have six."""


def listing(number: int, **changed: Any) -> Listing:
    made = Listing(
        chain=ARBITRUM, asset=number, token=EVM_PADDING + bytes([number]) * 20, token_decimals=DECIMALS[number], grid_decimals=6,
        bridge_limit=LIMIT, bridge_window=WINDOW_S,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def seeded() -> Grid:
    """Everybody and everything is known from the start, so that all of it is compared, touched or not."""
    grid = Grid(Lock(ARBITRUM, GuardSet(GUARDS, 1)), DOMAIN, TREASURY.id, PAUSER)
    for person in PEOPLE:
        grid.accounts[person.id] = Account(0, entered=False, new=False, authority=own_authority(person.id), nonces=Nonces())
        for asset in ASSETS:
            grid.balances[person.id, asset] = Balance(0, entered=False)
    return grid


class Histories(RuleBasedStateMachine):
    counts: ClassVar[Counter[tuple[str, str]]] = Counter()
    """Of all histories: how often each operation ended in which way."""
    moved: ClassVar[Counter[str]] = Counter()
    """The actions of batches that executed."""

    def __init__(self) -> None:
        super().__init__()
        self.now, self.batch = BEGIN_S, 0
        self.there, self.here = seeded(), OnChain(BEGIN_S)
        self.cut = cuts.NOTHING
        for signed in map(listing, (EUR, USD)):
            self._both(ByGuards(signed, self._guards(signed)))
        self._both(self._transition(1, ARBITRUM, cuts.NOTHING, 30))
        for person in PEOPLE:
            self._both(Deposit(person.id, EUR, 200))
            self._both(Deposit(person.id, USD, 20_000))
        self.compare()

    # -- both do it ----------------------------------------------------------------------------------------------------

    def do(self, operation: Operation, sender: bytes = SOMEBODY) -> bool:
        """And end alike; says whether it was accepted."""
        expected = self._both(operation, sender)
        self.counts[_name(operation), expected[0] if expected else ""] += 1
        if expected is None and isinstance(operation, Execute):
            self.moved.update(type(action.signed).__name__ for action in operation.batch.actions)
        self.compare()
        return expected is None

    def _both(self, operation: Operation, sender: bytes = SOMEBODY) -> Said | None:
        expected = refusal(lambda: reference.perform(self.there, operation, self.now, sender))
        found = refusal(lambda: self.here.perform(operation, self.now, sender))
        assert plain(found) == plain(expected), operation
        return expected

    def compare(self) -> None:
        assert differences(self.here.contract, plain(observed(self.there))) == []
        for asset, token in self.here.tokens.items():
            bridging = self.here.contract.read("listingOf", asset)
            assert (bridging["window"], bridging["bridged"]) == self.there.bridging.get(asset, (0, 0))
            units = token.read("balanceOf", self.here.address) // self.there.listings[asset].scale
            assert units == self.there.asset(asset).vault, "the vault is what is there, and dust went back"

    def teardown(self) -> None:
        assert told.unlike(self.here) == []

    def _must(self, operation: Operation) -> None:
        assert self.do(operation)

    def _guards(self, signed: Any) -> tuple[bytes, ...]:
        guards = self.there.lock.guards.guards
        return tuple(GUARD_KEYS[each].sign(signed.digest(DOMAIN)) for each in guards.addresses[: guards.threshold])

    def _signed(self, dice: Dice, signed: Any) -> bool:
        return self.do(ByGuards(signed, dice.by_guards(self.there, signed)))

    # -- the lock ------------------------------------------------------------------------------------------------------

    @rule(seconds=st.integers(1, 2_000))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(data=st.data())
    def an_epoch_begins(self, data: st.DataObject) -> None:
        dice = Dice(data)
        epoch = dice.wrong(self.there.epoch + dice.pick((1, 1, 2, 5)), self.there.epoch)
        cut = cuts.NOTHING if dice.one_in(4) else cuts.drawn(dice, self.there, epoch, self.cut)
        active = dice.wrong(ARBITRUM, SOLANA, 0, 3)
        said = self._transition(epoch, active, cut, dice.wrong(dice.pick((0, 30, 500)), 10_000, 10_001))
        if dice.slips(4):
            said = said._replace(totals={EUR: 1 << 40})
        if dice.slips(4):
            said = said._replace(signatures=dice.by_guards(self.there, said.signed))
        if self.do(said):
            self.cut = cut
            if active != ARBITRUM:
                self._comes_back(dice)
            for person in dice.some(PEOPLE, one_in=3):  # Before what they had has entered.
                self.do(Deposit(person.id, EUR, 10))
            for one_in in (2, 4):  # Some of them twice.
                for leaf in dice.some(self.cut.leaves, one_in=one_in):
                    self.do(self._entering(dice, leaf, self.cut.proof(leaf)))
            for hold in self.cut.leaves:
                if hold.content() in self.there.settled:  # In an epoch before: what it did then is gone.
                    self.do(self._entering(dice, hold, self.cut.proof(hold)))

    def _comes_back(self, dice: Dice) -> None:
        """Nothing happens while the other chain is the active one, so that is soon over."""
        self.do(Deposit(ANN.id, EUR, 5))
        self.cut = cuts.drawn(dice, self.there, self.there.epoch + 1, self.cut)
        self._must(self._transition(self.there.epoch + 1, ARBITRUM, self.cut, 0))

    def _transition(self, epoch: int, active: int, cut: cuts.Cut, fee_bps: int) -> Transition:
        totals = hash_of_amounts(cut.totals)
        signed = LockTransition(epoch=epoch, active=active, root=cut.root, totals=totals, source_height=epoch, fee_bps=fee_bps)
        return Transition(signed, cut.totals, self._guards(signed))

    @rule(data=st.data())
    def guards_are_rotated(self, data: st.DataObject) -> None:
        dice = Dice(data)
        size = dice.number(1, 4)
        addresses = tuple(sorted(GUARD_KEYS))[:size] if dice.one_in(2) else tuple(sorted(GUARD_KEYS))[-size:]
        version = self.there.lock.guards.version
        signed = Rotation(
            version=dice.wrong(version + 1, version, version + 2),
            guards=dice.wrong(addresses, addresses[::-1], (), (bytes(20), *addresses), (addresses[0], *addresses)),
            threshold=dice.wrong(size // 2 + 1, 0, size // 2, size + 1, size),
        )
        self._signed(dice, signed)

    @rule(data=st.data())
    def somebody_pauses(self, data: st.DataObject) -> None:
        dice = Dice(data)
        until = self.now + (dice.pick((0, 86_400, 86_401)) if dice.one_in(6) else dice.number(1, 60))
        if self.do(Pause(until), dice.wrong(PAUSER, SOMEBODY)) and not dice.one_in(4):
            self.do(Deposit(ANN.id, EUR, 5))
            signed = Unpause(chain=dice.wrong(ARBITRUM, SOLANA), until=dice.wrong(until, until + 1))
            self._signed(dice, signed)
        self.now = max(self.now, min(until, self.now + 61))

    @rule(data=st.data())
    def an_asset_is_listed(self, data: st.DataObject) -> None:
        dice = Dice(data)
        changes: tuple[dict[str, Any], ...] = (
            {"chain": SOLANA}, {"asset": NO_ASSET}, {"token_decimals": 5}, {"token_decimals": 25}, {"bridge_window": 0},
        )  # fmt: skip
        self._signed(dice, listing(dice.wrong(GOLD, EUR), **dice.wrong({}, *changes)))

    # -- tokens --------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def somebody_deposits(self, data: st.DataObject) -> None:
        dice = Dice(data)
        tokens = dice.pick((1_000, 12_345, 99, 1, 0, 10**20 + 7, 1 << 72))
        self.do(Deposit(dice.pick(PEOPLE).id, dice.pick((USD, EUR, GOLD)), tokens))

    @rule(data=st.data())
    def tokens_come_over_the_bridge(self, data: st.DataObject) -> None:
        dice = Dice(data)
        signed = BridgeIn(
            id=bytes([dice.number(1, 60)]) * 32,
            chain=dice.wrong(ARBITRUM, SOLANA),
            asset=dice.wrong(dice.pick((EUR, USD)), GOLD),
            amount=dice.wrong(dice.number(0, 500), LIMIT, LIMIT + 1),
            expiry=dice.wrong(self.now + dice.number(1, 50), self.now),
        )
        self._signed(dice, signed)

    # -- batches -------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def a_batch_executes(self, data: st.DataObject) -> None:
        dice = Dice(data)
        self._execute(dice, batches.drafted(dice, self.there, self.now))

    @rule(data=st.data())
    def stakes_move(self, data: st.DataObject) -> None:
        dice = Dice(data)
        self._execute(dice, batches.joined(dice, self.there, self.now))
        if not dice.one_in(3):
            self._execute(dice, batches.ended(dice, self.there, self.now))

    def _execute(self, dice: Dice, draft: batches.Draft) -> None:
        absent = tuple(each for person in dict.fromkeys(draft.people) for each in self._absent(dice, person))
        self.batch += dice.wrong(1, 0)
        self.do(Execute(batches.permitted(draft, self.batch, absent)))

    @rule(data=st.data())
    def another_batch_executes(self, data: st.DataObject) -> None:
        """So that there are more of them than of anything else."""
        self.a_batch_executes(data)

    def _absent(self, dice: Dice, person: Person) -> list[tuple[bytes, int]]:
        """Whoever acts enters first, or is called absent if there is nothing of him to enter."""
        if self.there.account(person.id).entered and not dice.one_in(12):
            return []
        if (leaf := self.cut.account(person)) is None:
            return [(person.id, dice.wrong(NO_ASSET, EUR))]
        self._enter(leaf, self.cut.balances(person))
        listed = {each.asset for each in self.cut.balances(person)}
        return [(person.id, asset) for asset in (EUR, USD) if asset not in listed]

    # -- entering, and what was in doubt -------------------------------------------------------------------------------

    def _enter(self, leaf: AccountLeaf, balances: list[BalanceLeaf]) -> None:
        proofs = tuple((each, self.cut.proof(each)) for each in balances)
        self.do(Enter(leaf, self.cut.proof(leaf), proofs, self.here.totals))

    @rule(data=st.data())
    def something_enters(self, data: st.DataObject) -> None:
        dice = Dice(data)
        if not self.cut.leaves:
            return
        leaf = dice.pick(self.cut.leaves)
        proof = self.cut.proof(leaf)
        wrong = dice.number(0, len(proof) - 1)
        proof = dice.wrong(proof, proof[:-1], (*proof, bytes(32)), (*proof[:wrong], b"\7" * 32, *proof[wrong + 1 :]))
        for _ in range(dice.number(1, 2)):
            self.do(self._entering(dice, leaf, proof))

    def _entering(self, dice: Dice, leaf: Leaf, proof: cuts.Proof) -> Operation:
        totals = hash_of_amounts(self.here.totals)
        match leaf:
            case AccountLeaf():
                return EnterAccount(leaf, proof, totals)
            case BalanceLeaf():
                return EnterBalance(leaf, proof, self.here.totals)
            case MatchLeaf():
                return EnterMatch(leaf, dice.wrong(MATCHES[leaf.terms], *MATCHES.values()), proof, self.here.totals)
            case OrderLeaf():
                return EnterOrder(leaf, proof, totals)
            case HoldLeaf():
                self._prepare(dice, leaf)
                return SettleHold(leaf, proof, totals)

    def _prepare(self, dice: Dice, hold: HoldLeaf) -> None:
        """What has to be there before it settles, if it is not yet."""
        person = next(each for each in PEOPLE if each.id == hold.account)
        account = self.cut.account(person)
        if account and not self.there.account(person.id).entered:
            self._enter(account, self.cut.balances(person))
        if not dice.one_in(4):
            self._signed(dice, Resolve(origin=hold.origin, epoch=hold.epoch, batch=hold.batch, executed=dice.one_in(2)))

    @rule(data=st.data())
    def a_hold_settles(self, data: st.DataObject) -> None:
        dice = Dice(data)
        if holds := [each for each in self.cut.leaves if isinstance(each, HoldLeaf)]:
            hold = dice.pick(holds)
            self.do(self._entering(dice, hold, self.cut.proof(hold)))

    @rule(data=st.data())
    def guards_resolve(self, data: st.DataObject) -> None:
        dice = Dice(data)
        origin, epoch = dice.wrong(SOLANA, ARBITRUM, 3), dice.number(0, self.there.epoch)
        self._signed(dice, Resolve(origin=origin, epoch=epoch, batch=dice.number(1, 20), executed=dice.one_in(2)))

    @rule(data=st.data())
    def a_late_deposit_is_credited(self, data: st.DataObject) -> None:
        dice = Dice(data)
        signed = Credit(
            origin=dice.pick((SOLANA, ARBITRUM)),
            sequence=dice.pick((dice.number(1, 30), self.there.opening, self.there.opening + 1)),
            epoch=dice.wrong(self.there.epoch, self.there.epoch + 1),
            account=dice.pick(PEOPLE).id,
            asset=dice.wrong(dice.pick((EUR, USD)), NO_ASSET, GOLD),
            amount=dice.wrong(dice.number(0, 100), (1 << 64) - 1),
        )
        self._signed(dice, signed)

    # -- owners --------------------------------------------------------------------------------------------------------

    @rule(data=st.data())
    def an_owner_cancels(self, data: st.DataObject) -> None:
        dice = Dice(data)
        person = dice.pick(PEOPLE)
        floor = self.there.account(person.id).nonces.floor
        signed = Cancel(
            account=person.id,
            floor=dice.wrong(floor + dice.number(1, 3), floor, floor + 500),
            chain=dice.wrong(ARBITRUM, SOLANA),
        )
        self.do(CancelBelow(signed, dice.signature(dice.wrong(person, BEN).key, signed)))

    @rule(data=st.data())
    def an_owner_submits(self, data: st.DataObject) -> None:
        dice = Dice(data)
        person = dice.pick(PEOPLE)
        intent = person.intent(dice.number(0, 9), EUR, 5, USD).signed
        assert isinstance(intent, Intent)
        self.do(Submit(intent, dice.signature(dice.wrong(person, BEN).key, intent)))


def _name(operation: Operation) -> str:
    return type(operation.signed if isinstance(operation, ByGuards) else operation).__name__
