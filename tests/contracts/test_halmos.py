"""Halmos proves every property, and refutes what only gets there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import forge, halmos, project
from tests.npm import PROJECT


def test_every_property_is_proved(contracts: Path, subtests: pytest.Subtests) -> None:
    answers = halmos.answers(contracts)
    assert answers != []
    for answer in answers:
        with subtests.test(answer.name, contract=answer.contract):
            assert answer.holds, answer.outcome


def test_whatever_is_proved_is_reached() -> None:
    assert halmos.without_reach(PROJECT) == set()


def test_what_halmos_says_is_understood(planted: Path) -> None:
    assert {answer.name: answer.outcome for answer in halmos.answers(planted)} == {
        "check_the_count_never_falls": "proved",
        "check_reaches_a_higher_count": "refuted",
        "check_mistaken": "refuted",
        "check_reaches_nothing": "reverted on every path",
        "check_many_rounds": "proved for few rounds of a loop only",
        "check_without_a_beginning": "not tried",
    }


@pytest.mark.parametrize(
    ("name", "outcome", "holds"),
    [
        ("check_it", "proved", True),
        ("check_it", "refuted", False),
        ("check_it", "timed out", False),
        ("check_it", "reverted on every path", False),
        ("check_it", "not tried", False),
        ("check_reaches_it", "refuted", True),
        ("check_reaches_it", "proved", False),
        ("check_reaches_it", "reverted on every path", False),
    ],
)
def test_a_property_is_proved_and_a_reach_refuted(name: str, outcome: str, holds: bool) -> None:
    assert halmos.Answer("Proofs", name, outcome).holds is holds


def test_properties_that_nothing_shows_to_be_reached_are_told(planted: Path) -> None:
    assert halmos.without_reach(planted) == {"LoopProofs", "BrokenProofs"}


def test_what_does_not_compile_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(forge.Failed, match="Compiler run failed"):
        halmos.answers(project.containing(tmp_path, "contract Given { unknown }"))
