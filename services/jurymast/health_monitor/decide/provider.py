"""One provider: a score with hysteresis, and what its last samples are evidence of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from jurymast.health_monitor.decide.sample import NETWORK, Answer, Failure, Sample
from jurymast.messages.health import Evidence, Policy

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
    """When it last had a new block, by the clock of samples."""
    history: tuple[Sample, ...] = ()

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
    history = state.history
    while history and history[0].at_ms < keep_from_ms:
        history = history[1:]
    answered = isinstance(sample.result, Answer)
    return replace(
        state,
        healthy=healthy,
        reason=reason if points < FULL_SCORE or healthy else f"{reason} again, was unwell",
        since_ms=sample.read_ms if changed or state.last is None else state.since_ms,
        score=score,
        last=sample,
        last_answer=sample if answered else state.last_answer,
        risen_ms=sample.at_ms if _rose(state.answer, sample.result) else state.risen_ms,
        history=(*history, sample),
    )


def evidence(state: ProviderState, from_ms: int, to_ms: int) -> Evidence:
    """What the samples of a window show. The last answer before it says where the chain was when it began."""
    first: Answer | None = None
    final: Answer | None = None
    answers = failures = head_highest = tip_highest = read_ms = longest_gap_ms = longest_stall_ms = 0
    answered_ms = risen_ms = from_ms
    trouble = ""
    for at_ms, sample_read_ms, _, result in state.history:
        if at_ms > to_ms:
            break
        if isinstance(result, Failure):
            if at_ms >= from_ms:
                failures += 1
                trouble = str(result)[:REASON_CHARACTERS]
            continue
        if at_ms <= from_ms or first is None:
            first, head_highest, tip_highest = result, result.head, result.tip
            if at_ms < from_ms:
                continue
        answers += 1
        longest_gap_ms = max(longest_gap_ms, at_ms - answered_ms)
        answered_ms = at_ms
        if result.head > head_highest:
            longest_stall_ms = max(longest_stall_ms, at_ms - risen_ms)
            risen_ms, head_highest = at_ms, result.head
        tip_highest = max(tip_highest, result.tip)
        final, read_ms = result, sample_read_ms
    return Evidence(
        provider=state.name,
        operator=state.operator,
        answers=answers,
        failures=failures,
        longest_gap_ms=max(longest_gap_ms, to_ms - answered_ms),
        longest_stall_ms=max(longest_stall_ms, to_ms - risen_ms),
        **_heights(first, final, head_highest, tip_highest),
        read_ms=read_ms,
        trouble=trouble,
    )


def _heights(first: Answer | None, final: Answer | None, head_highest: int, tip_highest: int) -> dict[str, int]:
    """All zero without an answer in the window, whatever came before it."""
    if first is None or final is None:
        first = final = SILENT
        head_highest = tip_highest = 0
    return {
        "head_first": first.head,
        "head_last": final.head,
        "head_highest": head_highest,
        "tip_highest": tip_highest,
        "finalized_first": first.finalized,
        "finalized_last": final.finalized,
        "clock_ms": final.clock_ms,
    }


def _rose(before: Answer | None, result: Answer | Failure) -> bool:
    return before is not None and isinstance(result, Answer) and result.head > before.head
