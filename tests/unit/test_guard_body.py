"""What a batch must be to be signed: planned as it is, signed by its owners, in time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from jurymast.book.events import BatchPlanned, BatchReleased, IntentAccepted
from jurymast.book.execute import Action
from jurymast.book.signed import ARBITRUM, SOLANA, Permit, domain
from jurymast.nonce_guard.decide.body import Examined, authorities, examine, stands, timely
from jurymast.permits import digest, drafted, numbered
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, EVE, NOW, ORACLE, SOL, SOON, TERMS, USD, permitted
from tests.unit.ledgers import World

SWAP = (ANN.intent(0, EUR, 10, USD), BEN.intent(0, USD, 10, EUR))


def world() -> World:
    made = World(ARBITRUM)
    made.deposit(ANN, EUR, 1_000)
    made.deposit(BEN, USD, 1_000)
    return made


def planned(made: World, *actions: Action) -> BatchPlanned:
    for action in actions:
        made.say(IntentAccepted(action=action, now=NOW))
    body = numbered(made.planned(*actions))
    made.say(body)
    return body


def examined(made: World, body: BatchPlanned) -> Examined:
    return examine(body, DOMAIN, authorities(made.ledger, body))


def test_the_permit_is_the_one_that_the_contract_rebuilds() -> None:
    made = world()
    body = planned(made, *SWAP)
    permit = permitted(made.grid, *SWAP, number=body.batch, absent=body.absent, expiry=body.expiry).permit
    draft = drafted(body, DOMAIN)
    assert draft.permit == permit
    assert draft.digest == permit.digest(DOMAIN) == digest(draft.body, DOMAIN)
    found = examined(made, body)
    assert found.forged is None
    assert found.permit.identities == {(ANN.id, 0), (BEN.id, 0)}
    assert stands(made.ledger, body) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"chain": 1}, {"epoch": 2}, {"batch": 9}, {"expiry": 1}, {"prices": {EUR: 2, USD: 1}}, {"absent": ((ANN.id, 9),)},
        {"dead": ((ANN.id, 5),)}, {"actions": SWAP[::-1]},
    ],
)  # fmt: skip
def test_every_part_of_a_batch_is_in_its_body(changed: dict[str, Any]) -> None:
    made = world()
    body = planned(made, *SWAP)
    other = msgspec.structs.replace(body, **changed)
    assert drafted(other, DOMAIN).body != drafted(body, DOMAIN).body
    assert stands(made.ledger, other) is not None, "and it is not what is planned"


def test_another_application_is_another_digest_of_everything() -> None:
    made = world()
    body = planned(made, *SWAP)
    other = examine(body, domain(b"\x01" * 32), authorities(made.ledger, body))
    assert other.forged is not None
    assert other.draft.digest != examined(made, body).draft.digest


def by(signer: Any, action: Action) -> Action:
    return msgspec.structs.replace(action, signature=signer.key.sign(action.signed.digest(DOMAIN)))


@pytest.mark.parametrize(
    "forged",
    [
        by(EVE, SWAP[1]),
        msgspec.structs.replace(SWAP[1], signature=SWAP[0].signature),
        msgspec.structs.replace(SWAP[1], signature=bytes(65)),
        msgspec.structs.replace(SWAP[1], signature=b""),
    ],
)
def test_one_action_that_its_owner_has_not_signed_spoils_the_batch(forged: Action) -> None:
    made = world()
    veto = examined(made, planned(made, SWAP[0], forged)).forged
    assert veto is not None
    assert BEN.id.hex() in veto.reason


def test_a_key_that_was_registered_signs_and_one_that_was_not_does_not() -> None:
    for registered in (False, True):
        made = World(SOLANA)
        made.deposit(SOL, EUR, 100)
        if registered:
            made.register(SOL)
        assert (examined(made, planned(made, SOL.withdrawal(0, EUR, 5, chain=SOLANA))).forged is None) is registered


def test_a_verdict_is_signed_by_the_oracle_of_its_terms() -> None:
    made = world()
    verdict = ORACLE.verdict(TERMS)
    for action, good in ((verdict, True), (by(EVE, verdict), False)):
        body = numbered(BatchPlanned(chain=ARBITRUM, epoch=1, batch=0, expiry=SOON, actions=(action,), prices={}))
        assert (examined(made, body).forged is None) is good


def test_a_number_follows_from_all_of_the_batch_so_that_it_stands_for_no_other_one() -> None:
    made = world()
    body = planned(made, *SWAP)
    assert numbered(msgspec.structs.replace(body, batch=7)) == body
    for other in (
        msgspec.structs.replace(body, expiry=body.expiry + 1),
        msgspec.structs.replace(body, epoch=2),
        msgspec.structs.replace(body, actions=SWAP[:1]),
        msgspec.structs.replace(body, dead=((ANN.id, 5),)),
    ):
        assert numbered(other).batch != body.batch
        forged = examined(made, other).forged
        assert forged is not None
        assert "does not follow from the batch" in forged.reason


def test_what_has_ended_is_not_planned_any_more() -> None:
    made = world()
    body = planned(made, *SWAP)
    made.must(BatchReleased(chain=ARBITRUM, epoch=1, batch=body.batch))
    assert stands(made.ledger, body) is not None


@pytest.mark.parametrize(
    ("clock", "unit", "good"),
    [
        (NOW, "second", True),
        (SOON - 1, "second", True),
        (SOON, "second", False),
        (SOON - 500, "second", True),
        (SOON - 501, "second", False),
        (SOON - 501, "slot", False),
    ],
)
def test_a_permit_expires_in_the_future_and_not_too_far_in_it(clock: int, unit: Any, *, good: bool) -> None:
    made = world()
    body = planned(made, *SWAP)
    assert (timely(body, clock, unit, 500 if clock != NOW else 1_000) is None) is good


def test_a_deadline_that_has_passed_is_not_signed_where_the_clock_tells() -> None:
    made = world()
    actions = (ANN.intent(0, EUR, 10, USD, deadline=NOW + 10), SWAP[1])
    body = planned(made, *actions)
    assert timely(body, NOW + 10, "second", 1_000) is None
    assert timely(body, NOW + 11, "second", 1_000) is not None
    assert timely(body, NOW + 11, "slot", 1_000) is None, "slots are no seconds: its contract will tell"


def test_the_permit_has_all_that_a_permit_has() -> None:
    assert set(Permit.__struct_fields__) == {"chain", "epoch", "batch", "expiry", "actions", "prices", "absent", "dead"}
