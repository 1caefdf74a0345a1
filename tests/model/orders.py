"""Who trades in the model, and the batches that they are traded in: everything signed is really signed, once.

Each intent is filled against an order of the house, EVE, in a batch of the two. For the second one she pays with what the first
brought her, unless she deposits, so that a batch in doubt may depend on another.
"""

from __future__ import annotations

from typing import NamedTuple

from jurymast.book import signed
from jurymast.book.events import BatchPlanned
from jurymast.book.execute import Action, Batch
from jurymast.nonce_guard.decide.words import Identity, Permit
from tests.model.names import Names, remembered
from tests.unit.grids import ANN, BEN, EUR, EVE, USD, Person, begin, permitted

CHAINS = (signed.SOLANA, signed.ARBITRUM)
PRIMARY, STANDBY = CHAINS
INTENTS = (0, 1)
"""Those of most models; the third one pays from the same balance as the first."""
OWNERS: tuple[Person, ...] = (ANN, BEN, ANN)
NAMES = {ANN.id: "ANN", BEN.id: "BEN", EVE.id: "EVE"}
ORDERS: tuple[tuple[Action, Action], ...] = (
    (ANN.intent(0, EUR, 6, USD), EVE.intent(0, USD, 6, EUR)),
    (BEN.intent(0, USD, 6, EUR), EVE.intent(1, EUR, 5, USD)),
    (ANN.intent(1, EUR, 6, USD), EVE.intent(2, USD, 6, EUR)),
)
PRICES = {EUR: 1, USD: 1}
FEE_BPS = 100
FUNDS: tuple[tuple[Person, int, int], ...] = ((ANN, EUR, 12), (BEN, USD, 6), (EVE, USD, 12))
DEPOSIT: tuple[Person, int, int] = (EVE, EUR, 5)
"""What may come on the way."""


class Terms(NamedTuple):
    """What is permitted: an intent for the so many-eth time, where, and until when."""

    intent: int
    turn: int
    chain: int
    epoch: int
    expiry: int
    absent: tuple[tuple[bytes, int], ...]


PERMITS = Names[Terms]()
"""The number of a permit is the number of its batch."""


@remembered
def identities(intent: int) -> tuple[Identity, ...]:
    return tuple((action.signed.account, action.signed.nonce) for action in ORDERS[intent])  # type: ignore[union-attr]


INTENT_OF: dict[Identity, int] = {identity: intent for intent in range(len(ORDERS)) for identity in identities(intent)}
IDENTITIES = tuple(INTENT_OF)


@remembered
def planned(permit: int) -> BatchPlanned:
    terms = PERMITS[permit]
    return BatchPlanned(
        chain=terms.chain, epoch=terms.epoch, batch=permit, expiry=terms.expiry,
        actions=ORDERS[terms.intent], prices=PRICES, absent=terms.absent,
    )  # fmt: skip


@remembered
def batch(permit: int, threshold: int) -> Batch:
    """With as many signatures as there must be; which guards they are of does not matter to a chain."""
    terms = PERMITS[permit]
    return permitted(
        begin(terms.chain), *ORDERS[terms.intent], number=permit, prices=PRICES, absent=terms.absent,
        expiry=terms.expiry, who=range(threshold), chain=terms.chain, epoch=terms.epoch,
    )  # fmt: skip


@remembered
def permit_of(permit: int) -> Permit:
    """As guards know it."""
    terms = PERMITS[permit]
    return Permit(terms.chain, terms.epoch, permit, terms.expiry, bytes([permit % 256]), frozenset(identities(terms.intent)))


@remembered
def named(permit: int) -> str:
    """Batches are called by their owners, who have one order each in most models."""
    return f"{NAMES[OWNERS[PERMITS[permit].intent].id]}'s batch {permit}"
