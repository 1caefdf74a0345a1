"""The other golden cases: hashes, signatures, proofs and nonces on the libraries; trades and matches on the whole grid."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from eth_abi.exceptions import EncodingError

from jurymast.book import leaves, signed
from jurymast.book.amounts import MOST
from jurymast.book.grid import EMPTY_ROOT
from jurymast.book.signed import ARBITRUM, Intent, Terms, hash_of_amounts
from jurymast.chains.operations import ByGuards, Deposit, Execute, Transition
from tests.contracts import rebuilt, stories
from tests.contracts.driver import OnChain, refusal, token
from tests.contracts.evm import Chain, Contract
from tests.contracts.shown import parsed, plain
from tests.unit.grids import (
    APPLICATION,
    EUR,
    NOW,
    ORACLE,
    SOON,
    TREASURY,
    USD,
    Person,
    begin,
    by_guards,
    listing,
    move,
    permitted,
)
from tests.unit.replay import number, typed, word, words

Case = Any
PLAYERS = [Person(f"player {number}") for number in range(10)]


def each(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda case: case["name"])


@pytest.fixture(scope="module")
def libraries() -> Contract:
    return Chain().deploy(token("Libraries", "Libraries.sol"))


def check(case: Case, expected: Any, found: Any, said: Any) -> None:
    """Either the result, or the error with its data where it has been frozen."""
    if "error" not in case:
        assert said is None
        assert found == expected
        return
    assert said is not None
    assert said[0] == case["error"]
    if "data" in case:
        assert plain(said[1]) == parsed(case["data"])


def tried(case: Case, expected: Any, call: Any) -> None:
    found: list[Any] = []
    said = refusal(lambda: found.append(call()))
    check(case, expected, found[0] if found else None, said)


# -- libraries ---------------------------------------------------------------------------------------------------------


@each(stories.cases("typed"))
def test_what_is_signed_has_one_hash(libraries: Contract, case: Case) -> None:
    given = dict(case["given"])
    name = given.pop("type")
    value = typed(getattr(signed, name, None) or getattr(leaves, name), given)
    fields = tuple(getattr(value, field) for field in value.__struct_fields__)
    if name == "AccountLeaf":
        fields = (*fields[:-1], int.from_bytes(fields[-1], "big"))
    content = libraries.read(f"hash{name}", fields)
    expected = parsed(case["expected"])
    assert content == expected["content"]
    if "digest" in expected:
        assert libraries.read("digest", APPLICATION, content) == expected["digest"]
    if "leaf" in expected:
        assert libraries.read("leaf", content) == expected["leaf"]


@each(stories.cases("recover"))
def test_a_signature_has_one_signer(libraries: Contract, case: Case) -> None:
    given = parsed(case["given"])
    expected = parsed(case.get("expected", {})).get("signer")
    tried(case, expected, lambda: libraries.read("recover", given["digest"], given["signature"]))


@each(stories.cases("proofs"))
def test_a_proof_shows_one_leaf(libraries: Contract, case: Case) -> None:
    given = case["given"]
    root, content, proof = word(given["root"]), word(given["content"]), words(given["proof"])
    tried(case, None, lambda: libraries.read("verify", root, content, proof, bytes(32)))


@each(stories.cases("nonces"))
def test_nonces_are_used_once(libraries: Contract, case: Case) -> None:
    does, with_ = next(item for item in case["given"].items() if item[0] != "word")
    before = _number(case["given"]["word"])
    function = {"use": "use", "floor": "cancelBelow", "merge": "merged"}[does]
    expected = _number(case["expected"]["word"]) if "expected" in case else None
    try:
        tried(case, expected, lambda: libraries.read(function, before, _number(with_)))
    except EncodingError:
        assert _number(with_) > MOST, "there is no such number"


def _number(text: str) -> int:
    return int(text, 16 if text.startswith("0x") else 10)


# -- the whole grid ----------------------------------------------------------------------------------------------------


class Whole:
    """In its first epoch, in which everybody is new. A twin in the reference says what the guards sign about."""

    def __init__(self, fee_bps: int = 0) -> None:
        self.twin, self.grid = begin(), OnChain(NOW)
        for made in (listing(ARBITRUM, asset) for asset in (EUR, USD)):
            self.grid.perform(ByGuards(made, by_guards(made)), NOW)
        move(self.twin, 1)
        begun = signed.LockTransition(
            epoch=1, active=ARBITRUM, root=EMPTY_ROOT, totals=hash_of_amounts({}), source_height=0, fee_bps=fee_bps
        )
        self.grid.perform(Transition(begun, {}, by_guards(begun)), NOW)
        self.batches = 0

    def execute(self, *actions: Any, prices: Any = None) -> Any:
        self.batches += 1
        return self.grid.perform(
            Execute(permitted(self.twin, *actions, number=self.batches, prices=prices or {EUR: 1, USD: 1})), NOW
        )

    def has(self, person: Person, asset: int) -> int:
        available: int = self.grid.contract.read("balanceOf", person.id, asset)["available"]
        return available


SETTLEMENTS = [
    case
    for case in stories.cases("settlements")
    if all(number(price) <= MOST for price in case["given"]["prices"].values())  # There is no way to say others.
]


@each(SETTLEMENTS)
def test_a_batch_settles(case: Case) -> None:
    fee_bps, prices = number(case["given"]["fee_bps"]), {number(a): number(p) for a, p in case["given"]["prices"].items()}
    fills = [parsed(fill) for fill in case["given"]["fills"]]
    people = dict(zip(dict.fromkeys(fill["account"] for fill in fills), PLAYERS, strict=False))
    third = listing(ARBITRUM, 3)
    whole = Whole(fee_bps)
    whole.grid.perform(ByGuards(third, by_guards(third)), NOW)
    for (account, asset), sold in _sold(fills).items():
        whole.grid.perform(Deposit(people[account].id, asset, sold), NOW)
    intents = [_intent(place, people[fill.pop("account")], fill) for place, fill in enumerate(fills)]
    tried(case, _expected(case), lambda: _settled(whole.execute(*intents, prices=prices)))
    if "error" not in case:
        _check_balances(whole, parsed(case["expected"]["changes"]), people, parsed(case["expected"]["fees"]))


def _sold(fills: list[dict[str, Any]]) -> Counter[tuple[bytes, int]]:
    sold = Counter[tuple[bytes, int]]()
    for fill in fills:
        sold[fill["account"], fill["sell_asset"]] += min(fill["sell"], MOST)
    return Counter({key: amount for key, amount in sold.items() if amount})


def _intent(nonce: int, person: Person, fill: dict[str, Any]) -> Any:
    return person.signs(
        Intent(
            account=person.id, sell_asset=fill["sell_asset"], buy_asset=fill["buy_asset"], sell_amount=fill["sell"],
            min_buy_amount=fill["min_buy"], nonce=nonce, deadline=SOON, max_fee_bps=fill["max_fee_bps"],
        )
    )  # fmt: skip


def _expected(case: Case) -> Any:
    return parsed(case["expected"]["bought"]) if "expected" in case else None


def _settled(receipt: Any) -> tuple[int, ...]:
    """What each fill bought, says the event."""
    (executed,) = (event for event in receipt.events if event.name == "Executed")
    return tuple(fill[-1] for fill in rebuilt.fills_of(executed.fields["fills"]))


def _check_balances(whole: Whole, changes: Any, people: dict[bytes, Person], fees: dict[str, int]) -> None:
    deposited = Counter[tuple[bytes, int]]()
    for logged in whole.grid.chain.logged:
        if logged.event.name == "Deposited":
            deposited[logged.event.fields["account"], logged.event.fields["asset"]] += logged.event.fields["amount"]
    for change in changes:
        person = people[change["account"]]
        assert whole.has(person, change["asset"]) == deposited[person.id, change["asset"]] + change["by"]
    assert {asset: whole.has(TREASURY, int(asset)) for asset in fees} == fees


MATCHES = [
    case
    for case in stories.cases("matches")
    # Here all stakes of a match are the same, a ranking of nobody is a draw, and of more than there are is refused before.
    if len(set(case["given"]["stakes"])) == 1 and 0 < len(case["given"]["prizes_bps"]) <= len(case["given"]["stakes"])
]


@each(MATCHES)
def test_a_match_pays(case: Case) -> None:
    given = parsed(case["given"])
    stake, players = given["stakes"][0], PLAYERS[: len(given["stakes"])]
    terms = Terms(
        asset=EUR, stake=stake, players=len(players), oracle=ORACLE.key.address, fee_bps=given["fee_bps"],
        prizes_bps=given["prizes_bps"], salt=bytes(32),
    )  # fmt: skip
    whole = Whole()
    for player in players if stake else ():
        whole.grid.perform(Deposit(player.id, EUR, stake), NOW)
    whole.execute(*(player.join(0, terms) for player in players))
    winners = players[: len(given["prizes_bps"])]
    expected = parsed(case.get("expected", {"fee": "0", "prizes": []}))
    tried(case, (expected["fee"], expected["prizes"]), lambda: _paid(whole.execute(ORACLE.verdict(terms, *winners))))
    if "expected" in case:
        assert (whole.has(TREASURY, EUR), tuple(whole.has(player, EUR) for player in winners)) == tuple(expected.values())


def _paid(receipt: Any) -> tuple[int, tuple[int, ...]]:
    (ended,) = (event for event in receipt.events if event.name == "Ended")
    fee, *prizes = ended.fields["amounts"]
    return fee, tuple(prizes)


def test_few_cases_are_left_out() -> None:
    assert len(SETTLEMENTS) == len(stories.cases("settlements")) - 1
    assert len(MATCHES) > len(stories.cases("matches")) // 2
