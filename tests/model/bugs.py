"""Mistakes that a protocol like this can have, each planted by itself: the model finds every one, by what it leads to.

Each replaces one decision, one rule of a contract or one of the server, in a model that looks only at what the mistake needs:
what else could happen would make the way to it longer. The same model without the mistake keeps every promise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from typing import Any

import msgspec

from jurymast.book import entry, execute, operations
from jurymast.book.events import BatchPlanned, Credited, Event
from jurymast.book.execute import Batch
from jurymast.book.grid import EMPTY_ROOT, Grid
from jurymast.book.leaves import AccountLeaf, HoldLeaf
from jurymast.book.ledger import Applied
from jurymast.book.ledger import apply as ledger_apply
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import AlreadySettled, Refusal, WrongPhase
from jurymast.book.signed import Credit
from jurymast.book.state import Ledger, Phase
from jurymast.crypto.secp256k1 import Guards
from jurymast.nonce_guard.decide import claims, fate, veto
from jurymast.nonce_guard.decide.claims import Claim, Plan, Record, Unclaimable
from jurymast.nonce_guard.decide.memory import DigestAt, Told
from jurymast.nonce_guard.decide.veto import Journal, Veto
from jurymast.nonce_guard.decide.words import Fate, Finalized, Identity, Permit
from jurymast.switcher.decide import debt, saga, start
from jurymast.switcher.decide.debt import Next, Owed, Source
from jurymast.switcher.decide.saga import Burn, Seen, Switch, Wait
from jurymast.switcher.decide.start import Begin, Policy, Situation, Stay
from tests.model.log import Entry, Outcome, taken
from tests.model.orders import CHAINS
from tests.model.rules import Rules
from tests.model.small import (
    Burning,
    CancelledBefore,
    Cancelling,
    CreditLate,
    CreditUntold,
    CutAfterwards,
    CutAgain,
    Depositing,
    DepositLate,
    Executed,
    FailedOver,
    Fenced,
    Forgotten,
    HoldLate,
    InDebt,
    Losing,
    LosingLate,
    LosingMore,
    LostBeforeCut,
    PaidLate,
    Refusing,
    Reorganising,
    Still,
    Switching,
    SwitchingAndLosing,
    SwitchingOnly,
    Unfenced,
)
from tests.unit.grids import by_guards

States = Mapping[int, Finalized]


BUGS: list[type[Rules]] = []


def planted(bug: type[Rules]) -> type[Rules]:
    BUGS.append(bug)
    return bug


# -- what became of a claim --------------------------------------------------------------------------------------------


@planted
class ReleasedOnWallTime(Still):
    """A lease in seconds: what is not executed after a while is released."""

    @staticmethod
    def fate(permit: Permit, identity: Identity, state: Finalized | None, *quorum: int) -> Fate | None:
        return fate.fate(permit, identity, state, *quorum) or "released"


@planted
class ReleasedOnAnotherClock(Still):
    """The height of another chain is taken for the permit's own clock, as L1's for L2's."""

    @staticmethod
    def read(permit: Permit, states: States) -> Finalized:
        return states[permit.chain]._replace(clock=states[sum(CHAINS) - permit.chain].clock)


@planted
class UsedMeansExecuted(Cancelling):
    """A used nonce is taken for an execution; its owner had cancelled."""

    @staticmethod
    def fate(permit: Permit, identity: Identity, state: Finalized | None, *quorum: int) -> Fate | None:
        known = fate.fate(permit, identity, state, *quorum)
        return "executed" if known == "cancelled" else known


@planted
class ReleasedUnlooked(Still):
    """Its time is over, so it is released, and nobody looks for the record."""

    @staticmethod
    def fate(permit: Permit, identity: Identity, state: Finalized | None, *quorum: int) -> Fate | None:
        late = state and state.clock > permit.expiry
        return "released" if late else fate.fate(permit, identity, state, *quorum)


