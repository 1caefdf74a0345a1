"""What a scraper sees. Labels are names from the configuration, so their number is bounded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from jurymast.health_monitor.decide.chain import ChainState
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.messages.health import Verdict

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class HealthMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        chain, provider = ["chain"], ["chain", "provider"]
        self._verdict = Gauge("jurymast_chain_verdict", "1 for the verdict that holds.", [*chain, "verdict"], registry=registry)
        self._head = Gauge("jurymast_chain_head", "The head that a quorum has.", chain, registry=registry)
        self._finalized = Gauge("jurymast_chain_finalized", "The finalized height that a quorum has.", chain, registry=registry)
        self._behind = Gauge("jurymast_chain_behind_seconds", "The chain's clock behind ours.", chain, registry=registry)
        self._score = Gauge("jurymast_provider_score", "0 to 1000.", provider, registry=registry)
        self._healthy = Gauge("jurymast_provider_healthy", "1 when it is well.", provider, registry=registry)
        self._probes = Counter("jurymast_probes", "Probes by outcome.", [*provider, "outcome"], registry=registry)
        self._seconds = Histogram(
            "jurymast_probe_seconds",
            "How long answers take.",
            provider,
            registry=registry,
            buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5),
        )

    def observe(self, state: ChainState, samples: Mapping[str, Sample]) -> None:
        chain = state.chain.name
        for verdict in VERDICTS:
            self._verdict.labels(chain, verdict).set(verdict == state.verdict)
        for gauge, value in ((self._head, state.head), (self._finalized, state.finalized)):
            if value is not None:
                gauge.labels(chain).set(value)
        if state.behind_ms is not None:
            self._behind.labels(chain).set(state.behind_ms / 1000)
        for provider in state.providers:
            self._score.labels(chain, provider.name).set(provider.score)
            self._healthy.labels(chain, provider.name).set(provider.healthy)
        for name, sample in samples.items():
            answered = isinstance(sample.result, Answer)
            self._probes.labels(chain, name, "ok" if isinstance(sample.result, Answer) else sample.result.kind).inc()
            if answered:
                self._seconds.labels(chain, name).observe(sample.latency_ms / 1000)
