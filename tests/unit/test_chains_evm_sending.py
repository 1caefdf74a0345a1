"""What to pay, which nonce to use, what a refusal means, and whom to believe: decisions around sending and asking."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from jurymast.chains.agreement import NoQuorum, Said, agreed, hopeless, reached
from jurymast.chains.calls import Failure, Refused
from jurymast.chains.evm import fees, nonces, receipts
from jurymast.chains.evm.answers import VERDICTS, Meaning, meaning
from jurymast.chains.evm.fees import Capped, Policy
from jurymast.chains.evm.nonces import Attempt, Counts, Held, Look, Offer, Raise, Slot
from jurymast.chains.evm.providers import network_of
from jurymast.chains.evm.transaction import Fees
from jurymast.errors import Misconfigured
from jurymast.watchlist import Chain, Provider
from tests.watching import policy

GWEI = 10**9
POLICY = Policy(most=100 * GWEI, tip=GWEI)

# -- fees --------------------------------------------------------------------------------------------------------------

PRICES = st.integers(0, 200 * GWEI)


@given(PRICES)
def test_the_first_price_is_enough_for_now_and_never_above_the_limit(base: int) -> None:
    match fees.first(base, POLICY):
        case Capped(wanted, most):
            assert wanted > most
            assert base + POLICY.tip > most, "only what cannot be paid is not paid"
        case Fees(cap, tip):
            assert base + tip <= cap <= POLICY.most
            assert tip == POLICY.tip


@given(PRICES, PRICES, st.integers(0, 50 * GWEI))
def test_nodes_take_a_raised_price_for_the_last_one(cap: int, base: int, tip: int) -> None:
    assume(tip <= cap <= POLICY.most)
    match fees.raised(Fees(cap, tip), base, POLICY):
        case Capped(wanted, most):
            assert wanted > most == POLICY.most
        case higher:
            assert higher.cap * 100 >= cap * 110
            assert higher.tip * 100 >= tip * 110
            assert higher.tip + base <= higher.cap <= POLICY.most


def test_the_price_rises_until_the_limit_and_stays_there() -> None:
    price = Fees(30 * GWEI, GWEI)
    seen = [price]
    while isinstance(higher := fees.raised(seen[-1], 10 * GWEI, POLICY), Fees):
        seen.append(higher)
    assert seen[-1].cap <= POLICY.most < seen[-1].cap * 1.1 + 1
    assert len(seen) < 10


def test_patience_is_measured_by_the_chain_which_may_stand_still() -> None:
    price = Fees(10, 1)
    assert not fees.due(100, 100 + POLICY.patience_s - 1, price, 5, POLICY)
    assert fees.due(100, 100 + POLICY.patience_s, price, 5, POLICY)
    assert fees.due(100, 101, price, 11, POLICY), "the base fee has passed it: it can be in no block"
    assert not fees.due(100, 100, price, 11, POLICY)


# -- nonces ------------------------------------------------------------------------------------------------------------


def slot(nonce: int, clock: int = 0, cap: int = 10 * GWEI) -> Slot:
    return Slot(nonce, f"batch {nonce}", (Attempt(bytes([nonce]) * 32, bytes([nonce]), Fees(cap, GWEI), clock),))


def decided(slots: list[Slot], counts: Counts, clock: int = 0, base: int = GWEI) -> list[nonces.Step]:
    return nonces.steps(slots, counts, base, clock, POLICY)


@pytest.mark.parametrize(
    ("ours", "counts", "expected"),
    [
        ([], Counts(0, 0, 0), 0),
        ([], Counts(3, 5, 5), 5),
        ([5, 6], Counts(5, 5, 7), 7),
        ([5, 6], Counts(5, 5, 5), 7),  # Nodes have forgotten what they had.
        ([4, 5], Counts(4, 5, 5), 6),
        ([7], Counts(5, 5, 5), 5),  # A gap is filled first.
        ([5, 7], Counts(5, 5, 6), 6),
        ([], Counts(5, 5, 6), 6),  # Somebody has our key, or our store is lost: what waits there is left alone.
        ([7], Counts(5, 5, 6), 6),
    ],
)
def test_the_next_nonce(ours: list[int], counts: Counts, expected: int) -> None:
    assert nonces.next_nonce([slot(nonce) for nonce in ours], counts) == expected


@given(st.sets(st.integers(0, 30), max_size=20), st.integers(0, 20), st.integers(0, 10), st.integers(0, 10))
def test_a_nonce_is_never_given_twice(ours: set[int], final: int, mined: int, waiting: int) -> None:
    counts = Counts(final, final + mined, final + mined + waiting)
    chosen = nonces.next_nonce([slot(nonce) for nonce in ours], counts)
    assert chosen not in ours
    assert chosen >= counts.latest
    gaps = nonces.gaps([slot(nonce) for nonce in ours], counts)
    assert chosen == gaps[0] if gaps else chosen >= max(ours, default=0)


def test_what_waits_is_offered_again_in_order_and_what_is_used_is_looked_up() -> None:
    slots = [slot(8), slot(5), slot(6), slot(7)]
    assert decided(slots, Counts(6, 7, 7)) == [
        Look(slots[1], final=True),
        Look(slots[2], final=False),
        Offer(slots[3]),
        Offer(slots[0]),
    ]


def test_a_reorganisation_needs_no_case_of_its_own() -> None:
    """The count falls, and what was in a block is offered again."""
    assert decided([slot(5)], Counts(5, 6, 6)) == [Look(slot(5), final=False)]
    assert decided([slot(5)], Counts(5, 5, 5)) == [Offer(slot(5))]


def test_whoever_has_waited_long_pays_more_or_stays() -> None:
    [step] = decided([slot(5)], Counts(5, 5, 6), clock=POLICY.patience_s)
    assert isinstance(step, Raise)
    assert step.fees == fees.raised(Fees(10 * GWEI, GWEI), GWEI, POLICY)
    [step] = decided([slot(5, cap=95 * GWEI)], Counts(5, 5, 6), clock=POLICY.patience_s)
    assert isinstance(step, Held)


def test_what_is_offered_at_once_has_a_bound() -> None:
    assert len(decided([slot(nonce) for nonce in range(40)], Counts(0, 0, 0))) == nonces.MOST_OFFERED


# -- receipts ----------------------------------------------------------------------------------------------------------


def receipt_of(attempt: Attempt) -> Any:
    answer = {"transactionHash": f"0x{attempt.hash.hex()}", "blockHash": "0x" + "11" * 32, "blockNumber": "0x9", "status": "0x1"}
    return msgspec.Raw(msgspec.json.encode(answer))


NOTHING = msgspec.Raw(b"null")


def test_of_several_attempts_one_has_a_receipt() -> None:
    first = slot(5)
    two = first._replace(attempts=(*first.attempts, Attempt(b"\x99" * 32, b"", Fees(2, 1), 1)))
    results = [NOTHING, receipt_of(two.attempts[1]), NOTHING, msgspec.Raw(b'"0x6"')]
    found = receipts.read([two, slot(6)], results, used=6)
    assert found == (receipts.Receipt(b"\x99" * 32, b"\x11" * 32, 9, succeeded=True), None)


def test_who_is_behind_does_not_say_that_there_is_no_receipt() -> None:
    """Else a nonce would pass for somebody else's, and its transaction would be sent a second time."""
    with pytest.raises(receipts.Behind):
        receipts.read([slot(5)], [NOTHING, msgspec.Raw(b'"0x5"')], used=6)


