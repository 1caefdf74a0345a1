"""One provider: a score with hysteresis, and what its last samples are evidence of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from jurymast.certificate import longest_gap_ms
from jurymast.chains.calls import NETWORK, Failure
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.messages.health import NEVER_MS, Evidence, Policy

FULL_SCORE = 1_000
SLOW_SCORE = 400
"""Slow answers alone make a provider unwell after some time; single ones do not."""
FIRST_SCORE = 750
"""Before the first probe: one good answer is enough, one bad one not yet."""
UNWELL_BELOW, WELL_ABOVE = 500, 800
WEIGHT_PERCENT = 30
REASON_CHARACTERS = 200
SILENT = Answer(0, 0, 0, 0)


@dataclass(frozen=True)
class ProviderState:
    name: str
    operator: str
    healthy: bool = False
    reason: str = "not probed yet"
    since_ms: int = 0
    score: int = FIRST_SCORE
    last: Sample | None = None
    last_answer: Sample | None = None
    risen_ms: int | None = None
    """When it last had a block above all that it told of before, by the clock of samples."""
    finalized_ms: int | None = None
    """When more than ever before was final, by the clock of samples."""
    fell_ms: int | None = None
    """When it last turned out to tell of another chain than before, by the clock of samples."""
    history: tuple[Sample, ...] = ()
    """As far back as its highest block counts, and no further than the last fall."""

    @property
    def answer(self) -> Answer | None:
        """Its last answer."""
        result = self.last_answer.result if self.last_answer else None
        return result if isinstance(result, Answer) else None

    @property
    def cut_off(self) -> bool:
        """Whether its last probe failed as it does when our own network is down."""
        return self.last is not None and isinstance(self.last.result, Failure) and self.last.result.kind in NETWORK


def grade(sample: Sample, quorum_head: int | None, policy: Policy) -> tuple[int, str]:
    """Points for one sample, and why not all of them."""
    result = sample.result
    if isinstance(result, Failure):
        return 0, str(result)[:REASON_CHARACTERS]
    if quorum_head is not None and (ahead := result.head - quorum_head) > policy.lag_blocks:
        return 0, f"head {result.head} is {ahead} blocks above what a quorum has"
    if quorum_head is not None and (behind := quorum_head - result.head) > policy.lag_blocks:
        return 0, f"{behind} blocks behind"
    if sample.latency_ms > policy.slow_ms:
        return SLOW_SCORE, f"slow: {sample.latency_ms} ms"
    return FULL_SCORE, "answers"


def step(state: ProviderState, sample: Sample, quorum_head: int | None, policy: Policy, keep_from_ms: int) -> ProviderState:
    """With one more sample. `keep_from_ms`: older ones are no longer needed."""
    points, reason = grade(sample, quorum_head, policy)
    score = state.score + (points - state.score) * WEIGHT_PERCENT // 100
    healthy = score >= UNWELL_BELOW if state.healthy else score > WELL_ABOVE
    changed = healthy is not state.healthy
    before = tuple(s for s in state.history if s.at_ms >= keep_from_ms)
    history = _since_fall((*before, sample), policy)
    fell = len(history) <= len(before)
    answered = isinstance(sample.result, Answer)
    return replace(
        state,
        healthy=healthy,
        reason=reason if points < FULL_SCORE or healthy else f"{reason} again, was unwell",
        since_ms=sample.read_ms if changed or state.last is None else state.since_ms,
        score=score,
        last=sample,
        last_answer=sample if answered else state.last_answer,
        risen_ms=sample.at_ms if _rose(before, sample.result, "head") else state.risen_ms,
        finalized_ms=sample.at_ms if _rose(before, sample.result, "finalized") else state.finalized_ms,
        fell_ms=sample.at_ms if fell else state.fell_ms,
        history=history,
    )


def evidence(state: ProviderState, from_ms: int, to_ms: int) -> Evidence:
    """What the samples of a window show. The highest answer at or before its beginning says where the chain was then: behind one
    address there can be several nodes, of which some lag, and answers that go back and forth between them are no new blocks."""
    inside = [sample for sample in state.history if from_ms <= sample.at_ms <= to_ms]
    failed = [sample.result for sample in inside if isinstance(sample.result, Failure)]
    answers = [(sample, sample.result) for sample in inside if isinstance(sample.result, Answer)]
    before = _answers(s for s in state.history if s.at_ms <= from_ms)
    return Evidence(
        provider=state.name,
        operator=state.operator,
        answers=len(answers),
        failures=len(failed),
        longest_gap_ms=_longest_ms([s.at_ms for s, _ in answers], from_ms, to_ms) if before else to_ms - from_ms,
        **_heights(before, answers, from_ms, to_ms),
        finalized_age_ms=NEVER_MS if state.finalized_ms is None else max(0, to_ms - state.finalized_ms),
        read_ms=answers[-1][0].read_ms if answers else 0,
        trouble=str(failed[-1])[:REASON_CHARACTERS] if failed else "",
    )


def _heights(before: list[Answer], answers: list[tuple[Sample, Answer]], from_ms: int, to_ms: int) -> dict[str, int]:
    """All zero without an answer in the window, whatever came before it."""
    inside = [answer for _, answer in answers] or [SILENT]
    first = (before or inside[:1]) if answers else [SILENT]
    head_first = highest = max(answer.head for answer in first)
    risen_ms = []
    for sample, answer in answers:
        if answer.head > highest:
            highest = answer.head
            risen_ms.append(sample.at_ms)
    return {
        "longest_stall_ms": _longest_ms(risen_ms, from_ms, to_ms),
        "head_first": head_first,
        "head_last": inside[-1].head,
        "head_highest": highest,
        "tip_highest": max(answer.tip for answer in (*first, *inside)),
        "finalized_first": max(answer.finalized for answer in first),
        "finalized_last": inside[-1].finalized,
        "clock_ms": inside[-1].clock_ms,
    }


def _longest_ms(moments_ms: list[int], from_ms: int, to_ms: int) -> int:
    """Between any two of them, from a beginning to an end."""
    return max(later - earlier for earlier, later in pairwise((from_ms, *moments_ms, to_ms)))


def _since_fall(history: tuple[Sample, ...], policy: Policy) -> tuple[Sample, ...]:
    """What counts of it. When all answers of late, more than one, lie further below those before than nodes of one chain do, that
    chain was left: re-organised, restarted from an earlier block, or exchanged. How high it was says nothing about this one."""
    since_ms = history[-1].at_ms - longest_gap_ms(policy)
    late = tuple(s for s in history if s.at_ms >= since_ms)
    before, after = _answers(history[: len(history) - len(late)]), _answers(late)
    if not before or len(after) < 2:
        return history
    heads = max(a.head for a in before) - max(a.head for a in after)
    finals = max(a.finalized for a in before) - max(a.finalized for a in after)
    return late if max(heads, finals) > policy.lag_blocks else history


def _rose(before: Sequence[Sample], result: Answer | Failure, what: Literal["head", "finalized"]) -> bool:
    known = [getattr(answer, what) for answer in _answers(before)]
    return bool(known) and isinstance(result, Answer) and getattr(result, what) > max(known)


def _answers(samples: Iterable[Sample]) -> list[Answer]:
    return [sample.result for sample in samples if isinstance(sample.result, Answer)]
