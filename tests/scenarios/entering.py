"""Leaves of a cut that enter the epoch that was opened on it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import count

import msgspec

from jurymast.book.leaves import NOBODY, AccountLeaf, BalanceLeaf, MatchLeaf, OrderLeaf
from jurymast.book.nonces import WINDOW, Nonces
from jurymast.book.refusals import (
    AlreadyEntered,
    AmountTooLarge,
    InsufficientBalance,
    NonceUsed,
    NoSuchAsset,
    NotActive,
    NotAuthorised,
    NotEntered,
    Paused,
    TotalsExceeded,
    UnlikeTerms,
)
from jurymast.book.signed import NO_ASSET, SOLANA
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.merkle import LONGEST_PROOF, BadProof
from tests.scenarios.story import Leaf, Scenario, Scenarios, Story
from tests.unit.grids import ANN, BEN, EUR, EVE, NOW, ORACLE, SOL, TERMS, USD, Person, new

UNUSED = Nonces()
MATCH = MatchLeaf(terms=TERMS.content(), step=0, players=(ANN.id, BEN.id))
ORDER = OrderLeaf(id=b"o" * 32, account=ANN.id, market=5, buy=True, price=3, quantity=4, sequence=5)


def account_leaf(person: Person, nonces: Nonces = UNUSED, authority: bytes | None = None) -> AccountLeaf:
    by = person.key.address if authority is None else authority
    return AccountLeaf(account=person.id, authority=by, nonces=nonces.word)


def euros(person: Person, available: int, held: int = 0) -> BalanceLeaf:
    return BalanceLeaf(account=person.id, asset=EUR, available=available, held=held)


def scenarios() -> Scenarios:
    yield from _accounts()
    yield from _balances()
    yield from _matches_and_orders()
    yield from _proofs()
    yield from _whenever()


# -- accounts ----------------------------------------------------------------------------------------------------------


def _accounts() -> Scenarios:
    yield Scenario("an account enters", None, lambda s: _enters(s, account_leaf(ANN, Nonces(3, 0b110))))
    yield Scenario("an account enters twice", AlreadyEntered, lambda s: _enters(s, account_leaf(ANN)).enter(account_leaf(ANN)))
    yield Scenario("an account acts before it has entered", NotEntered, _acts_outside)
    yield Scenario("an account that was called absent enters", AlreadyEntered, _absent_enters)
    for name, here, there in (
        ("here the floor is higher", Nonces(9), Nonces(3, 0b110)),
        ("there the floor is higher", Nonces(3), Nonces(9, 0b100)),
        ("here everything is used that is there", Nonces(5), Nonces(0, 0b11010)),
        ("both have used what closes the gap", Nonces(5), Nonces(0, 0b111110 << 1)),
        ("the windows do not overlap", Nonces(WINDOW + 9), Nonces(0, 1 << WINDOW - 1)),
    ):
        yield Scenario(f"nonces of here and there: {name}", None, partial(_merged, floor=here.floor, there=there))
    yield Scenario("a word that no contract would write enters as what it means", None, _odd_word)
    yield Scenario("what was cancelled here before it entered", NonceUsed, lambda s: _merged(s, 5, UNUSED, spends=4))
    yield Scenario("what was used there", NonceUsed, lambda s: _merged(s, 0, Nonces(0, 0b10), spends=1))
    yield Scenario("another authority signs for an account with an address", None, lambda s: _other_authority(s, BEN))
    yield Scenario(
        "an account with an address whose leaf names another authority", NotAuthorised, lambda s: _other_authority(s, ANN)
    )
    yield Scenario("an account with an address whose leaf names nobody", None, lambda s: _own_authority(s, ANN))
    yield Scenario("an account that nobody signs for", NotAuthorised, lambda s: _own_authority(s, SOL))
    yield Scenario("an account of a Solana key", None, lambda s: _enters(s, account_leaf(SOL)).execute(SOL.withdrawal(0, EUR, 0)))


def _enters(s: Story, *leaves: Leaf) -> Story:
    return s.listed().cut(*leaves).enter(*leaves)


def _acts_outside(s: Story) -> None:
    s.listed().cut(account_leaf(ANN))
    s.execute(ANN.withdrawal(0, EUR, 0))


def _absent_enters(s: Story) -> None:
    s.listed().cut(account_leaf(ANN)).execute(absent=new(ANN))
    s.enter(account_leaf(ANN))


def _merged(s: Story, floor: int, there: Nonces, spends: int | None = None) -> None:
    leaf = account_leaf(ANN, there)
    s.listed().cut(leaf)
    if floor:
        s.cancel(ANN, floor)
    s.enter(leaf)
    if spends is not None:
        s.execute(ANN.withdrawal(spends, EUR, 0))


def _odd_word(s: Story) -> None:
    """Its floor is used, and the two nonces above it."""
    word = (7 << WINDOW | 0b10111).to_bytes(32, "big")
    _enters(s, msgspec.structs.replace(account_leaf(ANN), nonces=word))


def _other_authority(s: Story, signer: Person) -> None:
    leaf = account_leaf(ANN, authority=BEN.key.address)
    withdrawal = ANN.withdrawal(0, EUR, 0).signed
    _enters(s, leaf).execute(signer.signs(withdrawal))


def _own_authority(s: Story, person: Person) -> None:
    _enters(s, account_leaf(person, authority=NOBODY)).execute(person.withdrawal(0, EUR, 0))


# -- balances ----------------------------------------------------------------------------------------------------------


def _balances() -> Scenarios:
    ann = account_leaf(ANN)
    yield Scenario("a balance enters", None, lambda s: _enters(s, euros(ANN, 100, held=20)))
    yield Scenario("a balance of nothing enters", None, lambda s: _enters(s, euros(ANN, 0)))
    yield Scenario("a balance below zero enters", None, lambda s: _enters(s, euros(ANN, -30, held=50)))
    yield Scenario("a balance that is less than nothing", AmountTooLarge, lambda s: _enters(s, euros(ANN, -51, held=50)))
    yield Scenario("a balance enters twice", AlreadyEntered, lambda s: _enters(s, euros(ANN, 9)).enter(euros(ANN, 9)))
    yield Scenario("a balance enters after its account was called absent", AlreadyEntered, _balance_of_new)
    yield Scenario("a balance enters after something was received", None, _after_received)
    yield Scenario("what was received before a balance below zero", None, lambda s: _after_received(s, available=-30, held=30))
    yield Scenario("what has entered is spent", None, lambda s: _spends(s, 100, ann, euros(ANN, 100)))
    yield Scenario(
        "one unit more than has entered is spent", InsufficientBalance, lambda s: _spends(s, 101, ann, euros(ANN, 100))
    )
    yield Scenario("what is held is spent", InsufficientBalance, lambda s: _spends(s, 81, ann, euros(ANN, 80, held=20)))
    yield Scenario("a balance below zero is spent", InsufficientBalance, lambda s: _spends(s, 1, ann, euros(ANN, -20, held=20)))
    yield Scenario("a balance has entered, and its account has not", NotEntered, lambda s: _spends(s, 1, euros(ANN, 100)))
    yield Scenario("an account has entered, and its balance has not", InsufficientBalance, _balance_outside)
    yield Scenario("what was received is spent before the balance has entered", InsufficientBalance, _received_outside)
    yield Scenario("balances up to the total", None, lambda s: _totals(s, 100))
    yield Scenario("balances of one unit more than the total", TotalsExceeded, lambda s: _totals(s, 99))
    yield Scenario("a balance of an asset without a total", TotalsExceeded, lambda s: _totals(s, 0))
    yield Scenario("a balance under the number of no asset", NoSuchAsset, _no_asset)
    yield Scenario("balances of the largest total", None, lambda s: _enters(s, euros(ANN, (1 << 64) - 1)))
    yield Scenario("what is in no vault here is owed all the same, up to the most", AmountTooLarge, _owed_too_much)


def _balance_of_new(s: Story) -> None:
    s.listed().cut(euros(ANN, 9)).execute(absent=new(ANN))
    s.enter(euros(ANN, 9))


def _after_received(s: Story, available: int = 5, held: int = 0) -> None:
    leaf = euros(ANN, available, held)
    s.listed().cut(leaf)
    s.deposit(ANN, EUR, 7)
    s.enter(leaf)


def _spends(s: Story, amount: int, *leaves: Leaf) -> None:
    _enters(s, *leaves).bridge_in(EUR, 500)
    s.execute(ANN.withdrawal(0, EUR, amount))


def _balance_outside(s: Story) -> None:
    s.listed().cut(account_leaf(ANN), euros(ANN, 9)).enter(account_leaf(ANN))
    s.execute(ANN.withdrawal(0, EUR, 1))


def _received_outside(s: Story) -> None:
    s.listed().cut(account_leaf(ANN), euros(ANN, 9)).enter(account_leaf(ANN))
    s.deposit(ANN, EUR, 5)
    s.execute(ANN.withdrawal(0, EUR, 5))


def _totals(s: Story, total: int) -> None:
    leaves = euros(ANN, 40), euros(BEN, 50, held=10)
    s.listed().cut(*leaves, totals={EUR: total, USD: 500}).enter(*leaves)


def _no_asset(s: Story) -> None:
    _enters(s, BalanceLeaf(account=ANN.id, asset=NO_ASSET, available=1, held=0))


def _owed_too_much(s: Story) -> None:
    leaf = euros(ANN, (1 << 64) - 1)
    s.listed().cut(leaf)
    s.deposit(BEN, EUR, 1)
    s.enter(leaf)


# -- matches and orders ------------------------------------------------------------------------------------------------


def _matches_and_orders() -> Scenarios:
    yield Scenario("a match enters", None, lambda s: _enters(s, MATCH))
    yield Scenario("a match enters and ends", None, _match_ends)
    yield Scenario("a match enters twice", AlreadyEntered, lambda s: _enters(s, MATCH).enter(MATCH))
    yield Scenario("a match enters with other terms", UnlikeTerms, _unlike)
    yield Scenario(
        "a match enters beyond the total", TotalsExceeded, lambda s: s.listed().cut(MATCH, totals={EUR: 199}).enter(MATCH)
    )
    yield Scenario("a match about no asset", NoSuchAsset, _match_of_no_asset)
    yield Scenario("an order enters", None, lambda s: _enters(s, ORDER))
    yield Scenario("an order enters twice", AlreadyEntered, lambda s: _enters(s, ORDER).enter(ORDER))
    yield Scenario("an order enters two epochs", None, lambda s: _enters(s, ORDER).cut(ORDER, epoch=5).enter(ORDER))


def _match_ends(s: Story) -> None:
    _enters(s, MATCH, account_leaf(ANN), account_leaf(BEN))
    s.execute(ORACLE.verdict(TERMS, BEN))


def _unlike(s: Story) -> None:
    s.listed().cut(MATCH).enter(MATCH, terms=msgspec.structs.replace(TERMS, stake=101))


def _match_of_no_asset(s: Story) -> None:
    terms = msgspec.structs.replace(TERMS, asset=NO_ASSET)
    leaf = MatchLeaf(terms=terms.content(), step=0, players=(ANN.id,))
    s.listed().cut(leaf, totals={NO_ASSET: 500}).enter(leaf, terms=terms)


# -- proofs ------------------------------------------------------------------------------------------------------------


def _proofs() -> Scenarios:
    leaves = account_leaf(ANN), euros(ANN, 100), MATCH, ORDER
    forged = (
        ("an account with another authority", account_leaf(ANN, authority=BEN.key.address), leaves[0]),
        ("an account with other nonces", account_leaf(ANN, Nonces(1)), leaves[0]),
        ("another account", account_leaf(BEN), leaves[0]),
        ("a balance of more", euros(ANN, 101), leaves[1]),
        ("a balance that is held otherwise", euros(ANN, 90, held=10), leaves[1]),
        ("another's balance", euros(BEN, 100), leaves[1]),
        ("a balance of another asset", msgspec.structs.replace(euros(ANN, 100), asset=USD), leaves[1]),
        ("a match with another player", msgspec.structs.replace(MATCH, players=(ANN.id, EVE.id)), MATCH),
        ("a match with its players in another order", msgspec.structs.replace(MATCH, players=MATCH.players[::-1]), MATCH),
        ("an order at another price", msgspec.structs.replace(ORDER, price=4), ORDER),
    )
    for name, false, true in forged:

        def tell(s: Story, false: Leaf = false, true: Leaf = true) -> None:
            s.listed().cut(*leaves, totals={EUR: 1_000, USD: 1_000})
            s.enter(false, proof=s.proof(true))

        yield Scenario(f"by the proof of a leaf enters {name}", BadProof, tell)
    changes: tuple[tuple[str, Callable[[list[bytes]], list[bytes]]], ...] = (
        ("a node less", lambda proof: proof[:-1]),
        ("a node more", lambda proof: [*proof, bytes(32)]),
        ("no nodes", lambda _: []),
        ("a node changed", lambda proof: [*proof[:9], b"n" * 32, *proof[10:]]),
        ("more nodes than any proof has", lambda proof: proof * 3),
    )
    for name, change in changes:

        def tell_of(s: Story, change: Callable[[list[bytes]], list[bytes]] = change) -> None:
            s.listed().cut(*leaves)
            s.enter(leaves[1], proof=change(s.proof(leaves[1])))

        yield Scenario(f"a proof with {name}", BadProof, tell_of)
    yield Scenario("two accounts in one bucket", None, lambda s: _enters(s, *_one_bucket()))
    yield Scenario("a proof of an older epoch", BadProof, _older)


def _one_bucket() -> tuple[AccountLeaf, AccountLeaf]:
    """Two whose keys begin alike, as their hashes are found to."""
    found: dict[bytes, AccountLeaf] = {}
    for number in count():
        each = account_leaf(Person("twin", keccak256(number.to_bytes(8, "big"))))
        bucket = keccak256(each.key)[:3]
        if bucket in found:
            return found[bucket], each
        found[bucket] = each
    raise AssertionError(LONGEST_PROOF)


def _older(s: Story) -> None:
    leaf = euros(ANN, 100)
    s.listed().cut(leaf)
    proof = s.proof(leaf)
    s.cut(euros(ANN, 60), epoch=3)
    s.enter(leaf, proof=proof)


# -- epochs ------------------------------------------------------------------------------------------------------------


def _whenever() -> Scenarios:
    leaves = account_leaf(ANN), euros(ANN, 100), MATCH, ORDER
    yield Scenario("in the next epoch all is outside", None, lambda s: _enters(s, *leaves).transition(3, root=b"r" * 32))
    yield Scenario("in the next epoch all enters anew, as it is there", None, _anew)
    yield Scenario("in an epoch that starts from nothing everybody is new", None, _from_nothing)
    for each in leaves:
        kind = type(each).__name__.removesuffix("Leaf").lower()
        yield Scenario(f"no {kind} enters while paused", Paused, partial(_paused, each=each))
        yield Scenario(f"no {kind} enters a chain that is not active", NotActive, partial(_given_up, each=each))


def _anew(s: Story) -> None:
    _enters(s, account_leaf(ANN), euros(ANN, 100), MATCH)
    later = account_leaf(ANN, Nonces(2)), euros(ANN, 60, held=7), msgspec.structs.replace(MATCH, players=(ANN.id,))
    s.at(NOW + 99).cut(*later, epoch=4).enter(*later)


def _from_nothing(s: Story) -> None:
    _enters(s, account_leaf(ANN), euros(ANN, 100)).transition(3)
    s.deposit(ANN, EUR, 5)
    s.execute(ANN.withdrawal(0, EUR, 5))


def _paused(s: Story, each: Leaf) -> None:
    s.listed().cut(each)
    s.pause(NOW + 10)
    s.enter(each)


def _given_up(s: Story, each: Leaf) -> None:
    s.listed().cut(each)
    proof = s.proof(each)
    s.transition(3, active=SOLANA, root=s.grid.lock.root, totals=s.grid.lock.totals)
    s.enter(each, proof=proof)
