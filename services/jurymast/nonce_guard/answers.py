"""Where something was executed, and how this guard stands, for whoever asks."""

from __future__ import annotations

from jurymast.chains.words import Wanted
from jurymast.crypto.address import checksummed
from jurymast.errors import JurymastError
from jurymast.messages.claims import Concluded
from jurymast.messages.permits import Attempted, GuardAsked, GuardStands, SeenOn, Where, WhereAsked
from jurymast.nonce_guard.conclude import Concluder
from jurymast.nonce_guard.decide.claims import Claim
from jurymast.nonce_guard.decide.words import Identity
from jurymast.nonce_guard.guard import Guard
from jurymast.nonce_guard.handlers import CHARACTERS, Signing

NONE = -1


class Answers:
    def __init__(self, guard: Guard, signing: Signing, concluder: Concluder, instance: str) -> None:
        self._guard, self._signing, self._concluder, self._instance = guard, signing, concluder, instance

    async def where(self, asked: WhereAsked) -> Where:
        """By the log, which is right where it knows; and by what each chain says itself."""
        identity = (bytes.fromhex(asked.account), asked.nonce)
        log = self._guard.views.log
        outcomes = log.outcomes.get(identity, {})
        attempts = tuple(_attempt(claim, outcomes.get(claim.attempt)) for claim in log.claims.get(identity, ()))
        chains = [await self._seen(number, identity) for number in sorted(self._guard.clocks.chains)]
        executed = next((each.chain for each in attempts if each.fate == "executed"), 0)
        return Where(
            guard=checksummed(self._guard.signer.address), account=asked.account, nonce=asked.nonce,
            executed_on=executed, attempts=attempts, chains=tuple(chains),
        )  # fmt: skip

    async def _seen(self, chain: int, identity: Identity) -> SeenOn:
        try:
            proved = await self._guard.clocks.state(chain, Wanted(frozenset({identity})))
        except JurymastError as error:
            return SeenOn(chain=chain, height=0, trouble=str(error)[:CHARACTERS])
        return SeenOn(chain=chain, height=proved.state.at.height, used=identity in proved.state.used)

    async def stands(self, asked: GuardAsked) -> GuardStands | None:
        address, store, log = checksummed(self._guard.signer.address), self._guard.store, self._guard.views.log
        if asked.guard not in ("", address):
            return None
        lost = store.journal.lost_before
        troubles = (*([self._concluder.trouble] if self._concluder.trouble else []), *self._signing.troubles())
        return GuardStands(
            guard=address, instance=self._instance, leads=self._guard.lease.held,
            ledger=self._guard.fold.sequence, claims=log.sequence, journal=store.sequence, frozen=store.journal.frozen,
            lost_before=NONE if lost is None else lost, signed=len({p for ps in store.journal.permits.values() for p in ps}),
            waiting=self._signing.waiting, unconcluded=sum(map(len, log.open.values())),
            troubles=tuple(text[:CHARACTERS] for text in troubles),
        )  # fmt: skip


def _attempt(claim: Claim, outcome: Concluded | None) -> Attempted:
    return Attempted(
        attempt=claim.attempt, chain=claim.chain, epoch=claim.epoch, batch=claim.batch,
        fate=outcome.fate if outcome else None, cid=outcome.proof.cid if outcome else "",
    )  # fmt: skip
