"""What a batch of 100 intents costs whoever follows the ledger."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

from jurymast.book.events import BatchExecuted, BatchPlanned, Deposited, EpochOpened, Event, IntentAccepted
from jurymast.book.execute import Action
from jurymast.book.ledger import Applied, apply
from jurymast.book.signed import ARBITRUM, Intent
from jurymast.book.state import Ledger
from tests.bench.figure import Figure, Goal, Scale

INTENTS = 100
BATCHES = 50
EUR, USD = 1, 2
LATER = 2_000
PEOPLE = [number.to_bytes(20, "big").rjust(32, b"\0") for number in range(INTENTS)]


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    settled = sorted(_settled() for _ in range(scale.trees))
    yield Figure(
        "a batch of 100 intents, planned and settled", "ms", 1000 * settled[scale.trees // 2], goal=Goal("ours", "most", 5)
    )


def _settled() -> float:
    """Seconds for one; signatures are checked before an intent is in the ledger."""
    ledger, seconds = Ledger(bytes(32)), 0.0
    _say(ledger, EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=10, opening=0))
    for at, account in enumerate(PEOPLE, 1):
        deposit = Deposited(chain=ARBITRUM, epoch=1, sequence=at, account=account, asset=EUR, amount=10**9, height=at)
        _say(ledger, deposit)
        _say(
            ledger, Deposited(chain=ARBITRUM, epoch=1, sequence=INTENTS + at, account=account, asset=USD, amount=10**9, height=at)
        )
    for batch in range(BATCHES):
        actions = tuple(_intent(at, batch) for at in range(INTENTS))
        for action in actions:
            _say(ledger, IntentAccepted(action=action, now=0))
        planned = BatchPlanned(chain=ARBITRUM, epoch=1, batch=batch, expiry=LATER, actions=actions, prices={EUR: 1, USD: 1})
        began = time.perf_counter()
        _say(ledger, planned)
        _say(ledger, BatchExecuted(chain=ARBITRUM, epoch=1, batch=batch, height=batch))
        seconds += time.perf_counter() - began
    return seconds / BATCHES


def _intent(at: int, nonce: int) -> Action:
    sell, buy = (EUR, USD) if at % 2 else (USD, EUR)
    intent = Intent(
        account=PEOPLE[at], sell_asset=sell, buy_asset=buy, sell_amount=1_000, min_buy_amount=999,
        nonce=nonce, deadline=LATER, max_fee_bps=10,
    )  # fmt: skip
    return Action(signed=intent, signature=bytes(65))


def _say(ledger: Ledger, event: Event) -> None:
    answer = apply(ledger, event)
    assert answer is Applied.NOW, answer
