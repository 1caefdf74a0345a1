"""Guards: a journal that is synced before a signature is given away, and signatures that nobody can take back.

All three are alike, so a set of them is kept in one order. A signature is given away with the journal's entry, or never: a guard
that crashed between can be asked again, and one that waits does nothing that another could see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from jurymast.nonce_guard.decide.memory import Told
from jurymast.nonce_guard.decide.veto import Journal
from jurymast.nonce_guard.decide.words import Finalized
from tests.model.chains import finalized
from tests.model.money import LEDGERS, MOVES, cut_of, fates_of, transition_of
from tests.model.names import NONE, Change, Names, bits, remembered
from tests.model.orders import CHAINS, PERMITS, named, permit_of
from tests.unit.grids import DOMAIN

if TYPE_CHECKING:
    from tests.model.rules import Rules

COUNT = 3


class Guard(NamedTuple):
    """Permits and transitions are bits of masks, by their numbers."""

    signed: int = 0
    refused: int = 0
    frozen: int = NONE
    moves: int = 0
    lost_before: int = NONE
    gave: int = 0
    """Signatures of permits that others have, whatever became of its journal."""
    gave_refusals: int = 0
    gave_moves: int = 0


class Given(NamedTuple):
    """What has enough signatures."""

    permits: int
    refused: int
    """Permits that can never have enough."""
    moves: int


Guards = tuple[Guard, ...]
SETS, GIVEN = Names[Guards](), Names[Given]()
BEGUN = SETS.number((Guard(),) * COUNT)


@remembered
def journal_of(guard: Guard) -> Journal:
    journal = Journal(frozen=guard.frozen, lost_before=None if guard.lost_before == NONE else guard.lost_before)
    for permit in bits(guard.signed):
        journal.sign(permit_of(permit))
    for permit in bits(guard.refused):
        journal.refuse(permit_of(permit))
    for move in bits(guard.moves):
        journal.transitions[MOVES[move].epoch] = transition_of(move).digest(DOMAIN)
    return journal


@remembered
def given(rules: type[Rules], guards: int) -> int:
    every = SETS[guards]
    return GIVEN.number(
        Given(
            _common([guard.gave for guard in every], rules.threshold),
            _common([guard.gave_refusals for guard in every], COUNT - rules.threshold + 1),
            _common([guard.gave_moves for guard in every], rules.threshold),
        )
    )


@remembered
def journaled(guards: int) -> tuple[int, ...]:
    """Permits in anybody's journal: of each its body is known."""
    mask = 0
    for guard in SETS[guards]:
        mask |= guard.signed
    return bits(mask)


def _common(masks: list[int], enough: int) -> int:
    every = 0
    for mask in masks:
        every |= mask
    return sum(1 << bit for bit in bits(every) if sum(mask >> bit & 1 for mask in masks) >= enough)


# -- what a guard does, asked by whoever has read the log so far ---------------------------------------------------------


@remembered
def sign(rules: type[Rules], guards: int, permits: tuple[int, ...], one: int, other: int) -> tuple[Change, ...]:
    """It writes its journal, and gives its signature away."""

    def signed(guard: Guard, permit: int) -> Guard | None:
        if guard.gave >> permit & 1 or not _signs(rules, guard, permit, one, other):
            return None
        return guard._replace(signed=guard.signed | 1 << permit, gave=guard.gave | 1 << permit)

    return tuple(change for permit in permits for change in _by(guards, f"a guard signs {named(permit)}", signed, permit))


@remembered
def crash(rules: type[Rules], guards: int, permits: tuple[int, ...], one: int, other: int) -> tuple[Change, ...]:
    """After it has written its journal, and before anybody has the signature."""

    def journaled(guard: Guard, permit: int) -> Guard | None:
        if guard.signed >> permit & 1 or not _signs(rules, guard, permit, one, other):
            return None
        return guard._replace(signed=guard.signed | 1 << permit)

    label = "a guard journals {} and crashes"
    return tuple(change for permit in permits for change in _by(guards, label.format(named(permit)), journaled, permit))


@remembered
def refuse(rules: type[Rules], guards: int, permits: tuple[int, ...], one: int, other: int) -> tuple[Change, ...]:
    """It promises never to sign."""

    def refused(guard: Guard, permit: int) -> Guard | None:
        if guard.gave_refusals >> permit & 1 or not _refuses(rules, guard, permit, one, other):
            return None
        return guard._replace(refused=guard.refused | 1 << permit, gave_refusals=guard.gave_refusals | 1 << permit)

    return tuple(
        change for permit in permits for change in _by(guards, f"a guard refuses {named(permit)} for ever", refused, permit)
    )


