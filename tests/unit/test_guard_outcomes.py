"""What a finalized state, or enough promises, say about a batch; and what of it the ledger is told."""

from __future__ import annotations

import pytest

from jurymast.book.events import BatchExecuted, BatchReleased, IntentCancelled
from jurymast.crypto.secp256k1 import Guards
from jurymast.messages.claims import Concluded, Fate
from jurymast.nonce_guard.decide.claims import Claim
from jurymast.nonce_guard.decide.outcomes import Contradiction, Told, by_promises, dead, executed, fates, told
from jurymast.nonce_guard.decide.words import Finalized, Permit
from tests.claiming import account, concluded

ONE, TWO = (account(1), 0), (account(2), 0)
PERMIT = Permit(1, 1, 7, 100, bytes(32), frozenset({ONE, TWO}))
CLAIMS = {each: Claim(2, each, 0, 1, 1, 7, bytes(32)) for each in PERMIT.identities}
THREE = Guards(tuple(bytes([n]) * 20 for n in (1, 2, 3)), 2)


def state(clock: int = 50, epoch: int = 1, *, record: bool = False, used: bool = False, chain: int = 1) -> Finalized:
    return Finalized(chain, clock, epoch, {(1, 7)} if record else set(), {ONE} if used else set())


@pytest.mark.parametrize(
    ("seen", "is_executed", "is_dead"),
    [
        (state(), False, False),
        (state(clock=100), False, False),
        (state(clock=101), False, True),
        (state(epoch=2), False, True),
        (state(clock=101, record=True), True, False),
        (state(clock=101, chain=2), False, False),
        (state(record=True, chain=2), False, False),
    ],
)
def test_a_batch_is_executed_or_dead_or_neither(seen: Finalized, *, is_executed: bool, is_dead: bool) -> None:
    assert executed(PERMIT, seen) is is_executed
    assert dead(PERMIT, seen) is is_dead


def test_of_a_dead_batch_who_used_a_nonce_has_cancelled() -> None:
    assert fates(PERMIT, CLAIMS, state(clock=101, used=True), 0, THREE) == {ONE: "cancelled", TWO: "released"}
    assert fates(PERMIT, CLAIMS, state(clock=100, used=False), 0, THREE) == {}


def test_promises_release_once_no_permit_can_be() -> None:
    assert [by_promises(count, THREE) for count in range(4)] == [None, None, "released", "released"]
    assert by_promises(1, Guards(THREE.addresses, 3)) == "released"


def outcomes(**known: Fate) -> dict[tuple[bytes, int], Concluded]:
    number = {"one": 1, "two": 2}
    return {(account(number[name]), 0): concluded(number[name], fate) for name, fate in known.items()}


RELEASED = BatchReleased(chain=1, epoch=1, batch=7)


@pytest.mark.parametrize(
    ("known", "unclaimable", "said"),
    [
        (outcomes(), False, []),
        (outcomes(), True, [RELEASED]),
        (outcomes(one="released"), False, []),
        (outcomes(one="released"), True, [RELEASED]),
        (outcomes(one="released", two="released"), False, [RELEASED]),
        (outcomes(one="cancelled", two="released"), False, [RELEASED, IntentCancelled(owner=ONE[0], nonce=0)]),
        (outcomes(one="executed", two="executed"), False, [BatchExecuted(chain=1, epoch=1, batch=7, height=1)]),
    ],
)
def test_the_ledger_is_told_once_nothing_is_open(
    known: dict[tuple[bytes, int], Concluded], said: list[Told], *, unclaimable: bool
) -> None:
    assert told(PERMIT, known, unclaimable=unclaimable) == said


@pytest.mark.parametrize("known", [outcomes(one="executed", two="released"), outcomes(one="executed")])
def test_what_cannot_be_is_told_to_nobody(known: dict[tuple[bytes, int], Concluded]) -> None:
    assert isinstance(told(PERMIT, known, unclaimable=True), Contradiction)
