"""Everything that somebody signs about the grid, with the type that wallets show and both contracts hash.

The domain names the application and no chain: the signature of an intent is good on both. Guards bind a chain, by what they sign.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar

import msgspec

from jurymast.book.refusals import Malformed
from jurymast.crypto import eip712
from jurymast.crypto.eip712 import Domain
from jurymast.crypto.keccak import keccak256

CHAINS = SOLANA, ARBITRUM = 1, 2
NO_ASSET = (1 << 32) - 1
"""The number that no asset has."""


def domain(application: bytes) -> Domain:
    return Domain(name="Jurymast", version="1", salt=application)


class Typed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Fields are called like the type's members, in our spelling, and stand in their order."""

    TYPE: ClassVar[eip712.Struct]

    def content(self) -> bytes:
        """Commits to the type and to every field; `Malformed` if a value does not fit its type."""
        try:
            return self.TYPE.hash({_camel(name): getattr(self, name) for name in self.__struct_fields__})
        except ValueError as error:
            raise Malformed(str(error)) from None


class Signed(Typed, frozen=True, kw_only=True):
    def digest(self, domain_: Domain) -> bytes:
        """What is signed."""
        return keccak256(b"\x19\x01", domain_.separator, self.content())


@cache
def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


# -- by the owner of an account, each under a nonce of its own ----------------------------------------------------------


class Intent(Signed, frozen=True, kw_only=True):
    """Sell all of this for at least that. Valid on whichever chain is active."""

    TYPE = eip712.Struct(
        "Intent(bytes32 account,uint32 sellAsset,uint32 buyAsset,uint128 sellAmount,uint128 minBuyAmount,"
        "uint64 nonce,uint40 deadline,uint16 maxFeeBps)"
    )
    account: bytes
    sell_asset: int
    buy_asset: int
    sell_amount: int
    min_buy_amount: int
    nonce: int
    deadline: int
    """Seconds since 1970, by the clock of the chain that executes it."""
    max_fee_bps: int


class Withdrawal(Signed, frozen=True, kw_only=True):
    """Tokens out of the vault of one chain, which it names."""

    TYPE = eip712.Struct(
        "Withdrawal(bytes32 account,uint32 asset,uint64 amount,uint8 chain,bytes32 recipient,uint64 nonce,uint40 deadline)"
    )
    account: bytes
    asset: int
    amount: int
    chain: int
    recipient: bytes
    nonce: int
    deadline: int


class BridgeOut(Signed, frozen=True, kw_only=True):
    """Tokens that belong to nobody in particular move from the vault of one chain to that of another. Only for the treasury's
    account: no balance changes. The transfer is known by its content."""

    TYPE = eip712.Struct(
        "BridgeOut(bytes32 account,uint32 asset,uint64 amount,uint8 source,uint8 target,uint64 nonce,uint40 deadline)"
    )
    account: bytes
    asset: int
    amount: int
    source: int
    target: int
    nonce: int
    deadline: int


class Join(Signed, frozen=True, kw_only=True):
    """A stake into the escrow of a match. Asset and stake are in its terms too: a wallet can show them only here."""

    TYPE = eip712.Struct("Join(bytes32 account,bytes32 match,uint32 asset,uint64 stake,uint64 nonce,uint40 deadline)")
    account: bytes
    match: bytes
    asset: int
    stake: int
    nonce: int
    deadline: int


class Cancel(Signed, frozen=True, kw_only=True):
    """Raises the nonce floor on one chain: whatever was signed below it and is not executed there never will be."""

    TYPE = eip712.Struct("Cancel(bytes32 account,uint64 floor,uint8 chain)")
    account: bytes
    floor: int
    chain: int


class Terms(Typed, frozen=True, kw_only=True):
    """Of a match, which is known by their hash: whoever joins it has agreed to them."""

    TYPE = eip712.Struct(
        "Terms(uint32 asset,uint64 stake,uint16 players,address oracle,uint16 feeBps,uint16[] prizesBps,bytes32 salt)"
    )
    asset: int
    stake: int
    players: int
    """At most."""
    oracle: bytes
    fee_bps: int
    prizes_bps: tuple[int, ...]
    salt: bytes


# -- by the oracle of a match ------------------------------------------------------------------------------------------


class Verdict(Signed, frozen=True, kw_only=True):
    """How a match ended: a ranking of those who get prizes, or none for a draw or a cancelled match."""

    TYPE = eip712.Struct("Verdict(bytes32 match,uint64 step,bytes32[] ranking)")
    match: bytes
    step: int
    ranking: tuple[bytes, ...]


# -- by m of n guards --------------------------------------------------------------------------------------------------