@remembered
def freeze(guards: int, epoch: int) -> tuple[Change, ...]:
    """It signs no permit of an epoch that the log has frozen, and may crash before it signs a transition."""

    def froze(guard: Guard, number: int) -> Guard | None:
        return guard._replace(frozen=number) if guard.frozen < number else None

    return tuple(_by(guards, f"a guard freezes epoch {epoch}", froze, epoch))


@remembered
def sign_move(rules: type[Rules], guards: int, asked: int, refused: int, one: int, other: int) -> tuple[Change, ...]:
    """It has frozen every epoch below, then it signs."""

    def signed(guard: Guard, move: int) -> Guard | None:
        frozen = guard._replace(frozen=max(guard.frozen, MOVES[move].epoch - 1))
        if guard.gave_moves >> move & 1 or not _moves(rules, frozen, move, refused, one, other):
            return None
        return frozen._replace(moves=guard.moves | 1 << move, gave_moves=guard.gave_moves | 1 << move)

    label = "a guard signs the transition to epoch {0.epoch}, chain {0.target}"
    return tuple(change for move in bits(asked) for change in _by(guards, label.format(MOVES[move]), signed, move))


@remembered
def lose_journal(rules: type[Rules], guards: int) -> tuple[Change, ...]:
    """Its signatures are still out there, and so is what it told of how far its journal had come. Of more guards than may be
    missed no quorum is left: they need new keys, and are not in the model."""
    if sum(guard.lost_before != NONE for guard in SETS[guards]) >= COUNT - rules.threshold:
        return ()

    def began_anew(guard: Guard, _: int) -> Guard | None:
        if not guard.signed | guard.moves | guard.refused:
            return None
        before = rules.forgotten(Told(b"lost", 1, b"", _highest_epoch(guard)), lambda *_: None)
        kept = {"gave": guard.gave, "gave_refusals": guard.gave_refusals, "gave_moves": guard.gave_moves}
        return Guard(lost_before=NONE if before is None else before, **kept)

    return tuple(_by(guards, "a guard loses its journal", began_anew, 0))


def _highest_epoch(guard: Guard) -> int:
    permits = [PERMITS[permit].epoch for permit in bits(guard.signed | guard.refused)]
    return max(guard.frozen, guard.lost_before, *permits, *(MOVES[move].epoch for move in bits(guard.moves)))


def _by(guards: int, label: str, becomes: Callable[[Guard, int], Guard | None], number: int) -> Iterator[Change]:
    """What becomes of the set where it is done by any that would do it; of those that are the same, by one."""
    every = SETS[guards]
    for at, guard in enumerate(every):
        if guard not in every[:at] and (after := becomes(guard, number)) is not None:
            yield label, SETS.number(tuple(sorted((*every[:at], after, *every[at + 1 :]))))


@remembered
def forgotten(guards: int, ledger: int, one: int, other: int) -> bool:
    """Somebody has journaled a permit of the epoch that ends, which may execute, and of which the ledger does not know."""
    opened, known = LEDGERS[ledger].ledger.opened, fates_of(ledger)
    missing = [permit_of(permit) for permit in journaled(guards) if permit not in known]
    return any(permit.epoch == opened and not states(one, other)[permit.chain].shows_void(permit) for permit in missing)


# -- what it decides by ------------------------------------------------------------------------------------------------


@remembered
def _signs(rules: type[Rules], guard: Guard, permit: int, one: int, other: int) -> bool:
    return rules.may_sign(journal_of(guard), permit_of(permit), states(one, other)) is None


@remembered
def _refuses(rules: type[Rules], guard: Guard, permit: int, one: int, other: int) -> bool:
    return rules.may_refuse(journal_of(guard), permit_of(permit), states(one, other)) is None


@remembered
def _moves(rules: type[Rules], guard: Guard, move: int, refused: int, one: int, other: int) -> bool:
    known = {permit_of(permit).reference for permit in cut_of(MOVES[move].cut).known.union(bits(refused))}
    digest = transition_of(move).digest(DOMAIN)
    return (
        rules.may_sign_transition(journal_of(guard), MOVES[move].leaving, MOVES[move].epoch, digest, known, states(one, other))
        is None
    )


@remembered
def states(one: int, other: int) -> dict[int, Finalized]:
    return dict(zip(CHAINS, (finalized(one), finalized(other)), strict=True))
