"""What differs between the stream table and a server, and what each change would lose. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from jurymast.streams import UNLIMITED, Config, Table
from jurymast.subjects import covers, overlap

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


NOWHERE = "nowhere"
"""Nobody publishes there: for a stream that for a moment must not take anything."""

_UNLIMITED_VALUES = (0, UNLIMITED)
_SHRINKING_LOSES = {
    "max_age": "older messages are deleted at once",
    "max_bytes": "messages beyond the limit are deleted or refused",
    "max_msgs_per_subject": "older messages of a subject are deleted at once",
    "max_msg_size": "messages that were accepted before are refused",
    "num_replicas": "fewer copies survive the loss of a node",
    "duplicate_window": "duplicates that were dropped before are stored twice",
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
    """Every change that brings a server to the table. What only the server has is left alone."""
    changes = [*_occupied(table, actual)]
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


def steps(changes: list[Change], actual: Mapping[str, Actual]) -> list[Change]:
    """One change for each stream or consumer, in an order that a server takes: at no moment do two streams have a subject in
    common. Where they wait for each other, one first gives up what the others want."""
    firsts: dict[tuple[str, str | None], Change] = {}
    for change in changes:  # Several fields are one update.
        firsts.setdefault((change.stream, change.consumer), change)
    wanting = {name: change for (name, consumer), change in firsts.items() if consumer is None}
    held = _subjects(actual)
    ordered: list[Change] = []
    while wanting:
        free = (change for name, change in wanting.items() if not _holders(change.config["subjects"], held, but=name))
        step = next(free, None) or _giving_way(wanting, held, actual)
        ordered.append(step)
        held[step.stream] = step.config["subjects"]
        if step is wanting[step.stream]:
            del wanting[step.stream]
    return ordered + [change for change in firsts.values() if change.consumer is not None]


def _giving_way(wanting: Mapping[str, Change], held: Mapping[str, list[str]], actual: Mapping[str, Actual]) -> Change:
    first = next(iter(wanting.values()))
    name = _holders(first.config["subjects"], held, but=first.stream)[0]
    wanted = [subject for other, change in wanting.items() if other != name for subject in change.config["subjects"]]
    kept = [subject for subject in held[name] if not any(overlap(subject, other) for other in wanted)]
    subjects = kept or [f"{NOWHERE}.{name}"]  # With no subjects at all, a server takes the stream's name for one.
    return Change(name, None, "update", f"subjects {held[name]} -> {subjects}", {**actual[name].config, "subjects": subjects})


def _holders(subjects: list[str], held: Mapping[str, list[str]], *, but: str) -> list[str]:
    return [name for name, theirs in held.items() if name != but and any(overlap(a, b) for a in theirs for b in subjects)]


def _subjects(actual: Mapping[str, Actual]) -> dict[str, list[str]]:
    return {name: stream.config.get("subjects", []) for name, stream in actual.items()}


def refusals(changes: list[Change], *, allow_lossy: bool) -> list[Change]:
    refused = {"impossible"} if allow_lossy else {"impossible", "lossy"}
    return [change for change in changes if change.effect in refused]


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


def _occupied(table: Table, actual: Mapping[str, Actual]) -> Iterator[Change]:
    ours = {stream.name for stream in table.compiled}
    others = {name: subjects for name, subjects in _subjects(actual).items() if name not in ours}
    for stream in table.compiled:
        for name in _holders(list(stream.subjects), others, but=stream.name):
            yield Change(stream.name, None, "impossible", f"{name}, not of the table, takes some of its subjects: remove it")


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
