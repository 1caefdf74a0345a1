"""What the ledger is told, by whoever has read the log and the final states of the chains: each is taken where it fits, once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from jurymast.book.state import Fate as LedgerFate
from tests.model.chains import HELD, SIDES
from tests.model.landing import FLOOR, STATEMENTS, Credited, Resolved
from tests.model.log import claim_of, epochs, outcomes
from tests.model.money import LEDGERS, Said, fates_of, outstanding
from tests.model.names import bits


class Kept(NamedTuple):
    """What guards know of batches, as permits: where the bus has forgotten something, it is told again before the cut."""

    signed: tuple[int, ...] = ()
    """In anybody's journal."""
    refused: tuple[int, ...] = ()
    """By enough of them."""


def everything(ledger: int, log: int, sides: tuple[int, int], attested: int, kept: Kept) -> Iterator[Said]:
    yield from fates_told(ledger, log)
    yield from epochs_told(log, sides)
    yield from landed(ledger, sides)
    yield from attested_(ledger, attested)
    yield from (("planned", permit) for permit in kept.signed if permit not in fates_of(ledger))
    yield from (("released", permit) for permit in kept.refused if permit in fates_of(ledger))


def fates_told(ledger: int, log: int) -> Iterator[Said]:
    known = outcomes(log)
    for permit, fate in fates_of(ledger).items():
        if fate in (LedgerFate.PLANNED, LedgerFate.IN_DOUBT) and (claimed := claim_of(log).get(permit)):
            found = {known.get(attempt) for attempt in claimed.attempts}
            if "executed" in found:
                yield "executed", permit
            elif None not in found:
                yield "released", permit


def epochs_told(log: int, sides: tuple[int, int]) -> Iterator[Said]:
    """Each is taken where it fits; an opening once its chain says how many deposits came before."""
    for entry in epochs(log)[1:]:
        if entry.state == "frozen":
            yield "frozen", entry.epoch
        elif entry.state == "open":
            openings = dict(HELD[SIDES[sides[entry.chain - 1]].held].openings)
            if entry.epoch in openings:
                yield "opened", entry.epoch, entry.chain, openings[entry.epoch]


def landed(ledger: int, sides: tuple[int, int]) -> Iterator[Said]:
    """On the active chain. What landed on another counts once its chain is fenced."""
    known = LEDGERS[ledger].ledger
    held = HELD[SIDES[sides[known.chain - 1]].held]
    for sequence, deposit in enumerate(held.deposits, 1):
        if (known.chain, sequence) not in known.counted:
            yield "deposited", known.chain, deposit.epoch, sequence, deposit.account, deposit.asset, deposit.amount
    for account in sorted(held.cancelled):
        if known.account(account).nonces.floor < FLOOR:
            yield "floor", known.chain, account, FLOOR


def attested_(ledger: int, attested: int) -> Iterator[Said]:
    for number in bits(attested):
        statement = STATEMENTS[number]
        match statement:
            case Resolved(permit, executed) if permit in outstanding(ledger):
                yield "resolved", permit, executed
            case Credited(origin, sequence, epoch, landed) if (origin, sequence) not in LEDGERS[ledger].ledger.counted:
                yield "credited", origin, sequence, epoch, landed.account, landed.asset, landed.amount
            case _:
                pass
