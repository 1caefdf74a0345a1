"""What became of claims: seen finally, kept with its proof, written once, then told to the ledger.

Any guard goes on with what another began.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple, TypeVar

import msgspec

from jurymast import clock
from jurymast.book.events import IntentCancelled
from jurymast.book.state import Fate as LedgerFate
from jurymast.book.state import Phase
from jurymast.bus.atomic import Duplicate, Refused
from jurymast.bus.publish import Occupied
from jurymast.chains.words import Proved, Wanted
from jurymast.claims import ClaimsLog
from jurymast.crypto.cid import cid_of
from jurymast.errors import Rejected, Transient
from jurymast.messages.claims import Concluded, Proof
from jurymast.messages.ledger import ENDED, GONE, Ended, IntentGone
from jurymast.messages.permits import KEPT, ProofKept
from jurymast.nonce_guard.decide.claims import Claim
from jurymast.nonce_guard.decide.outcomes import Contradiction, by_promises, dead, executed, fates, finalized, promise, told
from jurymast.nonce_guard.decide.words import BatchKey, Fate, Identity, Permit
from jurymast.nonce_guard.guard import Guard
from jurymast.nonce_guard.handlers import Signing

log = logging.getLogger(__name__)

T = TypeVar("T")
SWEEP_S = 0.5
IN_A_PROOF = 64
"""Batches, or identities: a message has to hold what shows them."""
READ_S = 10.0
AGAIN_S = 5.0
"""What was told to the ledger and is not in it after so long is told again."""


class _Open(NamedTuple):
    permit: Permit
    claims: Mapping[Identity, Claim]


class Concluder:
    def __init__(self, guard: Guard, signing: Signing) -> None:
        self._bus, self._fold, self._views, self._store = guard.bus, guard.fold, guard.views, guard.store
        self._clocks, self._guards, self._my_turn, self._signing = guard.clocks, guard.guards, guard.my_turn, signing
        self._log = ClaimsLog(guard.bus)
        self._noticed: dict[Hashable, float] = {}
        """Since when something could be done: who does not lead waits a moment."""
        self._seen: set[Hashable] = set()
        self._dead: set[BatchKey] = set()
        """Batches that a finalized state shows to be dead."""
        self._told: dict[BatchKey, float] = {}
        self._asked: dict[int, Hashable] = {}
        """By chain the final block, and about what it was asked."""
        self._later = False
        """Something could be done that others may do first."""
        self.trouble = ""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            self.trouble = ""
            self._seen = set()
            for step in (self._by_promises, self._by_states, self._tell):
                try:
                    await step()
                except (Transient, Rejected) as error:
                    self.trouble = str(error)
                    log.warning("outcomes: %s", error)
            self._noticed = {what: since for what, since in self._noticed.items() if what in self._seen}

    def _due(self, what: Hashable) -> bool:
        self._seen.add(what)
        due = self._my_turn(self._noticed.setdefault(what, clock.uptime_s()))
        self._later = self._later or not due
        return due

    # -- by promises of guards ---------------------------------------------------------------------------------------------

    async def _by_promises(self) -> None:
        for reference, claims in list(self._views.log.open.items()):
            genuine = await self._signing.genuine(reference[:3])
            for claim in list(claims.values()):
                body = promise(claim, genuine) or claim.body
                said = self._views.refusals.get((*reference[:3], body), {})
                if by_promises(len(said), self._guards) and self._due(("promise", claim.identity, claim.attempt)):
                    evidence = msgspec.msgpack.encode([said[guard] for guard in sorted(said)])
                    cid = await self._keep(0, evidence)
                    proof = Proof(height=0, block=b"", clock=0, fence=0, cid=cid)
                    await self._conclude([(claim, "released")], proof)

    # -- by finalized states -----------------------------------------------------------------------------------------------

    async def _by_states(self) -> None:
        by_chain: dict[int, list[_Open]] = {}
        async for each in self._questions():
            by_chain.setdefault(each.permit.chain, []).append(each)
        for chain, questions in by_chain.items():
            if chain not in self._clocks.chains:
                continue
            asked = (self._clocks.final(chain), frozenset(each.permit.reference for each in questions))
            if asked == self._asked.get(chain):  # A final state says the same for ever.
                continue
            self._later = False
            for part in _parts(questions):
                await self._ask(chain, part)
            if not self._later:
                self._asked[chain] = asked

    async def _questions(self) -> AsyncIterator[_Open]:
        """Every batch with open claims, as far as they are for it; and those that are planned and not claimed."""
        for key in list(self._signing.works):
            permit = await self._signing.genuine(key)
            if permit is None:
                continue
            claims = self._views.log.open.get(permit.reference, {})
            own = {identity: claim for identity, claim in claims.items() if identity in permit.identities}
            if own or (self._planned(key) and key not in self._dead):
                yield _Open(permit, own)

    async def _ask(self, chain: int, questions: Sequence[_Open]) -> None:
        wanted = Wanted(batches=frozenset((each.permit.epoch, each.permit.batch) for each in questions))
        proved = await self._clocks.state(chain, wanted)
        state = finalized(proved.state)
        done = [each for each in questions if each.claims and executed(each.permit, state)]
        due = [each for each in done if self._due(("executed", each.permit.key))]
        if due:
            proof = await self._proof(proved)
            for each in due:
                await self._conclude([(claim, "executed") for claim in each.claims.values()], proof)
        for each in questions:
            if dead(each.permit, state):
                self._dead.add(each.permit.key)
                if each.claims and self._due(("dead", each.permit.key)):
                    await self._release(each)

    async def _release(self, each: _Open) -> None:
        permit = each.permit
        refusals = len(self._views.refusals.get(permit.reference, {}))
        for part in _parts(sorted(each.claims)):
            wanted = Wanted(frozenset(part), frozenset({(permit.epoch, permit.batch)}))
            proved = await self._clocks.state(permit.chain, wanted)
            claims = {identity: each.claims[identity] for identity in part}
            found = fates(permit, claims, finalized(proved.state), refusals, self._guards)
            if found:
                await self._conclude([(claims[identity], known) for identity, known in found.items()], await self._proof(proved))

    async def _proof(self, proved: Proved) -> Proof:
        state = proved.state
        cid = await self._keep(state.chain, proved.evidence)
        return Proof(height=state.at.height, block=state.at.hash, clock=state.at.clock, fence=state.epoch, cid=cid)

    # -- writing -----------------------------------------------------------------------------------------------------------

    async def _keep(self, chain: int, evidence: bytes) -> str:
        """Before anything is said that rests on it."""
        cid = str(cid_of(evidence))
        with suppress(Occupied):  # It is known by its own bytes: whoever kept it kept the same.
            await self._bus.publish(KEPT, ProofKept(cid=cid, chain=chain, evidence=evidence), id=cid)
        return cid

    async def _conclude(self, found: Sequence[tuple[Claim, Fate]], proof: Proof) -> None:
        outcomes = [
            Concluded(
                account=claim.identity[0].hex(), nonce=claim.identity[1], attempt=claim.attempt, fate=fate,
                chain=claim.chain, epoch=claim.epoch, batch=claim.batch, proof=proof,
            )
            for claim, fate in found
        ]  # fmt: skip
        first = outcomes[0]
        answer = await self._log.conclude(outcomes, id=f"{first.account}/{first.nonce}/{first.attempt}/{proof.cid}")
        match answer:
            case Duplicate(taken=taken):
                await self._views.reach(max(each.sequence for each in taken), READ_S)
            case Refused(reason=reason):
                raise Rejected(reason)

    # -- the ledger ----------------------------------------------------------------------------------------------------------

    def _planned(self, key: BatchKey) -> bool:
        ledger = self._fold.ledger
        return ledger.fates.get(key) is LedgerFate.PLANNED and key[1] == ledger.opened and ledger.phase is not Phase.CUT

    async def _tell(self) -> None:
        for key in list(self._signing.works):
            if not self._planned(key) or clock.uptime_s() - self._told.get(key, -AGAIN_S) < AGAIN_S:
                continue
            permit = await self._signing.genuine(key)
            if permit is None or (ended := self._views.log.ended(permit)) is None:
                continue
            events = told(permit, ended, unclaimable=self._unclaimable(permit))
            if isinstance(events, Contradiction):
                raise Rejected(events.reason)
            if events and self._due(("ledger", key)):
                for event in events:
                    if isinstance(event, IntentCancelled):
                        await self._bus.publish(GONE, IntentGone(event=event), id=event.id.hex())
                    else:
                        await self._bus.publish(ENDED, Ended(event=event), id=event.id.hex())
                self._told[key] = clock.uptime_s()

    def _unclaimable(self, permit: Permit) -> bool:
        """Nobody can claim what is left of it; or it is dead, whoever does. What this key has signed needs the latter."""
        if permit.key in self._dead:
            return True
        signed = any(permit in self._store.journal.permits.get(identity, ()) for identity in permit.identities)
        return not signed and self._views.log.closed_behind(permit)


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    rest = iter(items)
    while part := list(islice(rest, IN_A_PROOF)):
        yield part
