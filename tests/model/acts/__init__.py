"""Everything that may happen next, in any world.

An action yields every world that it may lead to. It passes on what it reads of the world to a function whose answers are
remembered, so that the decisions, which are those that the services run, are asked once for everything that they could see.
"""

from __future__ import annotations

from tests.model.acts.bus import lose_tail
from tests.model.acts.chains import break_down, finalize, include, resume, tick, users
from tests.model.acts.guards import crash, lose_journal, make_way, refuse, sign, sign_move
from tests.model.acts.intents import claim, follow, plan, record
from tests.model.acts.switches import be_late, begin_switch, go_on, settle
from tests.model.rules import Rules
from tests.model.world import Action, World, first

ACTIONS: tuple[Action, ...] = (
    plan, claim, sign, include, tick, finalize, record, follow, begin_switch, go_on, be_late, sign_move, settle, resume, make_way,
    users, break_down, lose_tail, crash, refuse, lose_journal,
)  # fmt: skip

MISHAPS: dict[str, frozenset[str]] = {
    "users": frozenset({"cancel", "deposit"}),
    "break_down": frozenset({"halt", "reorg"}),
    **{name: frozenset({name}) for name in ("lose_tail", "crash", "refuse", "lose_journal")},
}


def actions(rules: type[Rules]) -> tuple[Action, ...]:
    """Those that the rules leave: of what is no mishap all but what they are without, of mishaps what may be."""
    return tuple(
        action
        for action in ACTIONS
        if (MISHAPS[action.__name__] & rules.may if action.__name__ in MISHAPS else action.__name__ not in rules.without)
    )


def begin(rules: type[Rules]) -> tuple[tuple[str, ...], World]:
    """What has already happened, and the world after it."""
    world, happened = first(rules), []
    for text in rules.already:
        step, world = next(each for action in ACTIONS for each in action(world, rules) if _says(each[0], text))
        happened.append(step)
    return tuple(happened), world._replace(mishaps=rules.mishaps)


def _says(label: str, text: str) -> bool:
    return all(part in label for part in text.split("*"))
