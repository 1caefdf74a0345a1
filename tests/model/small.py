"""Models that look only at what some mistake needs: nothing else goes wrong, and some begin when much has happened already."""

from __future__ import annotations

from tests.model.orders import PRIMARY
from tests.model.rules import Rules


class Small(Rules):
    """Nothing goes wrong that the mistake does not need."""

    intents: tuple[int, ...] = (0,)
    mishaps = 1
    may: frozenset[str] = frozenset()


class Still(Small):
    """One epoch."""

    without: frozenset[str] = frozenset({"begin_switch", "go_on", "be_late", "settle"})


class Cancelling(Still):
    may: frozenset[str] = frozenset({"cancel"})


class Reorganising(Still):
    may: frozenset[str] = frozenset({"reorg"})


class Refusing(Still):
    mishaps = 3
    may: frozenset[str] = frozenset({"refuse", "lose_journal"})
    ticking: tuple[int, ...] = ()


class Losing(Still):
    """The bus loses what it has acknowledged."""

    may: frozenset[str] = frozenset({"lose_tail"})
    ticking: tuple[int, ...] = (PRIMARY,)
    last_clock = 3


class LosingMore(Losing):
    mishaps = 2
    may: frozenset[str] = frozenset({"lose_tail", "lose_journal"})


CLAIMED = ("is planned", "is claimed", "a guard signs", "a guard signs")


class LosingLate(Losing):
    """The first permit is dead, and its batch released."""

    last_clock = 5
    already: tuple[str, ...] = (*CLAIMED, "time passes", "time passes", "finalizes", "is recorded as released", "told: released")


class Executed(Still):
    """The first permit is executed, and recorded so."""

    mishaps = 0
    already: tuple[str, ...] = (*CLAIMED, "chain 1 takes", "chain 1 finalizes", "is recorded as executed")


# On a false alarm: the chain that is left goes on running.
CUT = ("on a false alarm", "'freeze' as begun", "does 'freeze'", "told: frozen", "'cut' as begun", "does 'cut'", "does 'cut'")
ACTIVATED = (
    "'fence' as begun", "does 'fence'", "signs the transition", "signs the transition",
    "chain 2 takes the transition", "chain 2 finalizes",
)  # fmt: skip
FENCED = ("chain 1 takes the transition", "chain 1 finalizes")
OPENED = ("'open' as begun", "does 'open'", "told: opened")
UNFENCED = ("'fence' is late and skipped", *OPENED)


class Switching(Small):
    may: frozenset[str] = frozenset({"alarm"})
    ticking: tuple[int, ...] = ()


class SwitchingOnly(Switching):
    intents: tuple[int, ...] = ()


class SwitchingAndLosing(Switching):
    mishaps = 2
    may: frozenset[str] = frozenset({"alarm", "lose_tail"})


class LostBeforeCut(Switching):
    """The bus has lost a claim and its batch, a guard still reads them, and the cut knows of neither."""

    mishaps = 0
    without: frozenset[str] = frozenset({"begin_switch", "plan", "claim"})
    already: tuple[str, ...] = (
        "is planned",
        "is claimed",
        "the log loses the claim*and the ledger its last event",
        *CUT,
        *ACTIVATED[:2],
    )


class CutAgain(SwitchingOnly):
    """A transition is signed, and its cut may be lost."""

    mishaps = 2
    may: frozenset[str] = frozenset({"alarm", "lose_tail", "deposit"})
    already: tuple[str, ...] = (*CUT, *ACTIVATED[:-2])
    last_epoch = 2


class CutAfterwards(CutAgain):
    """The target is activated already."""

    without: frozenset[str] = frozenset({"begin_switch", "be_late"})
    already: tuple[str, ...] = (*CUT, *ACTIVATED)


class Burning(SwitchingOnly):
    """Chains halt while a transition is signed; an end is always in reach."""

    mishaps = 1
    may: frozenset[str] = frozenset({"alarm", "halt"})
    already: tuple[str, ...] = CUT
    ends = True


class Depositing(Switching):
    intents: tuple[int, ...] = ()
    may: frozenset[str] = frozenset({"alarm", "deposit"})
    already: tuple[str, ...] = (*CUT, *ACTIVATED)


class FailedOver(Switching):
    """A batch is in doubt, and the standby's epoch is open."""

    without: frozenset[str] = frozenset({"claim", "sign"})
    already: tuple[str, ...] = ("is planned", *CUT, *ACTIVATED, *UNFENCED)
    mishaps = 0


class Fenced(Switching):
    """A batch that is in doubt did not execute, and its signatures are still about."""

    without: frozenset[str] = frozenset({"begin_switch", "plan", "claim", "sign"})
    already: tuple[str, ...] = (*CLAIMED, *CUT, *ACTIVATED, *FENCED, *OPENED)
    mishaps = 0


class Unfenced(Fenced):
    """The same, and the chain that was left has not heard of the new epoch."""

    already: tuple[str, ...] = (*CLAIMED, *CUT, *ACTIVATED, *UNFENCED)


class CancelledBefore(Fenced):
    """Its owner may cancel where his account has not entered yet."""

    may: frozenset[str] = frozenset({"alarm", "cancel"})
    mishaps = 1