@planted
class ReleasedAndExecuted(Executed):
    """The log takes a second outcome of an attempt, from one who is late and impatient."""

    @staticmethod
    def taken(one: Entry, other: Entry) -> bool:
        return taken(one, other) and not (isinstance(one, Outcome) and one != other)

    @staticmethod
    def fate(permit: Permit, identity: Identity, state: Finalized | None, *quorum: int) -> Fate | None:
        late = state and state.clock > permit.expiry
        return "released" if late else fate.fate(permit, identity, state, *quorum)


@planted
class RecordedBeforeFinal(Reorganising):
    """What became of a claim is read from a state that may be re-organised away."""

    fates_from_final = False


# -- what guards sign --------------------------------------------------------------------------------------------------


@planted
class NoJournal(Losing):
    """Guards trust the log to remember what they have signed."""

    @staticmethod
    def may_sign(journal: Journal, permit: Permit, finalized: States) -> Veto | None:
        return veto.may_sign(Journal(frozen=journal.frozen), permit, finalized)


@planted
class MinorityQuorum(Losing):
    """2m <= n: two quorums without a member in common."""

    threshold = 1

    @staticmethod
    def guard_set(addresses: tuple[bytes, ...]) -> Guards:
        guards = object.__new__(Guards)
        vars(guards).update(addresses=addresses, threshold=1)
        return guards


@planted
class OldProofUnlocks(LosingLate):
    """A proof that the first permit is dead unlocks the next but one: the second is not looked at."""

    @staticmethod
    def may_sign(journal: Journal, permit: Permit, finalized: States) -> Veto | None:
        first = replace(journal, permits={identity: permits[:1] for identity, permits in journal.permits.items()})
        return veto.may_sign(first, permit, finalized)


@planted
class ForgetfulGuardSigns(LosingMore):
    """A guard whose journal is gone begins a new one, under its old key."""

    @staticmethod
    def forgotten(_: Told | None, __: DigestAt) -> int | None:
        return None


@planted
class ForgetfulGuardRefuses(Refusing):
    """It promises never to sign what it may have signed."""

    @staticmethod
    def may_refuse(journal: Journal, permit: Permit, finalized: States) -> Veto | None:
        return veto.may_refuse(replace(journal, lost_before=None), permit, finalized)


@planted
class SignsWhatItRefused(Refusing):
    """A promise never to sign is kept until somebody asks."""

    @staticmethod
    def may_sign(journal: Journal, permit: Permit, finalized: States) -> Veto | None:
        return veto.may_sign(replace(journal, refused=set()), permit, finalized)


@planted
class SignsWhatItFroze(LostBeforeCut):
    """A guard that has signed the transition out of an epoch signs on in it."""

    @staticmethod
    def may_sign(journal: Journal, permit: Permit, finalized: States) -> Veto | None:
        return veto.may_sign(replace(journal, frozen=-1), permit, finalized)


@planted
class TwoTransitions(CutAgain):
    """A guard signs a second transition for an epoch, from another cut."""

    @staticmethod
    def may_sign_transition(
        journal: Journal, leaving: int, epoch: int, digest: bytes, cut: Any, finalized: States
    ) -> Veto | None:
        return veto.may_sign_transition(replace(journal, transitions={}), leaving, epoch, digest, cut, finalized)


@planted
class PermitMissingFromCut(SwitchingAndLosing):
    """Guards take any cut, whatever they have signed."""

    @staticmethod
    def may_sign_transition(
        journal: Journal, leaving: int, epoch: int, digest: bytes, cut: Any, finalized: States
    ) -> Veto | None:
        return veto.may_sign_transition(replace(journal, permits={}), leaving, epoch, digest, cut, finalized)


# -- the log -----------------------------------------------------------------------------------------------------------


