"""What is taken in, and what is refused before it is ever said to the ledger."""

from __future__ import annotations

import msgspec
import pytest

from jurymast.book.cut import tree
from jurymast.book.events import Deposited, EpochOpened, IntentAccepted, IntentCancelled, Registered
from jurymast.book.execute import Action
from jurymast.book.ledger import Applied, apply
from jurymast.book.signed import ARBITRUM, SOLANA, BridgeOut, Intent
from jurymast.book.state import Ledger
from jurymast.mirror.decide.intake import taken
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, NOW, ORACLE, SOON, TERMS, TREASURY, USD, Person


@pytest.fixture
def ledger() -> Ledger:
    found = Ledger(TREASURY.id)
    for event in (
        EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0),
        Deposited(chain=ARBITRUM, epoch=1, sequence=1, account=ANN.id, asset=EUR, amount=100, height=1),
    ):
        assert apply(found, event) is Applied.NOW
    return found


def refusal(ledger: Ledger, action: Action, now: int = NOW) -> str:
    before = tree(ledger).root, dict(ledger.lives), dict(ledger.accounts)
    refused = taken(ledger, DOMAIN, action, now)
    assert (tree(ledger).root, ledger.lives, ledger.accounts) == before, "asking has changed something"
    return type(refused).__name__ if refused else ""


def by(signer: Person, action: Action) -> Action:
    return msgspec.structs.replace(action, signature=signer.key.sign(action.signed.digest(DOMAIN)))


def changed(action: Action, **fields: object) -> Action:
    return msgspec.structs.replace(action, signed=msgspec.structs.replace(action.signed, **fields))


GOOD = ANN.intent(0, EUR, 100, USD)
OUT = BridgeOut(account=TREASURY.id, asset=EUR, amount=5, source=ARBITRUM, target=SOLANA, nonce=0, deadline=SOON)


@pytest.mark.parametrize(
    ("action", "why"),
    [
        (GOOD, ""),
        (by(BEN, GOOD), "NotAuthorised"),
        (changed(GOOD, sell_amount=99), "NotAuthorised"),
        (msgspec.structs.replace(GOOD, signature=bytes(65)), "BadSignature"),
        (msgspec.structs.replace(GOOD, signature=b""), "BadSignature"),
        (ANN.intent(0, EUR, 101, USD), "InsufficientBalance"),
        (ANN.intent(192, EUR, 1, USD), "NonceTooFar"),
        (ANN.intent(0, EUR, 1, USD, deadline=NOW), ""),
        (ANN.intent(0, EUR, 1, USD, deadline=NOW - 1), "Expired"),
        (BEN.intent(0, EUR, 1, USD), "InsufficientBalance"),
        (ANN.withdrawal(0, EUR, 100), ""),
        (ANN.withdrawal(0, EUR, 101), "InsufficientBalance"),
        (ANN.join(0, TERMS), ""),
        (msgspec.structs.replace(ANN.join(0, TERMS), terms=None), "UnlikeTerms"),
        (BEN.join(0, TERMS), "InsufficientBalance"),
        (ORACLE.verdict(TERMS, ANN), ""),
        (by(ANN, ORACLE.verdict(TERMS, ANN)), "NotAuthorised"),
        (TREASURY.signs(OUT), ""),
        (by(ANN, TREASURY.signs(OUT)), "NotAuthorised"),
        (ANN.signs(msgspec.structs.replace(OUT, account=ANN.id)), "NotAuthorised"),
        (Action(signed=msgspec.structs.replace(GOOD.signed, nonce=-1), signature=GOOD.signature), "Malformed"),
        (Action(signed=msgspec.structs.replace(GOOD.signed, account=b"short"), signature=GOOD.signature), "Malformed"),
    ],
)
def test_what_is_refused(ledger: Ledger, action: Action, why: str) -> None:
    assert refusal(ledger, action) == why


def test_the_same_is_taken_again_and_another_body_is_a_conflict(ledger: Ledger) -> None:
    assert apply(ledger, IntentAccepted(action=GOOD, now=NOW)) is Applied.NOW
    assert refusal(ledger, GOOD) == ""
    assert refusal(ledger, GOOD, now=SOON + 1) == "", "however late: it is known"
    assert refusal(ledger, ANN.intent(0, EUR, 99, USD)) == "Conflict"
    assert apply(ledger, IntentCancelled(owner=ANN.id, nonce=0)) is Applied.NOW
    assert refusal(ledger, GOOD) == ""
    assert refusal(ledger, ANN.intent(0, EUR, 99, USD)) == "Conflict"


def test_a_key_that_cannot_sign_acts_through_the_one_that_it_registered(ledger: Ledger) -> None:
    key = Person("a session key", id_=b"s" * 32)
    deposit = Deposited(chain=ARBITRUM, epoch=1, sequence=2, account=key.id, asset=EUR, amount=7, height=1)
    assert apply(ledger, deposit) is Applied.NOW
    assert refusal(ledger, key.intent(0, EUR, 7, USD)) == "NotAuthorised"
    assert apply(ledger, Registered(account=key.id, authority=key.key.address)) is Applied.NOW
    assert refusal(ledger, key.intent(0, EUR, 7, USD)) == ""
    assert isinstance(key.intent(0, EUR, 7, USD).signed, Intent)
