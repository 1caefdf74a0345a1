"""A chain's state as others are told it."""

from __future__ import annotations

from jurymast.health_monitor.decide.chain import ChainState
from jurymast.health_monitor.decide.provider import ProviderState
from jurymast.messages.health import ChainHealth, ProviderHealth


def chain_health(state: ChainState, certified: str) -> ChainHealth:
    return ChainHealth(
        chain=state.chain.name,
        verdict=state.verdict,
        reason=state.reason,
        since_ms=state.since_ms,
        head=state.head,
        finalized=state.finalized,
        behind_ms=state.behind_ms,
        certified=certified,
        providers=tuple(_provider_health(provider) for provider in state.providers),
    )


def _provider_health(state: ProviderState) -> ProviderHealth:
    answer = state.answer
    return ProviderHealth(
        provider=state.name,
        operator=state.operator,
        healthy=state.healthy,
        score=state.score,
        reason=state.reason,
        since_ms=state.since_ms,
        latency_ms=state.last_answer.latency_ms if state.last_answer else None,
        head=answer.head if answer else None,
        finalized=answer.finalized if answer else None,
    )
