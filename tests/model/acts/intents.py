"""Intents are planned, claimed, and their outcomes recorded; and the ledger follows."""

from __future__ import annotations

from collections.abc import Iterator

from jurymast.book.state import Phase
from jurymast.nonce_guard.decide import claims
from jurymast.nonce_guard.decide.words import Fate
from tests.model import guards
from tests.model.chains import SIDES, STATES
from tests.model.guards import GIVEN
from tests.model.log import Claimed, Outcome, claim_of, claims_of, fates, last_sequence, publish, views
from tests.model.money import LEDGERS, outstanding, proposals, say
from tests.model.names import Change, bits, remembered
from tests.model.orders import NAMES, PERMITS, named, permit_of
from tests.model.rules import Rules
from tests.model.switching import DESKS
from tests.model.telling import Kept, everything
from tests.model.world import Step, World, final


def plan(world: World, rules: type[Rules]) -> Iterator[Step]:
    """Somebody plans a batch: its body is in the ledger before it is claimed."""
    chain = LEDGERS[world.ledger].ledger.chain
    clock = SIDES[STATES[world[chain + 1]].soft].clock
    for label, ledger in _plans(rules, world.ledger, min(clock + 1, rules.last_clock - 1)):
        yield label, world._replace(ledger=ledger)


@remembered
def _plans(rules: type[Rules], ledger: int, expiry: int) -> tuple[Change, ...]:
    found = ((permit, say(rules, ledger, ("planned", permit))) for permit in proposals(rules, ledger, expiry))
    return tuple(
        (f"{named(permit)} is planned: epoch {epoch}, chain {chain}, until {expiry}", after)
        for permit, after in found
        if after != ledger
        for _, _, chain, epoch, *_ in [PERMITS[permit]]
    )


def claim(world: World, rules: type[Rules]) -> Iterator[Step]:
    """By whoever has read the log so far, or read it long ago."""
    for label, log in _claims(rules, world.log, world.ledger):
        yield label, world._replace(log=log)


@remembered
def _claims(rules: type[Rules], log: int, ledger: int) -> tuple[Change, ...]:
    found = []
    for permit in outstanding(ledger):
        if permit in claim_of(log):
            continue
        for view in views(log):
            planned = rules.plan(permit_of(permit), fates(rules, log), view)
            if isinstance(planned, claims.Plan):
                after = publish(rules, log, Claimed(permit, planned.attempts), planned.fence)
                late = "" if view.sequence == last_sequence(log) else ", by one who is late"
                if after != log:
                    found.append((f"{named(permit)} is claimed{late}", after))
    return tuple(found)


def record(world: World, rules: type[Rules]) -> Iterator[Step]:
    """What became of a claim, from final states, once for ever."""
    one, other = final(world) if rules.fates_from_final else (STATES[world.one].soft, STATES[world.other].soft)
    refused = GIVEN[guards.given(rules, world.guards)].refused
    for label, log in _outcomes(rules, world.log, one, other, refused):
        yield label, world._replace(log=log)


@remembered
def _outcomes(rules: type[Rules], log: int, one: int, other: int, refused: int) -> tuple[Change, ...]:
    found = []
    for claimed, _ in claims_of(log):
        after, fate_of = log, []
        for identity, attempt in claimed.attempts:  # Also by one who is late, and does not know that it is recorded.
            fate = _fate(rules, claimed.permit, identity, one, other, bool(refused >> claimed.permit & 1))
            if fate:
                after = publish(rules, after, Outcome(identity, attempt, fate))
                fate_of.append(fate)
        if after != log:
            found.append((f"{named(claimed.permit)} is recorded as {' and '.join(dict.fromkeys(fate_of))}", after))
    return tuple(found)


def _fate(rules: type[Rules], permit: int, identity: tuple[bytes, int], one: int, other: int, refused: bool) -> Fate | None:
    words = permit_of(permit)
    refusals = guards.COUNT if refused else 0
    state = rules.read(words, guards.states(one, other))
    return rules.fate(words, identity, state, refusals, guards.COUNT, rules.threshold)


def follow(world: World, rules: type[Rules]) -> Iterator[Step]:
    """The ledger is told what the log and the final states say."""
    one, other = final(world)
    ending = LEDGERS[world.ledger].ledger.phase is Phase.FROZEN
    refused = GIVEN[guards.given(rules, world.guards)].refused
    kept = Kept(guards.journaled(world.guards), bits(refused)) if ending else Kept()
    for label, ledger in _followed(rules, world.ledger, world.log, one, other, DESKS[world.desk].attested, kept):
        yield label, world._replace(ledger=ledger)


@remembered
def _followed(rules: type[Rules], ledger: int, log: int, one: int, other: int, attested: int, kept: Kept) -> tuple[Change, ...]:
    known = everything(ledger, log, (one, other), attested, kept)
    found = ((" ".join(map(_word, said)), say(rules, ledger, said)) for said in known)
    return tuple((f"the ledger is told: {label}", after) for label, after in found if after != ledger)


def _word(value: object) -> str:
    return NAMES.get(value, value.hex()[:8]) if isinstance(value, bytes) else str(value)
