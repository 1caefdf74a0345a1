"""The one table of every stream, key-value bucket, object store and durable consumer, and what changing it would lose.

Pure: `provision.py` carries the table to a server. Services never declare any of this; they only bind to what is here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from typing import Any, Literal

from jurymast.errors import Misconfigured
from jurymast.messages import dead, lease, service
from jurymast.messages.channel import AnyChannel

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30
HOUR_S, DAY_S = 3_600, 86_400
UNLIMITED = -1

MAX_MESSAGE_BYTES = 512 * KIB
"""Half of the server's 1 MiB, so that a dead letter can always carry the whole message it is about."""

ADVISORY = "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES"

Config = dict[str, Any]


# -- subjects ----------------------------------------------------------------------------------------------------------


def covers(pattern: str, subject: str) -> bool:
    """Whether every subject that `subject` (itself possibly a pattern) stands for is matched by `pattern`."""
    ours, theirs = pattern.split("."), subject.split(".")
    for i, part in enumerate(ours):
        if part == ">":
            return len(theirs) > i
        if i >= len(theirs) or theirs[i] == ">" or (part not in ("*", theirs[i])):
            return False
    return len(ours) == len(theirs)


def overlap(one: str, two: str) -> bool:
    """Whether any subject is matched by both patterns."""
    for a, b in zip(one.split("."), two.split("."), strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return one.count(".") == two.count(".")


# -- the table ---------------------------------------------------------------------------------------------------------


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
            "max_deliver": self.max_deliver,
            "max_ack_pending": self.max_ack_pending,
        }


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One stream. Limits that are not stated are the strict ones: nothing grows without a bound."""

    name: str
    subjects: tuple[str, ...]
    summary: str
    max_bytes: int
    retention: Literal["limits", "workqueue", "interest"] = "limits"
    storage: Literal["file", "memory"] = "file"
    replicas: int = 3
    max_age_s: float = 0
    max_messages_per_subject: int = UNLIMITED
    max_message_bytes: int = MAX_MESSAGE_BYTES
    discard: Literal["old", "new"] = "old"
    discard_new_per_subject: bool = False
    dedupe_window_s: float = 120
    allow_atomic: bool = False
    allow_message_ttl: bool = False
    allow_direct: bool = False
    allow_rollup: bool = False
    deny_delete: bool = False
    deny_purge: bool = False
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
        }

    def takes(self, subject: str) -> bool:
        return any(covers(pattern, subject) for pattern in self.subjects)


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A key-value bucket: the stream that NATS clients expect to find under this name."""

    name: str
    summary: str
    max_bytes: int
    history: int = 1
    ttl_s: float = 0
    replicas: int = 3

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
    summary: str
    max_bytes: int
    ttl_s: float = 0
    replicas: int = 3

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
    def all_streams(self) -> tuple[Stream, ...]:
        return self.streams + tuple(b.stream() for b in self.buckets) + tuple(o.stream() for o in self.object_stores)

    @cached_property
    def compiled(self) -> tuple[Stream, ...]:
        """All streams, with the two consumers each service needs for its dead letters."""
        services = sorted({c.service for stream in self.streams for c in stream.consumers})
        return tuple(self._with_housekeeping(stream, services) for stream in self.all_streams)

    def _with_housekeeping(self, stream: Stream, services: Iterable[str]) -> Stream:
        if stream.name == REPLAYS.name:
            return replace(stream, consumers=tuple(replay_consumer(name) for name in services))
        if stream.name == ADVISORIES.name:
            return replace(stream, consumers=tuple(self._advisory_consumer(name) for name in services))
        return stream

    def _advisory_consumer(self, name: str) -> Consumer:
        own = (f"{ADVISORY}.{s.name}.{c.name}" for s in self.streams for c in s.consumers if c.service == name)
        return Consumer(
            name=f"advisories-{name}",
            service=name,
            subjects=tuple(own),
            summary=f"Messages on which {name} died at every attempt.",
            max_deliver=UNLIMITED,
        )

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
    """What a server would refuse halfway through, or what could never work."""
    consumers = [consumer for stream in streams for consumer in stream.consumers]
    yield from _repeated("stream names are unique", [stream.name for stream in streams])
    yield from _repeated("consumer names are unique over all streams", [consumer.name for consumer in consumers])
    for one, two in combinations([(stream.name, s) for stream in streams for s in stream.subjects], 2):
        if overlap(one[1], two[1]):
            yield f"{one[0]} and {two[0]} both take subjects of {one[1]} and {two[1]}"
    for stream in streams:
        for consumer in stream.consumers:
            if outside := [s for s in consumer.subjects if not stream.takes(s)]:
                yield f"{consumer.name}: {stream.name} does not take {', '.join(outside)}"
    for consumer in consumers:
        if any(overlap(one, two) for one, two in combinations(consumer.subjects, 2)):
            yield f"{consumer.name}: its subjects overlap"
        if not consumer.backoff_s:
            yield f"{consumer.name}: backoff_s is empty"


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
ADVISORIES = Stream(
    name="ADVISORIES",
    subjects=(f"{ADVISORY}.>",),
    summary="The server's word that a message was delivered as often as allowed and never acknowledged.",
    max_bytes=64 * MIB,
    max_age_s=14 * DAY_S,
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
)

