"""One chain: a verdict from what a quorum of independent operators shows, told apart from our own troubles."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from jurymast.certificate import Summary, halted, longest_gap_ms, longest_stall_ms
from jurymast.health_monitor.decide import provider as providers
from jurymast.health_monitor.decide.provider import ProviderState
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.messages.health import Evidence, Verdict
from jurymast.watchlist import Chain

PERSIST = 2
"""So many judgements in a row, and a healthy chain is degraded: one bad round is nothing."""


@dataclass(frozen=True)
class ChainState:
    chain: Chain
    started_ms: int
    providers: tuple[ProviderState, ...]
    verdict: Verdict = "unknown"
    reason: str = "not watched long enough"
    since_ms: int = 0
    head: int | None = None
    finalized: int | None = None
    behind_ms: int | None = None
    suspicions: int = 0
    """Judgements in a row that found something wrong."""
    clean_ms: int | None = None
    """Since when nothing was found wrong."""
    halted_ms: int = 0
    """When the halt was last seen by all the rules."""
    halt_head: int = 0
    """The highest block that was seen while the chain was halted."""
    at_ms: int = 0
    judged_ms: int = 0
    """Wall time of the last judgement."""
    evidence: tuple[Evidence, ...] = ()


class ProviderTurn(NamedTuple):
    """A provider became well or unwell."""

    provider: ProviderState


class VerdictTurn(NamedTuple):
    """The verdict about the chain is another one now."""

    was: Verdict


Change = ProviderTurn | VerdictTurn


def begin(chain: Chain, at_ms: int, now_ms: int) -> ChainState:
    states = tuple(ProviderState(p.name, p.operator, since_ms=now_ms) for p in chain.providers)
    return ChainState(chain, at_ms, states, reason=chain.refusal or "not watched long enough", since_ms=now_ms, at_ms=at_ms)


def step(
    state: ChainState, samples: Mapping[str, Sample], at_ms: int, now_ms: int, *, uplink_down: bool
) -> tuple[ChainState, list[Change]]:
    """With one more round of probes, by provider. `at_ms` is the time of samples, `now_ms` wall time."""
    policy = state.chain.policy
    keep_from_ms = at_ms - 2 * policy.window_ms  # What a window begins with is the highest of a window before it.
    fresh: dict[str, int] = {}
    for p in state.providers:  # Of several providers of one operator the highest counts.
        if (head := _head(samples.get(p.name))) is not None:
            fresh[p.operator] = max(fresh.get(p.operator, 0), head)
    quorum_head = None if state.chain.refusal else _reached(fresh.values(), policy.quorum)
    after = tuple(
        providers.step(p, samples[p.name], quorum_head, policy, keep_from_ms) if p.name in samples else p for p in state.providers
    )
    watched = replace(
        state,
        providers=after,
        at_ms=at_ms,
        judged_ms=now_ms,
        evidence=tuple(providers.evidence(p, at_ms - policy.window_ms, at_ms) for p in after),
        head=quorum_head if quorum_head is not None else state.head,
    )
    judged = _judge(_measured(watched), uplink_down=uplink_down)
    turned = [new for old, new in zip(state.providers, after, strict=True) if old.healthy is not new.healthy]
    changes: list[Change] = [ProviderTurn(p) for p in turned]
    return judged, changes + ([VerdictTurn(state.verdict)] if judged.verdict != state.verdict else [])


def uplink_down(states: Iterable[ChainState]) -> bool:
    """Whether nothing of any chain can be reached: then it is us. A single chain gives no such comparison."""
    chains = [state for state in states if state.providers]
    return len(chains) > 1 and all(p.cut_off for state in chains for p in state.providers)


# -- judgement ---------------------------------------------------------------------------------------------------------


def _judge(state: ChainState, *, uplink_down: bool) -> ChainState:
    silent = _silence(state, uplink_down=uplink_down)
    if silent is not None:
        return _become(state, *silent)
    summary = halted(state.evidence, state.chain.policy)
    if isinstance(summary, Summary):
        return _become(_halt_seen(state, summary), "halted", _halt_reason(state, summary))
    risen_ms = _reached(_by_operator(state, lambda p: p.risen_ms), state.chain.policy.quorum)
    if state.verdict == "halted" and (risen_ms is None or risen_ms < state.halted_ms):
        return replace(state, clean_ms=None)  # A lost answer does not restart a chain; new blocks do.
    if risen_ms is None:
        return _become(state, "unknown", f"watched for {(state.at_ms - state.started_ms) / 1000:g} s without a new block")
    wrong = next(_wrong(state, state.at_ms - risen_ms), None)
    return _suspect(state, wrong) if wrong else _clean(state)


def _silence(state: ChainState, *, uplink_down: bool) -> tuple[Verdict, str] | None:
    """The verdict when too few operators answer to say anything about the chain."""
    policy = state.chain.policy
    if state.chain.refusal:
        return "unknown", state.chain.refusal
    recent_ms = state.at_ms - longest_gap_ms(policy)
    answering = {p.operator for p in state.providers if p.last_answer and p.last_answer.at_ms >= recent_ms}
    if len(answering) >= policy.quorum:
        return None
    if uplink_down:
        return "unknown", "nothing of any chain can be reached: our own network is down"
    if state.at_ms - state.started_ms < longest_gap_ms(policy):
        return "unknown", "not watched long enough"
    troubles = Counter(str(p.last.result) for p in state.providers if p.last and not isinstance(p.last.result, Answer))
    most = f" ({troubles.most_common(1)[0][0]})" if troubles else ""
    return "unreachable", f"{len(answering)} of {policy.quorum} operators needed answer{most}"[: providers.REASON_CHARACTERS]


def _halt_seen(state: ChainState, summary: Summary) -> ChainState:
    return replace(
        state,
        halted_ms=state.at_ms,
        halt_head=max(state.halt_head, summary.highest_head),
        head=summary.head_last,
        finalized=summary.finalized_last,
    )


def _halt_reason(state: ChainState, summary: Summary) -> str:
    window_s = state.chain.policy.window_ms / 1000
    return f"no new block after {summary.head_last} for {window_s:g} s or more, say {', '.join(summary.operators)}"


def _wrong(state: ChainState, stalled_ms: int) -> Iterator[str]:
    """What is not as it should be, the worst first."""
    policy = state.chain.policy
    if stalled_ms > longest_stall_ms(policy):
        yield f"no new block for {stalled_ms / 1000:g} s"
    fallen_ms = _reached(_by_operator(state, lambda p: p.fell_ms, best=min), policy.quorum)
    if fallen_ms is not None and state.at_ms - fallen_ms < policy.window_ms:
        yield f"the chain fell back by more than {policy.lag_blocks} blocks"
    if (slow := _slow(state)) is not None:
        yield slow
    if state.behind_ms is not None and abs(state.behind_ms) > policy.drift_ms:
        where = "behind" if state.behind_ms > 0 else "ahead of"
        yield f"the chain's clock is {abs(state.behind_ms) / 1000:.0f} s {where} ours"
    unfinal = _least(_by_operator(state, lambda p: p.answer and p.answer.head - p.answer.finalized, best=min), policy.quorum)
    if unfinal is not None and unfinal > policy.finality_blocks:
        yield f"finality stalls: finalized is {unfinal} blocks behind"
    finalized_ms = _reached(_by_operator(state, lambda p: p.finalized_ms or state.started_ms), policy.quorum)
    if finalized_ms is not None and state.at_ms - finalized_ms > max(policy.window_ms, policy.finality_step_ms):
        yield f"finality stalls: nothing became final for {(state.at_ms - finalized_ms) / 1000:g} s"
    well = {p.operator for p in state.providers if p.healthy}
    if len(well) < policy.quorum:
        unwell = next((f"{p.name}: {p.reason}" for p in state.providers if not p.healthy), "")
        yield f"{len(well)} of {policy.quorum} operators needed are well ({unwell})"[: providers.REASON_CHARACTERS]


def _slow(state: ChainState) -> str | None:
    """Blocks in a whole window against the normal number."""
    policy = state.chain.policy
    covered = [e for e in state.evidence if e.answers and e.longest_gap_ms <= longest_gap_ms(policy)]
    made_by: dict[str, int] = {}
    for e in covered:
        made_by[e.operator] = max(made_by.get(e.operator, 0), e.head_highest - e.head_first)
    made, normal = _reached(made_by.values(), policy.quorum), policy.window_ms // policy.slot_ms
    if made is None or made * 100 >= normal * policy.speed_percent:
        return None
    return f"{made} new blocks in {policy.window_ms / 1000:g} s, normal are {normal}"


def _suspect(state: ChainState, wrong: str) -> ChainState:
    state = replace(state, suspicions=state.suspicions + 1, clean_ms=None)
    if state.verdict == "healthy" and state.suspicions < PERSIST:
        return state
    return _turn(state, "degraded", wrong)


def _clean(state: ChainState) -> ChainState:
    """Back to healthy only after a whole window without a flaw; at the very start at once."""
    clean_ms = state.at_ms if state.clean_ms is None else state.clean_ms
    state = replace(state, suspicions=0, clean_ms=clean_ms)
    window_ms, for_ms = state.chain.policy.window_ms, state.at_ms - clean_ms
    first = state.verdict == "unknown" and state.at_ms - state.started_ms < window_ms
    if first or state.verdict == "healthy" or for_ms >= window_ms:
        return _turn(state, "healthy", "blocks are made and finalized at normal speed")
    return _turn(state, "degraded", f"well again for {for_ms / 1000:g} of {window_ms / 1000:g} s")


def _become(state: ChainState, verdict: Verdict, reason: str) -> ChainState:
    return _turn(replace(state, suspicions=0, clean_ms=None), verdict, reason)


def _turn(state: ChainState, verdict: Verdict, reason: str) -> ChainState:
    since_ms = state.since_ms if verdict == state.verdict else state.judged_ms
    return replace(state, verdict=verdict, reason=reason, since_ms=since_ms)


# -- what a quorum says ------------------------------------------------------------------------------------------------


def _measured(state: ChainState) -> ChainState:
    """Finality and clock as at least a quorum of operators has them."""
    quorum = state.chain.policy.quorum
    finalized = _reached(_by_operator(state, lambda p: p.answer and p.answer.finalized), quorum)
    behind_ms = _nearest(_by_operator(state, _behind_ms, best=lambda *of: min(of, key=abs)), quorum)
    return replace(state, finalized=finalized, behind_ms=behind_ms)


def _behind_ms(p: ProviderState) -> int | None:
    return p.last_answer.read_ms - p.answer.clock_ms if p.last_answer and p.answer else None


def _by_operator(
    state: ChainState, value: Callable[[ProviderState], int | None], best: Callable[[int, int], int] = max
) -> list[int]:
    """One value per operator with a recent answer: the best of its providers'."""
    recent_ms = state.at_ms - longest_gap_ms(state.chain.policy)
    found: dict[str, int] = {}
    for p in state.providers:
        if p.last_answer and p.last_answer.at_ms >= recent_ms and (one := value(p)) is not None:
            found[p.operator] = best(found.get(p.operator, one), one)
    return list(found.values())


def _head(sample: Sample | None) -> int | None:
    return sample.result.head if sample and isinstance(sample.result, Answer) else None


def _reached(values: Iterable[int], quorum: int) -> int | None:
    """The highest value that a quorum reaches."""
    ordered = sorted(values, reverse=True)
    return ordered[quorum - 1] if len(ordered) >= quorum else None


def _least(values: Iterable[int], quorum: int) -> int | None:
    """The lowest value that a quorum stays within."""
    ordered = sorted(values)
    return ordered[quorum - 1] if len(ordered) >= quorum else None


def _nearest(values: Sequence[int], quorum: int) -> int | None:
    """The value nearest to zero that a quorum stays within."""
    ordered = sorted(values, key=abs)
    return ordered[quorum - 1] if len(ordered) >= quorum else None
