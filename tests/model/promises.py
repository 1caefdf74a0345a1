"""What must hold in every world; each says in a sentence how it is broken, or nothing.

Promises speak of what is true: of final states, of signatures that exist, of what stands in the log. Some stand there once more
for one layer by itself, so that its mistakes are seen though the other layers would still cover them.
"""

from __future__ import annotations

from collections import Counter

from jurymast.book.state import Fate, Phase
from jurymast.nonce_guard.decide.words import Finalized, Permit
from jurymast.switcher.decide.saga import PLANS, Burn, Do, Done, Seen, Skip, Wait
from jurymast.switcher.decide.saga import Step as SagaStep
from tests.model import guards, money, solvency, switching
from tests.model.chains import HELD, SIDES, finalized
from tests.model.guards import GIVEN
from tests.model.landing import FLOOR
from tests.model.log import LOGS, Claimed, Epoch, Outcome, claim_of, counting, outcomes
from tests.model.money import LEDGERS, MOVES, cut_of, fates_of, transition_of
from tests.model.names import bits, remembered
from tests.model.orders import CHAINS, IDENTITIES, NAMES, PERMITS, permit_of
from tests.model.rules import Rules
from tests.model.solvency import same_point
from tests.model.switching import DESKS, LATE, NOW, Saga
from tests.model.world import World, final
from tests.unit.grids import DOMAIN

LONGEST = 40
"""Answers after which a switch has ended, when everything works."""
SOME_ALIVE = (frozenset(CHAINS), *(frozenset({chain}) for chain in CHAINS))


def broken(world: World, rules: type[Rules]) -> str:
    """Which promise does not hold; empty when all do."""
    one, other = final(world)
    return (
        _of_signatures(guards.given(rules, world.guards), one, other)
        or _of_log(rules, world.log, one, other)
        or used_for_ever(world.ledger, one, other)
        or ledger_true(world.ledger, one, other)
        or solvency.broken(world.ledger, one, other)
        or nothing_in_doubt(world.log, world.ledger, world.desk)
        or switch_ends(rules, world.desk)
    )


@remembered
def _of_signatures(given: int, one: int, other: int) -> str:
    return (
        once(one, other)
        or one_live_permit(given, one, other)
        or one_active_chain(given)
        or cut_knows_permits(given, one, other)
    )  # fmt: skip


@remembered
def _of_log(rules: type[Rules], log: int, one: int, other: int) -> str:
    return (
        log_in_order(rules, log)
        or one_claim(rules, log)
        or cut_knows_claims(rules, log)
        or chain_knows_epoch(log, one, other)
        or one_outcome(log)
        or outcomes_true(log, one, other)
    )  # fmt: skip


# -- S1: at most once --------------------------------------------------------------------------------------------------


@remembered
def once(one: int, other: int) -> str:
    """S1: an identity executes at most once, over all chains and epochs."""
    executed = Counter(
        identity for side in (one, other) for permit in executed_on(side) for identity in permit_of(permit).identities
    )
    twice = min((identity for identity, times in executed.items() if times > 1), default=None)
    return f"S1: {_named(twice)} executed {executed[twice]} times" if twice else ""


@remembered
def executed_on(side: int) -> tuple[int, ...]:
    return tuple(sorted(batch for _, batch in finalized(side).executed))


@remembered
def one_live_permit(given: int, one: int, other: int) -> str:
    """S1, of the guards alone: of an identity there is at most one permit that still can execute, or has."""
    states = (finalized(one), finalized(other))
    live = Counter[tuple[bytes, int]]()
    for words in map(permit_of, bits(GIVEN[given].permits)):
        if _executes(words, states[words.chain - 1]):
            live.update(words.identities)
    many = min((identity for identity, permits in live.items() if permits > 1), default=None)
    return f"S1: {live[many]} permits of {_named(many)} may execute" if many else ""


def _executes(permit: Permit, final: Finalized) -> bool:
    """It has, or nothing stands before it."""
    over = final.epoch > permit.epoch or final.clock > permit.expiry or permit.identities & final.used
    return (permit.epoch, permit.batch) in final.executed or not over


@remembered
def used_for_ever(ledger: int, one: int, other: int) -> str:
    """S1, of nonces alone: what executed, was posted or was cancelled is used up there, and what executed is in the ledger."""
    accounts = LEDGERS[ledger].ledger
    for permit, fate in fates_of(ledger).items():
        for owner, nonce in permit_of(permit).identities if fate is Fate.EXECUTED else ():
            if not accounts.account(owner).nonces.used(nonce):
                return f"S1: {_named((owner, nonce))} executed, and is not used in the ledger"
    return next((problem for side in (one, other) if (problem := _used_on(side))), "")


