"""What a guard signs, what it never signs, and what becomes of claims."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest

from jurymast.nonce_guard.decide.fate import fate, next_attempt
from jurymast.nonce_guard.decide.veto import Journal, Veto, earlier, may_refuse, may_sign, may_sign_transition
from jurymast.nonce_guard.decide.words import Fate, Finalized, Permit

SOLANA, ARBITRUM = 1, 2
ANN, BEN = (b"a" * 32, 0), (b"b" * 32, 0)
FIRST = Permit(chain=SOLANA, epoch=1, batch=1, expiry=100, body=b"1", identities=frozenset({ANN, BEN}))
SECOND = Permit(chain=ARBITRUM, epoch=2, batch=1, expiry=900, body=b"2", identities=frozenset({ANN}))


def state(chain: int = SOLANA, clock: int = 50, epoch: int = 1, *, executed: bool = False, used: bool = False) -> Finalized:
    return Finalized(chain, clock, epoch, {(1, 1)} if executed else set(), {ANN} if used else set())


def known(*states: Finalized) -> Mapping[int, Finalized]:
    return {each.chain: each for each in states}


def journal() -> Journal:
    kept = Journal()
    kept.sign(FIRST)
    return kept


def vetoed(veto: Veto | None, why: str) -> bool:
    return veto is not None and why in veto.reason


# -- permits -----------------------------------------------------------------------------------------------------------


def test_the_first_permit_needs_no_proof_and_the_same_is_signed_again() -> None:
    assert may_sign(Journal(), FIRST, {}) is None
    assert may_sign(journal(), FIRST, {}) is None


@pytest.mark.parametrize(
    ("states", "signs"),
    [
        ((), False),
        ((state(clock=100),), False),  # Not yet expired.
        ((state(clock=101),), True),
        ((state(clock=0, epoch=2),), True),  # Behind the fence, wherever the clock stands.
        ((state(clock=101, executed=True),), False),
        ((state(clock=101, used=True),), False),
        ((state(epoch=2, executed=True),), False),
        ((state(chain=ARBITRUM, clock=10_000, epoch=9),), False),  # Another chain proves nothing about this one.
    ],
)
def test_a_second_permit_needs_proof_that_the_first_is_dead(states: tuple[Finalized, ...], *, signs: bool) -> None:
    assert (may_sign(journal(), SECOND, known(*states)) is None) is signs


def test_whatever_the_body_or_the_batch_an_identity_is_one() -> None:
    for other in (FIRST._replace(body=b"other"), FIRST._replace(batch=2), FIRST._replace(expiry=101)):
        assert vetoed(may_sign(journal(), other, known(state())), "may still execute")


def test_an_old_proof_does_not_unlock_a_newer_permit() -> None:
    """The proof lies above the first permit's expiry, and below that of another which was signed since."""
    kept = journal()
    later = FIRST._replace(batch=2, expiry=200)
    proof = known(state(clock=150))
    assert may_sign(kept, later, proof) is None
    kept.sign(later)
    assert vetoed(may_sign(kept, SECOND, proof), "batch 2")
    assert may_sign(kept, SECOND, known(state(clock=201))) is None


def test_every_identity_of_a_batch_counts() -> None:
    both = SECOND._replace(identities=frozenset({ANN, BEN}))
    half = Finalized(SOLANA, 101, 1, set(), {BEN})
    assert vetoed(may_sign(journal(), both, known(half)), "nonce 0")


def test_nothing_of_a_frozen_epoch_or_of_a_refused_batch_is_signed() -> None:
    kept = Journal()
    kept.freeze(1)
    kept.freeze(0)
    assert vetoed(may_sign(kept, FIRST, {}), "frozen")
    assert may_sign(kept, SECOND, {}) is None
    kept.refuse(SECOND)
    assert vetoed(may_sign(kept, SECOND, {}), "refused")


def test_who_has_signed_a_batch_does_not_promise_never_to() -> None:
    assert vetoed(may_refuse(journal(), FIRST, {}), "signed before")
    assert may_refuse(journal(), SECOND, {}) is None


def test_a_number_stands_for_one_batch_whoever_trades_in_it() -> None:
    """The bus has lost the first batch, so its number was taken again: a record on the chain would tell of either."""
    again = FIRST._replace(body=b"again", identities=frozenset({(b"c" * 32, 0)}))
    assert vetoed(may_sign(journal(), again, {}), "another batch 1")
    assert vetoed(may_sign(journal(), again, known(state(clock=101))), "another batch 1")
    assert may_refuse(journal(), again, {}) is None, "it says nothing of the first one"
    assert may_sign(journal(), again._replace(epoch=2), {}) is None


def test_a_promise_is_about_a_body_and_not_about_whatever_else_has_its_number() -> None:
    kept = Journal()
    kept.refuse(FIRST._replace(body=b"made up"))
    assert may_sign(kept, FIRST, {}) is None
    assert vetoed(may_sign(kept, FIRST._replace(body=b"made up"), {}), "refused")


def test_what_has_to_be_dead_is_all_that_was_signed_for_any_of_the_identities() -> None:
    kept = journal()
    other = FIRST._replace(chain=ARBITRUM, batch=4, identities=frozenset({BEN}))
    kept.sign(other)
    assert earlier(kept, SECOND) == {SOLANA: {FIRST}}
    assert earlier(kept, SECOND._replace(identities=frozenset({ANN, BEN}))) == {SOLANA: {FIRST}, ARBITRUM: {other}}
    assert earlier(kept, FIRST) == {ARBITRUM: {other}}


