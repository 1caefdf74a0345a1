"""The one table of every stream, key-value bucket, object store and durable consumer.

Pure: `drift.py` says what changing a server to it would lose, `provision.py` does it. Services never declare any of this; they
only bind to what is here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

from jurymast.errors import Misconfigured
from jurymast.messages import claims, dead, guard, health, intents, lease, ledger, permits, service
from jurymast.messages.channel import AnyChannel
from jurymast.subjects import covers, overlap, valid_pattern

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HOUR_S, DAY_S = 3_600, 86_400
UNLIMITED = -1

SHORTEST_S, LONGEST_S = 0.1, 100 * 365 * DAY_S

MAX_MESSAGE_BYTES = 512 * KIB
"""Half of the server's 1 MiB, so that a dead letter can always carry the whole message it is about."""

STORED = "stored"
"""Streams that republish repeat what they have stored under this prefix, with its sequence in a header. Consumers outside read it
there: whoever listens to the subject itself also hears what the stream then refuses."""

Config = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9_-]{1,200}")

# Beyond these a server refuses a value, or puts another one in its place and would differ from the table for ever.
_STREAM_BOUNDS = {
    "max_bytes": (1, 2**63 - 1),
    "replicas": (1, 5),
    "max_age_s": (SHORTEST_S, LONGEST_S),
    "max_messages_per_subject": (1, 2**63 - 1),
    "max_message_bytes": (1, 2**31 - 1),
    "dedupe_window_s": (SHORTEST_S, LONGEST_S),
}
_CONSUMER_BOUNDS = {"ack_wait_s": (SHORTEST_S, LONGEST_S), "max_ack_pending": (1, 2**63 - 1)}
_NO_LIMIT = {"max_age_s": 0, "max_messages_per_subject": UNLIMITED}


@dataclass(frozen=True, kw_only=True)
class Consumer:
    """A durable pull consumer with explicit acknowledgement. Every replica of `service` shares it."""

    name: str
    service: str
    subjects: tuple[str, ...]
    summary: str
    deliver: Literal["all", "new"] = "all"
    ack_wait_s: float = 30
    max_deliver: int = 6
    """Attempts that a message has. The service counts, not the server, which would fall silent after the last one: a message that
    kills its process each time is buried when it comes once more."""
    backoff_s: tuple[float, ...] = (0.2, 1, 5, 15, 60)
    """Delay before each further attempt; the last one repeats. Applied when a handler fails: the server's own back-off would
    also shorten the acknowledgement deadline of a handler that is merely slow."""
    max_ack_pending: int = 2_000

    def retry_delay_s(self, attempt: int) -> float:
        return self.backoff_s[min(attempt, len(self.backoff_s)) - 1]

    def config(self) -> Config:
        return {
            "durable_name": self.name,
            "name": self.name,
            "description": self.summary,
            "filter_subjects": list(self.subjects),
            "ack_policy": "explicit",
            "deliver_policy": self.deliver,
            "replay_policy": "instant",
            "ack_wait": _nanoseconds(self.ack_wait_s),
            "max_deliver": UNLIMITED,
            "max_ack_pending": self.max_ack_pending,
        }


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream. Limits that are not stated are the strict ones: nothing grows without a bound."""

    name: str
    subjects: tuple[str, ...]
    summary: str
    max_bytes: int
    retention: Literal["limits", "workqueue"] = "limits"
    storage: Literal["file", "memory"] = "file"
    replicas: int = 3
    max_age_s: float = 0
    max_messages_per_subject: int = UNLIMITED
    max_message_bytes: int = MAX_MESSAGE_BYTES
    discard: Literal["old", "new"] = "old"
    discard_new_per_subject: bool = False
    dedupe_window_s: float = 120
    """How long ids are remembered. Where each subject takes one message, the subject itself says what is a repeat."""
    allow_atomic: bool = False
    allow_message_ttl: bool = False
    allow_direct: bool = False
    allow_rollup: bool = False
    deny_delete: bool = False
    deny_purge: bool = False
    republish: bool = False
    """For streams with public events, and those that are followed."""
    followers: tuple[str, ...] = ()
    """Services of which each replica reads all of it, in order."""
    consumers: tuple[Consumer, ...] = ()

    def config(self, max_replicas: int) -> Config:
        return {
            "name": self.name,
            "description": self.summary,
            "subjects": list(self.subjects),
            "retention": self.retention,
            "storage": self.storage,
            "num_replicas": min(self.replicas, max_replicas),
            "max_age": _nanoseconds(self.max_age_s),
            "max_bytes": self.max_bytes,
            "max_msgs": UNLIMITED,
            "max_msgs_per_subject": self.max_messages_per_subject,
            "max_msg_size": self.max_message_bytes,
            "max_consumers": UNLIMITED,
            "discard": self.discard,
            "discard_new_per_subject": self.discard_new_per_subject,
            "duplicate_window": _nanoseconds(min(self.dedupe_window_s, self.max_age_s or self.dedupe_window_s)),
            "allow_atomic": self.allow_atomic,
            "allow_msg_ttl": self.allow_message_ttl,
            "allow_direct": self.allow_direct,
            "allow_rollup_hdrs": self.allow_rollup,
            "deny_delete": self.deny_delete,
            "deny_purge": self.deny_purge,
            "republish": {"src": ">", "dest": f"{STORED}.>"} if self.republish else None,
        }

    @property
    def create_only(self) -> bool:
        """A subject takes one message, ever: it is written by `Bus.publish_new`, and no id is needed to know a repeat."""
        return self.discard_new_per_subject and self.max_messages_per_subject == 1

    @property
    def forgets(self) -> bool:
        """What was stored may be gone after a while, as was said here."""
        bounded = self.max_messages_per_subject != UNLIMITED and not self.discard_new_per_subject
        return bool(self.max_age_s) or self.discard == "old" or bounded

    def takes(self, subject: str) -> bool:
        return any(covers(pattern, subject) for pattern in self.subjects)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A key-value bucket: the stream that NATS clients expect to find under this name."""

    name: str
    owner: str | tuple[str, ...] = ()
    """The service that writes into it, or several; `readers` only read."""
    readers: tuple[str, ...] = ()
    summary: str
    max_bytes: int
    history: int = 1
    ttl_s: float = 0
    replicas: int = 3

    @property
    def owners(self) -> tuple[str, ...]:
        return (self.owner,) if isinstance(self.owner, str) else self.owner

    def stream(self) -> Stream:
        return Stream(
            name=f"KV_{self.name}",
            subjects=(f"$KV.{self.name}.>",),
            summary=self.summary,
            max_bytes=self.max_bytes,
            max_messages_per_subject=self.history,
            max_age_s=self.ttl_s,
            replicas=self.replicas,
            discard="new",
            allow_direct=True,
            allow_rollup=True,
            deny_delete=True,
        )