# -- refusals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("already known", Meaning.TAKEN),
        ("transaction already imported", Meaning.TAKEN),
        ("nonce too low", Meaning.USED),
        ("nonce too low: next nonce 12, tx nonce 11", Meaning.USED),
        ("nonce too low: address 0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc, tx: 4 state: 5", Meaning.USED),
        ("nonce too high", Meaning.EARLY),
        ("nonce too high: address 0x9965507D1a55bcC2695C58ba16FB37d819B0A4dc, tx: 6 state: 5", Meaning.EARLY),
        ("replacement transaction underpriced", Meaning.OUTBID),
        ("replacement transaction underpriced: new tx gas fee cap 1 < 1 queued", Meaning.OUTBID),
        ("transaction underpriced: tip needed 1, tip permitted 0", Meaning.CHEAP),
        (
            "max fee per gas less than block base fee: address 0x71562b71999873DB5b286dF957af199Ec94617F7, maxFeePerGas: 0",
            Meaning.CHEAP,
        ),
        ("insufficient funds for gas * price + value: balance 0, tx cost 21000, overshot 21000", Meaning.POOR),
        ("Insufficient funds for gas * price + value", Meaning.POOR),
        ("txpool is full", Meaning.FULL),
        ("intrinsic gas too low: gas 20000, minimum needed 21000", Meaning.INVALID),
        ("exceeds block gas limit", Meaning.INVALID),
        ("tx fee (2.00 ether) exceeds the configured cap (1.00 ether)", Meaning.INVALID),
        ("invalid chain id for signer: have 1 want 42161", Meaning.INVALID),
        ("execution reverted", Meaning.REVERTS),
        ("the cat sat on the keyboard", Meaning.UNKNOWN),
        ("", Meaning.UNKNOWN),
    ],
)
def test_what_nodes_say(said: str, meant: Meaning) -> None:
    assert meaning(Refused(-32_000, said)) is meant