class InDebt(Fenced):
    """Of two batches that are in doubt the first one executed; both pay from one balance."""

    intents: tuple[int, ...] = (0, 2)
    already: tuple[str, ...] = ("is planned", *CLAIMED, "chain 1 takes*batch", *CUT, *ACTIVATED, *FENCED, *OPENED)


LATE = ("EVE deposits on chain 1", *ACTIVATED, *FENCED, *OPENED)
AGAIN = (
    "on a false alarm", "'freeze' as begun", "chain 1 halts", "does 'freeze'", "told: frozen 2", "'cut' as begun",
    "'cut' is late", "'freeze' as begun", "does 'freeze'", "told: frozen 3", "'cut' as begun", "does 'cut'", "does 'cut'",
    "'fence' as begun", "does 'fence'", "signs the transition to epoch 4", "signs the transition to epoch 4",
    "chain 2 takes the transition to epoch 4", "chain 2 finalizes", "'open' as begun", "does 'open'", "told: opened 4",
)  # fmt: skip
"""Epoch 3 is burnt, and the standby goes on in epoch 4."""


class DepositLate(Fenced):
    """A deposit has landed above the cut."""

    intents: tuple[int, ...] = ()
    may: frozenset[str] = frozenset({"alarm", "deposit", "halt"})
    already: tuple[str, ...] = (*CUT, *LATE)


class CreditLate(DepositLate):
    """Its credit is attested and told to the ledger, and does not land in its epoch."""

    last_epoch = 4
    already: tuple[str, ...] = (*CUT, *LATE, "guards attest deposit", "told: credited", *AGAIN)


class CreditUntold(DepositLate):
    """Its credit is attested, and neither lands in its epoch nor is told."""

    last_epoch = 4
    already: tuple[str, ...] = (*CUT, *LATE, "guards attest deposit", *AGAIN)
    ends = True


class PaidLate(Fenced):
    """A batch that is in doubt has executed; it paid with a deposit that no cut has counted."""

    intents: tuple[int, ...] = (0, 1)
    may: frozenset[str] = frozenset({"alarm", "deposit"})
    already: tuple[str, ...] = (
        "ANN*is planned", "BEN*is planned", "ANN*is claimed", "BEN*is claimed", "signs BEN", "signs BEN", *CUT,
        "EVE deposits on chain 1", "chain 1 takes BEN", *ACTIVATED, *FENCED, *OPENED, "BEN*recorded as executed",
        "ANN*recorded as released",
    )  # fmt: skip
    without: frozenset[str] = Fenced.without | {"record", "go_on", "be_late"}
    ends = True


class HoldLate(Fenced):
    """A hold is settled, which the ledger was not told before it was cut again."""

    last_epoch = 4
    may: frozenset[str] = frozenset({"alarm", "halt"})
    already: tuple[str, ...] = (
        *Fenced.already,
        "guards attest that*batch",
        "chain 2 takes that*batch",
        "chain 2 takes the hold on EVE",
        *AGAIN,
    )
    ends = True


class Forgotten(Small):
    """A batch has executed, the bus has forgotten it, and its intent was planned again; the epoch ends."""

    may: frozenset[str] = frozenset({"alarm"})
    ticking: tuple[int, ...] = (PRIMARY,)
    without: frozenset[str] = frozenset({"plan", "claim", "sign", "tick", "begin_switch", "be_late"})
    last_clock = 3
    last_epoch = 2
    mishaps = 0
    already: tuple[str, ...] = (
        *CLAIMED, "chain 1 takes ANN", "the log loses the claim*and the ledger its last event", "time passes on chain 1",
        "ANN*is planned", "chain 1 finalizes", *CUT[:4],
    )  # fmt: skip
    ends = True


# -- the whole model, from later beginnings ------------------------------------------------------------------------------


class Midway(Rules):
    """Signatures of a batch and of a transition are about, the chain that is left runs on, and the standby is activated."""

    mishaps = 2
    already = (*CLAIMED, *CUT, *ACTIVATED)


class Afterwards(Rules):
    """The standby's epoch is open. The chain that failed executed a batch and took a deposit that no cut has counted."""

    mishaps = 2
    already = (*CLAIMED, *CUT, "chain 1 takes ANN", *LATE)


BEGINNINGS: tuple[type[Rules], ...] = (Rules, Midway, Afterwards)


# -- far away: where breadth does not come, with more epochs, more time, and more that goes wrong --------------------------


class Far(Rules):
    mishaps = 8
    last_epoch = 6
    last_clock = 20
    turns = 4


class FarAndLosing(Far):
    """Nothing else goes wrong than that the bus loses what it has acknowledged, and alarms are false."""

    mishaps = 4
    may = frozenset({"lose_tail", "alarm"})


class FarMidway(Far):
    already = Midway.already


class FarAfterwards(Far):
    already = Afterwards.already


class FarForgotten(Far):
    already = Forgotten.already


WALKED: tuple[type[Rules], ...] = (Far, FarAndLosing, FarMidway, FarAfterwards, FarForgotten)
