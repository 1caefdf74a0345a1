"""The ledger of the model: the fold of the LEDGER stream, by the reference; and the cuts that epochs start from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from jurymast.book import events
from jurymast.book.cut import Leaf, leaves, totals, tree
from jurymast.book.ledger import Applied
from jurymast.book.signed import NO_ASSET, LockTransition, hash_of_amounts
from jurymast.book.state import Fate, Ledger, Phase, Status
from jurymast.crypto.merkle import leaf
from tests.model.names import NONE, Names, copied, frozen, remembered
from tests.model.orders import FEE_BPS, ORDERS, PERMITS, Terms, identities, planned
from tests.unit.grids import EUR, TREASURY, USD

if TYPE_CHECKING:
    from tests.model.rules import Rules

ASSETS = (EUR, USD)
HEIGHT = 0
"""Heights say what is in a cut; here a cut has what the ledger was told before it."""


class Folded(NamedTuple):
    ledger: Ledger
    cut: int = NONE
    """The number of what it was at its last cut."""
    before: int = NONE
    """What it was before its last event, if that was a plan or a cut, which the bus has acknowledged and may still lose."""


LEDGERS = Names[Folded]()
Said = tuple[object, ...]
"""An event by its kind and what it is about."""


def number_of(folded: Folded) -> int:
    ledger = folded.ledger
    seen = ledger.seen
    ledger.seen = dict.fromkeys(seen, 0)  # In which order they came does not matter to what comes next.
    number = LEDGERS.number(folded, (frozen(ledger), folded.cut, folded.before))
    ledger.seen = seen
    return number


@remembered
def say(rules: type[Rules], number: int, said: Said) -> int:
    """What the ledger is after one more event, or the same if it refuses."""
    folded = LEDGERS[number]
    ledger: Ledger = copied(folded.ledger)
    if rules.apply(ledger, event_of(said)) is not Applied.NOW:
        return number
    if said[0] == "cut":
        return number_of(Folded(ledger, number_of(Folded(ledger)), number))
    return number_of(Folded(ledger, folded.cut, number if said[0] == "planned" else NONE))


@remembered
def event_of(said: Said) -> events.Event:
    kind, *about = said
    return _EVENTS[str(kind)](*about)


def place(permit: int) -> dict[str, int]:
    terms = PERMITS[permit]
    return {"chain": terms.chain, "epoch": terms.epoch, "batch": permit}


_EVENTS: dict[str, Callable[..., events.Event]] = {
    "accepted": lambda intent, order: events.IntentAccepted(action=ORDERS[intent][order], now=0),
    "planned": planned,
    "executed": lambda permit: events.BatchExecuted(**place(permit), height=HEIGHT),
    "released": lambda permit: events.BatchReleased(**place(permit)),
    "doubted": lambda permit: events.BatchDoubted(**place(permit)),
    "resolved": lambda permit, executed: events.BatchResolved(**place(permit), executed=executed),
    "frozen": lambda epoch: events.EpochFrozen(epoch=epoch),
    "cut": lambda epoch, chain: events.EpochCut(epoch=epoch, heights={chain: HEIGHT}),
    "opened": lambda epoch, chain, opening: events.EpochOpened(epoch=epoch, chain=chain, fee_bps=FEE_BPS, opening=opening),
    "floor": lambda chain, account, floor: events.FloorRaised(chain=chain, account=account, floor=floor),
    "deposited": lambda chain, epoch, sequence, account, asset, amount: events.Deposited(
        chain=chain, epoch=epoch, sequence=sequence, account=account, asset=asset, amount=amount, height=HEIGHT
    ),
    "credited": lambda chain, sequence, epoch, account, asset, amount: events.Credited(
        chain=chain, sequence=sequence, epoch=epoch, account=account, asset=asset, amount=amount
    ),
}


# -- planning ----------------------------------------------------------------------------------------------------------


def proposals(rules: type[Rules], number: int, expiry: int) -> list[int]:
    """Permits that could be planned now: for each open intent one."""
    ledger = LEDGERS[number].ledger
    if ledger.phase is not Phase.OPEN:
        return []
    found = []
    for intent in rules.intents:
        lives = [ledger.life(identity) for identity in identities(intent)]
        if all(life and life.status is Status.OPEN for life in lives):
            turn = sum(PERMITS[batch].intent == intent for _, _, batch in ledger.fates)
            if turn == rules.turns:
                continue
            absent = tuple(each for identity in identities(intent) for each in _absent(ledger, identity[0]))
            found.append(PERMITS.number(Terms(intent, turn, ledger.chain, ledger.epoch, expiry, absent)))
    return found


def _absent(ledger: Ledger, account: bytes) -> list[tuple[bytes, int]]:
    """What the last cut has no leaf of."""
    if ledger.account(account).since == ledger.cuts:
        return [(account, NO_ASSET)]
    return [(account, asset) for asset in ASSETS if ledger.balance(account, asset).since == ledger.cuts]


@remembered
def fates_of(number: int) -> Mapping[int, Fate]:
    """By permit."""
    return {batch: fate for (_, _, batch), fate in LEDGERS[number].ledger.fates.items()}


@remembered
def outstanding(number: int) -> tuple[int, ...]:
    """In the order in which they were planned."""
    return tuple(sorted((key[2] for key in LEDGERS[number].ledger.outstanding), key=lambda permit: _place(number, permit)))


def _place(number: int, permit: int) -> int:
    terms = PERMITS[permit]
    return LEDGERS[number].ledger.outstanding[terms.chain, terms.epoch, permit].place


@remembered
def last_plan(number: int) -> int:
    """What the bus may still lose, if it is a plan."""
    return next(reversed(LEDGERS[number].ledger.fates), (0, 0, NONE))[2]


# -- cuts --------------------------------------------------------------------------------------------------------------


class Cut(NamedTuple):
    root: bytes
    totals: Mapping[int, int]
    leaves: tuple[Leaf, ...]
    proofs: Mapping[bytes, tuple[bytes, ...]]
    """By the key of a leaf."""
    known: frozenset[int]
    """Batches that are final or in doubt in it."""


@remembered
def cut_of(number: int) -> Cut:
    """Of the ledger as it was when it was cut."""
    ledger = LEDGERS[number].ledger
    tree_, found = tree(ledger), tuple(leaves(ledger))
    proofs = {each.key: tuple(tree_.proof(each.key, leaf(each.content()))) for each in found}
    known = frozenset(permit for permit, fate in fates_of(number).items() if fate in (Fate.EXECUTED, Fate.IN_DOUBT))
    cut = Cut(tree_.root, totals(ledger), found, proofs, known)
    CUTS[cut.root] = cut
    return cut


CUTS: dict[bytes, Cut] = {}
"""By their roots: whoever enters a leaf finds its proof."""


class Move(NamedTuple):
    """A transition into an epoch, on a cut of the one that is left."""

    epoch: int
    target: int
    leaving: int
    cut: int


MOVES = Names[Move]()


@remembered
def transition_of(move: int) -> LockTransition:
    epoch, target, _, number = MOVES[move]
    cut = cut_of(number)
    return LockTransition(
        epoch=epoch, active=target, root=cut.root, totals=hash_of_amounts(cut.totals), source_height=HEIGHT, fee_bps=FEE_BPS
    )


def begin() -> Ledger:
    return Ledger(TREASURY.id)
