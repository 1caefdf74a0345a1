"""The checks as they are run on this tree, so that the very same commands can be tried on a tree with planted mistakes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("shared", "services", "tests")
_BIN = Path(sys.executable).parent
_SITE_PACKAGES = next(path for path in sys.path if path.endswith("site-packages"))


class Outcome(NamedTuple):
    code: int
    output: str


def ruff_check(tree: Path) -> Outcome:
    return _run(tree, [str(_BIN / "ruff"), "check", "--no-cache", "."])


def ruff_format(tree: Path) -> Outcome:
    return _run(tree, [str(_BIN / "ruff"), "format", "--no-cache", "--check", "."])


def mypy(tree: Path) -> Outcome:
    return _run(tree, [str(_BIN / "mypy"), *SOURCE_ROOTS])


def lint_imports(tree: Path) -> Outcome:
    """With this tree's roots and no other's: the editable installation would add those of the tree it was made from."""
    roots = os.pathsep.join([*(str(tree / root) for root in ("shared", "services", ".")), _SITE_PACKAGES])
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return _run(tree, [sys.executable, "-S", "-c", program, "--no-cache", "--no-logo"], PYTHONPATH=roots)


def bash_syntax(script: Path) -> Outcome:
    return _run(script.parent, ["bash", "-n", str(script)])


def _run(tree: Path, command: Sequence[str], **environment: str) -> Outcome:
    done = subprocess.run(
        command, cwd=tree, env={**os.environ, **environment}, capture_output=True, text=True, timeout=300, check=False
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


def tracked() -> list[Path]:
    """Every file of the project, as Git knows it: committed, or about to be."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = sorted({ROOT / name for name in listed.split("\0") if name})
    return [path for path in paths if path.is_file()]
