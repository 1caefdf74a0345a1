"""One chain by itself: its history gone through event by event, its tokens, and what its contract says in the end."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from tests.checker import batches, consents, payments, standing
from tests.checker.batches import Execution
from tests.checker.findings import Finding, Kind, hexed, identity
from tests.checker.history import Event, History, Where, read
from tests.checker.ledger import Key, Ledger
from tests.checker.node import Node


class Expected(NamedTuple):
    """What whoever runs the checker knows of the application by himself."""

    application: bytes
    treasury: bytes
    guards: tuple[bytes, ...]
    threshold: int


class Audited(NamedTuple):
    history: History
    executions: list[Execution]
    floors: dict[bytes, int]
    """Below which owners have cancelled."""
    findings: list[Finding]
    sums: list[dict[str, int]]


def audit(where: Where, expected: Expected, accounts: Sequence[bytes]) -> Audited:
    node = Node(where.url)
    history = read(node, where)
    ledger = Ledger(expected.treasury)
    executions, findings = _walked(history, ledger, expected)
    wrong_payments, gifts = payments.check(history, ledger)
    wrong_standing, sums = standing.check(node, history, ledger, expected.application, accounts, gifts)
    return Audited(history, executions, _floors(history), [*findings, *wrong_payments, *wrong_standing], sums)


def _walked(history: History, ledger: Ledger, expected: Expected) -> tuple[list[Execution], list[Finding]]:
    executions: list[Execution] = []
    findings: list[Finding] = []
    chain, application, guards = history.where.number, expected.application, (expected.guards, expected.threshold)
    for tx, group in groupby(history.events, key=lambda event: event.place.tx):
        said: list[Event] = []
        for event in group:
            said.append(event)
            findings += consents.check(ledger, chain, application, guards, event, history.calls[tx])
            if event.name == "Executed":
                known = {each.key for each in executions}
                more, wrong = batches.check(ledger, chain, application, said, history.calls[tx])
                ledger.apply(event.name, event.fields)
                executions += more
                findings += [*wrong, *_impossible(ledger, event, known)]
                said = []
            else:
                ledger.apply(event.name, event.fields)
    return executions, findings


def _impossible(ledger: Ledger, event: Event, known: set[Key]) -> list[Finding]:
    """What a batch could not do. What was executed before is found by its identity, over all chains."""
    name = batches.name_of(event)
    used = f"{name} executed it after it was cancelled or given up, or beyond the window"
    findings = [Finding(Kind.USED, identity(key), used, (event.place,)) for key in ledger.unusable if key not in known]
    overdrawn = [f"asset {asset} of {hexed(account)}" for account, asset in ledger.overdrawn]
    findings += [Finding(Kind.OVERDRAWN, who, f"by {name}", (event.place,)) for who in overdrawn]
    ledger.unusable.clear()
    ledger.overdrawn.clear()
    return findings


def _floors(history: History) -> dict[bytes, int]:
    floors: dict[bytes, int] = {}
    for event in history.events:
        if event.name == "Cancelled":
            account = event.fields["account"]
            floors[account] = max(floors.get(account, 0), event.fields["floor"])
    return floors
