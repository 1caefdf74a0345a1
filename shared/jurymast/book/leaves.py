"""What a cut says about one thing, as it enters the next epoch by a proof. Amounts are of the asset's grid units."""

from __future__ import annotations

from jurymast.book.signed import Typed
from jurymast.crypto.address import SIZE as ADDRESS_BYTES
from jurymast.crypto.eip712 import Struct

NO_NONCE = (1 << 64) - 1
"""Of a hold that belongs to no action of the account: the treasury's share of a batch."""
NOBODY = bytes(ADDRESS_BYTES)
"""No signature is by the address of zeros: the authority of who has registered none, and of matches."""


class AccountLeaf(Typed, frozen=True, kw_only=True):
    TYPE = Struct("Account(bytes32 account,address authority,bytes32 nonces)")
    account: bytes
    authority: bytes
    nonces: bytes
    """The nonce word."""

    @property
    def key(self) -> bytes:
        return b"account" + self.account


class BalanceLeaf(Typed, frozen=True, kw_only=True):
    """`available` is negative where batches in doubt may take more than there is, hoping for what earlier ones may bring; with
    `held` it never is."""

    TYPE = Struct("Balance(bytes32 account,uint32 asset,int128 available,uint64 held)")
    account: bytes
    asset: int
    available: int
    held: int

    @property
    def key(self) -> bytes:
        return b"balance" + self.account + self.asset.to_bytes(4, "big")


class HoldLeaf(Typed, frozen=True, kw_only=True):
    """One action of a batch in doubt: what leaves an account and what enters it, if the batch executed."""

    TYPE = Struct(
        "Hold(uint8 origin,uint64 epoch,uint64 batch,bytes32 account,uint64 nonce,uint32 outAsset,uint64 outAmount,"
        "uint32 inAsset,uint64 inAmount)"
    )
    origin: int
    epoch: int
    batch: int
    account: bytes
    nonce: int
    out_asset: int
    out_amount: int
    in_asset: int
    in_amount: int

    @property
    def key(self) -> bytes:
        return b"hold" + self.content()


class MatchLeaf(Typed, frozen=True, kw_only=True):
    """A match that runs: its terms and who has paid in."""

    TYPE = Struct("Match(bytes32 terms,uint64 step,bytes32[] players)")
    terms: bytes
    step: int
    players: tuple[bytes, ...]

    @property
    def key(self) -> bytes:
        return b"match" + self.terms


class OrderLeaf(Typed, frozen=True, kw_only=True):
    TYPE = Struct("Order(bytes32 id,bytes32 account,uint32 market,bool buy,uint64 price,uint64 quantity,uint64 sequence)")
    id: bytes
    account: bytes
    market: int
    buy: bool
    price: int
    quantity: int
    sequence: int

    @property
    def key(self) -> bytes:
        return b"order" + self.id
