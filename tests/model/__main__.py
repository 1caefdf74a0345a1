"""`python -m tests.model [STATES]`: the figures and the traces. So many from each of three beginnings; a million in a minute."""

from __future__ import annotations

import sys
from collections import Counter

from tests.model.acts import ACTIONS
from tests.model.bugs import BUGS
from tests.model.explore import breadth_first, walk
from tests.model.small import BEGINNINGS, WALKED

STATES = 1_000_000
WALKS, LENGTH = 100, 300


def main(states: int) -> int:
    found = [breadth_first(rules, limit=states) for rules in BEGINNINGS]
    walks = [walk(seed, LENGTH, WALKED[seed % len(WALKED)]) for seed in range(WALKS)]
    for rules, each in zip(BEGINNINGS, found, strict=True):
        print(f"from {rules.__name__}: {each}")
    print(f"{WALKS} walks: {sum(each.states for each in walks):,} states")
    columns = [*(each.actions for each in found), sum((each.actions for each in walks), Counter[str]())]
    for action in ACTIONS:
        print(f"  {action.__name__:12}", *(f"{counted[action.__name__]:>9,}" for counted in columns))
    failed = [each for each in (*found, *walks) if each.broken]
    for each in failed:
        print(f"\n{each}")
    for bug in BUGS:
        print(f"\n{bug.__name__}: {bug.__doc__ or ''}\n{breadth_first(bug)}")
    return int(bool(failed))


sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else STATES))