@dataclass(frozen=True, kw_only=True)
class ObjectStore:
    """An object store: chunks and their metadata, as NATS clients lay them out."""

    name: str
    owner: str | tuple[str, ...] = ()
    """The service that writes into it, or several; `readers` only read."""
    readers: tuple[str, ...] = ()
    summary: str
    max_bytes: int
    ttl_s: float = 0
    replicas: int = 3

    @property
    def owners(self) -> tuple[str, ...]:
        return (self.owner,) if isinstance(self.owner, str) else self.owner

    def stream(self) -> Stream:
        return Stream(
            name=f"OBJ_{self.name}",
            subjects=(f"$O.{self.name}.C.>", f"$O.{self.name}.M.>"),
            summary=self.summary,
            max_bytes=self.max_bytes,
            max_age_s=self.ttl_s,
            replicas=self.replicas,
            discard="new",
            allow_direct=True,
            allow_rollup=True,
        )


@dataclass(frozen=True)
class Table:
    """Everything JetStream has to hold."""

    streams: tuple[Stream, ...]
    buckets: tuple[Bucket, ...] = ()
    object_stores: tuple[ObjectStore, ...] = ()

    def __post_init__(self) -> None:
        if mistakes := list(_mistakes(self.all_streams)):
            raise ValueError("; ".join(mistakes))

    def with_streams(self, *streams: Stream) -> Table:
        return replace(self, streams=self.streams + streams)

    @property
    def stores(self) -> tuple[Bucket | ObjectStore, ...]:
        return (*self.buckets, *self.object_stores)

    @property
    def all_streams(self) -> tuple[Stream, ...]:
        return self.streams + tuple(store.stream() for store in self.stores)

    @cached_property
    def compiled(self) -> tuple[Stream, ...]:
        """All streams, with the consumer that each service needs for replays of its dead letters."""
        services = sorted({c.service for stream in self.streams for c in stream.consumers})
        return tuple(self._with_housekeeping(stream, services) for stream in self.all_streams)

    def _with_housekeeping(self, stream: Stream, services: Iterable[str]) -> Stream:
        if stream.name == REPLAYS.name:
            return replace(stream, consumers=tuple(replay_consumer(name) for name in services))
        return stream

    def consumer(self, name: str) -> tuple[Stream, Consumer]:
        for stream in self.compiled:
            for consumer in stream.consumers:
                if consumer.name == name:
                    return stream, consumer
        raise Misconfigured(f"no consumer {name} in the stream table")

    def consumers_of(self, service_name: str) -> Iterator[tuple[Stream, Consumer]]:
        for stream in self.compiled:
            for consumer in stream.consumers:
                if consumer.service == service_name:
                    yield stream, consumer

    def stream_for(self, channel: AnyChannel) -> Stream:
        for stream in self.compiled:
            if stream.takes(channel.wildcard):
                return stream
        raise Misconfigured(f"no stream takes {channel.wildcard}: add it to the stream table")