@planted
class ForgottenForEver(Forgotten):
    """What the bus has forgotten has no place in the ledger any more, once its epoch was frozen."""

    @staticmethod
    def apply(ledger: Ledger, event: Event) -> Applied | Refusal:
        if isinstance(event, BatchPlanned) and ledger.phase is not Phase.OPEN:
            return WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
        return ledger_apply(ledger, event)


@planted
class ClaimedWithoutFence(Switching):
    """Neither the server nor readers compare a claim with the epoch records below it."""

    @staticmethod
    def fenced(last: int, expected: int) -> bool:
        return True

    @staticmethod
    def counts(claim: Claim, records: Iterable[Record]) -> bool:
        return True

    @staticmethod
    def claimed(permit: Permit, messages: Iterable[Claim], records: Sequence[Record]) -> Veto | None:
        return claims.claimed(permit, messages, [each for each in records if claims.opens(each, permit)])


@planted
class AttemptedAgain(LosingLate):
    """An identity is claimed again though nobody can say what became of the last attempt: the bus has lost it."""

    @staticmethod
    def plan(
        permit: Permit,
        fates: Mapping[Identity, Sequence[Fate | None]],
        last: Record | None,
        held: AbstractSet[Identity] = frozenset(),
    ) -> Plan | Unclaimable:
        return claims.plan(permit, {identity: ["released"] * len(each) for identity, each in fates.items()}, last, held)


@planted
class CancelledInstead(Still):
    """What is over is cancelled for its owner, who never said so."""

    @staticmethod
    def fate(permit: Permit, identity: Identity, state: Finalized | None, *quorum: int) -> Fate | None:
        known = fate.fate(permit, identity, state, *quorum)
        return "cancelled" if known == "released" else known


# -- switchers ---------------------------------------------------------------------------------------------------------


@planted
class OpenedBeforeFinal(SwitchingOnly):
    """An epoch is opened on an activation that may be re-organised away."""

    opens_on_final = False


@planted
class OpenedOnAnotherRoot(CutAfterwards):
    """A chain that has come to the epoch is taken for activated, whatever cut it started from."""

    opens_on_root = False


@planted
class BurntNumberUsedAgain(Burning):
    """A number that was given up is taken for the next chain, too."""

    @staticmethod
    def burnt(switch: Switch, burn: Burn) -> Switch:
        return saga.burnt(switch, burn._replace(entering=switch.entering))


@planted
class NoWayBack(Burning):
    """Once a number was burnt for the source, nobody thinks of the target any more, which may have returned."""

    @staticmethod
    def next_step(switch: Switch, seen: Seen, now_ms: int) -> saga.Next:
        answer = saga.next_step(switch, seen, now_ms)
        if isinstance(answer, Burn) and answer.target not in (switch.source, switch.target):
            return Wait(answer.step, None)
        return answer


@planted
class BackBeforeSettled(FailedOver):
    """The way back is begun while a batch is in doubt."""

    @staticmethod
    def start(situation: Situation, policy: Policy, now_ms: int) -> Begin | Stay:
        return start.decide(situation._replace(debt=0), policy, now_ms)


# -- contracts ---------------------------------------------------------------------------------------------------------


def without(table: str, operation: Callable[..., Any]) -> Callable[..., Any]:
    """The operation on a contract that does not look into one of its tables, though it writes there."""

    def forgetful(grid: Grid, *arguments: Any) -> Any:
        known: dict[Any, Any] = getattr(grid, table)
        setattr(grid, table, {})
        try:
            return operation(grid, *arguments)
        finally:
            setattr(grid, table, known | getattr(grid, table))

    return forgetful


@planted
class ContractIgnoresExpiry(Still):
    @staticmethod
    def execute(grid: Grid, batch: Batch, _: int) -> bytes:
        return execute.execute(grid, batch, 0)


@planted
class ContractIgnoresNonces(Cancelling):
    @staticmethod
    def execute(grid: Grid, batch: Batch, now: int) -> bytes:
        for id_, account in grid.accounts.items():
            grid.accounts[id_] = account._replace(nonces=Nonces())
        return execute.execute(grid, batch, now)


