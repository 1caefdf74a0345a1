"""How chains and their providers are, and what observers sign about a chain that halted or recovered.

Addresses are text with the EIP-55 checksum here, because they are parts of subjects and the same text for everybody.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from jurymast.messages.channel import OPERATOR, Channel, Message, Query

Verdict = Literal["healthy", "degraded", "halted", "unreachable", "unknown"]
"""halted: a quorum answers and there is no new block. unreachable: no quorum answers. unknown: we cannot tell."""
Kind = Literal["halt", "recovery"]
Family = Literal["evm", "solana"]

Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
NEVER_MS = (1 << 63) - 1
Name = Annotated[str, Meta(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=40)]
Address = Annotated[str, Meta(pattern=r"^0x[0-9a-fA-F]{40}$")]
Short = Annotated[str, Meta(max_length=200)]


# -- what observers sign -----------------------------------------------------------------------------------------------


class Policy(Message, frozen=True, kw_only=True):
    """What must be seen, by whom, for a certificate about one chain. Every observer of a chain has the same one."""

    application: bytes
    """32 bytes; the salt of the EIP-712 domain: a signature is valid for one application."""
    chain: Name
    family: Family
    chain_id: Short
    """What the chain itself says it is: the EVM chain id in decimal, or Solana's genesis hash."""
    observers: Annotated[tuple[Address, ...], Meta(max_length=16)]
    threshold: Count
    """How many of them must agree; with none, this chain is watched and never certified."""
    quorum: Annotated[int, Meta(ge=1, le=64)]
    """How many independent operators each of them must have seen it through."""
    window_ms: Count
    interval_ms: Count
    timeout_ms: Count
    max_skew_ms: Count
    """How far apart the windows of observers may end."""
    max_age_ms: Count
    """How old an observation may be when it becomes part of a certificate."""
    slot_ms: Annotated[int, Meta(ge=1, le=3_600_000)]
    """The chain's normal time from one block to the next."""
    speed_percent: Annotated[int, Meta(ge=1, le=100)]
    """Of the normal speed; slower is not well."""
    lag_blocks: Count
    """Providers further apart than this do not see the same chain."""
    finality_blocks: Count
    """A finalized block further behind the head than this is not normal."""
    finality_step_ms: Count
    """How long it normally takes until more is final; zero where that happens all the time."""
    drift_ms: Count
    """How far the chain's clock may be from ours."""
    slow_ms: Count
    """An answer that takes longer is slow."""


class Evidence(Message, frozen=True, kw_only=True):
    """What one provider said during the window. Without answers, its heights are zero."""

    provider: Name
    operator: Name
    answers: Count
    failures: Count
    longest_gap_ms: Count
    """The longest time without an answer, from the window's beginning to its end; all of it if none came at or before its
    beginning: nothing says then where the chain was."""
    longest_stall_ms: Count
    """The longest time without a new block, from the window's beginning to its end."""
    head_first: Count
    """The highest at or before the window's beginning: behind one address there can be several nodes, of which some lag."""
    head_last: Count
    """In the last answer."""
    head_highest: Count
    """Of all answers, from what `head_first` is of to the window's end."""
    tip_highest: Count
    """The highest block at any commitment; `head` counts those that the chain has confirmed."""
    finalized_first: Count
    """The highest at or before the window's beginning."""
    finalized_last: Count
    """In the last answer."""
    finalized_age_ms: Count
    """How long before the window's end more became final than ever before; `NEVER_MS` if that was not seen yet."""
    clock_ms: Count
    """The chain's own time in the last answer."""
    read_ms: Count
    """Our time then."""
    trouble: Short
    """Why it last failed in the window; empty if it never did."""


class Observation(Message, frozen=True, kw_only=True):
    """One observer's word that it saw a chain halted, or recovered, for a whole window."""

    chain: Name
    chain_id: Short
    kind: Kind
    observer: Address
    policy_hash: bytes
    from_ms: Count
    to_ms: Count
    head_first: Count
    head_last: Count
    finalized_first: Count
    finalized_last: Count
    clock_ms: Count
    highest_head: Count
    """The highest block that is believed to have existed."""
    halt_id: bytes
    """Of a recovery: the certificate of the halt that it ends. Empty for a halt."""
    halt_head: Count
    """Of a recovery: the highest block seen at that halt. Zero for a halt."""
    evidence: Annotated[tuple[Evidence, ...], Meta(max_length=64)]
    signature: bytes = b""


