"""Chains and providers as they fail, round by round, to be replayed through the decisions. A replay is always the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle
from random import Random
from typing import NamedTuple

from jurymast.chains.calls import Failure
from jurymast.health_monitor.decide import chain as deciding
from jurymast.health_monitor.decide.chain import ChainState, Change
from jurymast.health_monitor.decide.sample import Answer, Sample
from jurymast.messages.health import Policy
from jurymast.watchlist import Chain, Provider
from tests.watching import HEAD, NOW_MS, POLICY

Span = tuple[float, float]
"""From and to, in seconds since the replay began."""

TIMEOUT = Failure("timeout", "no answer within 2 s")
REFUSED = Failure("unreachable", "connection refused")
START_MS = 5_000_000
"""The clock of samples counts from somewhere else than wall time."""


def within(spans: tuple[Span, ...], at_s: float) -> bool:
    return any(start <= at_s < end for start, end in spans)


@dataclass
class Truth:
    """What the chain really does."""

    slot_ms: int = POLICY.slot_ms
    halts: tuple[Span, ...] = ()
    finality_stalls: tuple[Span, ...] = ()
    finality_step_s: float = 0
    falls: tuple[tuple[float, int], ...] = ()
    """When it falls back, by how many blocks."""
    clock_behind_s: float = 0
    slowness: float = 1
    """Time from block to block, in normal ones."""
    hiccups: Random | None = None
    """Now and then no block for up to three seconds."""
    head: float = HEAD
    finalized: float = HEAD - 32
    clock_s: float = 0
    _pause_s: float = 0

    def advance(self, at_s: float, by_s: float) -> None:
        for fall_s, blocks in self.falls:
            if at_s <= fall_s < at_s + by_s:
                self.head -= blocks
                self.finalized = min(self.finalized, self.head)
        if within(self.halts, at_s):
            return
        if self.hiccups and self.hiccups.random() < 0.002:
            self._pause_s = self.hiccups.uniform(0.5, 3)
        lost_s, self._pause_s = min(by_s, self._pause_s), max(0.0, self._pause_s - by_s)
        self.head += (by_s - lost_s) * 1000 / self.slot_ms / self.slowness
        self.clock_s = at_s + by_s - lost_s - self.clock_behind_s
        stepped = not self.finality_step_s or at_s % self.finality_step_s < by_s
        if stepped and not within(self.finality_stalls, at_s):
            self.finalized = self.head - 32


class Seen(NamedTuple):
    result: Answer | Failure
    latency_ms: int = 80


Model = Callable[[float, Truth], Seen]
"""What a provider says at a time, given the truth."""


def answer(truth: Truth, *, head: float = 0) -> Answer:
    head = int(truth.head + head)
    return Answer(head, head, min(int(truth.finalized), head), NOW_MS + round(truth.clock_s * 1000))


def honest(_: float, truth: Truth) -> Seen:
    return Seen(answer(truth))


def lagging(blocks: int) -> Model:
    return lambda _, truth: Seen(answer(truth, head=-blocks))


def lying_high(_: float, truth: Truth) -> Seen:
    return Seen(answer(truth, head=10**12))


def down(failure: Failure, *spans: Span) -> Model:
    return lambda at_s, truth: Seen(failure, 2_000) if within(spans, at_s) else honest(at_s, truth)


def balanced(*behind: int) -> Model:
    """Several nodes behind one address, of which some lag; they answer in turn."""
    turns = cycle(behind)
    return lambda _, truth: Seen(answer(truth, head=-next(turns)))


def slow(ms: int) -> Model:
    return lambda _, truth: Seen(answer(truth), ms)


def jittery(random: Random) -> Model:
    """As a real provider is: a tail of slow answers, failures now and then, a block or two behind, an outage every hour."""
    out_until_s = 0.0

    def model(at_s: float, truth: Truth) -> Seen:
        nonlocal out_until_s
        luck = random.random()
        if luck < 0.0005:
            out_until_s = at_s + random.expovariate(1 / 20)
        if at_s < out_until_s or luck < 0.004:
            return Seen(TIMEOUT, 2_000)
        if luck < 0.008:
            return Seen(Failure("http", "status 429"), 60)
        latency_ms = min(1_999, round(80 * math.exp(random.gauss(0, 0.6))))
        return Seen(answer(truth, head=-min(8, int(random.expovariate(1.2)))), latency_ms)

    return model


@dataclass
class Watched:
    """One chain with its providers, and the state of its monitor. Each has another operator, but for those called `acme-2`."""

    truth: Truth
    models: Mapping[str, Model]
    policy: Policy = POLICY
    state: ChainState = field(init=False)

    def __post_init__(self) -> None:
        self.models = {name if "-" in name else f"{name}-1": model for name, model in self.models.items()}
        providers = tuple(Provider(name, name.partition("-")[0], f"http://{name}.example") for name in self.models)
        self.state = deciding.begin(Chain(self.policy, providers), START_MS, NOW_MS)

    def tick(self, at_s: float, *, uplink_down: bool) -> list[Change]:
        at_ms, now_ms = START_MS + round(at_s * 1000), NOW_MS + round(at_s * 1000)
        self.truth.advance(at_s - self.policy.interval_ms / 1000, self.policy.interval_ms / 1000)
        samples = {}
        for name, model in self.models.items():
            seen = model(at_s, self.truth)
            samples[name] = Sample(at_ms, now_ms + seen.latency_ms, seen.latency_ms, seen.result)
        self.state, changes = deciding.step(self.state, samples, at_ms, now_ms, uplink_down=uplink_down)
        return changes


class Moment(NamedTuple):
    at_s: float
    states: tuple[ChainState, ...]
    changes: tuple[Change, ...]


def replay(*chains: Watched, for_s: float) -> Iterator[Moment]:
    """Every round of probes, all chains together."""
    interval_s = chains[0].policy.interval_ms / 1000
    for number in range(round(for_s / interval_s)):
        at_s = number * interval_s
        lost = deciding.uplink_down(watched.state for watched in chains)
        changes = [change for watched in chains for change in watched.tick(at_s, uplink_down=lost)]
        yield Moment(at_s, tuple(watched.state for watched in chains), tuple(changes))


def verdicts(*chains: Watched, for_s: float) -> list[tuple[float, str]]:
    """When the first chain's verdict became what."""
    found = [(0.0, "unknown")]
    for moment in replay(*chains, for_s=for_s):
        if moment.states[0].verdict != found[-1][1]:
            found.append((moment.at_s, moment.states[0].verdict))
    return found
