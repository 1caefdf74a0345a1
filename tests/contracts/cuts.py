"""Cuts from which random epochs start: leaves of whatever could be in one, wrong ones among them."""

from __future__ import annotations

from typing import NamedTuple

from jurymast.book.grid import Grid
from jurymast.book.leaves import NO_NONCE, NOBODY, AccountLeaf, BalanceLeaf, HoldLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import WINDOW, Nonces
from jurymast.book.signed import ARBITRUM, NO_ASSET, SOLANA, Terms
from jurymast.crypto.merkle import leaf
from jurymast.crypto.snapshot import SnapshotTree
from tests.contracts.choices import PEOPLE, Dice
from tests.unit.grids import ANN, BEN, EUR, ORACLE, SOL, TERMS, USD, Person

Leaf = AccountLeaf | BalanceLeaf | HoldLeaf | MatchLeaf | OrderLeaf
Proof = tuple[bytes, ...]

GOLD = 7
ASSETS = (EUR, USD, GOLD)


def _terms(stake: int, players: int, fee_bps: int, *prizes_bps: int, asset: int = EUR) -> Terms:
    return Terms(
        asset=asset,
        stake=stake,
        players=players,
        oracle=ORACLE.key.address,
        fee_bps=fee_bps,
        prizes_bps=prizes_bps,
        salt=bytes([players]) * 32,
    )


MATCHES = {
    each.content(): each
    for each in (
        TERMS,
        _terms(7, 3, 333, 6_667, 3_333),
        _terms(5, 2, 0, 10_000, asset=USD),
        _terms(1, 2, 10_001, 10_000),
        _terms(3, 2, 0, 9_999),
        _terms(3, 65, 0, 10_000),
    )
}


class Cut(NamedTuple):
    root: bytes
    totals: dict[int, int]
    leaves: tuple[Leaf, ...]
    proofs: dict[bytes, Proof]

    def proof(self, of: Leaf) -> Proof:
        return self.proofs[of.content()]

    def account(self, person: Person) -> AccountLeaf | None:
        found = (each for each in self.leaves if isinstance(each, AccountLeaf) and each.account == person.id)
        return next(found, None)

    def balances(self, person: Person) -> list[BalanceLeaf]:
        return [each for each in self.leaves if isinstance(each, BalanceLeaf) and each.account == person.id]

    def holds(self, person: Person, asset: int) -> list[HoldLeaf]:
        key = (person.id, asset)
        return [each for each in self.leaves if isinstance(each, HoldLeaf) and (each.account, each.out_asset) == key]


def cut(leaves: list[Leaf], totals: dict[int, int]) -> Cut:
    tree = SnapshotTree({each.key: leaf(each.content()) for each in leaves})
    proofs = {each.content(): tuple(tree.proof(each.key, leaf(each.content()))) for each in leaves}
    return Cut(tree.root, totals, tuple(leaves), proofs)


NOTHING = cut([], {})


def drawn(dice: Dice, grid: Grid, epoch: int, before: Cut) -> Cut:
    """Some of what was in doubt in the cut before is still."""
    found: dict[bytes, Leaf] = {}
    for person in PEOPLE:
        if not dice.one_in(4):
            found |= {each.key: each for each in _of(dice, grid, person, epoch, before)}
    for terms in dice.some(list(MATCHES.values()), one_in=4):
        players = tuple(each.id for each in PEOPLE[: dice.number(0, min(terms.players, len(PEOPLE)))])
        match = MatchLeaf(terms=terms.content(), step=dice.wrong(0, 1), players=players)
        found[match.key] = match
    if not dice.one_in(4):
        order = OrderLeaf(
            id=bytes([dice.number(1, 3)]) * 32, account=ANN.id, market=1, buy=dice.one_in(2), price=5, quantity=9, sequence=epoch
        )
        found[order.key] = order
    leaves = list(found.values())
    return cut(leaves, _totals(dice, leaves))


def _of(dice: Dice, grid: Grid, person: Person, epoch: int, before: Cut) -> list[Leaf]:
    """What one of them has, and what of it is in doubt."""
    own = NOBODY if person is SOL and dice.one_in(4) else person.key.address
    known = grid.account(person.id).nonces
    nonces = dice.pick((known, Nonces(), Nonces(known.floor + 3), Nonces(known.floor, 0b1010), Nonces(known.floor + 1, 0b110)))
    nonces = dice.wrong(nonces, Nonces(known.floor, (1 << WINDOW) - 2))
    leaves: list[Leaf] = [AccountLeaf(account=person.id, authority=dice.wrong(own, BEN.key.address, NOBODY), nonces=nonces.word)]
    for asset in dice.some(ASSETS, one_in=2):
        held = dice.pick((0, 60, dice.number(1, 60)))
        available = dice.wrong(dice.number(0, 300), -dice.number(0, held), 1 << 64)
        leaves.append(BalanceLeaf(account=person.id, asset=dice.wrong(asset, NO_ASSET), available=available, held=held))
        if held:
            old = [each for each in before.holds(person, asset) if each.out_amount <= held]
            leaves.append(old[0] if old and not dice.one_in(3) else _hold(dice, grid, person, asset, held, epoch))
    return leaves


def _hold(dice: Dice, grid: Grid, person: Person, asset: int, held: int, epoch: int) -> HoldLeaf:
    nonce = grid.account(person.id).nonces.floor + dice.number(0, 3)
    return HoldLeaf(
        origin=dice.wrong(SOLANA, ARBITRUM),
        epoch=dice.wrong(epoch - 1, epoch),
        batch=dice.number(1, 3),
        account=person.id,
        nonce=NO_NONCE if dice.one_in(4) else dice.wrong(nonce, nonce + WINDOW),
        out_asset=asset,
        out_amount=dice.wrong(dice.number(0, held), held + 1),
        in_asset=dice.wrong(dice.pick((EUR, USD)), NO_ASSET),
        in_amount=dice.wrong(dice.number(0, 50), (1 << 64) - 1),
    )


def _totals(dice: Dice, leaves: list[Leaf]) -> dict[int, int]:
    """Of the leaves; or something else, against which entering is safe too."""
    totals: dict[int, int] = {}
    for each in leaves:
        match each:
            case BalanceLeaf():
                totals[each.asset] = totals.get(each.asset, 0) + each.available + each.held
            case MatchLeaf():
                terms = MATCHES[each.terms]
                totals[terms.asset] = totals.get(terms.asset, 0) + terms.stake * len(each.players)
    if totals and dice.one_in(6):
        totals[dice.pick(list(totals))] -= dice.number(1, 20)
    return {asset: total for asset, total in totals.items() if 0 <= total < 1 << 64}
