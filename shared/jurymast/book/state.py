"""What the fold of the ledger knows, and how value moves in it.

Of every account and asset: what is available, what batches may take that were planned and are not final, what they may bring, and
what orders and positions reserve. The escrow of a match is the balance of an account that is called like the match.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple, TypeAlias

from jurymast.book.amounts import amount, signed_amount
from jurymast.book.events import BatchPlanned
from jurymast.book.execute import Action
from jurymast.book.grid import own_authority
from jurymast.book.leaves import HoldLeaf
from jurymast.book.nonces import Nonces
from jurymast.book.orders import OrderBook
from jurymast.book.positions import Position
from jurymast.book.refusals import InsufficientBalance, InsufficientFloat, Malformed, NoSuchAsset, NoSuchChain
from jurymast.book.signed import CHAINS, NO_ASSET, Terms
from jurymast.book.undo import Tables

Identity: TypeAlias = tuple[bytes, int]
"""Account and nonce, or match and step."""
BatchKey: TypeAlias = tuple[int, int, int]
ID_BYTES = 32


class Phase(Enum):
    NONE = "none"
    OPEN = "open"
    FROZEN = "frozen"
    CUT = "cut"


class Status(Enum):
    OPEN = "open"
    PLANNED = "planned"
    EXECUTED = "executed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"


class Fate(Enum):
    PLANNED = "planned"
    IN_DOUBT = "in doubt"
    EXECUTED = "executed"
    RELEASED = "released"


class Account(NamedTuple):
    authority: bytes
    nonces: Nonces
    since: int
    """How many cuts there were when the ledger first heard of it: none of those has a leaf of it."""


class Balance(NamedTuple):
    available: int = 0
    """Negative where batches take what earlier ones may bring."""
    held: int = 0
    coming: int = 0
    reserved: int = 0
    since: int = 0
    """How many cuts there were when it came into being, as of accounts."""


class Life(NamedTuple):
    action: Action
    status: Status
    reason: str = ""


class Match(NamedTuple):
    terms: Terms
    step: int
    players: tuple[bytes, ...]


class Outstanding(NamedTuple):
    """A batch that is planned or in doubt, and what becomes of value and matches if it executes."""

    planned: BatchPlanned
    place: int
    """In the order in which batches were planned."""
    holds: tuple[HoldLeaf, ...]
    matches: dict[bytes, Match]


class Market(NamedTuple):
    base: int
    quote: int
    margin_bps: int
    book: OrderBook


class Standing(NamedTuple):
    """Of an account in a market."""

    position: Position = Position()
    bids: int = 0
    """What its open orders would pay."""
    asks: int = 0


class Transfer(NamedTuple):
    target: int
    asset: int
    amount: int
    arrived: bool = False


@dataclass
class Ledger(Tables):
    treasury: bytes
    epoch: int = 0
    """The last number that was opened or burnt."""
    opened: int = 0
    """The last that was opened."""
    cuts: int = 0
    phase: Phase = Phase.NONE
    chain: int = 0
    fee_bps: int = 0
    height: int = 0
    """Of the active chain: the highest that was counted in this epoch."""
    opening: int = 0
    """The deposits that the active chain had when its epoch began."""
    seen: dict[bytes, int] = field(default_factory=dict)
    """The place of every event that was applied."""
    accounts: dict[bytes, Account] = field(default_factory=dict)
    balances: dict[tuple[bytes, int], Balance] = field(default_factory=dict)
    liabilities: dict[int, int] = field(default_factory=dict)
    """What was deposited and credited, less what was withdrawn."""
    vaults: dict[tuple[int, int], int] = field(default_factory=dict)
    """The tokens on a chain of an asset, less what outstanding batches may pay out."""
    counted: dict[tuple[int, int], int] = field(default_factory=dict)
    """Deposits, by chain and sequence: what they brought."""
    lives: dict[Identity, Life] = field(default_factory=dict)
    fates: dict[BatchKey, Fate] = field(default_factory=dict)
    outstanding: dict[BatchKey, Outstanding] = field(default_factory=dict)
    matches: dict[bytes, Match] = field(default_factory=dict)
    moving: dict[bytes, BatchKey] = field(default_factory=dict)
    doubted: dict[bytes, int] = field(default_factory=dict)
    """Matches about which there was doubt that was resolved in this epoch: its chain knows them as they were."""
    markets: dict[int, Market] = field(default_factory=dict)
    standings: dict[tuple[bytes, int], Standing] = field(default_factory=dict)
    transfers: dict[bytes, Transfer] = field(default_factory=dict)

    # -- reading -------------------------------------------------------------------------------------------------------

    def account(self, id_: bytes) -> Account:
        return self.accounts.get(id_) or Account(own_authority(id_), Nonces(), self.cuts)

    def balance(self, account: bytes, asset: int) -> Balance:
        return self.balances.get((account, asset)) or Balance(since=self.cuts)

    def life(self, identity: Identity) -> Life | None:
        """As it stands: a floor that was raised above what waits has cancelled it."""
        life = self.lives.get(identity)
        if life and life.status is Status.OPEN and self.account(identity[0]).nonces.used(identity[1]):
            return life._replace(status=Status.CANCELLED)
        return life

    # -- value ---------------------------------------------------------------------------------------------------------

    def know(self, id_: bytes) -> Account:
        if id_ not in self.accounts:
            if len(id_) != ID_BYTES:
                raise Malformed(f"an account of {len(id_)} bytes")
            self.put(self.accounts, id_, self.account(id_))
        return self.accounts[id_]

    def change(
        self, account: bytes, asset: int, available: int = 0, held: int = 0, coming: int = 0, reserved: int = 0
    ) -> Balance:
        """By so much each; whoever takes checks what it leaves."""
        self.know(account)
        if not 0 <= asset < NO_ASSET:
            raise NoSuchAsset(asset)
        was = self.balance(account, asset)
        now = Balance(
            signed_amount(was.available + available),
            amount(was.held + held),
            amount(was.coming + coming),
            amount(was.reserved + reserved),
            was.since,
        )
        self.put(self.balances, (account, asset), now)
        return now

    def owe(self, asset: int, by: int) -> None:
        self.put(self.liabilities, asset, amount(self.liabilities.get(asset, 0) + by))

    def move_tokens(self, chain: int, asset: int, by: int) -> None:
        if chain not in CHAINS:
            raise NoSuchChain(chain)
        vault = self.vaults.get((chain, asset), 0)
        if vault + by < 0:
            raise InsufficientFloat(asset, vault, -by)
        self.put(self.vaults, (chain, asset), amount(vault + by))

    def require(self, account: bytes, asset: int, there: int, taken: int) -> None:
        """That so much is there after so much was taken."""
        if there < 0:
            raise InsufficientBalance(account, asset, there + taken, taken)

    def use(self, account: bytes, nonce: int) -> None:
        known = self.know(account)
        if not known.nonces.used(nonce):
            self.put(self.accounts, account, known._replace(nonces=known.nonces.use(nonce)))
