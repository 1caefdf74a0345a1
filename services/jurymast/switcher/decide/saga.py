"""One switch, step by step: what to do next, from what was logged and what is seen. A switcher that dies is replaced by another
that asks the same question.

Every step has a deadline and something that follows it, so a switch always ends: opened, or with its number burnt.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from jurymast.switcher.decide.start import Kind

Step = Literal["freeze", "drain", "pause", "cut", "fence", "activate", "open", "replay", "settle"]


class Rule(NamedTuple):
    deadline_ms: int
    late: Literal["retry", "skip", "burn"]
    needs: Literal["", "source", "target"] = ""
    """The chain that must answer."""


FAILOVER: dict[Step, Rule] = {
    "freeze": Rule(5_000, "retry"),
    "cut": Rule(60_000, "burn"),
    "fence": Rule(5_000, "skip", needs="source"),  # What cannot be fenced now is debt, and is fenced when it returns.
    "activate": Rule(120_000, "burn", needs="target"),
    "open": Rule(5_000, "retry"),
    "replay": Rule(60_000, "retry"),
    "settle": Rule(600_000, "retry", needs="source"),
}
PLANNED: dict[Step, Rule] = {
    "freeze": Rule(5_000, "retry"),
    "drain": Rule(120_000, "burn", needs="source"),
    "pause": Rule(60_000, "burn", needs="source"),
    "cut": Rule(60_000, "burn"),
    "fence": Rule(120_000, "burn", needs="source"),
    "activate": Rule(120_000, "burn", needs="target"),
    "open": Rule(5_000, "retry"),
    "replay": Rule(60_000, "retry"),
    "settle": Rule(600_000, "retry", needs="source"),
}
PLANS: dict[Kind, dict[Step, Rule]] = {"failover": FAILOVER, "planned": PLANNED}
POINT_OF_NO_RETURN: Step = "open"
"""Once permits of the new epoch may exist, it is not burnt."""


class Switch(NamedTuple):
    kind: Kind
    source: int
    target: int
    leaving: int
    entering: int
    begun: Mapping[Step, int] = {}
    """When each step was first recorded as intended."""
    skipped: AbstractSet[Step] = frozenset()


class Seen(NamedTuple):
    """What the log and finalized states of the chains show."""

    done: AbstractSet[Step]
    """The target is activated once it is in the new epoch with the root of the cut in the log. With another, signed from a
    cut that the bus has lost since, it is not, and the number is burnt."""
    alive: AbstractSet[int]
    held: bool = False
    """An operator has paused the switch."""


class Do(NamedTuple):
    """Record it, then do it; or do it again, which every step allows."""

    step: Step
    late: bool = False
    """Past its deadline: somebody should look."""


class Wait(NamedTuple):
    step: Step
    until_ms: int | None
    """None: for an operator, or for a chain to return."""


class Skip(NamedTuple):
    """It stays open as debt."""

    step: Step


class Burn(NamedTuple):
    """The new number is given up, unopened; the next one goes to a chain that is alive."""

    step: Step
    target: int
    entering: int


class Done(NamedTuple):
    pass


Next = Do | Wait | Skip | Burn | Done


def next_step(switch: Switch, seen: Seen, now_ms: int) -> Next:
    for step, rule in PLANS[switch.kind].items():
        if step not in seen.done and step not in switch.skipped:
            return Wait(step, None) if seen.held else _act(switch, seen, step, rule, now_ms)
    return Done()


def burnt(switch: Switch, burn: Burn) -> Switch:
    """The switch that goes on after a number was given up: nothing of the old cut is taken over."""
    return Switch("failover", switch.source, burn.target, switch.leaving, burn.entering)


def _act(switch: Switch, seen: Seen, step: Step, rule: Rule, now_ms: int) -> Next:
    begun = switch.begun.get(step)
    if begun is None:
        return Do(step)
    late_at = begun + rule.deadline_ms
    if now_ms < late_at:
        return Wait(step, late_at) if _away(switch, seen, rule) else Do(step)
    match rule.late:
        case "skip":
            return Skip(step)
        case "burn":
            return _burn(switch, seen, step)
        case "retry":
            return Wait(step, None) if _away(switch, seen, rule) else Do(step, late=True)


def _away(switch: Switch, seen: Seen, rule: Rule) -> bool:
    needed = {"source": switch.source, "target": switch.target}.get(rule.needs)
    return needed is not None and needed not in seen.alive


def _burn(switch: Switch, seen: Seen, step: Step) -> Next:
    """For whichever chain is alive, also one that an earlier number was burnt for; with none, nothing is moved."""
    for chain in (switch.target, switch.source, *sorted(seen.alive)):
        if chain in seen.alive:
            return Burn(step, chain, switch.entering + 1)
    return Wait(step, None)
