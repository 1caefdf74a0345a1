"""Why the grid refuses. Nothing has changed then; a refusal's name and fields are those of the error in both contracts."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from jurymast.errors import Rejected


class Refusal(Rejected):
    """One rule that was broken, with what broke it. Not frozen and compared by identity: Python itself writes to exceptions."""

    @property
    def data(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]  # Each one is a dataclass.

    def __str__(self) -> str:
        said = ", ".join(f"{name} {_shown(value)}" for name, value in self.data.items())
        return f"{type(self).__name__}: {said}" if said else type(self).__name__


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)


@dataclass(eq=False)
class Malformed(Refusal):
    """A value that its type cannot hold, or that is no account or authority at all. The text is for people."""

    what: str


# -- amounts -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class AmountTooLarge(Refusal):
    """An amount does not fit into 64 bits of grid units."""

    amount: int


@dataclass(eq=False)
class InsufficientBalance(Refusal):
    account: bytes
    asset: int
    available: int
    needed: int


# -- nonces ------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class NonceUsed(Refusal):
    nonce: int


@dataclass(eq=False)
class NonceTooFar(Refusal):
    """Above the window: earlier ones must be used or cancelled first."""

    nonce: int
    floor: int


@dataclass(eq=False)
class FloorTooLow(Refusal):
    """A floor only rises."""

    floor: int
    wanted: int


# -- settlement --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class SameAsset(Refusal):
    fill: int
    asset: int


@dataclass(eq=False)
class NothingSold(Refusal):
    fill: int


@dataclass(eq=False)
class NoPrice(Refusal):
    asset: int


@dataclass(eq=False)
class FeeTooHigh(Refusal):
    fill: int
    fee_bps: int
    most: int


@dataclass(eq=False)
class LimitNotMet(Refusal):
    fill: int
    bought: int
    minimum: int


@dataclass(eq=False)
class NotConserved(Refusal):
    """More of an asset is bought than sold."""

    asset: int
    sold: int
    bought: int


# -- matches -----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class BadPrizes(Refusal):
    """Prizes are basis points of the pot: one or more, in falling order, together 10,000, and no more than there are players."""

    total_bps: int
    prizes: int
    players: int


@dataclass(eq=False)
class BadFee(Refusal):
    fee_bps: int


# -- the lock ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class EpochNotNewer(Refusal):
    epoch: int
    current: int


@dataclass(eq=False)
class NoSuchChain(Refusal):
    chain: int


@dataclass(eq=False)
class WrongTotals(Refusal):
    """The totals that were brought are not those that were signed."""

    signed: bytes


@dataclass(eq=False)
class WrongVersion(Refusal):
    """Guards are rotated one version after the other."""

    version: int
    current: int


@dataclass(eq=False)
class NotActive(Refusal):
    epoch: int
    active: int


@dataclass(eq=False)
class Paused(Refusal):
    until: int


@dataclass(eq=False)
class PauseTooLong(Refusal):
    until: int
    latest: int


@dataclass(eq=False)
class NotPaused(Refusal):
    """There is no pause, or another one than what was signed about."""

    until: int


# -- orders and positions ----------------------------------------------------------------------------------------------


@dataclass(eq=False)
class BadOrder(Refusal):
    """An order has a price, a quantity and an id of 32 bytes."""

    price: int
    quantity: int


@dataclass(eq=False)
class OrderExists(Refusal):
    id: bytes


@dataclass(eq=False)
class NoSuchOrder(Refusal):
    """None that stands in the book and belongs to who asks."""

    id: bytes


@dataclass(eq=False)
class BadTrade(Refusal):
    """A trade has a size, and its money the same sign."""

    size: int
    quote: int


# -- acting ------------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class NotEntered(Refusal):
    """The account's leaf has not entered this epoch, and no permit said that there is none."""

    account: bytes


@dataclass(eq=False)
class NotAuthorised(Refusal):
    """Not by the account's authority, the match's oracle or the pauser; or not the treasury's account."""

    by_whom: bytes


@dataclass(eq=False)
class Expired(Refusal):
    deadline: int


@dataclass(eq=False)
class WrongChain(Refusal):
    chain: int


@dataclass(eq=False)
class WrongEpoch(Refusal):
    epoch: int
    current: int


@dataclass(eq=False)
class BatchUsed(Refusal):
    batch: int


@dataclass(eq=False)
class PermitExpired(Refusal):
    expiry: int


@dataclass(eq=False)
class BatchTooLarge(Refusal):
    """More actions than a transaction could execute."""

    actions: int
    most: int


@dataclass(eq=False)
class WrongBatch(Refusal):
    """What was brought is not what the guards permitted."""

    batch: int


@dataclass(eq=False)
class InsufficientFloat(Refusal):
    """It belongs to the account, but the tokens are on the other chain."""

    asset: int
    vault: int
    needed: int


