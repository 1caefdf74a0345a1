"""A grid to try things on: guards who sign, people with keys, and short ways to say what they do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jurymast.book import operations
from jurymast.book.execute import Action, Batch, execute
from jurymast.book.grid import EMPTY_ROOT, EVM_PADDING, Grid
from jurymast.book.lock import GuardSet, Lock
from jurymast.book.signed import (
    ARBITRUM,
    NO_ASSET,
    SOLANA,
    BridgeIn,
    BridgeOut,
    Intent,
    Join,
    Listing,
    LockTransition,
    Permit,
    Signed,
    Terms,
    Verdict,
    Withdrawal,
    domain,
    hash_of_absent,
    hash_of_actions,
    hash_of_amounts,
    hash_of_nonces,
)
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import Guards, SigningKey

APPLICATION = keccak256(b"the application of the vectors")
DOMAIN = domain(APPLICATION)
NOW, SOON = 1_000, 2_000
EUR, USD = 1, 2


def key(name: str) -> SigningKey:
    return SigningKey(keccak256(name.encode()))


class Person:
    def __init__(self, name: str, id_: bytes | None = None) -> None:
        self.key = key(name)
        self.id = id_ or self.key.address.rjust(32, b"\0")

    def intent(
        self, nonce: int, sell: int, amount: int, buy: int, least: int = 0, *, deadline: int = SOON, fee: int = 10_000
    ) -> Action:
        return self.signs(
            Intent(
                account=self.id, sell_asset=sell, buy_asset=buy, sell_amount=amount, min_buy_amount=least,
                nonce=nonce, deadline=deadline, max_fee_bps=fee,
            )
        )  # fmt: skip

    def withdrawal(self, nonce: int, asset: int, amount: int, *, chain: int = ARBITRUM) -> Action:
        recipient = EVM_PADDING + self.key.address
        return self.signs(
            Withdrawal(account=self.id, asset=asset, amount=amount, chain=chain, recipient=recipient, nonce=nonce, deadline=SOON)
        )

    def bridge_out(self, nonce: int, asset: int, amount: int, *, source: int = ARBITRUM, target: int = SOLANA) -> Action:
        return self.signs(
            BridgeOut(account=self.id, asset=asset, amount=amount, source=source, target=target, nonce=nonce, deadline=SOON)
        )

    def join(self, nonce: int, terms: Terms) -> Action:
        match = terms.content()
        return self.signs(
            Join(account=self.id, match=match, asset=terms.asset, stake=terms.stake, nonce=nonce, deadline=SOON), terms
        )

    def verdict(self, terms: Terms, *ranking: Person, step: int = 1) -> Action:
        return self.signs(Verdict(match=terms.content(), step=step, ranking=tuple(each.id for each in ranking)), terms)

    def signs(self, signed: Intent | Withdrawal | BridgeOut | Join | Verdict, terms: Terms | None = None) -> Action:
        return Action(signed=signed, signature=self.key.sign(signed.digest(DOMAIN)), terms=terms)


ANN, BEN, EVE, TREASURY, ORACLE = (Person(name) for name in ("ann", "ben", "eve", "treasury", "oracle"))
SOL = Person("sol", b"s" * 32)
"""Whoever signs for a Solana key that has registered."""
PAUSER = key("pauser").address
GUARD_KEYS = sorted((key(f"guard {number}") for number in range(3)), key=lambda each: each.address)
GUARDS = Guards(tuple(each.address for each in GUARD_KEYS), 2)
TERMS = Terms(asset=EUR, stake=100, players=2, oracle=ORACLE.key.address, fee_bps=1_000, prizes_bps=(10_000,), salt=bytes(32))


def by_guards(signed: Signed, who: Sequence[int] = (0, 1)) -> tuple[bytes, ...]:
    return tuple(GUARD_KEYS[number].sign(signed.digest(DOMAIN)) for number in who)


LIMIT, WINDOW = 1_000, 100


def listing(chain: int, asset: int) -> Listing:
    """A token with as many decimals as the grid counts."""
    token = EVM_PADDING + keccak256(f"token {asset}".encode())[-20:]
    return Listing(
        chain=chain, asset=asset, token=token, token_decimals=6, grid_decimals=6,
        bridge_limit=LIMIT, bridge_window=WINDOW,
    )  # fmt: skip


def begin(chain: int = ARBITRUM) -> Grid:
    grid = Grid(Lock(chain, GuardSet(GUARDS, 1)), DOMAIN, TREASURY.id, PAUSER)
    for signed in (listing(chain, EUR), listing(chain, USD)):
        operations.list_asset(grid, signed, by_guards(signed))
    return grid


def move(
    grid: Grid,
    epoch: int,
    active: int = ARBITRUM,
    root: bytes = EMPTY_ROOT,
    totals: Mapping[int, int] | None = None,
    fee_bps: int = 0,
    now: int = NOW,
) -> None:
    signed = LockTransition(
        epoch=epoch, active=active, root=root, totals=hash_of_amounts(totals or {}), source_height=0, fee_bps=fee_bps
    )
    operations.transition(grid, signed, totals or {}, by_guards(signed), now)


def opened(*deposits: tuple[Person, int, int], fee_bps: int = 0) -> Grid:
    """In its first epoch, with money in it."""
    grid = begin()
    move(grid, 1, fee_bps=fee_bps)
    for person, asset, amount in deposits:
        operations.deposit(grid, person.id, asset, amount, NOW)
    return grid


def permitted(
    grid: Grid,
    *actions: Action,
    number: int = 1,
    prices: Mapping[int, int] | None = None,
    absent: tuple[tuple[bytes, int], ...] = (),
    dead: tuple[tuple[bytes, int], ...] = (),
    expiry: int = SOON,
    who: Sequence[int] = (0, 1),
    chain: int = 0,
    epoch: int = 0,
) -> Batch:
    prices = {EUR: 1, USD: 1} if prices is None else prices
    permit = Permit(
        chain=chain or grid.lock.chain,
        epoch=epoch or grid.epoch,
        batch=number,
        expiry=expiry,
        actions=hash_of_actions(action.signed.digest(DOMAIN) for action in actions),
        prices=hash_of_amounts(prices),
        absent=hash_of_absent(absent),
        dead=hash_of_nonces(dead),
    )
    return Batch(permit=permit, signatures=by_guards(permit, who), actions=actions, prices=prices, absent=absent, dead=dead)


def run(grid: Grid, *actions: Action, number: int = 1, now: int = NOW, prices: Mapping[int, int] | None = None) -> bytes:
    return execute(grid, permitted(grid, *actions, number=number, prices=prices), now)


def arrives(grid: Grid, id_: bytes, asset: int, amount: int, now: int = NOW) -> None:
    """Over the bridge."""
    signed = BridgeIn(id=id_, chain=grid.lock.chain, asset=asset, amount=amount, expiry=now + 1)
    operations.bridge_in(grid, signed, by_guards(signed), now)


def new(*people: Person) -> tuple[tuple[bytes, int], ...]:
    """Of whom the cut has no leaf at all."""
    return tuple((person.id, NO_ASSET) for person in people)


def has(grid: Grid, person: Person, asset: int) -> int:
    return grid.balance(person.id, asset).available


def owed(grid: Grid, asset: int) -> int:
    """Everything that belongs to accounts and matches in this epoch."""
    balances = (grid.balance(*each) for each in grid.balances if each[1] == asset)
    escrow = sum(
        TERMS.stake * len(match.players) for match in grid.matches.values() if match.epoch == grid.epoch and not match.step
    )
    return sum(each.available + each.held + each.received for each in balances) + escrow * (asset == TERMS.asset)
