"""Tokens, as the tokens themselves tell it: each that moved was owed, and each that was owed moved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from tests.checker.findings import Finding, Kind, Place, hexed
from tests.checker.history import History
from tests.checker.ledger import Ledger

INTO, OUT_OF = ("Deposited", "BridgedIn"), ("Withdrawn", "BridgedOut")
Way = tuple[str, bytes]
"""Transaction and token."""


class Moved(NamedTuple):
    came: Counter[Way]
    left: dict[Way, Counter[bytes]]
    """By recipient."""


def scale_of(ledger: Ledger, asset: int) -> int:
    """So many of the token's units are one on the grid."""
    listing = ledger.listings[asset]
    return int(10 ** (listing["tokenDecimals"] - listing["gridDecimals"]))


def check(history: History, ledger: Ledger) -> tuple[list[Finding], Counter[bytes]]:
    """And what was sent to the vault without a deposit, by token: nobody is owed it."""
    owed, seen, places = _owed(history, ledger), _seen(history), _places(history)
    gifts: Counter[bytes] = Counter()
    findings = []
    for way in sorted(owed.came.keys() | owed.left.keys() | seen.came.keys() | seen.left.keys()):
        _, token = way
        missing, more = owed.left[way] - seen.left[way], seen.left[way] - owed.left[way]
        findings += [_finding(token, f"{amount} owed to {hexed(to)} and not paid", places[way]) for to, amount in missing.items()]
        if way not in owed.came:
            gifts[token] += seen.came[way]
            findings += [_finding(token, f"{amount} left the vault to {hexed(to)}", places[way]) for to, amount in more.items()]
        elif seen.came[way] - more.total() != owed.came[way]:
            text = f"{seen.came[way]} came and {more.total()} went back, where {owed.came[way]} were counted"
            findings.append(_finding(token, text, places[way]))
    return findings, gifts


def _owed(history: History, ledger: Ledger) -> Moved:
    moved = Moved(Counter(), defaultdict(Counter))
    for event in history.events:
        if event.name in INTO + OUT_OF and event.fields["asset"] in ledger.listings:
            asset = event.fields["asset"]
            way = (event.place.tx, ledger.listings[asset]["token"])
            tokens = event.fields["amount"] * scale_of(ledger, asset)
            if event.name in INTO:
                moved.came[way] += tokens
            else:
                moved.left[way][event.fields.get("recipient", history.where.bridge)] += tokens
    return moved


def _seen(history: History) -> Moved:
    moved = Moved(Counter(), defaultdict(Counter))
    for transfer in history.transfers:
        way = (transfer.place.tx, transfer.token)
        if transfer.recipient == history.where.grid:
            moved.came[way] += transfer.value
        else:
            moved.left[way][transfer.recipient] += transfer.value
    return moved


def _places(history: History) -> dict[Way, Place]:
    by_tx = {place.tx: place for place in _all_places(history)}
    return defaultdict(lambda: history.here, {(tx, token): place for tx, place in by_tx.items() for token in _tokens(history)})


def _all_places(history: History) -> Iterator[Place]:
    yield from (event.place for event in history.events)
    yield from (transfer.place for transfer in history.transfers)


def _tokens(history: History) -> set[bytes]:
    return {event.fields["token"] for event in history.events if event.name == "Listed"}


def _finding(token: bytes, what: str, place: Place) -> Finding:
    return Finding(Kind.PAYMENT, f"token {hexed(token)}", what, (place,))
