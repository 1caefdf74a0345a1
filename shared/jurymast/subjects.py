"""Subjects and patterns: what matches what. `*` is one token, `>` one or more at the end."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\*|[^ \t\r\n\v\f.*>\ud800-\udfff]+")
LONGEST = 3_900
"""A server reads lines of up to 4,096 bytes, with the command and the payload's size."""


def valid_pattern(text: str) -> bool:
    """Whether one can listen on it: what a server and its client take."""
    *tokens, last = text.split(".")
    well_formed = all(_TOKEN.fullmatch(token) for token in tokens) and (last == ">" or bool(_TOKEN.fullmatch(last)))
    return well_formed and len(text.encode()) <= LONGEST


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
