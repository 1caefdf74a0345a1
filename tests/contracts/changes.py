"""What has changed in the contracts since the last version that everybody has."""

from __future__ import annotations

import subprocess
from pathlib import Path

TRUNKS = ("origin/main", "main")


def changed(root: Path) -> set[str] | None:
    """Paths below `root`, uncommitted ones included. On the trunk itself: since the commit before. None where Git cannot say."""
    if (base := _base(root)) is None:
        return None
    listed = _git(root, "diff", "--name-only", "--relative", base) or ""
    untracked = _git(root, "ls-files", "--others", "--exclude-standard") or ""
    return {*listed.splitlines(), *untracked.splitlines()}


def turn(root: Path) -> int:
    """Another number after every commit."""
    return int(_git(root, "rev-parse", "HEAD") or "0", 16)


def _base(root: Path) -> str | None:
    head = _git(root, "rev-parse", "HEAD")
    for trunk in TRUNKS:
        base = _git(root, "merge-base", "HEAD", trunk)
        if base is not None and base != head:
            return base
    return _git(root, "rev-parse", "--verify", "--quiet", "HEAD^")


def _git(root: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
