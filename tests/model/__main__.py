"""`python -m tests.model [STATES]`: the figures and the traces. A million states take under a minute."""

from __future__ import annotations

import sys

from tests.model.bugs import BUGS
from tests.model.explore import breadth_first

STATES = 1_000_000


def main(states: int) -> int:
    found = breadth_first(limit=states)
    print(found)
    for name, count in found.actions.most_common():
        print(f"  {name:12} {count:>9,}")
    for bug in BUGS:
        print(f"\n{bug.__name__}: {bug.__doc__ or bug.__name__}\n{breadth_first(bug)}")
    return int(bool(found.broken))


sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else STATES))
