"""How batches live in the ledger: what one holds while it is planned, and how that posts or voids."""

from __future__ import annotations

from collections import defaultdict

from jurymast.book.amounts import amount
from jurymast.book.events import (
    BatchDoubted,
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    BatchResolved,
)
from jurymast.book.execute import fill_of, fits, leaves_for
from jurymast.book.intents import identity, still_open
from jurymast.book.leaves import NO_NONCE, HoldLeaf
from jurymast.book.matches import agreed, ended, joined
from jurymast.book.refusals import (
    AlreadyEntered,
    BatchUsed,
    MatchMoves,
    NoSuchBatch,
    NoSuchMatch,
    NotAuthorised,
    NotDead,
    NotOpen,
    OutOfOrder,
    WrongChain,
    WrongPhase,
)
from jurymast.book.settle import settle
from jurymast.book.signed import (
    NO_ASSET,
    BridgeOut,
    Intent,
    Join,
    Verdict,
    Withdrawal,
    hash_of_absent,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.book.state import BatchKey, Fate, Identity, Ledger, Life, Match, Outstanding, Phase, Status, Transfer

# -- planning ----------------------------------------------------------------------------------------------------------


def plan(ledger: Ledger, event: BatchPlanned) -> None:
    _check_place(ledger, event)
    for action in event.actions:
        key = identity(action.signed)
        life = still_open(ledger, key) if ledger.phase is Phase.OPEN else _not_ended(ledger, key)
        if life.action.signed != action.signed:
            raise NotOpen(*key)
        ledger.put(ledger.lives, key, life._replace(status=Status.PLANNED))
    effects = _Effects(ledger, event)
    for hold in effects.holds:
        ledger.change(hold.account, hold.out_asset, available=-hold.out_amount, held=hold.out_amount)
        ledger.change(hold.account, hold.in_asset, coming=hold.in_amount)
    for hold in effects.holds:
        left = ledger.balance(hold.account, hold.out_asset)
        ledger.require(hold.account, hold.out_asset, left.available + left.coming, hold.out_amount)
    for each in paid_out(event):
        ledger.move_tokens(event.chain, each.asset, -each.amount)
    for match in effects.matches:
        ledger.put(ledger.moving, match, event.key)
    ledger.put(ledger.outstanding, event.key, Outstanding(event, len(ledger.fates), effects.holds, effects.matches))
    ledger.put(ledger.fates, event.key, Fate.PLANNED)


def check(ledger: Ledger, event: BatchPlanned) -> None:
    """Raises what `plan` would, and changes nothing."""
    with ledger.tried():
        plan(ledger, event)


def _not_ended(ledger: Ledger, key: Identity) -> Life:
    """A batch that was lost, and is told again, may have executed before its owner cancelled."""
    life = ledger.lives.get(key)
    if life is None or life.status is not Status.OPEN:
        raise NotOpen(*key)
    return life


def _check_place(ledger: Ledger, event: BatchPlanned) -> None:
    """While its epoch is open; or, before the cut, when the bus has lost it and guards have signed it: the cut must know it."""
    fits(event.actions)
    if ledger.phase not in (Phase.OPEN, Phase.FROZEN) or event.epoch != ledger.opened:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if event.chain != ledger.chain:
        raise WrongChain(event.chain)
    if event.key in ledger.fates:
        raise BatchUsed(event.batch)
    amount(event.batch)
    amount(event.expiry)
    hash_of_amounts(event.prices)  # Guards can sign what fits.
    hash_of_nonces(event.dead)
    for id_, asset in event.absent:
        content = hash_of_absent([(id_, asset)])
        known = ledger.know(id_).since != ledger.cuts and (asset == NO_ASSET or ledger.balance(id_, asset).since != ledger.cuts)
        if known and ledger.phase is Phase.OPEN:  # A cut that was abandoned is none that the epoch began with.
            raise AlreadyEntered(content)
    for id_, nonce in event.dead:
        if not ledger.account(id_).nonces.used(nonce):
            raise NotDead(id_, nonce)


def paid_out(planned: BatchPlanned) -> list[Withdrawal | BridgeOut]:
    """What leaves the vault of the batch's chain if it executes."""
    return [action.signed for action in planned.actions if isinstance(action.signed, Withdrawal | BridgeOut)]


class _Effects:
    """What a batch does to whom if it executes: a hold for each action, and one for each share that belongs to none."""

    def __init__(self, ledger: Ledger, event: BatchPlanned) -> None:
        self._ledger, self._event = ledger, event
        self._holds: list[HoldLeaf] = []
        self._shares: defaultdict[tuple[bytes, int], list[int]] = defaultdict(lambda: [0, 0])
        self.matches: dict[bytes, Match] = {}
        intents = [action.signed for action in event.actions if isinstance(action.signed, Intent)]
        settlement = settle([fill_of(intent) for intent in intents], event.prices, ledger.fee_bps)
        for intent, bought in zip(intents, settlement.bought, strict=True):
            self._hold(intent.account, intent.nonce, out=(intent.sell_asset, intent.sell_amount), into=(intent.buy_asset, bought))
        for asset, fee in settlement.fees.items():
            self._share(ledger.treasury, asset, into=fee)
        for action in event.actions:
            match action.signed:
                case Withdrawal() as withdrawal:
                    self._withdraw(withdrawal)
                case BridgeOut() as transfer:
                    self._send(transfer)
                case Join() as join:
                    self._join(join)
                case Verdict() as verdict:
                    self._end(verdict)
        for (account, asset), (out, into) in self._shares.items():
            self._hold(account, NO_NONCE, (asset, amount(out)), (asset, amount(into)))
        self.holds = tuple(self._holds)

    def _withdraw(self, withdrawal: Withdrawal) -> None:
        if withdrawal.chain != self._event.chain:
            raise WrongChain(withdrawal.chain)
        asset = withdrawal.asset
        self._hold(withdrawal.account, withdrawal.nonce, (asset, withdrawal.amount), (asset, 0))

    def _send(self, transfer: BridgeOut) -> None:
        """Nobody's balance changes: its hold is about its nonce."""
        if transfer.account != self._ledger.treasury:
            raise NotAuthorised(transfer.account)
        leaves_for(transfer, self._event.chain)
        self._hold(transfer.account, transfer.nonce, (transfer.asset, 0), (transfer.asset, 0))

    def _join(self, join: Join) -> None:
        terms = agreed(self._ledger.lives[identity(join)].action.terms, join.match)
        running = self._match(join.match) or Match(terms, 0, ())
        players = joined(join.match, running.step, running.players, join.account, terms)
        self.matches[join.match] = running._replace(players=players)
        self._hold(join.account, join.nonce, (terms.asset, terms.stake), (terms.asset, 0))
        self._share(join.match, terms.asset, into=terms.stake)

    def _end(self, verdict: Verdict) -> None:
        if (running := self._match(verdict.match)) is None:
            raise NoSuchMatch(verdict.match, 0)
        terms = running.terms
        for account, prize in ended(running.step, running.players, verdict, terms, self._ledger.treasury):
            self._share(account, terms.asset, into=prize)
        self._share(verdict.match, terms.asset, out=terms.stake * len(running.players))
        self.matches[verdict.match] = running._replace(step=verdict.step)

    def _match(self, id_: bytes) -> Match | None:
        """As the batch has moved it so far."""
        ledger = self._ledger
        if id_ in ledger.moving or ledger.doubted.get(id_) == ledger.epoch:
            raise MatchMoves(id_)
        return self.matches.get(id_) or ledger.matches.get(id_)

    def _share(self, account: bytes, asset: int, out: int = 0, into: int = 0) -> None:
        if out or into:
            share = self._shares[account, asset]
            share[0] += out
            share[1] += into

    def _hold(self, account: bytes, nonce: int, out: tuple[int, int], into: tuple[int, int]) -> None:
        event = self._event
        self._holds.append(
            HoldLeaf(
                origin=event.chain, epoch=event.epoch, batch=event.batch, account=account, nonce=nonce,
                out_asset=out[0], out_amount=out[1], in_asset=into[0], in_amount=into[1],
            )
        )  # fmt: skip


# -- fates -------------------------------------------------------------------------------------------------------------


def execute(ledger: Ledger, event: BatchExecuted) -> None:
    _post(ledger, _of_this_epoch(ledger, event.key))
    ledger.set(height=max(ledger.height, amount(event.height)))


def release(ledger: Ledger, event: BatchReleased) -> None:
    _void(ledger, _of_this_epoch(ledger, event.key))


def doubt(ledger: Ledger, event: BatchDoubted) -> None:
    """Only of an epoch that has ended. Its holds stay as they are."""
    if ledger.phase is not Phase.FROZEN:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if ledger.fates.get(event.key) is not Fate.PLANNED:
        raise NoSuchBatch(*event.key)
    ledger.put(ledger.fates, event.key, Fate.IN_DOUBT)


def resolve(ledger: Ledger, event: BatchResolved) -> None:
    """Of any older epoch: the contract on the active chain was told what another chain did, and knows itself what it did."""
    if ledger.phase is not Phase.OPEN or event.epoch >= ledger.epoch:
        raise WrongPhase(event.epoch, ledger.epoch, ledger.phase.value)
    if (batch := ledger.outstanding.get(event.key)) is None:
        raise NoSuchBatch(*event.key)
    if (first := to_resolve(ledger, event.chain)[0]) != event.key:
        raise OutOfOrder(*first)
    (_post if event.executed else _void)(ledger, batch)
    for match in batch.matches:
        ledger.put(ledger.doubted, match, ledger.epoch)


def to_resolve(ledger: Ledger, chain: int) -> list[BatchKey]:
    """In the order in which they were planned; but one that needs what others bring waits for them, as one that was lost and told
    again stands behind those that draw on it."""
    same = [each for each in ledger.outstanding.values() if each.planned.chain == chain]
    return [each.planned.key for each in sorted(same, key=lambda each: (not _fits(ledger, each), each.place))]


def _fits(ledger: Ledger, batch: Outstanding) -> bool:
    """It could have executed before all others that are outstanding."""
    left: defaultdict[tuple[bytes, int], int] = defaultdict(int)
    for hold in batch.holds:
        left[hold.account, hold.out_asset] -= hold.out_amount
        left[hold.account, hold.in_asset] += hold.in_amount
    paying = {(hold.account, hold.out_asset) for hold in batch.holds}
    return all(left[key] + ledger.balance(*key).available + ledger.balance(*key).held >= 0 for key in paying)


def _of_this_epoch(ledger: Ledger, key: BatchKey) -> Outstanding:
    """Neither final nor part of a state on which another epoch was opened."""
    batch = ledger.outstanding.get(key)
    if batch is None or key[1] != ledger.opened or ledger.phase is Phase.CUT:
        raise NoSuchBatch(*key)
    return batch


def _post(ledger: Ledger, batch: Outstanding) -> None:
    for hold in batch.holds:
        ledger.change(hold.account, hold.out_asset, held=-hold.out_amount)
        ledger.change(hold.account, hold.in_asset, available=hold.in_amount, coming=-hold.in_amount)
        if hold.nonce != NO_NONCE:
            ledger.use(hold.account, hold.nonce)
    for hold in batch.holds:
        left = ledger.balance(hold.account, hold.out_asset)
        ledger.require(hold.account, hold.out_asset, left.available + left.held, hold.out_amount)
    for each in paid_out(batch.planned):
        if isinstance(each, Withdrawal):
            ledger.owe(each.asset, -each.amount)
        else:
            ledger.put(ledger.transfers, each.content(), Transfer(each.target, each.asset, each.amount))
    for id_, match in batch.matches.items():
        ledger.put(ledger.matches, id_, match)
    _close(ledger, batch, Fate.EXECUTED, Status.EXECUTED)


def _void(ledger: Ledger, batch: Outstanding) -> None:
    for hold in batch.holds:
        ledger.change(hold.account, hold.out_asset, available=hold.out_amount, held=-hold.out_amount)
        ledger.change(hold.account, hold.in_asset, coming=-hold.in_amount)
    for each in paid_out(batch.planned):
        ledger.move_tokens(batch.planned.chain, each.asset, each.amount)
    _close(ledger, batch, Fate.RELEASED, Status.OPEN)


def _close(ledger: Ledger, batch: Outstanding, fate: Fate, status: Status) -> None:
    for action in batch.planned.actions:
        key = identity(action.signed)
        ledger.put(ledger.lives, key, ledger.lives[key]._replace(status=status))
    for match in batch.matches:
        ledger.drop(ledger.moving, match)
    ledger.put(ledger.fates, batch.planned.key, fate)
    ledger.drop(ledger.outstanding, batch.planned.key)