@remembered
def _used_on(side: int) -> str:
    held = HELD[SIDES[side].held]
    executed = {identity for permit in executed_on(side) for identity in permit_of(permit).identities}
    cancelled = {identity for identity in IDENTITIES if identity[0] in held.cancelled and identity[1] < FLOOR}
    unused = (executed | cancelled | solvency.posted_on(SIDES[side].held)) - finalized(side).used
    return f"S1: {_named(min(unused))} is not used up any more on chain {held.grid.lock.chain}" if unused else ""


def _named(identity: tuple[bytes, int]) -> str:
    return f"{NAMES[identity[0]]}'s nonce {identity[1]}"


@remembered
def one_claim(rules: type[Rules], log: int) -> str:
    """S1, of the log alone: of an identity there is at most one claim that counts and was not released."""
    known, of = outcomes(log), Counter[tuple[bytes, int]]()
    for claimed in counting(rules, log):
        of.update(identity for identity, attempt in claimed.attempts if known.get((identity, attempt)) != "released")
    many = min((identity for identity, claims in of.items() if claims > 1), default=None)
    return f"S1: {of[many]} claims of {_named(many)} count" if many else ""


# -- S2: one active chain ----------------------------------------------------------------------------------------------


@remembered
def one_active_chain(given: int) -> str:
    """S2: for an epoch exactly one transition has enough signatures."""
    signed: dict[int, bytes] = {}
    for move in bits(GIVEN[given].moves):
        digest = transition_of(move).digest(DOMAIN)
        if signed.setdefault(MOVES[move].epoch, digest) != digest:
            return f"S2: two transitions to epoch {MOVES[move].epoch} are signed"
    return ""


@remembered
def cut_knows_permits(given: int, one: int, other: int) -> str:
    """S2: no permit that is fully signed, and not over, is missing from the cut of a signed transition out of its epoch."""
    states = (finalized(one), finalized(other))
    for move in bits(GIVEN[given].moves):
        epoch, _, leaving, cut = MOVES[move]
        for words in map(permit_of, bits(GIVEN[given].permits)):
            known = not leaving <= words.epoch < epoch or words.batch in cut_of(cut).known
            if not known and _executes(words, states[words.chain - 1]):
                return f"S2: the cut for epoch {epoch} does not know batch {words.batch}, which is fully signed"
    return ""


@remembered
def log_in_order(rules: type[Rules], log: int) -> str:
    """S2: no epoch is opened after it was burnt, or twice, and no claim counts after its epoch was frozen."""
    ended: set[int] = set()
    opened: set[int] = set()
    for entry in LOGS[log].entries:
        match entry:
            case Epoch("open", epoch):
                if epoch in ended | opened:
                    return f"S2: epoch {epoch} is opened after it was {'burnt' if epoch in ended else 'opened'}"
                opened.add(epoch)
            case Epoch("frozen", epoch):
                ended.add(epoch)
            case Claimed(permit) if PERMITS[permit].epoch in ended and entry in counting(rules, log):
                return f"S2: the claim of batch {permit} counts after epoch {PERMITS[permit].epoch} was frozen"
    return ""


@remembered
def cut_knows_claims(rules: type[Rules], log: int) -> str:
    """S2: no claim that counts is without a fate in the cut of its epoch."""
    for entry in LOGS[log].entries:
        if isinstance(entry, Epoch) and entry.state == "cut":
            for claimed in counting(rules, log):
                if PERMITS[claimed.permit].epoch == entry.epoch and claimed.permit not in fates_of(entry.cut):
                    return f"S2: batch {claimed.permit} has a claim, and no fate in the cut of epoch {entry.epoch}"
    return ""


@remembered
def chain_knows_epoch(log: int, one: int, other: int) -> str:
    """S2: an open epoch is final on its chain, and each batch was executed by the chain of its epoch."""
    chains = {entry.epoch: entry.chain for entry in LOGS[log].entries if isinstance(entry, Epoch) and entry.state == "open"}
    for epoch, chain in chains.items():
        if finalized((one, other)[chain - 1]).epoch < epoch:
            return f"S2: epoch {epoch} is open, and not final on chain {chain}"
    for chain, side in zip(CHAINS, (one, other), strict=True):
        for epoch, batch in finalized(side).executed:
            if chains.get(epoch, chain) != chain:
                return f"S2: chain {chain} executed batch {batch} in epoch {epoch}, which is another's"
    return ""


# -- S4: nothing acknowledged is lost ----------------------------------------------------------------------------------


