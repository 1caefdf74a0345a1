"""Random batches: trades that come out even, moves of tokens and stakes, and whatever may be wrong with one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from jurymast.book.amounts import MOST
from jurymast.book.execute import Action, Batch
from jurymast.book.grid import EVM_PADDING, Grid
from jurymast.book.signed import (
    ARBITRUM,
    NO_ASSET,
    SOLANA,
    BridgeOut,
    Intent,
    Join,
    Permit,
    Terms,
    Verdict,
    Withdrawal,
    hash_of_absent,
    hash_of_actions,
    hash_of_amounts,
    hash_of_nonces,
)
from tests.contracts.choices import PEOPLE, Dice
from tests.contracts.cuts import GOLD, MATCHES
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, EVE, ORACLE, SOL, TREASURY, USD, Person

TRADERS = (ANN, BEN, EVE, SOL)
PRICES = ((1, 1), (3, 2), (1, MOST), (7, 10), (0, 1))
HOUR_S = 3_600


@dataclass
class Draft:
    dice: Dice
    grid: Grid
    now: int
    prices: dict[int, int] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    """Whoever acts."""
    joining: set[tuple[bytes, int]] = field(default_factory=set)
    taken: set[tuple[bytes, int]] = field(default_factory=set)

    # -- parts of actions ----------------------------------------------------------------------------------------------

    def nonce(self, person: Person) -> int:
        """The next one that is free, mostly."""
        nonces = self.grid.account(person.id).nonces
        free = (n for n in range(nonces.floor, nonces.floor + 200) if not nonces.used(n) and (person.id, n) not in self.taken)
        nonce = next(free)
        nonce = self.dice.wrong(nonce, nonce, nonce + 1, nonce + 3, nonce + 190, max(0, nonces.floor - 1))
        self.taken.add((person.id, nonce))
        return nonce

    def deadline(self) -> int:
        return self.dice.wrong(self.now + self.dice.number(0, HOUR_S), self.now - 1)

    def amount(self, person: Person, asset: int, most: int = MOST) -> int:
        """Out of what there is, and rarely more."""
        has = max(0, self.grid.balance(person.id, asset).available)
        part = min(most, has)
        return self.dice.wrong(self.dice.number(0, part) if self.dice.one_in(2) else part, has + 1, 0)

    def act(self, person: Person, signed: Intent | Withdrawal | BridgeOut | Join | Verdict, terms: Terms | None = None) -> None:
        by = self.dice.wrong(person, BEN)
        self.actions.append(Action(signed=signed, signature=self.dice.signature(by.key, signed), terms=terms))
        self.people.append(person)

    # -- actions -------------------------------------------------------------------------------------------------------

    def intent(self, person: Person, sell: int, amount: int, buy: int, least: int = 0) -> None:
        most_fee = self.dice.wrong(10_000, 0, self.grid.lock.fee_bps)
        signed = Intent(
            account=person.id, sell_asset=sell, buy_asset=buy, sell_amount=amount, min_buy_amount=least,
            nonce=self.nonce(person), deadline=self.deadline(), max_fee_bps=most_fee,
        )  # fmt: skip
        self.act(person, signed)

    def trade(self) -> None:
        """Two who sell each other what comes out even at the prices."""
        one, other = self.dice.pick(TRADERS), self.dice.pick(TRADERS)
        euros, dollars = self.prices.get(EUR, 1) or 1, self.prices.get(USD, 1) or 1
        lots = min(
            self.amount(one, EUR, 500) // min(dollars, 500), self.amount(other, USD, 500) // min(euros, 500)
        )  # fmt: skip
        lots = lots or self.dice.wrong(1, 0)
        sells, buys = lots * dollars, lots * euros
        least = self.dice.wrong(0, buys, buys - buys * self.grid.lock.fee_bps // 10_000)
        self.intent(one, EUR, self.dice.wrong(sells, sells + 1, max(0, sells - 1)), USD, least)
        self.intent(other, USD, buys, self.dice.wrong(EUR, USD, GOLD))

    def alone(self) -> None:
        person = self.dice.pick(TRADERS)
        self.intent(person, EUR, self.dice.pick((1, 0, 5, MOST + 1)), self.dice.pick((USD, EUR)))

    def withdrawal(self) -> None:
        person, asset = self.dice.pick(PEOPLE), self.dice.wrong(self.dice.pick((EUR, USD)), GOLD)
        signed = Withdrawal(
            account=person.id, asset=asset, amount=self.amount(person, asset), chain=self.dice.wrong(ARBITRUM, SOLANA),
            recipient=EVM_PADDING + person.key.address, nonce=self.nonce(person), deadline=self.deadline(),
        )  # fmt: skip
        self.act(person, signed)

    def bridge_out(self) -> None:
        person, asset = self.dice.wrong(TREASURY, ANN), self.dice.wrong(self.dice.pick((EUR, USD)), GOLD)
        vault = self.grid.asset(asset).vault
        signed = BridgeOut(
            account=person.id, asset=asset, amount=self.dice.wrong(self.dice.number(0, min(vault, 100)), vault + 1),
            source=self.dice.wrong(ARBITRUM, SOLANA), target=self.dice.wrong(SOLANA, ARBITRUM, 0, 3),
            nonce=self.nonce(person), deadline=self.deadline(),
        )  # fmt: skip
        self.act(person, signed)

    def join(self) -> None:
        terms = self._terms(least=0)
        free = [each for each in TRADERS if each.id not in self._players(terms) and (each.id, terms.stake) not in self.joining]
        again = [each for each in TRADERS if each not in free]
        person = again[0] if again and self.dice.one_in(6) else self.dice.wrong(free[0] if free else ANN, EVE)
        self.joining.add((person.id, terms.stake))
        signed = Join(
            account=person.id, match=self.dice.wrong(terms.content(), bytes(32)), asset=terms.asset,
            stake=self.dice.wrong(terms.stake, terms.stake + 1), nonce=self.nonce(person), deadline=self.deadline(),
        )  # fmt: skip
        self.act(person, signed, terms)

    def verdict(self) -> None:
        terms = self._terms(least=1)
        players = self._players(terms)
        first = () if self.dice.one_in(4) else players[: self.dice.wrong(len(terms.prizes_bps), 0, 1)]
        ranking = self.dice.wrong(first, first[::-1], (*first[1:], EVE.id), (*first, *first))
        signed = Verdict(match=terms.content(), step=self.dice.wrong(1, 0, 2), ranking=ranking)
        by = self.dice.wrong(ORACLE, BEN)
        said = self.dice.wrong(terms, *MATCHES.values())
        self.actions.append(Action(signed=signed, signature=self.dice.signature(by.key, signed), terms=said))

    def _terms(self, least: int) -> Terms:
        """Of a match that has so many players and goes on, if there is one."""
        sound = [
            each for each in MATCHES.values() if least <= len(self._players(each)) < each.players + least and self._goes_on(each)
        ]
        return self.dice.pick(sound or list(MATCHES.values()))

    def _goes_on(self, terms: Terms) -> bool:
        found = self.grid.matches.get(terms.content())
        return found is None or (found.epoch == self.grid.epoch and not found.step)

    def _players(self, terms: Terms) -> tuple[bytes, ...]:
        found = self.grid.matches.get(terms.content())
        return found.players if found else ()


PARTS: tuple[Callable[[Draft], None], ...] = (
    Draft.trade, Draft.trade, Draft.withdrawal, Draft.bridge_out, Draft.join, Draft.verdict,
)  # fmt: skip


def drafted(dice: Dice, grid: Grid, now: int) -> Draft:
    """With actions of one to three kinds, or none at all."""
    euros, dollars = PRICES[0] if dice.one_in(2) else dice.pick(PRICES)
    draft = Draft(dice, grid, now, dice.wrong({EUR: euros, USD: dollars}, {EUR: euros}))
    for _ in range(dice.wrong(dice.number(1, 2), 0, 3)):
        (Draft.alone if dice.slips(4) else dice.pick(PARTS))(draft)
    return draft


def joined(dice: Dice, grid: Grid, now: int) -> Draft:
    """Players come to matches."""
    draft = Draft(dice, grid, now, {EUR: 1, USD: 1})
    for _ in range(dice.number(1, 2)):
        draft.join()
    return draft


def ended(dice: Dice, grid: Grid, now: int) -> Draft:
    """One of them is over."""
    draft = Draft(dice, grid, now)
    draft.verdict()
    return draft


def permitted(draft: Draft, number: int, absent: tuple[tuple[bytes, int], ...]) -> Batch:
    """What the guards permit, and what is brought to them: mostly the same."""
    dice, grid = draft.dice, draft.grid
    actions, prices = tuple(draft.actions), draft.prices
    dead = tuple(
        (each.id, draft.nonce(each)) for each in dice.some(PEOPLE, one_in=12) if grid.account(each.id).entered or dice.slips(2)
    )
    permit = Permit(
        chain=dice.wrong(ARBITRUM, SOLANA),
        epoch=dice.wrong(grid.epoch, grid.epoch + 1, max(0, grid.epoch - 1)),
        batch=number,
        expiry=dice.wrong(draft.now + dice.number(1, HOUR_S), draft.now),
        actions=hash_of_actions(action.signed.digest(DOMAIN) for action in actions),
        prices=hash_of_amounts(prices),
        absent=hash_of_absent(absent),
        dead=hash_of_nonces(dead),
    )
    batch = Batch(
        permit=permit, signatures=dice.by_guards(grid, permit), actions=actions, prices=prices, absent=absent, dead=dead
    )  # fmt: skip
    return _tampered(dice, batch) if dice.slips(4) else batch


def _tampered(dice: Dice, batch: Batch) -> Batch:
    changes: tuple[dict[str, object], ...] = (
        {"actions": batch.actions[:-1]},
        {"prices": {**batch.prices, EUR: 2}},
        {"absent": (*batch.absent, (EVE.id, NO_ASSET))},
        {"dead": (*batch.dead, (EVE.id, 0))},
        {"actions": batch.actions[::-1]},
    )
    return msgspec.structs.replace(batch, **dice.pick(changes))
