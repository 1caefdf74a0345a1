"""`python -m tests.checker RUN.toml`: 0 for a clean run, 1 for one that is not, 2 where that could not be found out."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.checker.node import Unreachable
from tests.checker.packed import Unreadable
from tests.checker.report import lines
from tests.checker.run import BadRun, check, load
from tests.checker.senders import BadList

CLEAN, BROKEN, UNKNOWN = 0, 1, 2


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m tests.checker RUN.toml", file=sys.stderr)
        return UNKNOWN
    try:
        verdict = check(load(Path(arguments[0])))
    except (BadRun, BadList, Unreachable, Unreadable, OSError) as error:
        print(f"NOT JUDGED: {error}", file=sys.stderr)
        return UNKNOWN
    print("\n".join(lines(verdict)))
    return CLEAN if verdict.is_clean else BROKEN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