TABLE = Table(streams=(DEAD, REPLAYS, ADVISORIES, LEASES, SERVICES))


# -- what differs, and what a change would lose ------------------------------------------------------------------------

Effect = Literal["create", "update", "lossy", "impossible"]


@dataclass(frozen=True)
class Change:
    """One difference between the table and a server."""

    stream: str
    consumer: str | None
    effect: Effect
    what: str
    config: Config = field(default_factory=dict, compare=False, repr=False)

    def __str__(self) -> str:
        where = f"{self.stream}/{self.consumer}" if self.consumer else self.stream
        return f"{self.effect:<10} {where}: {self.what}"


@dataclass(frozen=True)
class Actual:
    """What a server holds of one stream."""

    config: Config
    consumers: Mapping[str, Config]


_UNLIMITED_VALUES = (0, UNLIMITED)
_SHRINKING_LOSES = {
    "max_age": "older messages are deleted at once",
    "max_bytes": "messages beyond the limit are deleted or refused",
    "max_msgs_per_subject": "older messages of a subject are deleted at once",
    "max_msg_size": "messages that were accepted before are refused",
    "num_replicas": "fewer copies survive the loss of a node",
    "duplicate_window": "duplicates that were dropped before are stored twice",
    "max_deliver": "messages with that many attempts are not delivered again",
}
_IMPOSSIBLE = {
    "retention": "a stream keeps its retention for life",
    "storage": "a stream keeps its storage for life",
    "ack_policy": "a consumer keeps it for life",
    "deliver_policy": "a consumer keeps it for life",
    "replay_policy": "a consumer keeps it for life",
}
_IRREVOCABLE = ("allow_msg_ttl", "deny_delete", "deny_purge")


def differences(table: Table, actual: Mapping[str, Actual], max_replicas: int) -> list[Change]:
    """Every change that brings a server to the table, in order. What only the server has is left alone."""
    changes: list[Change] = []
    for stream in table.compiled:
        config = stream.config(max_replicas)
        there = actual.get(stream.name)
        if there is None:
            changes.append(Change(stream.name, None, "create", stream.summary, config))
        else:
            changes += _config_changes(stream.name, None, config, there.config)
        known = there.consumers if there else {}
        for consumer in stream.consumers:
            wanted = consumer.config()
            if consumer.name not in known:
                changes.append(Change(stream.name, consumer.name, "create", consumer.summary, wanted))
            else:
                changes += _config_changes(stream.name, consumer.name, wanted, _with_filters(known[consumer.name]))
    return changes


def unknown(table: Table, actual: Mapping[str, Actual]) -> list[str]:
    """Streams and durable consumers that a server has and the table does not name."""
    wanted = {stream.name: {c.name for c in stream.consumers} for stream in table.compiled}
    streams = [name for name in sorted(actual) if name not in wanted]
    consumers = [
        f"{name}/{consumer}"
        for name in sorted(wanted.keys() & actual.keys())
        for consumer, config in sorted(actual[name].consumers.items())
        if consumer not in wanted[name] and config.get("durable_name")
    ]
    return streams + consumers


def _config_changes(stream: str, consumer: str | None, wanted: Config, actual: Config) -> Iterator[Change]:
    for key, new in wanted.items():
        old = actual.get(key, type(new)())  # The server leaves out what is zero, false or empty.
        if old == new or (old in _UNLIMITED_VALUES and new in _UNLIMITED_VALUES and key.startswith("max_")):
            continue
        effect, loss = _effect(key, old, new)
        yield Change(stream, consumer, effect, f"{key} {old!r} -> {new!r}" + (f" ({loss})" if loss else ""), wanted)


def _effect(key: str, old: Any, new: Any) -> tuple[Effect, str]:
    if key in _IMPOSSIBLE:
        return "impossible", _IMPOSSIBLE[key]
    if key in _IRREVOCABLE and not new:
        return "impossible", "once on, it stays on"
    if key in ("subjects", "filter_subjects"):
        gone = [s for s in old if not any(covers(pattern, s) for pattern in new)]
        return ("lossy", f"{', '.join(gone)} is no longer taken") if gone else ("update", "")
    if key in _SHRINKING_LOSES and (old in _UNLIMITED_VALUES or 0 < new < old):
        return "lossy", _SHRINKING_LOSES[key]
    if key == "discard" and new == "old":
        return "lossy", "a full stream drops its oldest messages"
    if isinstance(new, bool) and old and key != "allow_direct":
        return "lossy", "a guarantee that publishers rely on ends"
    return "update", ""


def _with_filters(config: Config) -> Config:
    """The server reports a single filter under another name."""
    single = config.get("filter_subject")
    return {**config, "filter_subjects": [single]} if single else config


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)
