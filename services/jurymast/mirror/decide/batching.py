"""Which of the waiting actions go into the next batch: what fits together, into a transaction, and under one permit.

A batch executes wholly or not at all, so nothing in it may be able to spoil it: every action is covered, and none expires before
the permit does. What does not fit waits for another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence

from jurymast.book.batches import check
from jurymast.book.events import BatchPlanned
from jurymast.book.execute import MOST_ACTIONS, Action
from jurymast.book.intents import identity
from jurymast.book.refusals import Refusal
from jurymast.book.signed import NO_ASSET, BridgeOut, Intent, Join, Verdict, Withdrawal
from jurymast.book.state import Identity, Ledger
from jurymast.mirror.decide.crossing import Crossing, cross

LOOKED_AT = 2_000
"""Of those that wait, the first ones. A batch holds a few hundred; the rest has its turn."""

Fits = Callable[[BatchPlanned], bool]


def next_batch(
    ledger: Ledger, waiting: Iterable[Identity], number: int, expiry: int, latest: int, fits: Fits
) -> BatchPlanned | None:
    """`latest` is the time of day at which the permit expires at the latest: no deadline in the batch is before it."""
    actions = list(_ready(ledger, waiting, latest))
    most = MOST_ACTIONS
    while most:
        planned = _assembled(ledger, actions, number, expiry, most)
        if planned is None or fits(planned):
            return planned
        most = min(most, len(planned.actions)) // 2
    return None


def _assembled(ledger: Ledger, actions: Sequence[Action], number: int, expiry: int, most: int) -> BatchPlanned | None:
    """The intents that cross, and then others, as long as the ledger takes all of it."""
    crossing = _crossing(ledger, actions, most)
    signed = {identity(each): each for each in (crossing.intents if crossing else ())}
    chosen = [action for action in actions if identity(action.signed) in signed]
    prices = crossing.prices if crossing else {}

    def planned(of: Sequence[Action]) -> BatchPlanned:
        # Settlement follows the order of the intents, and whoever checks has the same: that of the batch.
        return BatchPlanned(
            chain=ledger.chain, epoch=ledger.epoch, batch=number, expiry=expiry, actions=tuple(of), prices=prices,
            absent=_absent(ledger, of),
        )  # fmt: skip

    others = [action for action in actions if not isinstance(action.signed, Intent)]
    together = [*chosen, *others[: most - len(chosen)]]
    if together and _takes(ledger, planned(together)):
        return planned(together)
    for other in others[: most - len(chosen)]:
        if _takes(ledger, planned([*chosen, other])):
            chosen.append(other)
    return planned(chosen) if chosen and _takes(ledger, planned(chosen)) else None


def _takes(ledger: Ledger, planned: BatchPlanned) -> bool:
    try:
        check(ledger, planned)
    except Refusal:
        return False
    return True


def _ready(ledger: Ledger, waiting: Iterable[Identity], latest: int) -> Iterator[Action]:
    """Covered, one after the other, and in time."""
    taken: defaultdict[tuple[bytes, int], int] = defaultdict(int)
    for count, at in enumerate(waiting):
        if count >= LOOKED_AT:
            return
        life = ledger.life(at)
        if life is None or (not isinstance(life.action.signed, Verdict) and life.action.signed.deadline < latest):
            continue
        if (needs := _needs(life.action)) is None:
            yield life.action
            continue
        account, asset, needed = needs
        if ledger.balance(account, asset).available - taken[account, asset] >= needed:
            taken[account, asset] += needed
            yield life.action


def _needs(action: Action) -> tuple[bytes, int, int] | None:
    match action.signed:
        case Intent(account=account, sell_asset=asset, sell_amount=needed):
            return account, asset, needed
        case Withdrawal(account=account, asset=asset, amount=needed) | Join(account=account, asset=asset, stake=needed):
            return account, asset, needed
        case _:
            return None


def _crossing(ledger: Ledger, actions: Sequence[Action], most: int) -> Crossing | None:
    """Of the two assets of which most intents cross: all prices of a batch are common to it."""
    pairs: defaultdict[tuple[int, int], list[Intent]] = defaultdict(list)
    for action in actions:
        if isinstance(intent := action.signed, Intent):
            one, other = sorted((intent.sell_asset, intent.buy_asset))
            pairs[one, other].append(intent)
    found = [crossing for intents in pairs.values() if (crossing := cross(intents, ledger.fee_bps, most))]
    return max(found, key=lambda each: len(each.intents), default=None)


def _absent(ledger: Ledger, actions: Sequence[Action]) -> tuple[tuple[bytes, int], ...]:
    """Of those whom the batch takes from, what came into being after the last cut, so that no leaf of it can enter."""
    if not ledger.cuts:
        return ()
    found: dict[tuple[bytes, int], None] = {}
    for action in actions:
        if isinstance(action.signed, Verdict | BridgeOut) or (needs := _needs(action)) is None:
            continue
        account, asset, _ = needs
        if ledger.account(account).since == ledger.cuts:
            found[account, NO_ASSET] = None
        elif ledger.balance(account, asset).since == ledger.cuts:
            found[account, asset] = None
    return tuple(sorted(found))
