"""What goes into a batch executes, whatever waits: the ledger plans it, the grid takes it, and nobody is left short."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jurymast.book.events import BatchPlanned, IntentAccepted
from jurymast.book.execute import Action
from jurymast.book.intents import identity
from jurymast.book.ledger import Applied
from jurymast.book.signed import SOLANA
from jurymast.mirror.decide.batching import next_batch
from tests.unit.grids import ANN, BEN, EUR, EVE, NOW, ORACLE, SOON, TERMS, USD, Person
from tests.unit.ledgers import World

PEOPLE = (ANN, BEN, EVE)


class Waiting:
    def __init__(self, fee_bps: int = 0) -> None:
        self.world = World(fee_bps=fee_bps)
        for who in PEOPLE:
            for asset in (EUR, USD):
                self.world.deposit(who, asset, 1_000)
        self.actions: list[Action] = []

    def waits(self, *actions: Action) -> None:
        for action in actions:
            if self.world.say(IntentAccepted(action=action, now=NOW)) is Applied.NOW:
                self.actions.append(action)

    def next(self, latest: int = SOON, most: int = 400) -> BatchPlanned | None:
        ledger = self.world.ledger
        open_ = [
            at for action in self.actions if (life := ledger.life(at := identity(action.signed))) and life.status.value == "open"
        ]
        return next_batch(ledger, open_, self.world.batches + 1, SOON, latest, lambda each: len(each.actions) <= most)

    def settle(self, planned: BatchPlanned) -> None:
        self.world.batches += 1
        self.world.must(planned)
        assert self.world.settle(planned) is None
        self.world.check_same()


def sells(who: Person, nonce: int, asset: int, amount: int, least: int) -> Action:
    return who.intent(nonce, asset, amount, EUR + USD - asset, least)


def nonces(planned: BatchPlanned | None) -> list[int]:
    return [identity(action.signed)[1] for action in planned.actions] if planned else []


def test_what_crosses_and_what_needs_nobody_else_go_together() -> None:
    waiting = Waiting()
    waiting.waits(
        sells(ANN, 0, EUR, 10, 10), sells(BEN, 1, USD, 10, 10), sells(EVE, 2, USD, 5, 500),
        ANN.withdrawal(3, EUR, 7, chain=SOLANA), BEN.join(4, TERMS), EVE.join(5, TERMS),
    )  # fmt: skip
    planned = waiting.next()
    assert nonces(planned) == [0, 1, 3, 4, 5]
    assert planned is not None
    waiting.settle(planned)
    waiting.waits(ORACLE.verdict(TERMS, BEN))
    following = waiting.next()
    assert nonces(following) == [1]
    assert following is not None
    waiting.settle(following)
    assert waiting.next() is None


def test_what_nobody_can_cover_or_what_would_expire_waits() -> None:
    waiting = Waiting()
    waiting.waits(*(ANN.withdrawal(nonce, EUR, amount, chain=SOLANA) for nonce, amount in enumerate((600, 600, 400))))
    assert nonces(waiting.next()) == [0, 2]
    assert waiting.next(latest=SOON + 1) is None


def test_what_the_ledger_does_not_take_holds_up_nothing_else() -> None:
    waiting = Waiting()
    waiting.waits(ORACLE.verdict(TERMS, ANN), ANN.withdrawal(0, EUR, 1, chain=SOLANA), BEN.join(1, TERMS))
    planned = waiting.next()
    assert nonces(planned) == [0, 1]  # A verdict on a match that nobody has joined.


@pytest.mark.parametrize("most", [1, 2, 3, 5])
def test_a_batch_fits_into_a_transaction(most: int) -> None:
    waiting = Waiting()
    waiting.waits(*(who.withdrawal(nonce, EUR, 1, chain=SOLANA) for who in PEOPLE for nonce in range(3)))
    taken = 0
    while planned := waiting.next(most=most):
        assert len(planned.actions) <= most
        taken += len(planned.actions)
        waiting.settle(planned)
    assert taken == 9


actions = st.tuples(
    st.sampled_from(PEOPLE), st.sampled_from(["sell", "withdraw", "join"]), st.sampled_from((EUR, USD)),
    st.integers(1, 1_500), st.integers(0, 1_500),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(actions, max_size=24), st.sampled_from((0, 30, 9_999)), st.sampled_from(("first epoch", "later epoch")))
def test_whatever_waits_every_batch_executes(found: list[tuple[Person, str, int, int, int]], fee_bps: int, when: str) -> None:
    waiting = Waiting(fee_bps)
    if when == "later epoch":  # In an epoch with leaves, and with what came after them.
        waiting.world.fail_over()
        waiting.world.deposit(ANN, EUR, 77)
    for nonce, (who, kind, asset, one, other) in enumerate(found):
        match kind:
            case "sell":
                waiting.waits(sells(who, nonce, asset, one, other))
            case "withdraw":
                waiting.waits(who.withdrawal(nonce, asset, one, chain=waiting.world.ledger.chain))
            case "join":
                waiting.waits(who.join(nonce, TERMS))
    for _ in range(len(found) + 1):
        if (planned := waiting.next()) is None:
            return
        waiting.settle(planned)
    raise AssertionError("batches without end")
