"""Mistakes that a protocol like this can have, each planted by itself in a world of one intent: the model finds every one."""

from __future__ import annotations

from functools import cache

from tests.model.world import (
    FATES,
    PERMITS,
    SLOTS,
    Guard,
    Rules,
    Side,
    permit_of,
)


class Planted(Rules):
    """What a bug does not need only makes the way to it longer."""

    intents = (0,)
    mishaps = 2


RELEASED, EXECUTED = FATES.index("released"), FATES.index("executed")


class ReleasedOnWallTime(Planted):
    """A lease in seconds: whatever is not executed after a while is released."""

    @staticmethod
    @cache
    def fate(permit: int, sides: tuple[Side, Side]) -> int:
        return Rules.fate(permit, sides) or RELEASED


class ReleasedOnAnotherClock(Planted):
    """The height of another chain is taken for the permit's own clock, as L1's for L2's."""

    @staticmethod
    @cache
    def fate(permit: int, sides: tuple[Side, Side]) -> int:
        chain = permit_of(permit).chain
        clock = sides[1 - chain].clock
        mistaken = (sides[0]._replace(clock=clock), sides[1]) if chain == 0 else (sides[0], sides[1]._replace(clock=clock))
        return Rules.fate(permit, mistaken)


class OpenedBeforeFinal(Planted):
    """An epoch is opened on an activation that may be re-organised away."""

    final_opening = False


class RecordedBeforeFinal(Planted):
    """What became of a claim is read from a state that may be re-organised away."""

    final_fates = False


class UsedMeansExecuted(Planted):
    """A used nonce is taken for an execution; its owner had cancelled."""

    @staticmethod
    @cache
    def fate(permit: int, sides: tuple[Side, Side]) -> int:
        known = Rules.fate(permit, sides)
        return EXECUTED if FATES[known] == "cancelled" else known


class MinorityQuorum(Planted):
    """2m <= n: two quorums without a member in common."""

    threshold = 1


class TwoTransitions(Planted):
    """A guard signs a second transition for an epoch."""

    mishaps = 0

    @staticmethod
    @cache
    def signs_move(guard: Guard, leaving: int, move: int) -> bool:
        return Rules.signs_move(guard._replace(moves=0), leaving, move)


class ContractIgnoresExpiry(Planted):
    @staticmethod
    @cache
    def executes(side: Side, chain: int, permit: int) -> bool:
        return Rules.executes(side._replace(clock=0), chain, permit)


class ContractIgnoresEpoch(Planted):
    mishaps = 0

    @staticmethod
    @cache
    def executes(side: Side, chain: int, permit: int) -> bool:
        _, where, epoch, _ = PERMITS.things[permit]
        return chain == where and Rules.executes(side._replace(epoch=epoch, active=chain), chain, permit)


class ContractIgnoresNonces(Planted):
    @staticmethod
    @cache
    def executes(side: Side, chain: int, permit: int) -> bool:
        return Rules.executes(side._replace(used=0), chain, permit)


class ClaimedAgainUnderDoubt(Planted):
    """The next attempt does not wait for what became of the last one."""

    @staticmethod
    @cache
    def attempt(_: tuple[int, ...], claimed: int) -> int:
        return claimed if claimed < len(SLOTS) // 2 else -1


BUGS: tuple[type[Rules], ...] = tuple(Planted.__subclasses__())