def test_no_line_of_the_table_hides_another_that_means_something_else() -> None:
    for earlier, later in itertools.combinations(VERDICTS, 2):
        assert earlier.said not in later.said or earlier.meaning is later.meaning, (earlier, later)


# -- agreement ---------------------------------------------------------------------------------------------------------

LATE = Failure("timeout", "no answer within 1 s")


def said(*answers: str | int | Failure, operators: str = "abcdefg") -> list[Said[str | int]]:
    return [Said(f"{who}-{number}", who, answer) for number, (who, answer) in enumerate(zip(operators, answers, strict=False))]


def test_an_answer_counts_when_enough_operators_give_it() -> None:
    assert agreed(said("x", "x", "y"), 2) == "x"
    assert agreed(said("x", LATE, "x"), 2) == "x"
    assert agreed(said("x", "y", LATE), 2) is None


def test_an_operator_counts_once_and_not_at_all_if_it_contradicts_itself() -> None:
    assert agreed(said("x", "x", operators="aa"), 2) is None
    assert agreed(said("x", "x", "x", operators="aab"), 2) == "x"
    assert agreed(said("x", "y", "x", operators="aab"), 2) is None
    assert agreed(said("x", "y", "x", operators="aab"), 1) == "x"


def test_a_height_is_what_enough_have_reached() -> None:
    heights = [Said("1", "a", 10), Said("2", "b", 12), Said("3", "c", 10**12)]
    assert reached(heights, 2) == 12
    assert reached([*heights[:1], Said("3", "c", LATE)], 2) is None
    assert reached([Said("1", "a", 7), Said("2", "a", 9), Said("3", "b", 8)], 2) == 8


@given(st.lists(st.sampled_from(["x", "y", LATE]), min_size=1, max_size=6), st.integers(0, 6), st.integers(1, 4))
def test_waiting_ends_as_soon_as_it_can_change_nothing(answers: list[str | Failure], waiting: int, need: int) -> None:
    operators = "abcdef"[: len(answers)]
    now = said(*answers, operators=operators)
    others = [f"late {number}" for number in range(waiting)]
    best = False
    for value in ("x", "y"):
        late: list[Said[str | int]] = [Said(name, name, value) for name in others]
        best |= agreed([*now, *late], need) is not None
    assert hopeless(now, need, others) == (not best)


def test_without_a_quorum_it_is_told_who_said_what() -> None:
    error = NoQuorum("block 7", 2, [Said("one", "a", b"\1" * 32), Said("two", "b", LATE)])
    assert error.said == {"one": b"\1" * 32, "two": LATE}
    assert "block 7: 2 operators must say the same; one: 0x0101" in str(error)
    assert "two: timeout: no answer" in str(error)


# -- settings ----------------------------------------------------------------------------------------------------------


def test_a_network_is_as_the_file_of_chains_has_it() -> None:
    providers = tuple(Provider(name, name, f"https://{name}.example/") for name in "abc")
    watched = Chain(policy(family="evm", chain_id="42161", quorum=2, timeout_ms=1_500), providers)
    network = network_of(watched, genesis=b"\1" * 32)
    assert (network.chain_id, network.quorum, network.timeout_s) == (42_161, 2, 1.5)
    assert network.providers == providers
    with pytest.raises(Misconfigured, match="more than half of 3 operators"):
        replace(network, quorum=1)