class Permit(Signed, frozen=True, kw_only=True):
    """One batch may execute, once, on this chain in this epoch. Lists are bound by their hashes, see below."""

    TYPE = eip712.Struct(
        "Permit(uint8 chain,uint64 epoch,uint64 batch,uint64 expiry,bytes32 actions,bytes32 prices,bytes32 absent,bytes32 dead)"
    )
    chain: int
    epoch: int
    batch: int
    expiry: int
    """By the chain's own clock."""
    actions: bytes
    prices: bytes
    absent: bytes
    dead: bytes


class LockTransition(Signed, frozen=True, kw_only=True):
    """This chain is active from this epoch on, and starts from this state. The same on every chain."""

    TYPE = eip712.Struct(
        "LockTransition(uint64 epoch,uint8 active,bytes32 root,bytes32 totals,uint64 sourceHeight,uint16 feeBps)"
    )
    epoch: int
    active: int
    root: bytes
    totals: bytes
    source_height: int
    fee_bps: int


class Rotation(Signed, frozen=True, kw_only=True):
    """A new set of guards, signed by the one before it."""

    TYPE = eip712.Struct("Rotation(uint64 version,address[] guards,uint8 threshold)")
    version: int
    guards: tuple[bytes, ...]
    threshold: int


class Unpause(Signed, frozen=True, kw_only=True):
    """Ends the pause that lasts until then, and no later one."""

    TYPE = eip712.Struct("Unpause(uint8 chain,uint64 until)")
    chain: int
    until: int


class Listing(Signed, frozen=True, kw_only=True):
    """What an asset is on one chain, for ever."""

    TYPE = eip712.Struct(
        "Listing(uint8 chain,uint32 asset,bytes32 token,uint8 tokenDecimals,uint8 gridDecimals,uint64 bridgeLimit,"
        "uint64 bridgeWindow)"
    )
    chain: int
    asset: int
    token: bytes
    """A mint, or a padded address."""
    token_decimals: int
    grid_decimals: int
    bridge_limit: int
    """What may come over the bridge in one window, in grid units."""
    bridge_window: int
    """How long one is by the chain's clock."""

    @property
    def scale(self) -> int:
        """Of so many units of the token is one on the grid."""
        return int(10 ** (self.token_decimals - self.grid_decimals))


class Resolve(Signed, frozen=True, kw_only=True):
    """What became of a batch of another chain that was in doubt."""

    TYPE = eip712.Struct("Resolve(uint8 origin,uint64 epoch,uint64 batch,bool executed)")
    origin: int
    epoch: int
    batch: int
    executed: bool


class Credit(Signed, frozen=True, kw_only=True):
    """A deposit that the cut of this epoch has not counted: it landed on a chain after the cut that its own epoch ended with."""

    TYPE = eip712.Struct("Credit(uint8 origin,uint64 sequence,uint64 epoch,bytes32 account,uint32 asset,uint64 amount)")
    origin: int
    sequence: int
    epoch: int
    """In which it is credited. The next one's cut may hold it already."""
    account: bytes
    asset: int
    amount: int


class BridgeIn(Signed, frozen=True, kw_only=True):
    """Tokens that were locked elsewhere enter the vault of this chain, before this time of its clock."""

    TYPE = eip712.Struct("BridgeIn(bytes32 id,uint8 chain,uint32 asset,uint64 amount,uint64 expiry)")
    id: bytes
    chain: int
    asset: int
    amount: int
    expiry: int


# -- lists that guards sign by their hash ------------------------------------------------------------------------------

ACCOUNT_BYTES, ASSET_BYTES, AMOUNT_BYTES = 32, 4, 8


def hash_of_actions(digests: Iterable[bytes]) -> bytes:
    """In their order: what their owners signed, so that checking a signature and the permit is one hash."""
    return keccak256(*digests)


def hash_of_amounts(amounts: Mapping[int, int]) -> bytes:
    """Prices, or totals, by asset: 4 bytes of asset, 8 of amount, in rising order."""
    return keccak256(*(_packed(asset, ASSET_BYTES) + _packed(amounts[asset], AMOUNT_BYTES) for asset in sorted(amounts)))


def hash_of_absent(absent: Iterable[tuple[bytes, int]]) -> bytes:
    return keccak256(*(_word(account) + _packed(asset, ASSET_BYTES) for account, asset in absent))


def hash_of_nonces(nonces: Iterable[tuple[bytes, int]]) -> bytes:
    return keccak256(*(_word(account) + _packed(nonce, AMOUNT_BYTES) for account, nonce in nonces))


def _word(account: bytes) -> bytes:
    """Of one size, or a list would have the hash of another one that is cut elsewhere."""
    if len(account) != ACCOUNT_BYTES:
        raise Malformed(f"an account of {len(account)} bytes")
    return account


def _packed(value: int, size: int) -> bytes:
    if not 0 <= value < 1 << 8 * size:
        raise Malformed(f"{value} does not fit into {size} bytes")
    return value.to_bytes(size, "big")
