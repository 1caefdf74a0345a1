"""What a follower of the log of claims knows, whatever it has read so far."""

from __future__ import annotations

import pytest

from jurymast.messages.claims import Claimed, Concluded, EpochRecord, Fate
from jurymast.nonce_guard.decide.claims import claimed
from jurymast.nonce_guard.decide.log import Log
from jurymast.nonce_guard.decide.outcomes import promise
from jurymast.nonce_guard.decide.words import Permit
from tests.claiming import account, concluded, epoch_record
from tests.claiming import claimed as claim

IDENTITIES = frozenset((account(number), 0) for number in (1, 2))
PERMIT = Permit(1, 1, 7, 100, bytes(32), IDENTITIES)


def read(*messages: EpochRecord | Claimed | Concluded) -> Log:
    log = Log()
    for sequence, message in enumerate(messages, 1):
        log.take(sequence, message)
    return log


OPEN, FROZEN = epoch_record(1, "open"), epoch_record(1, "frozen")


def test_claims_count_behind_the_record_that_opened_and_all_of_them_are_needed() -> None:
    log = read(OPEN, claim(1), claim(2))
    assert log.held(PERMIT) == IDENTITIES
    assert claimed(PERMIT, log.of(IDENTITIES), log.records) is None
    assert read(OPEN, claim(1)).held(PERMIT) == {(account(1), 0)}
    late = read(OPEN, FROZEN, claim(1), claim(2))
    assert late.held(PERMIT) == frozenset()
    assert claimed(PERMIT, late.of(IDENTITIES), late.records) is not None
    after = read(OPEN, claim(1), claim(2), FROZEN)
    assert claimed(PERMIT, after.of(IDENTITIES), after.records) is None, "what came later takes nothing from it"


def test_an_outcome_closes_its_attempt_and_no_other() -> None:
    log = read(OPEN, claim(1), claim(2), concluded(1, "released"), claim(1, attempt=1, batch=8))
    assert log.fates((account(1), 0)) == ["released", None]
    assert log.fates((account(2), 0)) == [None]
    assert log.fates((account(3), 0)) == []
    assert set(log.open) == {PERMIT.reference, (1, 1, 8, bytes(32))}
    assert PERMIT.reference in log.concluded
    assert log.ended(PERMIT) is None
    log.take(9, concluded(2, "cancelled"))
    ended = log.ended(PERMIT)
    assert ended is not None
    assert [ended[account(number), 0].fate for number in (1, 2)] == ["released", "cancelled"]
    assert set(log.open) == {(1, 1, 8, bytes(32))}


@pytest.mark.parametrize("fate", ["released", "executed", "cancelled"])
def test_an_outcome_that_is_read_without_its_claim_counts_too(fate: Fate) -> None:
    log = read(OPEN, concluded(1, fate), claim(1))
    assert log.fates((account(1), 0)) == [fate]
    assert log.open == {}
    assert log.concluded == {PERMIT.reference}


def test_a_claim_that_does_not_count_holds_nobody_up() -> None:
    log = read(OPEN, FROZEN, claim(1), epoch_record(2, "open"))
    assert log.fates((account(1), 0)) == ["released"]
    assert log.held(PERMIT) == frozenset()


def test_nobody_can_claim_for_an_epoch_that_is_known_to_be_over() -> None:
    assert not read(OPEN).closed_behind(PERMIT)
    assert read(OPEN, FROZEN).closed_behind(PERMIT)
    assert read(OPEN, epoch_record(2, "frozen")).closed_behind(PERMIT)
    assert not read(OPEN, FROZEN).closed_behind(PERMIT._replace(epoch=2))


def test_a_claim_for_something_else_is_one_that_nobody_will_ever_sign() -> None:
    log = read(OPEN, claim(1), claim(3))
    one, stranger = log.of([(account(1), 0), (account(3), 0)])
    assert promise(one, PERMIT) is None
    assert promise(one, None) == one.body
    assert promise(one, PERMIT._replace(body=b"\x01" * 32)) == one.body
    other = promise(stranger, PERMIT)
    assert other is not None
    assert other != PERMIT.body, "nobody has to give up the batch itself"
