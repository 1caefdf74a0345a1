"""What a chain that failed owes is settled once, in order, and only behind a fence."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jurymast.switcher.decide.debt import (
    Await,
    BatchKey,
    Credit,
    Fence,
    Next,
    Owed,
    Raise,
    Register,
    Resolve,
    Settled,
    Source,
    Submit,
    settle,
)

SOLANA = 1
ANN, BEN, KEY, INTENT = b"a" * 32, b"b" * 32, b"k" * 20, b"i" * 32
FIRST, SECOND = (SOLANA, 1, 8), (SOLANA, 1, 3)
SOURCE = Source(
    SOLANA, epoch=2, executed={(1, 8)}, deposits={1, 2, 3}, floors={ANN: 5, BEN: 0}, registered={BEN: KEY}, submitted={INTENT}
)
OWED = Owed(batches=(FIRST, SECOND), counted={1}, floors={}, registered=set(), submitted=set())


@pytest.mark.parametrize(("source", "what"), [(None, Await()), (SOURCE._replace(epoch=1), Fence(2)), (SOURCE, Credit(2))])
def test_nothing_it_says_counts_before_the_fence_is_final(source: Source | None, what: Next) -> None:
    assert settle(OWED, source, 2) == what


def test_a_fence_may_jump_epochs() -> None:
    assert settle(OWED, SOURCE, 9) == Fence(9)
    assert settle(OWED, SOURCE._replace(epoch=9), 9) == Credit(2)


def _carried_out(owed: Owed, step: Next) -> Owed:
    match step:
        case Resolve(batch):
            return owed._replace(batches=tuple(each for each in owed.batches if each != batch))
        case Credit(sequence):
            return owed._replace(counted={*owed.counted, sequence})
        case Raise(account, floor):
            return owed._replace(floors={**owed.floors, account: floor})
        case Register(account):
            return owed._replace(registered={*owed.registered, account})
        case Submit(content):
            return owed._replace(submitted={*owed.submitted, content})
    raise AssertionError(step)


def _all(owed: Owed, source: Source) -> list[Next]:
    steps: list[Next] = []
    while (step := settle(owed, source, source.epoch)) != Settled():
        owed = _carried_out(owed, step)
        steps.append(step)
        assert len(steps) < 100
    return steps


def test_deposits_come_before_the_batches_that_may_have_paid_out_of_them() -> None:
    assert _all(OWED, SOURCE) == [
        Credit(2),
        Credit(3),
        Resolve(FIRST, executed=True),
        Resolve(SECOND, executed=False),
        Raise(ANN, 5),
        Register(BEN, KEY),
        Submit(INTENT),
    ]


@given(
    st.lists(st.integers(0, 9), unique=True),
    st.frozensets(st.integers(0, 9)),
    st.frozensets(st.integers(0, 9)),
    st.integers(0, 9),
)
def test_it_always_ends_and_each_piece_comes_once(
    numbers: Sequence[int], deposits: frozenset[int], counted: frozenset[int], floor: int
) -> None:
    batches: tuple[BatchKey, ...] = tuple((SOLANA, 1, number) for number in numbers)
    owed = OWED._replace(batches=batches, counted=counted, floors={ANN: 4})
    steps = _all(owed, SOURCE._replace(deposits=deposits, floors={ANN: floor}))
    assert len(steps) == len(set(steps))
    assert [step.batch for step in steps if isinstance(step, Resolve)] == list(batches)
    assert {step.sequence for step in steps if isinstance(step, Credit)} == deposits - counted
    assert [step.floor for step in steps if isinstance(step, Raise)] == ([floor] if floor > 4 else [])
