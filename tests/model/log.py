"""The log: one order of epoch records, claims and outcomes, its server, and what readers make of it.

Nobody's view needs a state of its own: a prefix of the log is a view, and somebody may still act on it. Between two epoch records
the order means nothing, so one is kept. What the server lost is remembered only as what somebody may have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from jurymast.nonce_guard.decide import claims
from jurymast.nonce_guard.decide.words import Fate, Identity
from tests.model.names import NONE, Change, Names, remembered
from tests.model.orders import PRIMARY, named, permit_of

if TYPE_CHECKING:
    from tests.model.rules import Rules


class Epoch(NamedTuple):
    state: Literal["open", "frozen", "cut"]
    epoch: int
    chain: int
    cut: int = NONE
    """The ledger that was cut."""


class Claimed(NamedTuple):
    """One atomic publish: an attempt of each identity of a batch."""

    permit: int
    attempts: tuple[tuple[Identity, int], ...]


class Outcome(NamedTuple):
    identity: Identity
    attempt: int
    fate: Fate


Entry: TypeAlias = Epoch | Claimed | Outcome


class Lost(NamedTuple):
    sequence: int
    entry: Epoch | Claimed


class Log(NamedTuple):
    entries: tuple[Entry, ...]
    lost: tuple[Lost, ...] = ()


LOGS = Names[Log]()
BEGUN = LOGS.number(Log((Epoch("open", 1, PRIMARY),)))


# -- the server --------------------------------------------------------------------------------------------------------


@remembered
def publish(rules: type[Rules], log: int, entry: Entry, fence: int = NONE) -> int:
    """The log with it; or the same, if the server refuses: a newer epoch record exists, or the subject is taken."""
    found = LOGS[log]
    if isinstance(entry, Epoch | Claimed) and not rules.fenced(last_sequence(log), fence):
        return log
    if any(rules.taken(entry, each) for each in found.entries):
        return log
    return LOGS.number(found._replace(entries=_ordered([*found.entries, entry])))


def taken(one: Entry, other: Entry) -> bool:
    """A subject takes one message, for ever."""
    match one, other:
        case Epoch(), Epoch():
            return (one.state, one.epoch, one.chain) == (other.state, other.epoch, other.chain)
        case Claimed(), Claimed():
            return bool(set(one.attempts) & set(other.attempts))
        case Outcome(), Outcome():
            return one[:2] == other[:2]
    return False


def _ordered(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """After the last epoch record in one order, whatever came first."""
    tail = next((at for at in range(len(entries), 0, -1) if isinstance(entries[at - 1], Epoch)), 0)
    return (*entries[:tail], *sorted(entries[tail:], key=lambda entry: (type(entry).__name__, entry)))


@remembered
def losses(rules: type[Rules], log: int) -> tuple[Change, ...]:
    """What a server may come back without: one of the last messages, or the last epoch record and everything above it."""
    entries, lost = LOGS[log]
    counted: tuple[Entry, ...] = counting(rules, log)
    tail = max(at for at, entry in enumerate(entries) if isinstance(entry, Epoch))
    found = []
    for at, gone in enumerate(entries[tail + 1 :], tail + 1):
        kept = _without(entries, gone)
        seen = (*lost, Lost(at + 1, gone)) if isinstance(gone, Claimed) and gone in counted else lost
        found.append((f"the log loses {_named(gone)}", LOGS.number(Log(_ordered(kept), _seen(seen)))))
    if tail:
        gone_too = [
            Lost(at + 1, each)
            for at, each in enumerate(entries)
            if at >= tail and not isinstance(each, Outcome) and (isinstance(each, Epoch) or each in counted)
        ]
        found.append(
            (f"the log loses all from {_named(entries[tail])} on", LOGS.number(Log(entries[:tail], _seen((*lost, *gone_too)))))
        )
    return tuple(found)


def _seen(lost: tuple[Lost, ...]) -> tuple[Lost, ...]:
    return tuple(sorted(set(lost), key=lambda each: (each.sequence, str(each.entry))))


def _without(entries: Sequence[Entry], gone: Entry) -> list[Entry]:
    """Nor what could only be written after it, or after that."""
    lost, kept = [gone], [entry for entry in entries if entry != gone]
    while after := [entry for entry in kept if any(_follows(entry, each) for each in lost)]:
        lost, kept = after, [entry for entry in kept if entry not in after]
    return kept


def _follows(entry: Entry, gone: Entry) -> bool:
    """It could only be written after the other."""
    return any(
        identity == other and (attempt > earlier or (attempt == earlier and isinstance(gone, Claimed)))
        for identity, attempt in _attempts(entry)
        for other, earlier in _attempts(gone)
    )


def _attempts(entry: Entry) -> tuple[tuple[Identity, int], ...]:
    match entry:
        case Claimed(_, attempts):
            return attempts
        case Outcome(identity, attempt):
            return ((identity, attempt),)
    return ()


def _named(entry: Entry) -> str:
    match entry:
        case Epoch(state, epoch):
            return f"{state}.{epoch}"
        case Claimed(permit):
            return f"the claim of {named(permit)}"
        case Outcome(_, attempt, fate):
            return f"the outcome '{fate}' of attempt {attempt}"


# -- readers -----------------------------------------------------------------------------------------------------------


@remembered
def last_sequence(log: int) -> int:
    return next(at for at in range(len(LOGS[log].entries), 0, -1) if isinstance(LOGS[log].entries[at - 1], Epoch))


@remembered
def last_epoch(log: int) -> Epoch:
    entry = LOGS[log].entries[last_sequence(log) - 1]
    assert isinstance(entry, Epoch)
    return entry


@remembered
def epochs(log: int) -> tuple[Epoch, ...]:
    return tuple(entry for entry in LOGS[log].entries if isinstance(entry, Epoch))


@remembered
def records(log: int) -> tuple[claims.Record, ...]:
    return tuple(_record(at + 1, entry) for at, entry in enumerate(LOGS[log].entries) if isinstance(entry, Epoch))


def _record(sequence: int, entry: Epoch) -> claims.Record:
    return claims.Record(sequence, entry.state, entry.epoch, entry.chain)


@remembered
def views(log: int) -> tuple[claims.Record, ...]:
    """Epoch records that somebody may take for the last one, also those that were lost since."""
    lost = (_record(sequence, entry) for sequence, entry in LOGS[log].lost if isinstance(entry, Epoch))
    return tuple(dict.fromkeys((*records(log), *lost)))


def claims_of(log: int) -> Iterator[tuple[Claimed, tuple[claims.Claim, ...]]]:
    """Each with the messages that it is made of."""
    for at, entry in enumerate(LOGS[log].entries):
        if isinstance(entry, Claimed):
            yield entry, _messages(at + 1, entry)


@remembered
def _messages(sequence: int, claimed: Claimed) -> tuple[claims.Claim, ...]:
    permit = permit_of(claimed.permit)
    return tuple(
        claims.Claim(sequence, identity, attempt, permit.chain, permit.epoch, permit.batch, permit.body)
        for identity, attempt in claimed.attempts
    )


@remembered
def counting(rules: type[Rules], log: int) -> tuple[Claimed, ...]:
    return tuple(claimed for claimed, messages in claims_of(log) if all(rules.counts(each, records(log)) for each in messages))


@remembered
def signable(rules: type[Rules], log: int) -> tuple[int, ...]:
    """Permits that some view of the log bids guards to sign: also one of what was lost since, and that of a guard which has not
    noticed the loss and reads on."""
    found = {each.entry.permit for each in LOGS[log].lost if isinstance(each.entry, Claimed)}
    lost = [[_record(sequence, entry)] for sequence, entry in LOGS[log].lost if isinstance(entry, Epoch)]
    for claimed, messages in claims_of(log):
        below = [records(log), *(each for each in lost if each[0].sequence < messages[0].sequence)]
        if any(rules.claimed(permit_of(claimed.permit), messages, each) is None for each in below):
            found.add(claimed.permit)
    return tuple(sorted(found))


@remembered
def outcomes(log: int) -> dict[tuple[Identity, int], Fate]:
    return {(entry.identity, entry.attempt): entry.fate for entry in LOGS[log].entries if isinstance(entry, Outcome)}


@remembered
def fates(rules: type[Rules], log: int) -> dict[Identity, list[Fate | None]]:
    """What whoever plans a claim knows of every attempt."""
    return rules.fates([each for _, messages in claims_of(log) for each in messages], records(log), outcomes(log))


@remembered
def claim_of(log: int) -> dict[int, Claimed]:
    return {claimed.permit: claimed for claimed, _ in claims_of(log)}