def _mistakes(streams: Sequence[Stream]) -> Iterator[str]:
    """What a server would refuse halfway through or make otherwise, or what could never work."""
    consumers = [consumer for stream in streams for consumer in stream.consumers]
    yield from _repeated("stream names are unique", [stream.name for stream in streams])
    yield from _repeated("consumer names are unique over all streams", [consumer.name for consumer in consumers])
    for one, two in combinations([(stream.name, s) for stream in streams for s in stream.subjects], 2):
        if overlap(one[1], two[1]):
            yield f"{one[0]} and {two[0]} both take subjects of {one[1]} and {two[1]}"
    for stream in streams:
        yield from _out_of_bounds(stream, _STREAM_BOUNDS)
        yield from _contradictions(stream)
        for consumer in stream.consumers:
            if outside := [s for s in consumer.subjects if not stream.takes(s)]:
                yield f"{consumer.name}: {stream.name} does not take {', '.join(outside)}"
    for consumer in consumers:
        yield from _out_of_bounds(consumer, _CONSUMER_BOUNDS)
        if any(overlap(one, two) for one, two in combinations(consumer.subjects, 2)):
            yield f"{consumer.name}: its subjects overlap"
        if not consumer.backoff_s:
            yield f"{consumer.name}: backoff_s is empty"


