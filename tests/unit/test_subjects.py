from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import _validate_subject
from nats.errors import BadSubjectError

from jurymast.subjects import LONGEST, covers, overlap, valid_pattern

# A third letter, which no pattern names, and one more token than a pattern has: enough to tell any two patterns apart.
SUBJECTS = [tokens for length in range(1, 6) for tokens in product("abc", repeat=length)]
PATTERNS = st.lists(st.sampled_from(["a", "b", "*"]), max_size=4).flatmap(
    lambda tokens: st.just([*tokens, ">"]) if not tokens else st.sampled_from([tokens, [*tokens[:3], ">"]])
)


def taken(pattern: list[str]) -> set[tuple[str, ...]]:
    """The subjects that a pattern stands for, one by one as the NATS documentation puts it."""
    open_ended = pattern[-1] == ">"
    fixed = pattern[:-1] if open_ended else pattern
    return {
        subject
        for subject in SUBJECTS
        if (len(subject) > len(fixed) if open_ended else len(subject) == len(fixed))
        and all(want in ("*", token) for want, token in zip(fixed, subject, strict=False))
    }


@given(PATTERNS, PATTERNS)
def test_covering_and_overlapping_mean_what_nats_means(one: list[str], two: list[str]) -> None:
    assert covers(".".join(one), ".".join(two)) is (taken(two) <= taken(one))
    assert overlap(".".join(one), ".".join(two)) is bool(taken(one) & taken(two))


@pytest.mark.parametrize(
    ("pattern", "subject", "covered"),
    [
        ("dead.letter.>", "dead.letter.a.b", True),
        ("dead.letter.>", "dead.letter", False),
        ("dead.letter.>", "dead.letters.a", False),
        ("echo.*", "echo.>", False),
        ("echo.>", "echo.*", True),
        ("*.*", "*", False),
        (">", ">", True),
    ],
)
def test_covering(pattern: str, subject: str, covered: bool) -> None:
    assert covers(pattern, subject) is covered


def accepted(pattern: str) -> bool:
    """By the client, which asks for less than a server does nowhere."""
    try:
        _validate_subject(pattern, strict=True)
    except BadSubjectError:
        return False
    return True


@given(st.text("aé.*> \t\r\n\x00\x1b", max_size=8))
def test_one_can_listen_on_what_nats_takes(pattern: str) -> None:
    assert valid_pattern(pattern) is accepted(pattern)


@pytest.mark.parametrize("pattern", [">", "*", "a", "*.a.>", "$JS.API.>", "é.b", "a-b_c.1", "a" * LONGEST])
def test_patterns(pattern: str) -> None:
    assert valid_pattern(pattern)


# The client takes a vertical tab or form feed, and then cannot read what comes; half a character has no bytes.
@pytest.mark.parametrize(
    "pattern",
    ["", ".", ".a", "a.", "a..b", ">.a", "a*", "*a", "a>", ">>", "a b", "a\tb", "a\n", "a\x0bb", "\x0c", "\udcff", "a" * 4000],
)
def test_no_patterns(pattern: str) -> None:
    assert not valid_pattern(pattern)
