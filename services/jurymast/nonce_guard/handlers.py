"""From a batch that is planned to this guard's part of its permit: examined, claimed, written into the journal, signed, told.

Each batch goes its own way, and goes on when anything was read about it. Whatever was interrupted begins anew: all that counts
stands in the logs and in the journal.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jurymast import clock
from jurymast.book.events import BatchExecuted, BatchPlanned, BatchReleased, BatchResolved
from jurymast.book.ledger import Applied
from jurymast.bus.atomic import Answer as AtomicAnswer
from jurymast.bus.atomic import Duplicate, Written
from jurymast.claims import ClaimsLog
from jurymast.crypto.address import checksummed
from jurymast.errors import Rejected, Transient
from jurymast.fold import Answer
from jurymast.messages.claims import Claimed
from jurymast.messages.ledger import Told
from jurymast.messages.permits import REFUSED, SIGNED, PermitRefused, PermitSigned
from jurymast.nonce_guard.decide.body import Examined, authorities, examine, stands, timely
from jurymast.nonce_guard.decide.claims import Unclaimable, claimed, plan
from jurymast.nonce_guard.decide.outcomes import promise
from jurymast.nonce_guard.decide.veto import Veto, earlier
from jurymast.nonce_guard.decide.words import BatchKey, Finalized, Identity, Permit, Reference
from jurymast.nonce_guard.groups import Groups
from jurymast.nonce_guard.guard import Guard
from jurymast.nonce_guard.views import end_of
from jurymast.permits import refusal
from jurymast.streams import CLAIMS, LEDGER
from jurymast.tasks import cancel

log = logging.getLogger(__name__)

TICK_S = 0.5
INLINE = 8
"""Batches with no more actions are examined at once: a thread costs more."""
AT_ONCE = 256
FEW = 4
"""Signatures that are not worth a batch: the server takes as long for one as for several messages by themselves."""
READ_S = 10.0
CATCH_UP_S = 3_600.0
SHOWN, CHARACTERS = 10, 200


@dataclass
class Work:
    """What this process knows of a batch, beside the logs."""

    planned: BatchPlanned
    since: float
    examined: Examined | None = None
    examining: asyncio.Task[Examined] | None = None
    signed: bool = False
    ended: bool = False
    """In the ledger."""
    busy: bool = False
    again: bool = False
    trouble: str = ""


class Signing:
    def __init__(self, guard: Guard) -> None:
        self._bus, self._fold, self._views, self._store = guard.bus, guard.fold, guard.views, guard.store
        self._signer, self._clocks, self._domain, self._longest = guard.signer, guard.clocks, guard.domain, guard.longest
        self._my_turn = guard.my_turn
        self.claims: Groups[Claimed] = Groups(self._publish_claims)
        self.permits: Groups[PermitSigned] = Groups(self._publish_permits)
        self._log = ClaimsLog(guard.bus)
        self.works: dict[BatchKey, Work] = {}
        self.guard = checksummed(guard.signer.address)
        self.refused: set[Reference] = set()
        """Said by this process."""
        self._suspects: dict[Reference, int] = {}
        """Claims for what the ledger does not have, and how far it has to be read before that is certain."""
        self._caught_up = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] | None = None
        self._room = asyncio.Semaphore(AT_ONCE)

    # -- what was read ---------------------------------------------------------------------------------------------------

    def heard(self, _: int, told: Told, answer: Answer) -> None:
        """Of the ledger, in its order."""
        if answer is not Applied.NOW:
            return
        match told.event:
            case BatchPlanned() as planned:
                self.works[planned.key] = Work(planned, clock.uptime_s())
                self.go_on(planned.key)
            case BatchExecuted() | BatchReleased() | BatchResolved() as ended:
                if work := self.works.get(ended.key):
                    work.ended = True

    def go_on(self, key: BatchKey) -> None:
        """Something about the batch may be otherwise than it was."""
        work = self.works.get(key)
        if work is None or not self._caught_up or work.signed or work.ended:
            return
        if work.busy:
            work.again = True
            return
        work.busy = True
        task = asyncio.create_task(self._advance(work), name=f"batch {key}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._failed and not self._failed.done() and not task.cancelled() and (error := task.exception()):
            self._failed.set_exception(error)

    # -- life ------------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self._failed = asyncio.get_running_loop().create_future()
        ticking = asyncio.create_task(self._tick_forever())
        try:
            await self._catch_up()
            await asyncio.wait({self._failed, ticking}, return_when=asyncio.FIRST_COMPLETED)
            (self._failed if self._failed.done() else ticking).result()
        finally:
            await cancel(ticking, *self._tasks)

    async def _catch_up(self) -> None:
        """Nothing is decided by half of the logs."""
        await self._fold.reach(await end_of(self._bus, LEDGER.name), CATCH_UP_S)
        await self._views.reach(await end_of(self._bus, CLAIMS.name), CATCH_UP_S)
        self._caught_up = True
        self._forget()
        for key in list(self.works):
            self.go_on(key)

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            if self._caught_up:
                for key in list(self.works):
                    self.go_on(key)
                self._forget()
                try:
                    await self._suspect()
                except (Transient, Rejected) as error:
                    log.warning("claims for unknown batches: %s", error)

    def _forget(self) -> None:
        """What has ended in the ledger, and of which no claim is open."""
        claimed_for = {reference[:3] for reference in self._views.log.open}
        for key in [key for key, work in self.works.items() if work.ended and key not in claimed_for]:
            del self.works[key]

    # -- one batch -------------------------------------------------------------------------------------------------------

    async def _advance(self, work: Work) -> None:
        try:
            while True:
                work.again = False
                async with self._room:
                    await self._once(work)
                if not work.again or work.signed:
                    return
        finally:
            work.busy = False

    async def _once(self, work: Work) -> None:
        try:
            trouble = await self._step(work)
        except (Transient, Rejected) as error:
            trouble = Veto(str(error))
        reason = trouble.reason if trouble else ""
        if reason and reason != work.trouble:
            log.info("batch %d of epoch %d on chain %d: %s", work.planned.batch, work.planned.epoch, work.planned.chain, reason)
        work.trouble = reason

    async def _step(self, work: Work) -> Veto | None:
        """As far as it goes now; why no further."""
        if veto := stands(self._fold.ledger, work.planned):
            return veto
        examined = await self.examined(work)
        permit, claims = examined.permit, self._views.log
        if examined.forged:
            if permit.reference in claims.open:
                await self._refuse(permit, examined.forged.reason)
            return examined.forged
        if permit.reference in claims.concluded:
            return Veto("it has ended")
        if veto := timely(
            work.planned, self._clocks.soft(permit.chain).clock, self._clocks.chains[permit.chain].unit, self._longest
        ):
            return veto
        if veto := claimed(permit, claims.of(permit.identities), claims.records):
            return await self._claim(permit) if self._my_turn(work.since) else veto
        return await self._sign(work, examined)

    async def examined(self, work: Work) -> Examined:
        if work.examined is None:
            owners = authorities(self._fold.ledger, work.planned)
            if len(work.planned.actions) <= INLINE:
                work.examined = examine(work.planned, self._domain, owners)
            else:
                work.examined = await asyncio.to_thread(examine, work.planned, self._domain, owners)
        return work.examined

    async def _claim(self, permit: Permit) -> Veto | None:
        claims = self._views.log
        planned = plan(permit, {each: claims.fates(each) for each in permit.identities}, claims.last, claims.held(permit))
        if isinstance(planned, Unclaimable):
            return Veto(planned.reason)
        answer = await self.claims.write(
            [
                Claimed(
                    account=owner.hex(), nonce=nonce, attempt=attempt, chain=permit.chain, epoch=permit.epoch,
                    batch=permit.batch, expiry=permit.expiry, body=permit.body,
                )
                for (owner, nonce), attempt in planned.attempts
            ],
            planned.fence,
        )  # fmt: skip
        match answer:
            case Written(last=last):
                await self._views.reach(last, READ_S)
                return None
            case Duplicate(taken=taken):
                await self._views.reach(max(each.sequence for each in taken), READ_S)
                return Veto("somebody else has claimed some of it")
            case refused:
                return Veto(refused.reason)

    async def _sign(self, work: Work, examined: Examined) -> Veto | None:
        permit = examined.permit
        proofs = await self._proofs(permit)
        if veto := stands(self._fold.ledger, work.planned):
            return veto
        if veto := await self._store.permit(permit, proofs):
            return veto
        signature = await self._signer.sign(examined.draft.digest)
        said = PermitSigned(
            chain=permit.chain, epoch=permit.epoch, batch=permit.batch, guard=self.guard, expiry=permit.expiry,
            body=permit.body, signature=signature,
        )  # fmt: skip
        answer = await self.permits.write([said])
        if not isinstance(answer, Written | Duplicate):  # What stands there is its own: nobody else may publish there.
            return Veto(answer.reason)
        work.signed = True
        return None

    async def _publish_claims(self, claims: Sequence[Claimed], after: int) -> AtomicAnswer:
        first = claims[0]
        return await self._log.claim(claims, after=after, id=f"{first.chain}/{first.epoch}/{first.batch}/{first.attempt}")

    async def _publish_permits(self, said: Sequence[PermitSigned], _: int) -> AtomicAnswer:
        """Few are faster one by one."""
        if len(said) > FEW:
            return await self._bus.publish_new(SIGNED, said, id=f"{said[0].chain}/{said[0].epoch}/{said[0].batch}")
        answers = [await self._bus.publish_new(SIGNED, [each], id=f"{each.chain}/{each.epoch}/{each.batch}") for each in said]
        return next((answer for answer in answers if not isinstance(answer, Written | Duplicate)), answers[-1])

    async def _proofs(self, permit: Permit) -> dict[int, Finalized]:
        """That what was signed before for the same identities is dead; after a loss, that every chain has left it behind."""
        before = earlier(self._store.journal, permit)
        wanted: dict[int, tuple[Iterable[Identity], Iterable[tuple[int, int]]]] = {
            chain: (permit.identities, [(other.epoch, other.batch) for other in others]) for chain, others in before.items()
        }
        if self._store.journal.lost_before is not None:
            wanted = {chain: wanted.get(chain, ((), ())) for chain in self._clocks.chains}
        return await self._clocks.finalized(wanted)

    # -- what is never signed ------------------------------------------------------------------------------------------------

    async def genuine(self, key: BatchKey) -> Permit | None:
        """What the ledger has planned under this number."""
        work = self.works.get(key)
        return (await self.examined(work)).permit if work else None

    async def _suspect(self) -> None:
        """Claims that are for no batch of the ledger, as far as it has to be read to be certain: the body comes first there."""
        for reference, claims in list(self._views.log.open.items()):
            certain = self._fold.sequence >= self._suspects.get(reference, self._fold.sequence + 1)
            genuine = await self.genuine(reference[:3])
            expiry = self._views.log.expiries.get(reference, 0)
            for identity, claim in list(claims.items()):
                if (body := promise(claim, genuine)) is None:
                    continue
                if certain:
                    await self._refuse(Permit(*reference[:3], expiry, body, frozenset({identity})), "it is not planned")
                elif reference not in self._suspects:
                    self._suspects[reference] = await end_of(self._bus, LEDGER.name)
        self._suspects = {reference: end for reference, end in self._suspects.items() if reference in self._views.log.open}

    async def _refuse(self, permit: Permit, reason: str) -> None:
        """Said once in a life, and again in the next one while it matters."""
        if permit.reference in self.refused:
            return
        if veto := await self._store.refuse(permit, await self._proofs(permit)):
            log.warning("batch %d of epoch %d is not refused: %s", permit.batch, permit.epoch, veto.reason)
            return
        said = PermitRefused(
            chain=permit.chain, epoch=permit.epoch, batch=permit.batch, guard=self.guard, body=permit.body.hex(),
            reason=reason[:CHARACTERS],
            signature=await self._signer.sign(refusal(*permit.reference).digest(self._domain)),
        )  # fmt: skip
        await self._bus.publish_new(REFUSED, [said], id=f"no/{_id(permit)}")
        self.refused.add(permit.reference)

    # -- how it stands -------------------------------------------------------------------------------------------------------

    async def check_journal(self) -> None:
        """Whether it may sign at all; `Transient` says why not."""
        lost = self._store.journal.lost_before
        if lost is None:
            return
        states = await self._clocks.finalized(dict.fromkeys(self._clocks.chains, ((), ())))
        if len(states) < len(self._clocks.chains) or not states or any(state.epoch <= lost for state in states.values()):
            raise Transient(
                f"the journal was lost: it signs nothing until a transition after epoch {lost} is final on every chain"
            )

    @property
    def waiting(self) -> int:
        return sum(not work.signed and not work.ended for work in self.works.values())

    def troubles(self) -> tuple[str, ...]:
        found = [f"batch {work.planned.batch}: {work.trouble}" for work in self.works.values() if work.trouble and not work.ended]
        return tuple(text[:CHARACTERS] for text in (*self._clocks.troubles.values(), *found)[:SHOWN])


def _id(permit: Permit) -> str:
    return f"{permit.chain}/{permit.epoch}/{permit.batch}/{permit.body.hex()}"
