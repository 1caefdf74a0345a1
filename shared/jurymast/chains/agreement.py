"""What a quorum of independent operators says. Pure.

An operator counts once, however many providers it runs, and for nothing if they contradict each other. The quorum is more than
half of the operators, so that no two answers can have one.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, TypeVar

from jurymast.chains.calls import Failure
from jurymast.errors import Transient

Answer = TypeVar("Answer", bound=Hashable)
SHOWN = 80


class Said(NamedTuple, Generic[Answer]):
    provider: str
    operator: str
    answer: Answer | Failure


class NoQuorum(Transient):
    """Too few say the same. `said` is what each of them says, by provider."""

    def __init__(self, question: str, need: int, said: Sequence[Said[Answer]], silent: Iterable[str] = ()) -> None:
        self.question, self.need = question, need
        self.said = {each.provider: each.answer for each in said}
        self.silent = tuple(silent)
        words = [f"{name}: {_shown(answer)}" for name, answer in sorted(self.said.items())]
        super().__init__(f"{question}: {need} operators must say the same; {'; '.join(words) or 'nobody says anything'}")


def agreed(said: Sequence[Said[Answer]], need: int) -> Answer | None:
    """What `need` operators say; None while there is no such thing."""
    votes: dict[Answer, int] = {}
    for answer in _by_operator(said).values():
        if answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
    return next((answer for answer, count in votes.items() if count >= need), None)


def hopeless(said: Sequence[Said[Answer]], need: int, waiting: Iterable[str]) -> bool:
    """Whatever the operators that are still waited for say, there will be no quorum."""
    open_ = set(waiting)
    votes: dict[Answer, int] = {}
    for operator, answer in _by_operator(said).items():
        if operator not in open_ and answer is not None:
            votes[answer] = votes.get(answer, 0) + 1
    return max(votes.values(), default=0) + len(open_) < need


def reached(said: Sequence[Said[int]], need: int) -> int | None:
    """The highest number that `need` operators have reached: one that invents a higher one moves nothing, nor one that lags."""
    highest: dict[str, int] = {}
    for each in said:
        if not isinstance(each.answer, Failure):
            highest[each.operator] = max(each.answer, highest.get(each.operator, each.answer))
    return sorted(highest.values(), reverse=True)[need - 1] if len(highest) >= need else None


def _by_operator(said: Sequence[Said[Answer]]) -> Mapping[str, Answer | None]:
    """None for one whose providers contradict each other."""
    answers: dict[str, Answer | None] = {}
    for each in said:
        if not isinstance(each.answer, Failure):
            known = answers.setdefault(each.operator, each.answer)
            answers[each.operator] = known if known == each.answer else None
    return answers


def _shown(answer: object) -> str:
    text = f"0x{answer.hex()}" if isinstance(answer, bytes) else str(answer)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
