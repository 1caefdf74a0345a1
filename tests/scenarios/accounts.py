"""What owners do for themselves: raise the floor of their nonces, and register who signs for a Solana key."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from jurymast.book.leaves import NOBODY, AccountLeaf
from jurymast.book.nonces import LAST, WINDOW, Nonces
from jurymast.book.refusals import (
    AlreadyRegistered,
    FloorTooLow,
    Malformed,
    NonceUsed,
    NotActive,
    NotAuthorised,
    NotEntered,
    Paused,
    WrongChain,
)
from jurymast.book.signed import SOLANA
from tests.scenarios.entering import account_leaf
from tests.scenarios.settling import pair
from tests.scenarios.story import Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, NOW, SOL, USD, new

SPENDS = SOL.withdrawal(0, EUR, 5, chain=SOLANA)
REGISTERS = SOL.id, SOL.key.address


def scenarios() -> Scenarios:
    yield from _cancels()
    yield from _registrations()


# -- cancelling --------------------------------------------------------------------------------------------------------


def _cancels() -> Scenarios:
    for floor in (1, 3, WINDOW - 1, WINDOW, WINDOW + 1, LAST, LAST + 1):
        yield Scenario(f"the floor is raised to {floor}", None, partial(_raised, floors=(floor,)))
        yield Scenario(f"the floor is raised to {floor} from a used window", None, partial(_raised_from_window, floor=floor))
    yield Scenario("the floor is raised to a used nonce, and slides", None, partial(_raised_from_window, floor=4))
    yield Scenario("the floor is raised in two steps", None, partial(_raised, floors=(3, 9)))
    yield Scenario("the floor is raised to where it is", FloorTooLow, partial(_raised, floors=(3, 3)))
    yield Scenario("the floor is lowered", FloorTooLow, partial(_raised, floors=(3, 2)))
    yield Scenario("the floor is raised to nothing", FloorTooLow, partial(_raised, floors=(0,)))
    yield Scenario("what was cancelled", NonceUsed, partial(_cancelled, nonce=0))
    yield Scenario("what was not cancelled", None, partial(_cancelled, nonce=3))
    yield Scenario("the floor is raised on another chain", WrongChain, lambda s: s.listed().cancel(ANN, 3, chain=SOLANA))
    yield Scenario("somebody raises the floor", NotAuthorised, lambda s: s.listed().cancel(ANN, 3, by=BEN))
    yield Scenario("the floor of an account that nobody signs for", NotAuthorised, lambda s: s.listed().cancel(SOL, 3))
    yield Scenario("the authority that a leaf named raises the floor", None, _by_authority)


def _raised_from_window(s: Story, floor: int) -> None:
    """Nonces 2, 4, 5 and the last of the window are used."""
    dead = tuple((ANN.id, nonce) for nonce in (2, 4, 5, WINDOW - 1))
    s.opened().execute(dead=dead)
    s.cancel(ANN, floor)


def _raised(s: Story, floors: Sequence[int]) -> None:
    s.listed()
    for floor in floors:
        s.cancel(ANN, floor)


def _cancelled(s: Story, nonce: int) -> None:
    s.opened((ANN, EUR, 50), (BEN, USD, 50)).cancel(ANN, 3)
    s.execute(*pair(10, nonce=nonce))


def _by_authority(s: Story) -> None:
    """In a later epoch too, when nothing has entered and the chain is given up."""
    leaf = account_leaf(ANN, Nonces(2), authority=BEN.key.address)
    s.listed().cut(leaf).enter(leaf).transition(3, active=SOLANA)
    s.cancel(ANN, 7, by=BEN)


# -- registering, where Solana's keys can ask --------------------------------------------------------------------------


def _registrations() -> Scenarios:
    yield Scenario("a Solana key registers on another chain", WrongChain, lambda s: s.opened().register(*REGISTERS))
    yield from (each._replace(chain=SOLANA) for each in _on_solana())


def _on_solana() -> Scenarios:
    yield Scenario("a Solana key registers who signs for it", None, lambda s: s.opened().register(*REGISTERS))
    yield Scenario("who was registered signs", None, lambda s: _funded(s, register=True).execute(SPENDS))
    yield Scenario("somebody signs before he was registered", NotAuthorised, lambda s: _funded(s, register=False).execute(SPENDS))
    yield Scenario(
        "a key registers twice", AlreadyRegistered, lambda s: _funded(s, register=True).register(SOL.id, BEN.key.address)
    )
    yield Scenario("a key registers again in a later epoch", AlreadyRegistered, _again)
    yield Scenario("the authority of zeros is registered", Malformed, lambda s: s.opened().register(SOL.id, NOBODY))
    yield Scenario("an account with an address registers", Malformed, lambda s: s.opened().register(ANN.id, BEN.key.address))
    yield Scenario("a key registers before the first epoch", NotActive, lambda s: s.listed().register(*REGISTERS))
    yield Scenario("a key registers while paused", Paused, _paused)
    yield Scenario("who was registered does not act before the account has entered", NotEntered, _outside)
    yield Scenario("who was registered acts once the account is called absent", None, _called_absent)
    yield Scenario("what was registered stays where the leaf knows nobody", None, lambda s: _enters(s, NOBODY).execute(SPENDS))
    yield Scenario("what the leaf says prevails", NotAuthorised, lambda s: _enters(s, BEN.key.address).execute(SPENDS))


def _funded(s: Story, *, register: bool) -> Story:
    s.opened((SOL, EUR, 5))
    if register:
        s.register(*REGISTERS)
    return s


def _again(s: Story) -> None:
    _funded(s, register=True).cut(account_leaf(ANN)).register(SOL.id, BEN.key.address)


def _paused(s: Story) -> None:
    s.opened().pause(NOW + 10)
    s.register(*REGISTERS)


def _outside(s: Story) -> None:
    _arrives(s)
    s.execute(SPENDS)


def _called_absent(s: Story) -> None:
    _arrives(s)
    s.execute(SPENDS, absent=new(SOL))


def _arrives(s: Story) -> None:
    s.listed().cut(account_leaf(ANN)).register(*REGISTERS)
    s.deposit(SOL, EUR, 5)


def _enters(s: Story, authority: bytes) -> Story:
    """Before, it received 5."""
    leaf = AccountLeaf(account=SOL.id, authority=authority, nonces=bytes(32))
    s.listed().cut(leaf).register(*REGISTERS)
    s.deposit(SOL, EUR, 5)
    s.enter(leaf)
    s.execute(absent=((SOL.id, EUR),), number=9)
    return s
