"""Three guards, a real server, a real chain: what is permitted, executed and concluded, and what never is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from jurymast.book.events import BatchExecuted, BatchPlanned, BatchReleased, IntentCancelled
from jurymast.book.execute import Action
from jurymast.book.intents import identity
from jurymast.book.signed import ARBITRUM, SOLANA, Cancel
from jurymast.bus.atomic import Written
from jurymast.chains.operations import CancelBelow
from jurymast.chains.words import Wanted
from jurymast.claims import ClaimsLog
from jurymast.errors import Misconfigured
from jurymast.messages.claims import NONCE_GUARD, Claimed, Concluded
from jurymast.messages.permits import KEPT
from jurymast.nonce_guard.settings import NonceGuardSettings
from jurymast.permits import drafted
from tests.conformance.rig import Lie, Refused
from tests.mesh.guarding import ADDRESSES, DEADLINE, Guarded, guarded, swap
from tests.mesh.test_provision import jurymast
from tests.remote_signer import ReferenceSigner
from tests.servers import Service, eventually
from tests.unit.grids import ANN, BEN, DOMAIN, EUR, EVE, GUARD_KEYS, USD

SHORT = 30


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[Guarded]:
    async with guarded(tmp_path) as made:
        yield made


def by(signer: Any, action: Action) -> Action:
    return msgspec.structs.replace(action, signature=signer.key.sign(action.signed.digest(DOMAIN)))


def claims(planned: BatchPlanned, *actions: Action, attempt: int = 0, body: bytes = b"") -> list[Claimed]:
    """As a guard that was taken over may claim: whatever it likes."""
    identities = [identity(action.signed) for action in actions or planned.actions]
    return [
        Claimed(
            account=owner.hex(), nonce=nonce, attempt=attempt, chain=planned.chain, epoch=planned.epoch,
            batch=planned.batch, expiry=planned.expiry, body=body or drafted(planned, DOMAIN).body,
        )
        for owner, nonce in identities
    ]  # fmt: skip


async def claim(world: Guarded, said: list[Claimed]) -> None:
    last = await world.log.last_record()
    assert last is not None
    answer = await ClaimsLog(world.buses[NONCE_GUARD]).claim(said, after=last.sequence, id=repr(said))
    assert isinstance(answer, Written), answer


async def later(world: Guarded) -> None:
    """What was short is over, finally."""
    await world.rig.anvil.call("evm_increaseTime", SHORT + 1)
    await world.rig.blocks(1)
    await world.rig.finalize()


async def says(guard: Service, text: str) -> None:
    """In its readiness."""

    async def said() -> bool:
        return text in (await guard.get("/readyz"))[1]

    await eventually(said, 30, what=text)


async def proved(world: Guarded, outcome: Concluded) -> None:
    """The proof stands in the log, and shows it to whoever asks."""
    kept = await world.buses[NONCE_GUARD].read(KEPT, f"{KEPT.name}.{outcome.proof.cid}")
    assert kept is not None
    assert kept.message is not None
    whose = (bytes.fromhex(outcome.account), outcome.nonce)
    batches = frozenset({(outcome.epoch, outcome.batch)})
    wanted = Wanted(frozenset() if outcome.fate == "executed" else frozenset({whose}), batches)
    state = world.rig.chain.verify(kept.message.evidence, wanted, outcome.proof.block)
    assert bool(state.outcomes) == (outcome.fate == "executed")
    assert (state.at.height, state.at.clock, state.epoch) == (outcome.proof.height, outcome.proof.clock, outcome.proof.fence)


# -- what is executed --------------------------------------------------------------------------------------------------


async def test_a_batch_is_claimed_once_permitted_by_each_executed_and_concluded_with_its_proof(world: Guarded) -> None:
    await world.ready()
    actions = swap(0)
    planned = await world.plan(*actions)
    permits = await world.permits(planned)
    assert [len(life.claims) for life in await world.lives(*actions)] == [1, 1]
    before = await world.where(actions[0])
    assert {(each.executed_on, len(each.attempts), each.attempts[0].fate) for each in before} == {(0, 1, None)}
    await world.execute(planned, permits)
    await world.rig.finalize()
    outcomes = await world.outcomes(*actions)
    assert [outcome.fate for outcome in outcomes] == ["executed", "executed"]
    await proved(world, outcomes[0])
    (executed,) = await world.ledger(BatchExecuted)
    assert (executed.batch, executed.height) == (planned.batch, outcomes[0].proof.height)
    after = await world.where(actions[0])
    assert len(after) == 3
    assert {(each.executed_on, each.attempts[0].fate, each.chains[0].used) for each in after} == {(ARBITRUM, "executed", True)}
    assert [stand.waiting for stand in await world.stand()] == [0, 0, 0]
    assert world.server.keys is not None
    seed = ("--nats-seed", str(world.server.keys.file("operator")))
    code, output = await jurymast("intent", "where", ANN.id.hex(), "0", *seed, url=world.server.url)
    assert code == 0
    assert output.count("executed on chain 2") == 3
    assert output.count("chain 2: its nonce is used, finally") == 3
    code, output = await jurymast("intent", "where", ANN.id.hex(), "7", *seed, url=world.server.url)
    assert (code, output.count("not executed, as far as it knows")) == (1, 3)
    code, output = await jurymast("guard", "status", *seed, url=world.server.url)
    assert (code, output.count("leads"), output.count("1 permits")) == (0, 1, 3)


async def test_providers_that_lie_change_nothing_and_those_that_hang_only_take_time(world: Guarded) -> None:
    world.rig.lie(Lie.STATE)
    await world.ready()
    first = await world.plan(*swap(0))
    await world.execute(first, await world.permits(first))
    await world.rig.finalize()
    assert {each.fate for each in await world.outcomes(*first.actions)} == {"executed"}
    world.rig.hang()
    second = await world.plan(*swap(1), expiry=first.expiry)
    assert len(await world.permits(second)) == 3, "the clock that was seen last is good enough to sign"
    for middleman in world.rig.middlemen:
        middleman.lie = None
    await world.execute(second, await world.permits(second))
    await world.rig.finalize()
    assert {each.fate for each in await world.outcomes(*second.actions)} == {"executed"}


async def test_a_guard_whose_key_is_kept_elsewhere_signs_when_that_answers(world: Guarded) -> None:
    reference = ReferenceSigner(GUARD_KEYS)
    reference.answer = web.Response(status=503, body=b"not now")
    async with reference.serving():
        remote = {"JURYMAST_GUARD_KEY": "", "JURYMAST_SIGNER_URL": reference.url, "JURYMAST_SIGNER_ADDRESS": ADDRESSES[0]}
        await world.ready(0, **remote)
        planned = await world.plan(*swap(0))

        async def asked() -> bool:
            return reference.asked > 1

        await eventually(asked, what="a second try")
        assert await world.said(planned, 0) is None
        reference.answer = None
        await world.permits(planned, 0)


# -- what is released --------------------------------------------------------------------------------------------------


async def test_a_batch_that_expired_is_released_and_its_intents_are_permitted_again_once_the_first_permit_is_dead(
    world: Guarded,
) -> None:
    await world.ready()
    actions = swap(0)
    first = await world.plan(*actions, expiry=await world.clock() + SHORT)
    permits = await world.permits(first)
    await later(world)
    outcomes = await world.outcomes(*actions)
    assert [outcome.fate for outcome in outcomes] == ["released", "released"]
    await proved(world, outcomes[0])
    assert [event.batch for event in await world.ledger(BatchReleased)] == [first.batch]
    second = await world.plan(*actions)
    again = await world.permits(second)
    assert [[kept.message.attempt for kept in life.claims] for life in await world.lives(*actions)] == [[0, 1], [0, 1]]
    with pytest.raises(Refused):
        await world.execute(first, permits)
    await world.execute(second, again)
    await world.rig.finalize()
    assert [(each.fate, each.attempt) for each in await world.outcomes(*actions)] == [("executed", 1)] * 2


async def test_who_cancels_on_the_chain_is_not_planned_again_and_the_others_are(world: Guarded) -> None:
    await world.ready()
    actions = swap(0)
    planned = await world.plan(*actions, expiry=await world.clock() + SHORT)
    await world.permits(planned)
    cancel = Cancel(account=ANN.id, floor=1, chain=ARBITRUM)
    await world.rig.run(CancelBelow(cancel, ANN.key.sign(cancel.digest(DOMAIN))))
    await later(world)
    assert [outcome.fate for outcome in await world.outcomes(*actions)] == ["cancelled", "released"]
    (gone,) = await world.ledger(IntentCancelled)
    assert (gone.owner, gone.nonce) == (ANN.id, 0)
    assert [event.batch for event in await world.ledger(BatchReleased)] == [planned.batch]


async def test_what_was_planned_and_not_claimed_when_its_epoch_was_frozen_is_released(world: Guarded) -> None:
    planned = await world.plan(*swap(0))
    await world.freeze()
    await world.ready()
    assert [event.batch for event in await world.ledger(BatchReleased)] == [planned.batch]
    assert [life.claims for life in await world.lives(*planned.actions)] == [(), ()]
    assert await world.said(planned, 0) is None


# -- what is never signed ----------------------------------------------------------------------------------------------


async def test_what_is_forged_stale_or_for_something_else_is_neither_claimed_nor_signed(world: Guarded) -> None:
    await world.ready()
    now = await world.clock()
    ann, ben = swap(0)
    forged = await world.plan(ann, by(EVE, ben))
    one, two = swap(1)
    elsewhere = await world.plan(one, msgspec.structs.replace(two, signature=BEN.key.sign(bytes(32))))
    stale = await world.plan(*swap(2), expiry=now - 1)
    endless = await world.plan(*swap(3), expiry=now + 1_000_000)
    late = await world.plan(ANN.intent(4, EUR, 10, USD, deadline=now - 5), BEN.intent(4, USD, 10, EUR, deadline=DEADLINE))
    wrong = await world.plan(*swap(5), chain=SOLANA)
    good = await world.plan(*swap(6))
    await world.permits(good)
    for planned in (forged, elsewhere, stale, endless, late, wrong):
        assert [life.claims for life in await world.lives(*planned.actions)] == [(), ()]
        assert [await world.said(planned, number) for number in range(3)] == [None] * 3
    reasons = {trouble for stand in await world.stand() for trouble in stand.troubles}
    for part in (
        f"batch {forged.batch}: nonce 0",
        "is not signed by its owner",
        f"batch {stale.batch} expired",
        "lasts until",
        "was good until",
    ):
        assert any(part in reason for reason in reasons), (part, reasons)
    assert [event.batch for event in await world.ledger(BatchReleased)] == [stale.batch], "nobody will ever sign it"


async def test_what_a_guard_that_was_taken_over_claims_is_refused_by_the_others_and_can_be_claimed_again(world: Guarded) -> None:
    (ann, ben), (cat, dan), (eve, fay) = swap(0), swap(1), swap(2)
    await world.accept(ann, ben, cat, dan, eve, fay)
    made_up = BatchPlanned(chain=ARBITRUM, epoch=1, batch=1, expiry=await world.clock() + 600, actions=(ann,), prices={})
    await claim(world, claims(made_up, ann, body=b"\x77" * 32))
    good = await world.plan(cat, dan)
    await claim(world, claims(good, eve))  # One that is no part of it.
    forged = await world.plan(fay, by(BEN, swap(3)[0]))
    await claim(world, claims(forged))
    await world.ready(0, 1)
    assert len(await world.permits(good, 0, 1)) == 2, "the batch itself is signed all the same"
    released = await world.outcomes(ann, eve, *forged.actions)
    assert {(each.fate, each.proof.height) for each in released} == {("released", 0)}
    assert [event.batch for event in await world.ledger(BatchReleased)] == [forged.batch]
    again = await world.plan(ann, ben)
    await world.permits(again, 0, 1)
    assert [kept.message.attempt for kept in (await world.lives(ann))[0].claims] == [0, 1]


async def test_a_batch_of_which_another_has_claimed_a_part_is_claimed_to_its_end_and_one_that_lost_a_part_is_not_signed(
    world: Guarded,
) -> None:
    await world.accept(*swap(0), *swap(1))
    first = await world.plan(*swap(0))
    await claim(world, claims(first, swap(0)[0]))
    second = await world.plan(*swap(1))
    await claim(world, claims(first, swap(1)[1], body=b"\x78" * 32))
    await world.ready(0)
    await world.permits(first, 0)
    assert await world.said(second, 0) is None
    assert (await world.lives(swap(1)[0]))[0].claims == ()


# -- journals ------------------------------------------------------------------------------------------------------------


async def test_of_two_guards_with_one_key_one_ends_and_the_other_is_silent(world: Guarded) -> None:
    (first,) = await world.ready(0)
    await world.permits(await world.plan(*swap(0)), 0)
    second = world.start(0, JURYMAST_JOURNAL=str(world.directory / "another.journal"))
    await says(second, "the journal was lost: it signs nothing until a transition after epoch 1")
    planned = await world.plan(*swap(1))
    assert await first.process.wait() == 1, "it hears of the other one when it wants to sign"
    assert await world.said(planned, 0) is None


async def test_a_guard_whose_journal_was_copied_back_says_so_and_signs_and_promises_nothing(world: Guarded) -> None:
    (guard,) = await world.ready(0)
    await world.permits(await world.plan(*swap(0)), 0)
    copy = world.journal(0).read_bytes()
    await world.permits(await world.plan(*swap(1)), 0)
    guard.process.end()
    world.journal(0).write_bytes(copy)
    back = world.start(0)
    await says(back, "the journal was lost: it signs nothing until a transition after epoch 1")
    await world.ready(1)
    good, forged = await world.plan(*swap(2)), await world.plan(by(BEN, swap(3)[0]))
    await claim(world, claims(forged))
    await world.permits(good, 1)
    await eventually(lambda: world.refused(forged, 1), what="the word of the other one")
    assert (await world.said(good, 0), await world.refused(forged, 0)) == (None, None)
    (stand,) = [each for each in await world.stand(2) if each.lost_before >= 0]
    assert stand.lost_before == 1


def test_a_guard_is_one_of_those_that_it_counts() -> None:
    settings = NonceGuardSettings(
        application="00" * 32, treasury="00" * 32, guards="0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", threshold=2, journal="x"
    )
    with pytest.raises(Misconfigured, match="that many can never sign"):
        settings.all_guards(bytes(20))
