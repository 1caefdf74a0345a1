"""What the log of claims says, read in its order: which epoch is open, who is claimed for what, and what became of whom.

A follower may be late. What it decides by is true all the same: which claims count is decided by what stands below them, and
nothing there ever changes; who claims by it is refused by the server if it was late.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from jurymast.messages.claims import Claimed, Concluded, EpochRecord
from jurymast.nonce_guard.decide.claims import Claim, Record, counts, fates
from jurymast.nonce_guard.decide.words import BatchKey, Fate, Identity, Permit, Reference


@dataclass
class Log:
    sequence: int = 0
    """Of the last message that was read, whatever it was."""
    records: list[Record] = field(default_factory=list)
    claims: dict[Identity, list[Claim]] = field(default_factory=dict)
    outcomes: dict[Identity, dict[int, Concluded]] = field(default_factory=dict)
    """By attempt."""
    open: dict[Reference, dict[Identity, Claim]] = field(default_factory=dict)
    """Claims of which it is not known what became of them."""
    expiries: dict[Reference, int] = field(default_factory=dict)
    """As the claims say, of those."""
    concluded: set[Reference] = field(default_factory=set)
    """Batches of which something has ended: nothing more is claimed for them, or signed."""

    def take(self, sequence: int, message: EpochRecord | Claimed | Concluded) -> BatchKey | None:
        """The batch that it is about."""
        self.sequence = sequence
        match message:
            case EpochRecord():
                self.records.append(Record(sequence, message.state, message.epoch, message.chain))
                return None
            case Claimed():
                self._claim(sequence, message)
            case Concluded():
                self._conclude(message)
        return message.chain, message.epoch, message.batch

    def _claim(self, sequence: int, said: Claimed) -> None:
        identity = (bytes.fromhex(said.account), said.nonce)
        claim = Claim(sequence, identity, said.attempt, said.chain, said.epoch, said.batch, said.body)
        self.claims.setdefault(identity, []).append(claim)
        reference = (said.chain, said.epoch, said.batch, said.body)
        if said.attempt in self.outcomes.get(identity, {}):
            self.concluded.add(reference)
        else:
            self.open.setdefault(reference, {})[identity] = claim
            self.expiries[reference] = said.expiry

    def _conclude(self, said: Concluded) -> None:
        identity = (bytes.fromhex(said.account), said.nonce)
        self.outcomes.setdefault(identity, {})[said.attempt] = said
        self.concluded |= {
            (claim.chain, claim.epoch, claim.batch, claim.body)
            for claim in self.claims.get(identity, ())
            if claim.attempt == said.attempt
        }
        for claim in self.claims.get(identity, ()):
            if claim.attempt == said.attempt:
                self._close((claim.chain, claim.epoch, claim.batch, claim.body), identity)

    def _close(self, reference: Reference, identity: Identity) -> None:
        if claims := self.open.get(reference):
            claims.pop(identity, None)
            if not claims:
                del self.open[reference]
                self.expiries.pop(reference, None)

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def last(self) -> Record | None:
        return self.records[-1] if self.records else None

    def of(self, identities: Iterable[Identity]) -> list[Claim]:
        return [claim for identity in identities for claim in self.claims.get(identity, ())]

    def fates(self, identity: Identity) -> list[Fate | None]:
        """By attempt; None where it is not known."""
        known = {(identity, attempt): outcome.fate for attempt, outcome in self.outcomes.get(identity, {}).items()}
        return fates(self.claims.get(identity, ()), self.records, known).get(identity, [])

    def held(self, permit: Permit) -> frozenset[Identity]:
        """Of its identities those that are claimed for just this, and not concluded."""
        claims = self.open.get(permit.reference, {})
        return frozenset(each for each, claim in claims.items() if each in permit.identities and counts(claim, self.records))

    def ended(self, permit: Permit) -> dict[Identity, Concluded] | None:
        """How each attempt for this ended; None while that of one is open."""
        if self.open.get(permit.reference):
            return None
        found: dict[Identity, Concluded] = {}
        for claim in self.of(permit.identities):
            outcome = self.outcomes.get(claim.identity, {}).get(claim.attempt)
            if outcome and (claim.chain, claim.epoch, claim.batch, claim.body) == permit.reference:
                found[claim.identity] = outcome
        return found

    def closed_behind(self, permit: Permit) -> bool:
        """Nobody can claim anything for it any more: its epoch is not open, and what was claimed before that is known here."""
        return any(
            record.epoch > permit.epoch or (record.epoch, record.state) == (permit.epoch, "frozen") for record in self.records
        )