def _out_of_bounds(thing: Stream | Consumer, bounds: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    if not _NAME.fullmatch(thing.name):
        yield f"{thing.name!r} is no name: up to 200 letters, digits, - and _"
    if not thing.subjects:
        yield f"{thing.name}: it has no subjects"
    if wrong := [subject for subject in thing.subjects if not valid_pattern(subject)]:
        yield f"{thing.name}: no subjects are {', '.join(map(repr, wrong))}"
    for field, (least, most) in bounds.items():
        value = getattr(thing, field)
        if value != _NO_LIMIT.get(field) and not least <= value <= most:
            yield f"{thing.name}: {field} is {value}, and has to be from {least} to {most}"


def _contradictions(stream: Stream) -> Iterator[str]:
    if any(overlap(subject, f"{STORED}.>") for subject in stream.subjects):
        yield f"{stream.name}: what others have stored cannot be stored again ({STORED}.>)"
    if stream.discard_new_per_subject and (stream.discard != "new" or stream.max_messages_per_subject == UNLIMITED):
        yield f"{stream.name}: discard_new_per_subject needs discard 'new' and max_messages_per_subject"
    if stream.followers and not (stream.republish and stream.allow_direct):
        yield f"{stream.name}: who follows it hears what it republishes, and asks for the rest by direct gets"
    if stream.allow_rollup and stream.deny_purge:
        yield f"{stream.name}: a roll-up purges, which deny_purge forbids"
    if stream.retention == "workqueue":
        if late := [consumer.name for consumer in stream.consumers if consumer.deliver == "new"]:
            yield f"{stream.name}: a work queue has nothing that came before a consumer: {', '.join(late)} must deliver all"
        for one, two in combinations(stream.consumers, 2):
            if any(overlap(a, b) for a in one.subjects for b in two.subjects):
                yield f"{stream.name}: {one.name} and {two.name} take the same subjects of a work queue"


def _repeated(rule: str, names: list[str]) -> Iterator[str]:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        yield f"{rule}: {', '.join(repeated)}"


def replay_consumer(name: str) -> Consumer:
    return Consumer(
        name=f"replays-{name}",
        service=name,
        subjects=(f"dead.replay.{name}.>",),
        summary=f"Dead letters that an operator gave back to {name}.",
    )


DEAD = Stream(
    name="DEAD",
    subjects=(f"{dead.DEAD.name}.>",),
    summary="Messages that a consumer gave up on. One per consumer and message, kept until an operator decides.",
    max_bytes=256 * MIB,
    max_message_bytes=MIB,
    max_messages_per_subject=1,
    discard="new",
)
REPLAYS = Stream(
    name="REPLAYS",
    subjects=(f"{dead.REPLAY.name}.>",),
    summary="Dead letters on their way back to the consumer that failed.",
    max_bytes=256 * MIB,
    max_message_bytes=MIB,
    max_messages_per_subject=1,
    retention="workqueue",
    discard="new",
)
LEASES = Stream(
    name="LEASES",
    subjects=(f"{lease.LEASE.name}.>",),
    summary="One message per lease; its sequence is the fencing token, the server expires it.",
    max_bytes=16 * MIB,
    max_messages_per_subject=1,
    allow_message_ttl=True,
)
SERVICES = Stream(
    name="SERVICES",
    subjects=(service.STARTED.wildcard, service.STOPPED.wildcard),
    summary="Which instance started and stopped when.",
    max_bytes=64 * MIB,
    max_age_s=30 * DAY_S,
    republish=True,
)
HEALTH = Stream(
    name="HEALTH",
    subjects=(health.PROVIDER_CHANGED.wildcard, health.CHAIN_CHANGED.wildcard),
    summary="What changed about chains and their providers, as each monitor sees it.",
    max_bytes=256 * MIB,
    max_age_s=30 * DAY_S,
    republish=True,
)
OBSERVATIONS = Stream(
    name="OBSERVATIONS",
    subjects=(health.OBSERVED.wildcard,),
    summary="What each observer signed last. It has one subject, so that however much it sends, the others' stay.",
    max_bytes=64 * MIB,
    max_message_bytes=256 * KIB,
    max_age_s=DAY_S,
    max_messages_per_subject=1,
)
CERTIFICATES = Stream(
    name="CERTIFICATES",
    subjects=(health.CERTIFIED.wildcard,),
    summary="Every halt and recovery that was certified. Of each chain they alternate: a compare-and-set sees to it.",
    max_bytes=256 * MIB,
    discard="new",
    deny_delete=True,
    deny_purge=True,
    republish=True,
)
LEDGER = Stream(
    name="LEDGER",
    subjects=("ledger.>",),
    summary="Every event that changes value or an intent's life, in the one order in which they are applied.",
    max_bytes=8 * GIB,
    discard="new",
    allow_direct=True,
    deny_delete=True,
    deny_purge=True,
    republish=True,
    followers=(ledger.MIRROR, ledger.NONCE_GUARD),
)
INTENTS = Stream(
    name="INTENTS",
    subjects=(intents.CHANGED.wildcard,),
    summary="How each intent stands: of every one the last change. The ledger has all of them.",
    max_bytes=2 * GIB,
    max_message_bytes=4 * KIB,
    max_messages_per_subject=1,
    max_age_s=30 * DAY_S,
    republish=True,
)

CLAIMS = Stream(
    name="CLAIMS",
    subjects=(claims.EPOCH.wildcard, claims.INTENT.wildcard, claims.OUTCOME.wildcard),
    summary="The lock: which chain's epoch is open, who was claimed for which batch, and what became of it. Each subject once.",
    max_bytes=2 * GIB,
    max_message_bytes=64 * KIB,
    max_messages_per_subject=1,
    discard="new",
    discard_new_per_subject=True,
    dedupe_window_s=SHORTEST_S,
    allow_atomic=True,
    allow_direct=True,
    deny_delete=True,
    republish=True,
    followers=(claims.NONCE_GUARD,),
)
PERMITS = Stream(
    name="PERMITS",
    subjects=(permits.SIGNED.wildcard, permits.REFUSED.wildcard),
    summary="Each guard's part of a permit, or its promise never to give it. Guards say it again while it matters.",
    max_bytes=2 * GIB,
    max_message_bytes=4 * KIB,
    max_messages_per_subject=1,
    max_age_s=DAY_S,
    discard="new",
    discard_new_per_subject=True,
    dedupe_window_s=SHORTEST_S,
    allow_atomic=True,
    allow_direct=True,
    republish=True,
    followers=(ledger.MIRROR, claims.NONCE_GUARD),
)
PROOFS = Stream(
    name="PROOFS",
    subjects=(permits.KEPT.wildcard,),
    summary="What outcomes were seen by, for whoever wants to see it too.",
    max_bytes=8 * GIB,
    max_messages_per_subject=1,
    discard="new",
    discard_new_per_subject=True,
    dedupe_window_s=SHORTEST_S,
    deny_delete=True,
)
JOURNALS = Stream(
    name="JOURNALS",
    subjects=(guard.JOURNAL.wildcard,),
    summary="How far the journal of each guard has come: one that stands behind was lost.",
    max_bytes=16 * MIB,
    max_message_bytes=4 * KIB,
    max_messages_per_subject=1,
    dedupe_window_s=SHORTEST_S,
    deny_delete=True,
    deny_purge=True,
)

TABLE = Table(
    streams=(
        DEAD,
        REPLAYS,
        LEASES,
        SERVICES,
        HEALTH,
        OBSERVATIONS,
        CERTIFICATES,
        LEDGER,
        INTENTS,
        CLAIMS,
        PERMITS,
        PROOFS,
        JOURNALS,
    )
)


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
