"""Subjects and patterns: what matches what. `*` is one token, `>` one or more at the end."""

from __future__ import annotations


def covers(pattern: str, subject: str) -> bool:
    """Whether every subject that `subject` (itself possibly a pattern) stands for is matched by `pattern`."""
    ours, theirs = pattern.split("."), subject.split(".")
    for i, part in enumerate(ours):
        if part == ">":
            return len(theirs) > i
        if i >= len(theirs) or theirs[i] == ">" or (part not in ("*", theirs[i])):
            return False
    return len(ours) == len(theirs)


def overlap(one: str, two: str) -> bool:
    """Whether any subject is matched by both patterns."""
    for a, b in zip(one.split("."), two.split("."), strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return one.count(".") == two.count(".")