@remembered
def one_outcome(log: int) -> str:
    """S4: an attempt ends in one way."""
    ends: dict[tuple[tuple[bytes, int], int], str] = {}
    for entry in LOGS[log].entries:
        if isinstance(entry, Outcome) and (other := ends.setdefault(entry[:2], entry.fate)) != entry.fate:
            return f"S4: {_named(entry.identity)} is recorded as {other}, and as {entry.fate}"
    return ""


@remembered
def outcomes_true(log: int, one: int, other: int) -> str:
    """S4: an outcome says what is final, for ever."""
    records = {permit for side in (one, other) for permit in executed_on(side)}
    of_attempt = {attempt: claimed.permit for claimed in claim_of(log).values() for attempt in claimed.attempts}
    for key, fate in outcomes(log).items():
        permit = of_attempt[key]
        if (fate == "executed") != (permit in records):
            return f"S4: batch {permit} is recorded as {fate}, and {'was' if permit in records else 'was not'} executed"
        if fate == "cancelled" and key[0] not in finalized((one, other)[PERMITS[permit].chain - 1]).used:
            return f"S4: {_named(key[0])} is recorded as cancelled, and is not used up"
    return ""


@remembered
def ledger_true(ledger: int, one: int, other: int) -> str:
    """S4: what the ledger says of a batch is final, for ever, also of one that was in doubt."""
    records = {permit for side in (one, other) for permit in executed_on(side)}
    for permit, fate in fates_of(ledger).items():
        if fate in (Fate.EXECUTED, Fate.RELEASED) and (fate is Fate.EXECUTED) != (permit in records):
            return f"S4: batch {permit} is {fate.value} in the ledger, and {'was' if permit in records else 'was not'} executed"
    return ""


@remembered
def nothing_in_doubt(log: int, ledger: int, desk: int) -> str:
    """S4: a planned switch leaves nothing in doubt. What users do on its source after the pause, before the fence, is debt."""
    saga = DESKS[desk].saga
    if saga is None or saga.kind != "planned" or not switching.over(saga, log):
        return ""
    doubted = [permit for permit, fate in fates_of(ledger).items() if fate is Fate.IN_DOUBT]
    return f"S4: batch {doubted[0]} is in doubt after a planned switch" if doubted else ""


# -- L1: the switch ends -----------------------------------------------------------------------------------------------


@remembered
def switch_ends(rules: type[Rules], desk: int) -> str:
    """L1: where everything answers a switch comes to its end; and it waits for nothing but a chain that it needs."""
    saga = DESKS[desk].saga
    if saga is None:
        return ""
    return next((problem for alive in SOME_ALIVE if (problem := _ends(rules, saga, alive))), "")


def _ends(rules: type[Rules], saga: Saga, alive: frozenset[int]) -> str:
    """Whatever is done works, and time passes only where somebody waits."""
    switch, finished, now = saga.switch(), set[SagaStep](), NOW
    for _ in range(LONGEST):
        match rules.next_step(switch, Seen(finished, alive), now):
            case Done():
                return ""
            case Do(step):
                finished.add(step)
            case Skip(step):
                switch = switch._replace(skipped={*switch.skipped, step})
            case Burn() as burn:
                switch, finished, now = rules.burnt(switch, burn), {"freeze"}, NOW
            case Wait(_, int()):
                now = LATE
            case Wait(step):
                rule = PLANS[switch.kind][step]
                needed = {"source": switch.source, "target": switch.target, "": None}[rule.needs]
                waits = rule.late != "burn" and needed is not None and needed not in alive  # What is burnt goes to who is alive.
                return "" if waits else f"L1: '{step}' waits, and nothing is missing"
    return f"L1: a switch goes on after {LONGEST} steps"


def unfinished(world: World, rules: type[Rules]) -> str:
    """L1 and S4: where nothing more goes wrong and everything that can happen has, what has begun is at its end."""
    saga, ledger = DESKS[world.desk].saga, LEDGERS[world.ledger].ledger
    if saga and not switching.over(saga, world.log):
        return f"L1: the switch to epoch {saga.entering} does not end"
    if ledger.outstanding:
        return f"S4: batch {money.outstanding(world.ledger)[0]} is outstanding for ever"
    sides = final(world)
    if debts := switching.debts(rules, world.ledger, sides):
        return f"L1: chain {debts[0][0]} is in debt for ever: {debts[0][1]}"
    if ledger.phase is Phase.OPEN and not same_point(world.ledger, SIDES[sides[ledger.chain - 1]].held):
        return f"S3: chain {ledger.chain} and the ledger never come to the same point"
    open_ = [
        permit
        for permit, claimed in claim_of(world.log).items()
        if any(each not in outcomes(world.log) for each in claimed.attempts)
    ]
    return f"S4: nobody says what became of batch {open_[0]}" if open_ else ""
