"""What the services, the server and the contracts decide: the model asks these, and nothing else. A planted bug replaces one."""

from __future__ import annotations

from collections.abc import Mapping

from jurymast.book import entry, execute, ledger, operations
from jurymast.crypto.secp256k1 import Guards
from jurymast.nonce_guard.decide import claims, fate, memory, veto
from jurymast.nonce_guard.decide.words import Finalized, Permit
from jurymast.switcher.decide import debt, saga, start
from tests.model.log import taken
from tests.model.orders import CHAINS, INTENTS


def fenced(last: int, expected: int) -> bool:
    """The log's server: nothing is taken from who has not seen the last epoch record."""
    return last == expected


def read(permit: Permit, states: Mapping[int, Finalized]) -> Finalized:
    """From which state it is told what became of a permit."""
    return states[permit.chain]


def guard_set(addresses: tuple[bytes, ...]) -> Guards:
    return Guards(addresses, 2)


class Rules:
    """How far the model looks, and the decisions in it."""

    intents: tuple[int, ...] = INTENTS
    mishaps = 3
    """How many there may be."""
    last_epoch = 3
    last_clock = 2
    turns = 2
    """How often an intent may be planned."""
    may: frozenset[str] = frozenset(
        {"cancel", "deposit", "halt", "reorg", "alarm", "lose_tail", "crash", "refuse", "lose_journal"}
    )
    """Kinds of mishap."""
    without: frozenset[str] = frozenset()
    """Actions that are left out."""
    ticking: tuple[int, ...] = CHAINS
    already: tuple[str, ...] = ()
    """What has happened at the beginning: of all that may happen, the first whose words these are; then the next."""
    threshold = 2
    ends = False
    """The model is small enough to see of every world whether an end is in reach."""

    # Guards.
    plan = staticmethod(claims.plan)
    counts = staticmethod(claims.counts)
    claimed = staticmethod(claims.claimed)
    fates = staticmethod(claims.fates)
    may_sign = staticmethod(veto.may_sign)
    may_refuse = staticmethod(veto.may_refuse)
    may_sign_transition = staticmethod(veto.may_sign_transition)
    forgotten = staticmethod(memory.forgotten)
    read = staticmethod(read)
    fate = staticmethod(fate.fate)

    # Switchers.
    start = staticmethod(start.decide)
    next_step = staticmethod(saga.next_step)
    burnt = staticmethod(saga.burnt)
    settle = staticmethod(debt.settle)
    opens_on_final = True
    """A chain is activated, or fenced, once that is final."""
    opens_on_root = True
    """A chain is activated once its root is that of the cut in the log."""
    fates_from_final = True

    # The server.
    fenced = staticmethod(fenced)
    taken = staticmethod(taken)

    # Contracts, and the ledger.
    guard_set = staticmethod(guard_set)
    execute = staticmethod(execute.execute)
    deposit = staticmethod(operations.deposit)
    enter_account = staticmethod(entry.enter_account)
    resolve = staticmethod(entry.resolve)
    settle_hold = staticmethod(entry.settle_hold)
    credit = staticmethod(entry.credit)
    apply = staticmethod(ledger.apply)