@planted
class ContractIgnoresEpoch(Fenced):
    @staticmethod
    def execute(grid: Grid, batch: Batch, now: int) -> bytes:
        lock = grid.lock
        grid.lock = lock._replace(epoch=batch.permit.epoch, active=lock.chain, root=EMPTY_ROOT)
        try:
            return execute.execute(grid, batch, now)
        finally:
            grid.lock = lock


@planted
class DepositEnters(Depositing):
    """Who deposits is taken for new: his leaf, and what is in it, cannot enter any more."""

    @staticmethod
    def deposit(grid: Grid, account: bytes, asset: int, tokens: int, now: int) -> int:
        grid.accounts[account] = grid.account(account)._replace(entered=True, new=True)
        return operations.deposit(grid, account, asset, tokens, now)


@planted
class ResolvedTwice(InDebt):
    """A hold is posted again."""

    settle_hold = staticmethod(without("settled", entry.settle_hold))


@planted
class PostedNonceIsFree(InDebt):
    """What a hold posts may be executed again."""

    @staticmethod
    def settle_hold(grid: Grid, leaf: HoldLeaf, proof: Sequence[bytes], now: int) -> None:
        nonces = grid.account(leaf.account).nonces
        entry.settle_hold(grid, leaf, proof, now)
        grid.accounts[leaf.account] = grid.account(leaf.account)._replace(nonces=nonces)


@planted
class EnteringForgets(CancelledBefore):
    """A leaf says which nonces are used, whatever was cancelled here since."""

    @staticmethod
    def enter_account(grid: Grid, leaf: AccountLeaf, proof: Sequence[bytes], now: int) -> None:
        entry.enter_account(grid, leaf, proof, now)
        grid.accounts[leaf.account] = grid.account(leaf.account)._replace(nonces=Nonces.of(leaf.nonces))


@planted
class CreditedTwice(DepositLate):
    credit = staticmethod(without("credited", entry.credit))


@planted
class CreditOfAnyEpoch(CreditLate):
    """What was attested in an older epoch lands in this one, whose cut has counted it."""

    @staticmethod
    def credit(grid: Grid, signed: Credit, signatures: Sequence[bytes], now: int) -> None:
        now_signed = msgspec.structs.replace(signed, epoch=grid.epoch)
        entry.credit(grid, now_signed, by_guards(now_signed), now)


@planted
class HoldSettledForEver(HoldLate):
    """A hold that was settled in an epoch of which nothing is left cannot be settled in this one."""

    @staticmethod
    def settle_hold(grid: Grid, leaf: HoldLeaf, proof: Sequence[bytes], now: int) -> None:
        if leaf.content() in grid.settled:
            raise AlreadySettled(leaf.content())
        entry.settle_hold(grid, leaf, proof, now)


@planted
class CreditToldLate(CreditUntold):
    """The ledger counts in this epoch what was attested in an older one: the chain takes it no more."""

    @staticmethod
    def apply(ledger: Ledger, event: Event) -> Applied | Refusal:
        late = msgspec.structs.replace(event, epoch=ledger.opened) if isinstance(event, Credited) else event
        return ledger_apply(ledger, late)


@planted
class SettledBeforeFence(Unfenced):
    """A chain that has returned is believed at once, while old permits may still execute on it."""

    @staticmethod
    def settle(owed: Owed, source: Source | None, epoch: int) -> Next:
        return debt.settle(owed, source and source._replace(epoch=epoch), epoch)


@planted
class BatchesBeforeDeposits(PaidLate):
    """A batch that has executed does not fit into the ledger, as the deposit that it paid out of was not counted yet."""

    @staticmethod
    def settle(owed: Owed, source: Source | None, epoch: int) -> Next:
        batches_only = source and source._replace(deposits=frozenset())
        return debt.settle(owed, batches_only if owed.batches else source, epoch)