@dataclass(eq=False)
class UnlikeTerms(Refusal):
    """A match is known by the hash of its terms, and these are others."""

    match: bytes


@dataclass(eq=False)
class NoSuchMatch(Refusal):
    """None that is at this step and has room."""

    match: bytes
    step: int


@dataclass(eq=False)
class BadPlayers(Refusal):
    """More players than a match may have."""

    players: int
    most: int


@dataclass(eq=False)
class BadRanking(Refusal):
    """A ranking names one player for each prize, and nobody twice."""

    match: bytes


# -- entering and settling ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class AlreadyEntered(Refusal):
    """This leaf has, or there can be none. A place in a list of what is absent is named by its hash there."""

    content: bytes


@dataclass(eq=False)
class TotalsExceeded(Refusal):
    asset: int
    entered: int
    total: int


@dataclass(eq=False)
class NotResolved(Refusal):
    """Nobody has said yet what became of the batch, or it is of this chain and its epoch goes on."""

    origin: int
    epoch: int
    batch: int


@dataclass(eq=False)
class AlreadyResolved(Refusal):
    origin: int
    epoch: int
    batch: int


@dataclass(eq=False)
class AlreadySettled(Refusal):
    """The hold with this content."""

    hold: bytes


@dataclass(eq=False)
class AlreadyCredited(Refusal):
    origin: int
    sequence: int


@dataclass(eq=False)
class NotLate(Refusal):
    """A deposit of this chain in this epoch needs no credit: those up to `opening` came before it."""

    sequence: int
    opening: int


# -- assets and the bridge ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class NoSuchAsset(Refusal):
    """Not listed on this chain, or the number that is no asset's."""

    asset: int


@dataclass(eq=False)
class AssetListed(Refusal):
    asset: int


@dataclass(eq=False)
class BadListing(Refusal):
    """An asset has a number, at most 18 decimals fewer on the grid than its token has, and never more; a window has a length."""

    asset: int


@dataclass(eq=False)
class NothingMoved(Refusal):
    asset: int


@dataclass(eq=False)
class AlreadyBridged(Refusal):
    id: bytes


@dataclass(eq=False)
class RateLimited(Refusal):
    """So much would come over the bridge in this window of the chain's clock."""

    asset: int
    amount: int
    limit: int


# -- accounts ----------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class AlreadyRegistered(Refusal):
    """Somebody signs for this account already."""

    account: bytes


# -- the ledger --------------------------------------------------------------------------------------------------------


@dataclass(eq=False)
class AlreadyAccepted(Refusal):
    """The same body under the same identity."""

    owner: bytes
    nonce: int


@dataclass(eq=False)
class AlreadyCounted(Refusal):
    """A deposit counts once, by its number on its chain."""

    chain: int
    sequence: int


@dataclass(eq=False)
class Late(Refusal):
    """The chain had so many deposits when the epoch began there: this one counts by a credit."""

    sequence: int
    opening: int


@dataclass(eq=False)
class Conflict(Refusal):
    """The same identity with another body."""

    owner: bytes
    nonce: int


@dataclass(eq=False)
class NotOpen(Refusal):
    """No action that waits for a batch has this identity, or it is another than the batch says."""

    owner: bytes
    nonce: int


@dataclass(eq=False)
class NotYetExpired(Refusal):
    deadline: int
    now: int


@dataclass(eq=False)
class WrongPhase(Refusal):
    """Epochs are opened, frozen and cut in this order; batches are planned while one is open."""

    epoch: int
    current: int
    phase: str


@dataclass(eq=False)
class NoSuchBatch(Refusal):
    """None with a fate that this could follow."""

    chain: int
    epoch: int
    batch: int


@dataclass(eq=False)
class OutOfOrder(Refusal):
    """Batches in doubt are resolved in their order: this one comes first."""

    chain: int
    epoch: int
    batch: int


@dataclass(eq=False)
class NoFate(Refusal):
    """A batch of the epoch that is cut is neither final, nor released, nor in doubt."""

    chain: int
    epoch: int
    batch: int


@dataclass(eq=False)
class CutTooLow(Refusal):
    """Something above this height has been counted."""

    chain: int
    height: int
    counted: int


@dataclass(eq=False)
class MatchMoves(Refusal):
    """One batch at a time moves a match, and none in the epoch in which it was in doubt."""

    match: bytes


@dataclass(eq=False)
class NotDead(Refusal):
    """A nonce that may still be used by what its owner signed."""

    account: bytes
    nonce: int


@dataclass(eq=False)
class BadMarket(Refusal):
    """A market has two assets, a unit, at most a whole as margin, and a number that no other has."""

    market: int


@dataclass(eq=False)
class NoSuchMarket(Refusal):
    market: int


@dataclass(eq=False)
class NoSuchTransfer(Refusal):
    """None that is under way."""

    transfer: bytes
