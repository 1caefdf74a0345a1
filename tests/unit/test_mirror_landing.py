"""What users do on the chain itself is told as the ledger takes it, and nothing of a later epoch before that is open."""

from __future__ import annotations

import pytest

from jurymast.book.events import Deposited, FloorRaised, Registered
from jurymast.chains.words import Event
from jurymast.errors import Rejected
from jurymast.mirror.decide.landing import Elsewhere, told

ACCOUNT, KEY = b"a" * 32, b"k" * 20


def event(name: str, height: int = 7, **values: object) -> Event:
    return Event(height, b"", b"", 0, name, values)


DEPOSIT = event("Deposited", sequence=3, account=ACCOUNT, asset=5, amount=60)


def test_deposits_cancellations_and_registrations_are_told_with_their_heights() -> None:
    events = [
        event("Executed", epoch=1, batch=1, outcome=b"", fills=b""),
        DEPOSIT,
        event("Cancelled", 8, account=ACCOUNT, floor=9),
        event("Registered", 9, account=ACCOUNT, authority=KEY),
        event("Transitioned", 9, epoch=1, active=2),
    ]
    assert list(told(2, 1, events)) == [
        (Deposited(chain=2, epoch=1, sequence=3, account=ACCOUNT, asset=5, amount=60, height=7), 7),
        (FloorRaised(chain=2, account=ACCOUNT, floor=9), 8),
        (Registered(account=ACCOUNT, authority=KEY), 9),
    ]


def test_nothing_of_an_epoch_is_told_before_the_ledger_has_opened_it() -> None:
    found = told(2, 1, [DEPOSIT, event("Transitioned", epoch=2, active=2), DEPOSIT])
    assert next(found)[1] == 7
    with pytest.raises(Elsewhere, match="has not opened epoch 2"):
        next(found)


def test_a_deposit_that_says_something_else_is_refused() -> None:
    with pytest.raises(Rejected, match="a deposit that says"):
        list(told(2, 1, [event("Deposited", sequence="3")]))
