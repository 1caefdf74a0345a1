"""The entry point. Nothing is imported before its failure can be told in one line."""

from __future__ import annotations

import sys
from collections.abc import Callable

INTERRUPTED = 130


def main() -> None:
    try:
        sys.exit(_commands()())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _commands() -> Callable[[], int]:
    try:
        from jurymast.cli.group import run  # noqa: PLC0415  # Most of a start; Ctrl-C may come meanwhile.
    except ImportError as error:
        sys.exit(f"jurymast: {sys.prefix} is incomplete ({error}): remove it, and `./run` installs everything anew")
    return run
