"""Which claims a batch takes, and which of those in the log count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.nonce_guard.decide.claims import MOST, Claim, Plan, Record, Unclaimable, claimed, counts, fates, plan
from jurymast.nonce_guard.decide.words import Fate, Permit

SOLANA, ARBITRUM = 1, 2
ANN, BEN = (b"a" * 32, 4), (b"b" * 32, 0)
PERMIT = Permit(chain=SOLANA, epoch=1, batch=7, expiry=100, body=b"body", identities=frozenset({ANN, BEN}))
OPEN = Record(10, "open", 1, SOLANA)
FROZEN = Record(20, "frozen", 1, SOLANA)
NEXT = Record(30, "open", 2, ARBITRUM)


def claim(identity: tuple[bytes, int] = ANN, sequence: int = 15, attempt: int = 0, body: bytes = b"body") -> Claim:
    return Claim(sequence, identity, attempt, SOLANA, 1, 7, body)


# -- planning ----------------------------------------------------------------------------------------------------------


def test_a_batch_takes_the_next_attempt_of_each_and_names_the_record_it_saw() -> None:
    assert plan(PERMIT, {}, OPEN) == Plan(((ANN, 0), (BEN, 0)), fence=10)
    assert plan(PERMIT, {BEN: ["released", "released"]}, OPEN) == Plan(((ANN, 0), (BEN, 2)), fence=10)


def test_what_is_claimed_for_it_already_is_left_out() -> None:
    assert plan(PERMIT, {ANN: [None]}, OPEN, frozenset({ANN})) == Plan(((BEN, 0),), fence=10)
    assert isinstance(plan(PERMIT, {ANN: [None], BEN: [None]}, OPEN, frozenset({ANN})), Unclaimable)
    assert isinstance(plan(PERMIT, {}, OPEN, frozenset({ANN, BEN})), Unclaimable)


@pytest.mark.parametrize(
    "last", [None, FROZEN, NEXT, OPEN._replace(epoch=2), OPEN._replace(chain=ARBITRUM), OPEN._replace(state="cut")]
)
def test_nothing_is_claimed_but_in_the_epoch_and_on_the_chain_that_are_open(last: Record | None) -> None:
    assert plan(PERMIT, {}, last) == Unclaimable("epoch 1 is not open for chain 1")


@pytest.mark.parametrize("before", [[None], ["executed"], ["cancelled"], ["released", None], ["released", "executed"]])
def test_nothing_is_claimed_again_that_was_not_released(before: list[Fate | None]) -> None:
    refused = plan(PERMIT, {ANN: before}, OPEN)
    assert isinstance(refused, Unclaimable)
    assert "nonce 4 of 6161" in refused.reason


@pytest.mark.parametrize(("size", "fits"), [(0, False), (1, True), (MOST, True), (MOST + 1, False)])
def test_a_batch_is_one_publish(size: int, *, fits: bool) -> None:
    permit = PERMIT._replace(identities=frozenset((bytes(32), nonce) for nonce in range(size)))
    assert isinstance(plan(permit, {}, OPEN), Plan) is fits


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sequence", "records", "counted"),
    [
        (15, [OPEN], True),
        (15, [OPEN, FROZEN, NEXT], True),  # What came after it takes nothing from it.
        (15, [FROZEN, OPEN], True),  # However they were read.
        (25, [OPEN, FROZEN], False),
        (35, [OPEN, FROZEN, NEXT], False),
        (5, [OPEN], False),
        (15, [], False),
        (15, [OPEN._replace(epoch=2)], False),
        (15, [OPEN._replace(chain=ARBITRUM)], False),
    ],
)
def test_a_claim_counts_under_the_record_that_opened_its_epoch(sequence: int, records: list[Record], *, counted: bool) -> None:
    assert counts(claim(sequence=sequence), records) is counted


@given(st.permutations([OPEN, FROZEN, NEXT]), st.integers(0, 40))
def test_no_claim_counts_beyond_the_freeze(records: list[Record], sequence: int) -> None:
    assert counts(claim(sequence=sequence), records) is (OPEN.sequence < sequence <= FROZEN.sequence)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ([claim(ANN), claim(BEN)], None),
        ([claim(BEN), claim(ANN), claim(ANN, attempt=0)], None),
        ([claim(ANN)], "is not claimed"),
        ([], "is not claimed"),
        ([claim(ANN), claim(BEN, sequence=25)], "is not claimed"),
        ([claim(ANN), claim(BEN, body=b"other")], "is claimed for batch 7"),
        ([claim(ANN), claim(BEN)._replace(batch=8)], "is claimed for batch 8"),
        ([claim(ANN), claim(BEN), claim(BEN, attempt=1)._replace(batch=9)], "is claimed for batch 9"),
        ([claim(ANN), claim(BEN, attempt=1), claim(BEN)._replace(batch=6)], None),
    ],
)
def test_a_batch_is_signed_when_every_identity_is_claimed_for_it(claims: list[Claim], why: str | None) -> None:
    veto = claimed(PERMIT, claims, [OPEN, FROZEN])
    assert (why in veto.reason if veto else False) if why else veto is None


def test_what_became_of_each_attempt_is_its_outcome_and_one_that_does_not_count_is_as_good_as_released() -> None:
    messages = [claim(ANN), claim(ANN, sequence=25, attempt=1), claim(BEN), claim(BEN, sequence=16, attempt=1)]
    assert fates(messages, [OPEN, FROZEN], {(BEN, 0): "released"}) == {ANN: [None, "released"], BEN: ["released", None]}
    late = [claim(ANN, sequence=25)]
    assert plan(PERMIT._replace(epoch=2, chain=ARBITRUM), fates(late, [OPEN, FROZEN, NEXT], {}), NEXT) == Plan(
        ((ANN, 1), (BEN, 0)), fence=30
    )
    assert fates(late, [OPEN, FROZEN], {(ANN, 0): "executed"}) == {ANN: ["executed"]}, "what is final is true all the same"