def test_a_guard_that_lost_its_journal_waits_for_a_fence_on_every_chain() -> None:
    kept = Journal(lost_before=3)
    fenced, late = state(epoch=4), state(chain=ARBITRUM, epoch=3)
    for states in ((), (fenced,), (fenced, late)):
        assert vetoed(may_sign(kept, SECOND._replace(epoch=4), known(*states)), "lost")
        assert vetoed(may_sign_transition(kept, 3, 4, b"t", set(), known(*states)), "lost")
        assert vetoed(may_refuse(kept, SECOND, known(*states)), "lost"), "it may have signed it"
    both = known(fenced, late._replace(epoch=4))
    assert may_sign(kept, SECOND._replace(epoch=4), both) is None
    assert vetoed(may_sign(kept, SECOND._replace(epoch=3), both), "frozen"), "it may have refused it"
    kept.freeze(4)
    assert vetoed(may_sign_transition(kept, 2, 3, b"t", set(), both), "another transition for epoch 3 may")
    assert may_sign_transition(kept, 4, 5, b"t", set(), both) is None


# -- transitions -------------------------------------------------------------------------------------------------------


def test_a_transition_is_signed_after_freezing_once_per_epoch_with_every_permit_in_the_cut() -> None:
    kept = journal()
    cut = {FIRST.reference}
    assert vetoed(may_sign_transition(kept, 1, 2, b"t", cut, {}), "not frozen")
    kept.freeze(1)
    assert vetoed(may_sign_transition(kept, 1, 2, b"t", set(), {}), "does not know batch 1")
    assert vetoed(may_sign_transition(kept, 1, 1, b"t", cut, {}), "not after")
    assert may_sign_transition(kept, 1, 2, b"t", cut, {}) is None
    kept.transitions[2] = b"t"
    assert may_sign_transition(kept, 1, 2, b"t", cut, {}) is None
    assert vetoed(may_sign_transition(kept, 1, 2, b"u", cut, {}), "another transition")
    assert vetoed(may_sign_transition(kept, 1, 3, b"u", cut, {}), "epoch 2 is not frozen")
    kept.freeze(2)
    assert may_sign_transition(kept, 1, 3, b"u", cut, {}) is None


@pytest.mark.parametrize(
    ("states", "signs"),
    [
        ((), False),
        ((state(),), False),
        ((state(chain=ARBITRUM, clock=101),), False),
        ((state(clock=101),), True),
        ((state(epoch=2),), True),
        ((state(used=True),), True),  # Its owner has cancelled: the whole batch never executes.
        ((state(clock=101, executed=True),), False),
        ((state(used=True, executed=True),), False),
    ],
)
def test_a_permit_that_is_void_needs_no_place_in_the_cut(states: tuple[Finalized, ...], *, signs: bool) -> None:
    kept = journal()
    kept.freeze(1)
    veto = may_sign_transition(kept, 1, 2, b"t", set(), known(*states))
    assert veto is None if signs else vetoed(veto, "does not know batch 1")


def test_a_permit_of_a_number_that_is_burnt_is_not_lost_either() -> None:
    kept = Journal()
    kept.sign(SECOND)
    kept.freeze(2)
    assert vetoed(may_sign_transition(kept, 1, 3, b"t", set(), {}), "does not know batch 1")
    assert may_sign_transition(kept, 1, 3, b"t", {SECOND.reference}, {}) is None


def test_a_cut_that_knows_another_batch_by_this_number_does_not_know_this_one() -> None:
    kept = journal()
    kept.freeze(1)
    assert vetoed(may_sign_transition(kept, 1, 2, b"t", {(*FIRST.key, b"again")}, {}), "does not know batch 1")
    assert may_sign_transition(kept, 1, 2, b"t", {FIRST.reference}, {}) is None


def test_permits_of_older_epochs_are_no_matter_of_this_cut() -> None:
    kept = journal()
    kept.sign(SECOND)
    kept.freeze(2)
    assert may_sign_transition(kept, 2, 3, b"t", {SECOND.reference}, {}) is None


# -- what became of a claim --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (None, None),
        (state(), None),
        (state(clock=100), None),
        (state(clock=101), "released"),
        (state(epoch=2), "released"),
        (state(executed=True), "executed"),
        (state(clock=101, executed=True), "executed"),
        (state(used=True), "cancelled"),
        (state(epoch=2, used=True), "cancelled"),
        (state(epoch=2, used=True, executed=True), "executed"),
        (state(chain=ARBITRUM, clock=10_000, epoch=9), None),
    ],
)
def test_only_a_finalized_state_of_its_chain_says_what_became_of_it(seen: Finalized | None, expected: Fate | None) -> None:
    assert fate(FIRST, ANN, seen, refusals=0, guards=3, threshold=2) == expected


def test_enough_refusals_release_what_can_then_never_be_signed() -> None:
    for guards, threshold in product(range(1, 8), range(1, 8)):
        if guards < 2 * threshold <= 2 * guards:
            needed = guards - threshold + 1
            assert fate(FIRST, ANN, None, needed - 1, guards, threshold) is None
            assert fate(FIRST, ANN, None, needed, guards, threshold) == "released"
            assert fate(FIRST, ANN, state(), needed, guards, threshold) == "released"
            assert fate(FIRST, ANN, state(executed=True), needed, guards, threshold) == "executed", "somebody broke his promise"


@pytest.mark.parametrize(
    ("fates", "attempt"),
    [
        ([], 0),
        ([None], None),
        (["released"], 1),
        (["released", "released"], 2),
        (["released", None], None),
        (["executed"], None),
        (["cancelled"], None),
        (["released", "executed"], None),
    ],
)
def test_only_after_a_release_is_there_another_attempt(fates: list[Fate | None], attempt: int | None) -> None:
    assert next_attempt(fates) == attempt
