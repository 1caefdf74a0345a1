"""What the checker knows by itself, beside what the reference says: two who wrote down the same rules without each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.book import matches, signed
from jurymast.book.amounts import BPS, MOST
from jurymast.book.execute import Action
from jurymast.book.grid import EMPTY_ROOT
from jurymast.book.nonces import Nonces
from jurymast.book.refusals import Refusal
from jurymast.book.settle import Fill, settle
from jurymast.book.signed import Join
from jurymast.crypto import secp256k1
from tests.checker import batches, between, consents, ledger, nonces, packed, senders
from tests.checker.batches import bought, prizes
from tests.checker.chain import Audited
from tests.checker.findings import Finding, Kind, Place, identity
from tests.checker.history import Event, History, Where, read
from tests.checker.judge import judge
from tests.checker.ledger import Ledger
from tests.checker.node import Node, Unreachable
from tests.checker.packed import Unreadable
from tests.checker.senders import BadList, Listed
from tests.checker.signed import TYPES, digest, keccak, no_quorum, signer
from tests.checker.wire import Call
from tests.mesh.checked import joins, sells, swap, withdraws
from tests.mesh.checked import packed as pack
from tests.unit.grids import ANN, APPLICATION, BEN, DOMAIN, EUR, GUARD_KEYS, ORACLE, SOON, TERMS, TREASURY, USD

OURS = {kind.TYPE.name: kind for kind in vars(signed).values() if hasattr(kind, "TYPE")}


def value_of(kind: str) -> st.SearchStrategy[Any]:
    if kind.endswith("[]"):
        return st.lists(value_of(kind[:-2]), max_size=3).map(tuple)
    if kind.startswith("uint"):
        return st.integers(0, (1 << int(kind[4:])) - 1)
    if kind == "bool":
        return st.booleans()
    size = 20 if kind == "address" else 32
    return st.binary(min_size=size, max_size=size)


# -- signatures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(TYPES))
@given(st.data())
def test_what_is_signed_is_the_same(name: str, data: st.DataObject) -> None:
    values = {member: data.draw(value_of(kind)) for kind, member in TYPES[name].members}
    theirs = OURS[name](**{re.sub("(?=[A-Z])", "_", member).lower(): value for member, value in values.items()})
    assert TYPES[name].content(values) == theirs.content()
    if name != "Terms":
        assert digest(APPLICATION, name, values) == theirs.digest(DOMAIN)


@given(st.binary(min_size=32, max_size=32))
def test_who_signed_is_the_same_in_both_forms(content: bytes) -> None:
    signature = ANN.key.sign(content)
    assert signer(content, signature) == signer(content, secp256k1.compact(signature)) == ANN.key.address


@given(st.binary(min_size=32, max_size=32), st.integers(0, 66), st.binary(min_size=66, max_size=66))
def test_what_is_no_signature_is_nobodys(content: bytes, length: int, noise: bytes) -> None:
    signature = noise[:length]
    try:
        theirs = secp256k1.recover(content, signature)
    except secp256k1.BadSignature:
        assert signer(content, signature) is None
    else:
        assert signer(content, signature) == theirs


def test_the_other_twin_of_a_signature_is_nobodys() -> None:
    content = bytes(32)
    signature = ANN.key.sign(content)
    high = secp256k1.ORDER - int.from_bytes(signature[32:64], "big")
    assert signer(content, signature[:32] + high.to_bytes(32, "big") + bytes([27 + 28 - signature[64]])) is None


def test_a_quorum_is_enough_guards_each_once() -> None:
    content = bytes(32)
    one, two, three = (key.sign(content) for key in GUARD_KEYS)
    guards = tuple(key.address for key in GUARD_KEYS)
    assert no_quorum(content, (one, two), guards, 2) == no_quorum(content, (one, two, three), guards, 2) == ""
    assert no_quorum(content, (one,), guards, 2) == "1 guards signed, of 2 that it takes"
    assert "twice" in no_quorum(content, (one, one), guards, 2)
    assert "no guard's" in no_quorum(content, (one, two, ANN.key.sign(content)), guards, 2)
    assert no_quorum(content, (one, two), guards[1:], 1)


# -- rules -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=60))
def test_nonces_are_used_and_cancelled_alike(steps: list[tuple[bool, int]]) -> None:
    word, theirs = 0, Nonces()
    for is_cancel, number in steps:
        assert nonces.used(word, number) == theirs.used(number)
        try:
            theirs = theirs.cancel_below(number) if is_cancel else theirs.use(number)
        except Refusal:
            assert is_cancel or not nonces.usable(word, number)
        else:
            assert is_cancel or nonces.usable(word, number)
        word = nonces.cancel_below(word, number) if is_cancel else nonces.use(word, number)
        assert word == int.from_bytes(theirs.word, "big")


@given(st.integers(1, MOST), st.integers(1, 1 << 20), st.integers(1, 1 << 20), st.integers(0, BPS))
def test_an_intent_buys_the_same(sold: int, one: int, other: int, fee_bps: int) -> None:
    fills = [Fill(ANN.id, EUR, USD, sold, 0, BPS), Fill(BEN.id, USD, EUR, MOST, 0, BPS)]
    try:
        theirs = settle(fills, {EUR: one, USD: other}, fee_bps)
    except Refusal:
        return
    assert theirs.bought[0] == bought(sold, one, other, fee_bps)


@given(st.integers(0, 1 << 50), st.integers(1, 8), st.integers(0, BPS), st.lists(st.integers(0, BPS), max_size=3))
def test_prizes_are_the_same(stake: int, players: int, fee_bps: int, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), BPS]
    shares = sorted((high - low for low, high in pairwise(edges)), reverse=True)[:players]
    shares[0] += BPS - sum(shares)
    theirs = matches.payout([stake] * players, fee_bps, shares)
    assert prizes({"stake": stake, "feeBps": fee_bps, "prizesBps": shares}, players) == (theirs.fee, *theirs.prizes)


def test_an_empty_cut_is_known_by_the_same_root() -> None:
    assert ledger.EMPTY_ROOT == EMPTY_ROOT


# -- batches -----------------------------------------------------------------------------------------------------------

LISTS = {"prices": bytes([0, 0, 0, 1, *bytes(7), 1, 0, 0, 0, 2, *bytes(7), 1]), "absent": b"", "dead": b""}
HERE = Place("here", 7, 1_000, "0x00")
PERMIT: dict[str, Any] = {"chain": 2, "epoch": 1, "batch": 5, "expiry": 1_001}


def judged(
    actions: Sequence[Action] = swap(0),
    /,
    got: int = 1_000,
    extra: Sequence[Event] = (),
    said: dict[str, Any] | None = None,
    **changes: Any,
) -> list[Finding]:
    """What is wrong with a batch that executes at 1,000 in epoch 1 of chain 2, whose permit, lists or events are changed."""
    ledger_ = Ledger(TREASURY.id, epoch=1, threshold=2, guards=tuple(key.address for key in GUARD_KEYS))
    ledger_.outcomes[1, 4], ledger_.paused_until = bytes(32), changes.pop("paused_until", 0)
    ledger_.active, ledger_.empty = changes.pop("active", 2), changes.pop("empty", True)
    prices = changes.pop("prices_brought", LISTS["prices"])
    hashes = {name: keccak(LISTS[name]) for name in LISTS}
    digests = keccak(*(action.signed.digest(DOMAIN) for action in actions))
    permit = PERMIT | hashes | {"actions": digests} | changes
    signatures = tuple(key.sign(digest(APPLICATION, "Permit", permit)) for key in GUARD_KEYS[:2])
    call = Call("execute", "Permit", (permit, signatures, pack(tuple(actions)), prices, b"", b""))
    fills = [packed.Fill(ANN.id, 0, EUR, USD, 1_000, got), packed.Fill(BEN.id, 0, USD, EUR, 1_000, got)]
    outcome = keccak(permit["actions"], got.to_bytes(8, "big") * 2)
    told = {"epoch": 1, "batch": permit["batch"], "outcome": outcome, "fills": packed.pack_fills(fills)} | (said or {})
    _, findings = batches.check(ledger_, 2, APPLICATION, [*extra, Event("Executed", told, HERE)], call)
    return findings


def test_a_batch_under_its_permit_is_as_it_should_be() -> None:
    assert judged() == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"chain": 1}, "its permit is for chain 1"),
        ({"active": 1}, "chain 1 is active in epoch 1"),
        ({"epoch": 2}, "its permit is of epoch 2, not 1"),
        ({"said": {"batch": 6}}, "its permit is for batch 5"),
        ({"expiry": 1_000}, "executed at 1000, and the permit expired at 1000"),
        ({"batch": 4}, "this number was used before"),
        ({"paused_until": 1_001}, "executed at 1000, in a pause until 1001"),
        ({"actions": bytes(32)}, "its permit is for other actions"),
        ({"prices": bytes(32)}, "its permit is for other prices"),
        ({"absent": bytes(32)}, "its permit is for other absent"),
        ({"dead": bytes(32)}, "its permit is for other dead"),
    ],
)
def test_a_batch_that_is_not_under_its_permit(changes: dict[str, Any], reason: str) -> None:
    assert (Kind.UNPERMITTED, reason) in [(finding.kind, finding.what) for finding in judged(**changes)]


def test_what_was_said_is_what_was_due() -> None:
    [*_, finding] = judged(said={"fills": b""})
    assert (finding.kind, finding.what.partition(" ")[0]) == (Kind.UNLIKE, "Executed")
    assert [finding.what for finding in judged(prices_brought=b"")] == [
        "its permit is for other prices",
        "by the rules it cannot execute: KeyError(1)",
    ]
    withdrawn = Event("Withdrawn", {"account": ANN.id}, HERE)
    assert "2 events, where 1 were due" in [finding.what for finding in judged(extra=[withdrawn])]


def test_who_has_not_entered_the_epoch_does_nothing_in_it() -> None:
    idle = [finding for finding in judged(empty=False) if finding.kind == Kind.UNLIKE]
    assert [finding.who for finding in idle] == [identity((ANN.id, 0)), identity((BEN.id, 0))]


def test_no_batch_buys_more_than_it_sells() -> None:
    made = [finding for finding in judged(got=1_001) if finding.kind == Kind.SUM]
    assert [finding.what for finding in made] == ["batch 5 of epoch 1 on here buys 1 more than it sells"] * 2


@pytest.mark.parametrize(
    ("action", "what"),
    [
        (ANN.withdrawal(0, EUR, 1, chain=1), "Withdrawal in batch 5 of epoch 1 on here: it is for chain 1"),
        (ANN.bridge_out(0, EUR, 1, source=1), "BridgeOut in batch 5 of epoch 1 on here: it is for chain 1"),
        (
            msgspec.structs.replace(joins(ANN, 0, TERMS), terms=msgspec.structs.replace(TERMS, players=9)),
            "Join in batch 5 of epoch 1 on here: the terms are not those of its match",
        ),
        (
            ANN.signs(Join(account=ANN.id, match=TERMS.content(), asset=EUR, stake=1, nonce=0, deadline=SOON), TERMS),
            "Join in batch 5 of epoch 1 on here: it stakes 1 of asset 1, and the terms 100 of 1",
        ),
    ],
)
def test_an_action_does_what_its_signature_is_about(action: Action, what: str) -> None:
    assert (Kind.UNLIKE, what) in [(finding.kind, finding.what) for finding in judged([action])]


# -- everything else that is signed ------------------------------------------------------------------------------------

LISTED = {"asset": 1, "token": b"t" * 20, "tokenDecimals": 6, "gridDecimals": 6, "bridgeLimit": 9, "bridgeWindow": 60}


def consented(name: str, said: dict[str, Any], call: Call | None, *, is_new: bool = False) -> list[tuple[Kind, str]]:
    guards = tuple(key.address for key in GUARD_KEYS)
    ledger_ = Ledger(TREASURY.id, guards=() if is_new else guards, threshold=2)
    found = consents.check(ledger_, 2, APPLICATION, (guards, 2), Event(name, said, HERE), call)
    return [(finding.kind, finding.what) for finding in found]


def listing(keys: Sequence[secp256k1.SigningKey] = GUARD_KEYS[:2], **changes: Any) -> Call:
    signed_ = LISTED | {"chain": 2, "token": (b"t" * 20).rjust(32, b"\0")} | changes
    return Call("listAsset", "Listing", (signed_, tuple(key.sign(digest(APPLICATION, "Listing", signed_)) for key in keys)))


def test_guards_have_signed_what_happens() -> None:
    assert consented("Listed", LISTED, listing()) == []
    assert consented("Listed", LISTED, listing(asset=2)) == [(Kind.UNPERMITTED, "signed was {asset 2}")]
    assert consented("Listed", LISTED, listing(chain=1)) == [(Kind.UNPERMITTED, "it was signed for chain 1")]
    assert consented("Listed", LISTED, listing(GUARD_KEYS[:1])) == [(Kind.UNPERMITTED, "1 guards signed, of 2 that it takes")]
    for call in (None, Call("cancel", "Cancel", ({}, b""))):
        assert [kind for kind, _ in consented("Listed", LISTED, call)] == [Kind.UNSEEN]


def test_an_owner_has_signed_what_happens() -> None:
    values = {"account": ANN.id, "floor": 7, "chain": 2}
    said = {"account": ANN.id, "floor": 7}
    for person, kinds in ((ANN, []), (BEN, [Kind.UNSIGNED])):
        call = Call("cancel", "Cancel", (values, person.key.sign(digest(APPLICATION, "Cancel", values))))
        assert [kind for kind, _ in consented("Cancelled", said, call)] == kinds


def test_a_grid_is_made_with_the_guards_that_it_was_to_have() -> None:
    guards = tuple(key.address for key in GUARD_KEYS)
    said = {"version": 1, "guards": guards, "threshold": 2}
    assert consented("GuardsRotated", said, None, is_new=True) == []
    assert consented("GuardsRotated", said | {"threshold": 1}, None, is_new=True)[0][0] == Kind.UNPERMITTED
    assert consented("GuardsRotated", said | {"guards": guards[1:]}, None, is_new=True)[0][0] == Kind.UNPERMITTED


def test_a_deposit_that_is_missing_is_not_counted() -> None:
    ledger_ = Ledger(TREASURY.id)
    ledger_.apply("Deposited", {"sequence": 2, "account": ANN.id, "asset": EUR, "amount": 5})
    assert (ledger_.deposits, ledger_.assets[EUR].liabilities) == (1, 5)


def test_deposits_before_an_epoch_are_not_of_it() -> None:
    ledger_ = Ledger(TREASURY.id)
    deposit = {"sequence": 1, "account": ANN.id, "asset": EUR, "amount": 5}
    for name, fields in (("Deposited", deposit), ("Transitioned", BEGUN), ("Deposited", deposit)):
        ledger_.apply(name, fields)
    assert (ledger_.deposits, ledger_.opening) == (2, 1)


# -- between chains ----------------------------------------------------------------------------------------------------

BEGUN = {"epoch": 3, "active": 2, "feeBps": 10, "root": bytes(32), "totals": b""}


def began(changes: dict[str, Any] | None = None, height: int | None = 5) -> Audited:
    """A chain on which the epoch began so; without a height its call is unseen."""
    where, place = Where("here", 2, "http://scripted", bytes(20)), HERE
    call = None if height is None else Call("transition", "LockTransition", ({"sourceHeight": height}, b"", ()))
    history = History(where, 9, 100, (Event("Transitioned", BEGUN | (changes or {}), place),), {place.tx: call}, ())
    return Audited(history, [], {}, [], [])


@pytest.mark.parametrize(
    "other",
    [
        began(height=6),
        *(began({name: b"else"}) for name in ("active", "feeBps", "root", "totals")),
        began({"active": 1}, height=None),
    ],
)
def test_an_epoch_that_two_chains_began_differently_is_split(other: Audited) -> None:
    assert [finding.kind for finding in between.check((began(), other))] == [Kind.SPLIT]


def test_an_epoch_is_one_wherever_it_began_alike() -> None:
    assert list(between.check((began(), began(), began(height=None)))) == []


# -- reading -----------------------------------------------------------------------------------------------------------


class Scripted(Node):
    """A node that gives these answers to questions after blocks, and knows of nothing that happened."""

    def __init__(self, *blocks: dict[str, str] | None) -> None:
        super().__init__("http://scripted")
        self._blocks = list(blocks)

    def ask_each(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        return [self._blocks.pop(0) if method == "eth_getBlockByNumber" else [] for method, _ in calls]


BLOCK = {"number": "0x9", "timestamp": "0x64", "hash": "0xaa"}


def test_a_finalized_block_stays_what_it_is() -> None:
    where = Where("here", 2, "http://scripted", bytes(20))
    assert read(Scripted(BLOCK, BLOCK), where).now == 100
    for other in (BLOCK | {"hash": "0xbb"}, None):
        with pytest.raises(Unreachable, match="finalized block 9 changed"):
            read(Scripted(BLOCK, other), where)


def test_what_is_no_address_of_the_web_is_not_asked() -> None:
    with pytest.raises(Unreachable):
        Node("file:///etc/passwd")


# -- bytes -------------------------------------------------------------------------------------------------------------

ACTIONS = (*swap(3), withdraws(ANN, 4, USD, 5), joins(BEN, 6, TERMS), ORACLE.verdict(TERMS, BEN), ORACLE.verdict(TERMS))


def test_actions_are_read_as_they_were_signed() -> None:
    read = packed.actions(pack(ACTIONS))
    assert [digest(APPLICATION, each.kind, each.body) for each in read] == [each.signed.digest(DOMAIN) for each in ACTIONS]
    assert {each.kind for each in read} == {"Intent", "Withdrawal", "Join", "Verdict"}
    assert all(each.terms is None or TYPES["Terms"].content(each.terms) == TERMS.content() for each in read)


@pytest.mark.parametrize("cut", range(1, 400, 7))
def test_a_list_that_ends_early_is_no_list(cut: int) -> None:
    data = pack(ACTIONS)
    with pytest.raises(Unreadable):
        packed.actions(data[:-cut])


def test_a_list_that_goes_on_is_no_list() -> None:
    with pytest.raises(Unreadable):
        packed.actions(pack(ACTIONS) + b"\0")
    with pytest.raises(Unreadable):
        packed.actions(b"\0\1\6" + bytes(200))
    with pytest.raises(Unreadable):
        packed.amounts(bytes(13))


# -- the senders' list -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "JSON"),
        ("[]", "TypeError"),
        ('{"what": "hoped"}', "hoped"),
        ('{"what": "acknowledged", "digest": "0x00"}', "KeyError"),
        ('{"what": "signed", "kind": "Permit", "body": {}}', "Permit"),
        ('{"what": "signed", "kind": "Intent", "body": {"account": "0x00"}}', "sellAsset"),
    ],
)
def test_a_line_that_says_nothing_is_told_with_its_number(line: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_text(f"{line}\n")
    with pytest.raises(BadList, match=rf"list, line 1: .*{reason}"):
        senders.read([path], APPLICATION)


def test_without_a_chain_nothing_is_judged() -> None:
    listed = {bytes(32): Listed("Intent", {"account": ANN.id, "nonce": 0, "deadline": 9}, acknowledged=True)}
    with pytest.raises(ValueError, match="empty"):
        judge(listed, (), 0)


def test_every_kind_of_finding_is_planted_somewhere() -> None:
    tests = (Path(__file__).parents[1] / "mesh" / "test_checker.py").read_text(encoding="utf-8")
    assert [kind.name for kind in Kind if not re.search(rf"[({{]Kind\.{kind.name}[,}}]", tests)] == []


def test_the_driver_of_the_runs_signs_what_it_says() -> None:
    action = sells(ANN, 1, EUR, 10, least=3)
    assert signer(action.signed.digest(DOMAIN), action.signature) == ANN.key.address
