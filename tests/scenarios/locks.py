"""Epochs, guards and pauses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from jurymast.book.lock import LONGEST_PAUSE_S
from jurymast.book.refusals import (
    BadFee,
    EpochNotNewer,
    NoSuchChain,
    NotActive,
    NotAuthorised,
    NotPaused,
    Paused,
    PauseTooLong,
    WrongTotals,
    WrongVersion,
)
from jurymast.book.signed import ARBITRUM, SOLANA, Credit, Resolve, Signed
from jurymast.crypto.secp256k1 import BadGuards, Guards, NoQuorum
from tests.scenarios.signatures import BAD, GOOD, one
from tests.scenarios.story import Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, GUARDS, NOW, USD, key, listing

OTHERS = sorted((key(f"another guard {number}") for number in range(3)), key=lambda each: each.address)
OTHER_GUARDS = Guards(tuple(each.address for each in OTHERS), 2)


def by_others(signed: Signed) -> tuple[bytes, ...]:
    return tuple(each.sign(signed.digest(DOMAIN)) for each in OTHERS[:2])


def scenarios() -> Scenarios:
    yield from _transitions()
    yield from _transitions_refused()
    yield from _rotations()
    yield from _pauses()
    yield from _not_active()


def _transitions() -> Scenarios:
    yield Scenario("nothing has happened yet", None, Story.listed)
    yield Scenario("the first epoch", None, lambda s: s.at(1_234).transition(1))
    yield Scenario("an epoch whose numbers before it were burnt", None, lambda s: s.transition(7, fee_bps=10_000))
    yield Scenario("an epoch of another chain", None, lambda s: s.transition(1, active=SOLANA))
    yield Scenario("an epoch with totals", None, lambda s: s.transition(1, root=b"r" * 32, totals={USD: 7, EUR: (1 << 64) - 1}))
    yield Scenario("the last epoch there can be", None, lambda s: s.transition((1 << 64) - 1))
    for name, by in GOOD:
        yield Scenario(f"a transition {name}", None, partial(Story.transition, epoch=1, by=by))
    yield Scenario("an epoch above deposits that were", None, _reopened)
    yield Scenario("a transition while paused leaves the pause", Paused, _moved_while_paused)


def _reopened(s: Story) -> None:
    s.opened((ANN, EUR, 5), (BEN, USD, 6))
    s.at(NOW + 50).transition(2)
    s.deposit(ANN, EUR, 7)


def _moved_while_paused(s: Story) -> None:
    s.opened()
    s.pause(NOW + 10)
    s.transition(2)
    s.deposit(ANN, EUR, 1)


def _transitions_refused() -> Scenarios:
    def after(s: Story, epoch: int, active: int = ARBITRUM) -> None:
        s.transition(5)
        s.transition(epoch, active=active)

    for epoch in (5, 4, 1, 0):
        yield Scenario(f"epoch {epoch} after epoch 5", EpochNotNewer, partial(after, epoch=epoch))
    yield Scenario("an epoch a second time, for the other chain", EpochNotNewer, partial(after, epoch=5, active=SOLANA))
    for chain in (0, 3, 255):
        yield Scenario(f"an epoch for chain {chain}", NoSuchChain, partial(Story.transition, epoch=1, active=chain))
    yield Scenario("an epoch with a fee of more than all", BadFee, lambda s: s.transition(1, fee_bps=10_001))
    for name, brought in (("another total", {EUR: 6}), ("an asset more", {EUR: 5, USD: 0}), ("no totals", {})):
        yield Scenario(
            f"a transition that is brought with {name}",
            WrongTotals,
            partial(Story.transition, epoch=1, totals={EUR: 5}, brought=brought),
        )
    for name, refusal, by in BAD:
        yield Scenario(f"a transition {name}", refusal, partial(Story.transition, epoch=1, by=by))


def _rotations() -> Scenarios:
    first, second, third = GUARDS.addresses
    yield Scenario("new guards", None, lambda s: s.rotate(OTHER_GUARDS))
    yield Scenario("a single guard", None, lambda s: s.rotate([first], 1))
    yield Scenario("two of two guards", None, lambda s: s.rotate([first, second], 2))
    yield Scenario("new guards, and newer ones", None, _rotated_twice)
    yield Scenario("a transition by the new guards", None, lambda s: _rotated(s).transition(1, by=by_others))
    yield Scenario("a transition by the old guards", NoQuorum, lambda s: _rotated(s).transition(1))
    yield Scenario("new guards while paused", None, _rotated_while_paused)
    yield Scenario("a rotation that skips one", WrongVersion, lambda s: s.rotate(OTHER_GUARDS, version=3))
    yield Scenario("a rotation to the version that is", WrongVersion, lambda s: s.rotate(OTHER_GUARDS, version=1))
    yield Scenario("a rotation again", WrongVersion, lambda s: _rotated(s).rotate(OTHER_GUARDS))
    yield Scenario("a rotation by the guards it names", NoQuorum, lambda s: s.rotate(OTHER_GUARDS, by=by_others))
    yield Scenario("a rotation by one guard", NoQuorum, lambda s: s.rotate(OTHER_GUARDS, by=one))
    for name, addresses, threshold in (
        ("half of the guards", [first, second], 1),
        ("one of three guards", [first, second, third], 1),
        ("more than all guards", [first, second], 3),
        ("none of the guards", [first], 0),
        ("no guards", [], 0),
        ("guards in the wrong order", [second, first], 2),
        ("a guard twice", [first, first], 2),
        ("the address of zeros", [bytes(20), first], 2),
    ):
        yield Scenario(f"a rotation to {name}", BadGuards, partial(Story.rotate, guards=addresses, threshold=threshold))


def _rotated(s: Story) -> Story:
    s.rotate(OTHER_GUARDS)
    return s


def _rotated_twice(s: Story) -> None:
    s.rotate(OTHER_GUARDS)
    s.rotate(GUARDS, 3, version=3, by=by_others)


def _rotated_while_paused(s: Story) -> None:
    s.pause(NOW + 10)
    s.rotate(OTHER_GUARDS)


def _pauses() -> Scenarios:
    yield Scenario("a pause", None, lambda s: s.pause(NOW + 10))
    yield Scenario("the longest pause", None, lambda s: s.pause(NOW + LONGEST_PAUSE_S))
    yield Scenario("a pause by somebody", NotAuthorised, lambda s: s.pause(NOW + 10, by=ANN.key.address))
    for until in (NOW + LONGEST_PAUSE_S + 1, NOW, NOW - 1):
        yield Scenario(f"a pause of {until - NOW} seconds", PauseTooLong, partial(Story.pause, until=until))
    yield Scenario("a pause that was made longer", Paused, lambda s: _paused(s, (10, 20)).at(NOW + 19).deposit(ANN, EUR, 1))
    yield Scenario("the last second of a pause", Paused, lambda s: _paused(s, (10,)).at(NOW + 9).deposit(ANN, EUR, 1))
    yield Scenario("a pause that ended by itself", None, lambda s: _paused(s, (10,)).at(NOW + 10).deposit(ANN, EUR, 1))
    yield Scenario("a pause that the guards end", None, _unpaused)
    yield Scenario("no pause to end", NotPaused, lambda s: s.unpause(NOW + 10))
    yield Scenario("another pause than the one to end", NotPaused, lambda s: _paused(s, (10, 20)).unpause(NOW + 10))
    yield Scenario("a pause ended too late", NotPaused, lambda s: _paused(s, (10,)).at(NOW + 10).unpause(NOW + 10))
    yield Scenario("a pause of another chain ended", NoSuchChain, lambda s: _paused(s, (10,)).unpause(NOW + 10, chain=SOLANA))
    yield Scenario("a pause ended by one guard", NoQuorum, lambda s: _paused(s, (10,)).unpause(NOW + 10, by=one))
    yield Scenario("what an owner and the guards can do while paused", None, _while_paused)
    for name, tell in OPERATIONS.items():
        yield Scenario(f"{name} while paused", Paused, partial(_after, begins=partial(_paused, seconds=(10,)), tell=tell))
    yield Scenario("tokens over the bridge while paused", Paused, lambda s: _paused(s, (10,)).bridge_in(EUR, 1))


def _after(s: Story, begins: Callable[[Story], Story], tell: Callable[[Story], None]) -> None:
    tell(begins(s))


def _paused(s: Story, seconds: Sequence[int]) -> Story:
    s.opened((ANN, EUR, 9))
    for length in seconds:
        s.pause(NOW + length)
    return s


def _unpaused(s: Story) -> None:
    _paused(s, (10,)).unpause(NOW + 10)
    s.deposit(ANN, EUR, 1)


def _while_paused(s: Story) -> None:
    _paused(s, (10,)).cancel(ANN, 3)
    s.list_asset(listing(ARBITRUM, 7))
    s.rotate(OTHER_GUARDS)
    s.transition(2, by=by_others)


OPERATIONS: dict[str, Callable[[Story], None]] = {
    "a deposit": lambda s: s.deposit(ANN, EUR, 1),
    "a batch": lambda s: s.execute(ANN.withdrawal(0, EUR, 1)),
    "a resolve": lambda s: s.resolve(Resolve(origin=SOLANA, epoch=1, batch=1, executed=True)),
    "a credit": lambda s: s.credit(Credit(origin=SOLANA, sequence=1, epoch=1, account=ANN.id, asset=EUR, amount=1)),
}


def _not_active() -> Scenarios:
    for name, tell in OPERATIONS.items():
        yield Scenario(f"{name} before the first epoch", NotActive, partial(_after, begins=Story.listed, tell=tell))
        yield Scenario(f"{name} where another chain is active", NotActive, partial(_after, begins=_given_up, tell=tell))
    yield Scenario("what can be done where another chain is active", None, _while_given_up)


def _given_up(s: Story) -> Story:
    s.opened((ANN, EUR, 9)).transition(2, active=SOLANA)
    return s


def _while_given_up(s: Story) -> None:
    _given_up(s).cancel(ANN, 3)
    s.bridge_in(EUR, 5)
    s.pause(NOW + 10)
    s.unpause(NOW + 10)
