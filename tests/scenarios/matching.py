"""Paid matches: who pays in, and who gets what."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from jurymast.book.amounts import BPS, MOST
from jurymast.book.execute import Action
from jurymast.book.refusals import (
    AmountTooLarge,
    BadFee,
    BadPlayers,
    BadPrizes,
    BadRanking,
    InsufficientBalance,
    NoSuchAsset,
    NoSuchMatch,
    NotAuthorised,
    UnlikeTerms,
)
from jurymast.book.signed import NO_ASSET, Join, Terms
from jurymast.errors import Rejected
from tests.scenarios.entering import MATCH, account_leaf, euros
from tests.scenarios.story import Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, ORACLE, TERMS, USD, Person

PEOPLE = ANN, BEN, EVE


def terms(**changed: Any) -> Terms:
    return msgspec.structs.replace(TERMS, **changed)


def joins(of: Terms, people: Sequence[Person] = (ANN, BEN)) -> list[Action]:
    return [person.join(0, of) for person in people]


def matches(name: str, *batches: Sequence[Action], refusal: type[Rejected] | None = None, each: int = 1_000) -> Scenario:
    """Of three people who have so many euros each."""

    def tell(s: Story) -> None:
        s.opened(*((person, EUR, each) for person in PEOPLE))
        for number, actions in enumerate(batches, 1):
            s.execute(*actions, number=number)

    return Scenario(name, refusal, tell)


def scenarios() -> Scenarios:
    yield from _joining()
    yield from _not_joining()
    yield from _ending()
    yield from _money()
    yield from _not_ending()
    yield from _epochs()


def _joining() -> Scenarios:
    yield matches("a match begins", [ANN.join(0, TERMS)])
    yield matches("a match is full", joins(TERMS))
    yield matches("a match is joined in two batches", [ANN.join(0, TERMS)], [BEN.join(0, TERMS)])
    yield matches("two matches of one player", [ANN.join(0, TERMS), ANN.join(1, terms(salt=b"2" * 32))])
    yield matches("a match for nothing", joins(terms(stake=0)))
    yield matches("a match of the most players", [ANN.join(0, terms(players=64))])
    yield matches("everything is staked", joins(terms(stake=1_000)))


def _not_joining() -> Scenarios:
    def no(name: str, *batches: Sequence[Action], refusal: type[Rejected]) -> Scenario:
        return matches(name, *batches, refusal=refusal)

    yield no("one player more than the terms say", joins(TERMS, PEOPLE), refusal=NoSuchMatch)
    yield no("a player joins twice", [ANN.join(0, TERMS)], [ANN.join(1, TERMS)], refusal=NoSuchMatch)
    yield no("a match without players", [ANN.join(0, terms(players=0))], refusal=NoSuchMatch)
    yield no("a match of too many players", [ANN.join(0, terms(players=65))], refusal=BadPlayers)
    yield no("more is staked than there is", [ANN.join(0, terms(stake=1_001))], refusal=InsufficientBalance)
    yield no("what was staked is spent", [ANN.join(0, TERMS)], [ANN.withdrawal(1, EUR, 901)], refusal=InsufficientBalance)
    yield no("a match about no asset is joined", [ANN.join(0, terms(asset=NO_ASSET, stake=0))], refusal=NoSuchAsset)
    joined: Any = ANN.join(0, TERMS)
    yield no(
        "other terms than those of the match", [msgspec.structs.replace(joined, terms=terms(players=3))], refusal=UnlikeTerms
    )
    for field, value in (("asset", USD), ("stake", 99)):
        other: Join = msgspec.structs.replace(joined.signed, **{field: value})
        yield no(f"another {field} than that of the terms", [ANN.signs(other, TERMS)], refusal=UnlikeTerms)
    yield no("a match that has ended", [*joins(TERMS), ORACLE.verdict(TERMS)], [EVE.join(0, TERMS)], refusal=NoSuchMatch)
    forged = msgspec.structs.replace(joined, signature=BEN.join(0, TERMS).signature)
    yield no("somebody joins for another", [forged], refusal=NotAuthorised)


def _ending() -> Scenarios:
    yield matches("the winner gets the pot, and the treasury its fee", joins(TERMS), [ORACLE.verdict(TERMS, BEN)])
    yield matches("a draw", joins(TERMS), [ORACLE.verdict(TERMS)])
    yield matches("a match begins and ends in one batch", [*joins(TERMS), ORACLE.verdict(TERMS, ANN)])
    yield matches("a match ends before it is full", [ANN.join(0, TERMS)], [ORACLE.verdict(TERMS, ANN)])
    yield matches(
        "what was won is spent in the same batch", joins(TERMS), [ORACLE.verdict(TERMS, BEN), BEN.withdrawal(1, EUR, 1_080)]
    )
    yield matches("a draw of a match for nothing", [*joins(terms(stake=0)), ORACLE.verdict(terms(stake=0))])
    bad = terms(prizes_bps=(5_000,))
    yield matches("a draw of a match whose prizes nobody could be paid", [*joins(bad), ORACLE.verdict(bad)])


def _money() -> Scenarios:
    for stake, fee_bps, prizes in (
        (100, 0, (BPS,)),
        (7, 999, (5_000, 5_000)),
        (1, 0, (3_334, 3_333, 3_333)),
        (33, 250, (6_667, 3_333)),
        (99, 9_999, (9_999, 1)),
        (99, BPS, (BPS,)),
        (0, BPS, (BPS,)),
    ):
        of = terms(stake=stake, players=3, fee_bps=fee_bps, prizes_bps=prizes)
        verdict = ORACLE.verdict(of, *PEOPLE[: len(prizes)])
        yield matches(f"three stakes of {stake}, a fee of {fee_bps}, prizes of {prizes}", joins(of, PEOPLE), [verdict])


def _not_ending() -> Scenarios:
    def no(name: str, action: Action, refusal: type[Rejected], of: Terms = TERMS) -> Scenario:
        return matches(name, joins(of), [action], refusal=refusal)

    yield no("a ranking of somebody who does not play", ORACLE.verdict(TERMS, EVE), BadRanking)
    yield no("a ranking of more than get prizes", ORACLE.verdict(TERMS, ANN, BEN), BadRanking)
    two = terms(prizes_bps=(6_000, 4_000))
    yield no("a ranking of fewer than get prizes", ORACLE.verdict(two, ANN), BadRanking, two)
    yield no("a ranking with a player twice", ORACLE.verdict(two, ANN, ANN), BadRanking, two)
    yield no("a verdict by a player", ANN.verdict(TERMS, ANN), NotAuthorised)
    for step in (0, 2):
        yield no(f"a verdict for step {step}", ORACLE.verdict(TERMS, ANN, step=step), NoSuchMatch)
    other = terms(salt=b"2" * 32)
    yield no("a verdict about a match that nobody joined", ORACLE.verdict(other), NoSuchMatch)
    unlike = msgspec.structs.replace(ORACLE.verdict(TERMS, ANN), terms=other)
    yield no("a verdict with other terms", unlike, UnlikeTerms)
    yield matches(
        "a second verdict", joins(TERMS), [ORACLE.verdict(TERMS, ANN)], [ORACLE.verdict(TERMS, BEN)], refusal=NoSuchMatch
    )
    for name, prizes in (("less than all", (9_999,)), ("more than all", (9_999, 2)), ("rising", (4_000, 6_000))):
        of = terms(prizes_bps=prizes)
        yield no(f"prizes that are {name}", ORACLE.verdict(of, *PEOPLE[: len(prizes)]), BadPrizes, of)
    alone = terms(prizes_bps=(6_000, 4_000, 0), players=3)
    verdict = ORACLE.verdict(alone, ANN, BEN, EVE)
    yield matches("a prize of nothing for the last", joins(alone, PEOPLE), [verdict])
    dear = terms(fee_bps=BPS + 1)
    yield no("a fee of more than all", ORACLE.verdict(dear, ANN), BadFee, dear)
    yield Scenario("stakes that are too large together", AmountTooLarge, _large)


def _large(s: Story) -> None:
    of = terms(stake=MOST)
    leaf = msgspec.structs.replace(MATCH, terms=of.content())
    s.listed().cut(leaf, totals={EUR: MOST}).enter(leaf, terms=of)


def _epochs() -> Scenarios:
    yield Scenario("a match of an older epoch is joined", NoSuchMatch, lambda s: _older(s, BEN.join(0, TERMS)))
    yield Scenario("a match of an older epoch ends", NoSuchMatch, lambda s: _older(s, ORACLE.verdict(TERMS, ANN)))
    yield Scenario("a match that has entered is joined and ends", None, partial(_entered, ranking=(BEN,)))
    yield Scenario("a match that has entered ends in a draw", None, partial(_entered, ranking=()))
    yield Scenario("a match that has entered is full", NoSuchMatch, _full)


def _older(s: Story, action: Action) -> None:
    s.opened((ANN, EUR, 100)).execute(ANN.join(0, TERMS))
    leaves = account_leaf(BEN), euros(BEN, 100)
    s.cut(*leaves).enter(*leaves)
    s.execute(action)


def _entered(s: Story, ranking: Sequence[Person]) -> None:
    s.opened((ANN, EUR, 100)).execute(ANN.join(0, TERMS))
    leaves = account_leaf(BEN), euros(BEN, 100), msgspec.structs.replace(MATCH, players=(ANN.id,))
    s.cut(*leaves).enter(*leaves)
    s.execute(BEN.join(0, TERMS), ORACLE.verdict(TERMS, *ranking))


def _full(s: Story) -> None:
    leaves = account_leaf(EVE), euros(EVE, 100), MATCH
    s.listed().cut(*leaves).enter(*leaves)
    s.execute(EVE.join(0, TERMS))
