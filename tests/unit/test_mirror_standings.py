"""How actions stand, and that whoever is concerned by an event is found without a search."""

from __future__ import annotations

import pytest

from jurymast.book.events import (
    BatchExecuted,
    BatchPlanned,
    BatchReleased,
    Deposited,
    EpochOpened,
    Event,
    FloorRaised,
    IntentAccepted,
    IntentCancelled,
)
from jurymast.book.ledger import Applied, apply
from jurymast.book.signed import ARBITRUM
from jurymast.book.state import Identity, Ledger
from jurymast.mirror.decide.standings import Standings
from tests.unit.grids import ANN, BEN, EUR, NOW, SOON, TREASURY, USD

OURS, THEIRS = ANN.intent(0, EUR, 100, USD), BEN.intent(0, USD, 100, EUR)
PLANNED = BatchPlanned(chain=ARBITRUM, epoch=1, batch=1, expiry=SOON, actions=(OURS, THEIRS), prices={EUR: 1, USD: 1})
FIRST, SECOND = (ANN.id, 0), (BEN.id, 0)


class Beside:
    def __init__(self) -> None:
        self.ledger, self.standings = Ledger(TREASURY.id), Standings()
        for event in (
            EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0),
            Deposited(chain=ARBITRUM, epoch=1, sequence=1, account=ANN.id, asset=EUR, amount=500, height=1),
            Deposited(chain=ARBITRUM, epoch=1, sequence=2, account=BEN.id, asset=USD, amount=500, height=1),
        ):
            assert self.say(event) == ()

    def say(self, event: Event) -> tuple[Identity, ...]:
        assert apply(self.ledger, event) is Applied.NOW
        return self.standings.take(self.ledger, event)

    def status(self, at: Identity) -> tuple[str | None, int]:
        stands = self.standings.stands(self.ledger, at, 9)
        assert stands.ledger == 9
        return stands.status, stands.batch


@pytest.fixture
def world() -> Beside:
    return Beside()


def test_an_action_waits_is_planned_and_ends(world: Beside) -> None:
    assert world.status(FIRST) == (None, 0)
    assert world.say(IntentAccepted(action=OURS, now=NOW)) == (FIRST,)
    assert world.say(IntentAccepted(action=THEIRS, now=NOW)) == (SECOND,)
    assert list(world.standings.waiting) == [FIRST, SECOND]
    assert world.say(PLANNED) == (FIRST, SECOND)
    assert world.status(FIRST) == ("planned", 1)
    assert list(world.standings.waiting) == []
    assert world.say(BatchExecuted(chain=ARBITRUM, epoch=1, batch=1, height=4)) == (FIRST, SECOND)
    assert world.status(SECOND) == ("executed", 1)


def test_what_was_released_waits_again(world: Beside) -> None:
    for event in (IntentAccepted(action=OURS, now=NOW), IntentAccepted(action=THEIRS, now=NOW), PLANNED):
        world.say(event)
    assert world.say(BatchReleased(chain=ARBITRUM, epoch=1, batch=1)) == (FIRST, SECOND)
    assert list(world.standings.waiting) == [FIRST, SECOND]
    assert world.status(FIRST) == ("open", 1)


def test_a_floor_cancels_what_waits_below_it(world: Beside) -> None:
    above = ANN.intent(1, EUR, 1, USD)
    for event in (
        IntentAccepted(action=OURS, now=NOW),
        IntentAccepted(action=above, now=NOW),
        IntentAccepted(action=THEIRS, now=NOW),
    ):
        world.say(event)
    assert set(world.say(FloorRaised(chain=ARBITRUM, account=ANN.id, floor=1))) == {FIRST, (ANN.id, 1)}
    assert list(world.standings.waiting) == [(ANN.id, 1), SECOND]
    assert world.status(FIRST) == ("cancelled", 0)
    assert world.say(IntentCancelled(owner=ANN.id, nonce=1)) == ((ANN.id, 1),)
    assert list(world.standings.waiting) == [SECOND]