class Observations(Message, frozen=True, kw_only=True):
    """All that one observer has to say now, about each chain once. It is one message, so that an observer takes up one place."""

    observer: Address
    observations: Annotated[tuple[Observation, ...], Meta(max_length=64)]


class Certificate(Message, frozen=True, kw_only=True):
    """Enough observers agree. Its parts prove everything: whoever holds the policy can verify it offline."""

    chain: Name
    kind: Kind
    policy: Policy
    observations: Annotated[tuple[Observation, ...], Meta(max_length=16)]


# -- what monitors tell ------------------------------------------------------------------------------------------------


UNSIGNED = "unsigned"
"""What a monitor without a key tells, it tells in nobody's name."""


class ProviderChanged(Message, frozen=True, kw_only=True):
    chain: str
    provider: str
    operator: str
    monitor: str
    """Who saw it, each through providers of its own: an observer's address, or `UNSIGNED`."""
    instance: str
    was_healthy: bool
    healthy: bool
    reason: str
    score: int
    """0 to 1000."""
    changed_ms: int


class ChainChanged(Message, frozen=True, kw_only=True):
    chain: str
    monitor: str
    """As in `ProviderChanged`."""
    instance: str
    was: Verdict
    verdict: Verdict
    reason: str
    head: int | None = None
    finalized: int | None = None
    changed_ms: int


class ProviderHealth(Message, frozen=True, kw_only=True):
    provider: str
    operator: str
    healthy: bool
    score: int
    reason: str
    since_ms: int
    latency_ms: int | None = None
    head: int | None = None
    finalized: int | None = None


class ChainHealth(Message, frozen=True, kw_only=True):
    chain: str
    verdict: Verdict
    reason: str
    since_ms: int
    head: int | None = None
    finalized: int | None = None
    behind_ms: int | None = None
    """How far the chain's clock is behind ours; negative when it is ahead."""
    certified: str
    """The last certificate's kind and number, or why there is none."""
    providers: tuple[ProviderHealth, ...]


class SnapshotAsked(Message, frozen=True, kw_only=True):
    chain: str = ""
    """Only this one; all when empty."""


class Snapshot(Message, frozen=True, kw_only=True):
    monitor: str
    observer: str
    """The address it signs with; empty when it has no key and only watches."""
    taken_ms: int
    chains: tuple[ChainHealth, ...]


class LastCertificateAsked(Message, frozen=True, kw_only=True):
    chain: str


class LastCertificate(Message, frozen=True, kw_only=True):
    chain: str
    sequence: int
    """Its place in the stream; zero, and no certificate, before the first."""
    certificate: Certificate | None = None


MONITOR = "health-monitor"

PROVIDER_CHANGED = Channel(
    "health.provider.changed.{chain}.{provider}.{monitor}",
    ProviderChanged,
    summary="A provider became well or unwell, as one monitor sees it.",
    owner=MONITOR,
)
CHAIN_CHANGED = Channel(
    "health.chain.changed.{chain}.{monitor}",
    ChainChanged,
    summary="One monitor's verdict about a chain changed.",
    owner=MONITOR,
    public=True,
)
OBSERVED = Channel(
    "health.observed.{observer}",
    Observations,
    summary="An observer signs that chains were halted, or recovered, each for a whole window.",
    owner=MONITOR,
)
CERTIFIED = Channel(
    "health.certified.{chain}.{kind}",
    Certificate,
    summary="Enough observers agree that a chain halted or recovered.",
    owner=MONITOR,
    public=True,
)
SNAPSHOT = Query(
    "health.snapshot",
    SnapshotAsked,
    Snapshot,
    summary="How are the chains and their providers now? Every monitor answers.",
    asked_by=OPERATOR,
    answered_by=MONITOR,
)
LAST_CERTIFICATE = Query(
    "health.certificate.last",
    LastCertificateAsked,
    LastCertificate,
    summary="Which was the last certificate of this chain?",
    asked_by=OPERATOR,
    answered_by=MONITOR,
)
