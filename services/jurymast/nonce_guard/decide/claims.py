"""Which claims a batch takes, and which of those in the log count.

The log is the lock: an attempt has one subject, which takes one message, and a claim is refused once a newer epoch record exists.
Whoever reads checks again, as a server that lost its tail, or was set up otherwise, may hold what it should have refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from jurymast.nonce_guard.decide.fate import next_attempt
from jurymast.nonce_guard.decide.veto import Veto
from jurymast.nonce_guard.decide.words import Fate, Identity, Permit

MOST = 1_000
"""What the server takes in one atomic publish."""


class Record(NamedTuple):
    """Of an epoch, in the log."""

    sequence: int
    state: Literal["open", "frozen", "cut"]
    epoch: int
    chain: int


class Claim(NamedTuple):
    """That an attempt of an identity is assigned to a batch."""

    sequence: int
    identity: Identity
    attempt: int
    chain: int
    epoch: int
    batch: int
    body: bytes


class Plan(NamedTuple):
    """One atomic publish: all of these attempts, or none."""

    attempts: tuple[tuple[Identity, int], ...]
    fence: int
    """The sequence of the epoch record that must still be the last one."""


class Unclaimable(NamedTuple):
    reason: str


def plan(
    permit: Permit,
    fates: Mapping[Identity, Sequence[Fate | None]],
    last: Record | None,
    held: AbstractSet[Identity] = frozenset(),
) -> Plan | Unclaimable:
    """What to publish, given the last epoch record and what became of every earlier attempt (None: not known yet). `held` are
    claimed for just this already: somebody may have claimed a part of a batch."""
    if not opens(last, permit):
        return Unclaimable(f"epoch {permit.epoch} is not open for chain {permit.chain}")
    if not 0 < len(permit.identities - held) <= MOST:
        return Unclaimable(f"{len(permit.identities - held)} claims do not fit into one publish of 1 to {MOST}")
    attempts: list[tuple[Identity, int]] = []
    for identity in sorted(permit.identities - held):
        if (attempt := next_attempt(fates.get(identity, ()))) is None:
            return Unclaimable(f"nonce {identity[1]} of {identity[0].hex()} was claimed before, and is not released")
        attempts.append((identity, attempt))
    return Plan(tuple(attempts), last.sequence if last else 0)


def opens(record: Record | None, permit: Permit) -> bool:
    return record is not None and (record.state, record.epoch, record.chain) == ("open", permit.epoch, permit.chain)


def counts(claim: Claim, records: Iterable[Record]) -> bool:
    """Whether the last epoch record below it is the one that opened its epoch for its chain."""
    below = [record for record in records if record.sequence < claim.sequence]
    last = max(below, key=lambda record: record.sequence, default=None)
    return last is not None and (last.state, last.epoch, last.chain) == ("open", claim.epoch, claim.chain)


def fates(
    claims: Iterable[Claim], records: Sequence[Record], outcomes: Mapping[tuple[Identity, int], Fate]
) -> dict[Identity, list[Fate | None]]:
    """Of each attempt in the log, for the next plan. One that does not count is nobody's to sign, and as good as released; its
    subject is taken all the same."""
    known: dict[tuple[Identity, int], Fate | None] = dict(outcomes)
    for claim in claims:
        known.setdefault((claim.identity, claim.attempt), None if counts(claim, records) else "released")
    found: dict[Identity, list[Fate | None]] = {}
    for identity, attempt in sorted(known):
        found.setdefault(identity, []).append(known[identity, attempt])
    return found


def claimed(permit: Permit, claims: Iterable[Claim], records: Sequence[Record]) -> Veto | None:
    """Before anything is signed: each identity of the batch has a claim that counts, for just this body, and no later one."""
    latest: dict[Identity, Claim] = {}
    for claim in claims:
        if claim.identity in permit.identities and counts(claim, records):
            known = latest.get(claim.identity)
            latest[claim.identity] = claim if known is None or claim.attempt > known.attempt else known
    for identity in sorted(permit.identities):
        held = latest.get(identity)
        if held is None:
            return Veto(f"nonce {identity[1]} of {identity[0].hex()} is not claimed")
        if (held.chain, held.epoch, held.batch, held.body) != (permit.chain, permit.epoch, permit.batch, permit.body):
            return Veto(f"nonce {identity[1]} of {identity[0].hex()} is claimed for batch {held.batch} of epoch {held.epoch}")
    return None
