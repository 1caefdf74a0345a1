"""What a subject carries. A channel binds a subject template to the one payload type that may travel there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from jurymast.errors import Rejected, TooNew, Undecodable

SCHEMA_HEADER = "Jurymast-Schema"

OPERATOR = "operator"
"""The role of whoever runs `jurymast` commands; all other owners are services."""

EACH_SERVICE = "{service}"
"""Owner of a subject with the key `service`: each service publishes there under its own name, and nobody in another's."""

Kind = Literal["event", "command"]

_TOKEN = re.compile(r"[A-Za-z0-9_-]+")
_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)*")
_SCHEMA = re.compile(r"(?P<name>[a-z0-9.-]+)/(?P<version>[1-9][0-9]{0,5})(;reader=(?P<reader>[1-9][0-9]{0,5}))?")


class Message(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Base of every payload: immutable, MessagePack map with spelled-out names, unknown fields ignored."""


M = TypeVar("M", bound=Message)
R = TypeVar("R", bound=Message)


class Channel(Generic[M]):
    """One subject family member and its payload.

    `template` is literal tokens first, then keys, for example `match.joined.{match}`. Keys are read from the payload's fields
    of the same names, so that a subject and its payload cannot disagree. `version` grows with every change of the payload;
    `reader` is the oldest reader that may safely ignore what was added since, and stays where an addition can be ignored.

    Only an `owner` may publish here, on a server that enforces it (`permissions.py`): one service, several, or `EACH_SERVICE`.
    An event tells what has happened to whoever listens, a command asks its consumer for something. Events that are `public` are
    also for consumers outside.
    """

    def __init__(
        self,
        template: str,
        payload: type[M],
        *,
        summary: str,
        owner: str | tuple[str, ...] = (),
        kind: Kind = "event",
        public: bool = False,
        version: int = 1,
        reader: int = 1,
    ) -> None:
        tokens = template.split(".")
        self.template = template
        self.payload = payload
        self.summary = summary
        self.owners = _names(owner)
        self.kind = kind
        self.public = public
        self.version = version
        self.reader = reader
        self.keys = tuple(token[1:-1] for token in tokens if token.startswith("{"))
        self.name = ".".join(tokens[: len(tokens) - len(self.keys)])
        self.wildcard = self.wildcard_with()
        self.schema = f"{self.name}/{version}" if reader == version else f"{self.name}/{version};reader={reader}"
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder: msgspec.msgpack.Decoder[M] = msgspec.msgpack.Decoder(payload)
        if not _NAME.fullmatch(self.name) or not 1 <= reader <= version:
            raise ValueError(f"{template}: lower-case tokens first, keys last, and 1 <= reader <= version")
        if missing := set(self.keys) - set(payload.__struct_fields__):
            raise ValueError(f"{template}: {payload.__name__} has no field {', '.join(sorted(missing))}")
        if EACH_SERVICE in self.owners and "service" not in self.keys:
            raise ValueError(f"{template}: that each service owns its part needs the key {EACH_SERVICE}")
        if public and kind != "event":
            raise ValueError(f"{template}: only events are public")

    def __repr__(self) -> str:
        return f"<Channel {self.template} {self.schema}>"

    def wildcard_with(self, **known: str) -> str:
        """The pattern of all its subjects, or of those with a known key."""
        return ".".join((self.name, *(known.get(key, "*") for key in self.keys)))

    def subject(self, message: M) -> str:
        """The subject this message belongs on."""
        if not self.keys:
            return self.name
        keys = [str(getattr(message, key)) for key in self.keys]
        for key, value in zip(self.keys, keys, strict=True):
            if not _TOKEN.fullmatch(value):
                raise Rejected(f"{self.name}: {key}={value!r} cannot be part of a subject (letters, digits, - and _ only)")
        return ".".join((self.name, *keys))

    def encode(self, message: M) -> bytes:
        return self._encoder.encode(message)

    def decode(self, payload: bytes, *, schema: str | None, subject: str) -> M:
        """The payload, or `Undecodable` with the reason: wrong schema, malformed bytes, or a subject that does not fit."""
        if problem := schema_problem(schema, self.name, self.version):
            raise problem.kind(f"{subject}: {problem.reason}")
        try:
            message = self._decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # The last two: text or depth beyond reason.
            raise Undecodable(f"{subject}: {len(payload)} bytes are not a {self.name}: {error}") from None
        try:
            belongs = self.subject(message)
        except Rejected as error:
            raise Undecodable(f"{subject}: {error}") from None
        if belongs != subject:
            raise Undecodable(f"{subject}: the payload belongs on {belongs}")
        return message


class Query(Generic[M, R]):
    """A question and its answer, both typed. Asked with a deadline, answered by whoever is there; nothing is stored."""

    def __init__(
        self,
        name: str,
        ask: type[M],
        answer: type[R],
        *,
        summary: str,
        asked_by: str | tuple[str, ...] = (),
        answered_by: str | tuple[str, ...] = (),
        version: int = 1,
    ) -> None:
        self.name = name
        self.summary = summary
        self.askers = _names(asked_by)
        self.answerers = _names(answered_by)
        self.ask = Channel(name, ask, summary=summary, version=version)
        self.answer = Channel(f"{name}.answer", answer, summary=f"Answer to {name}.", version=version)


def _names(one_or_more: str | tuple[str, ...]) -> tuple[str, ...]:
    return (one_or_more,) if isinstance(one_or_more, str) else one_or_more


class Problem(NamedTuple):
    reason: str
    kind: type[Undecodable] = Undecodable


@lru_cache(maxsize=1024)
def schema_problem(schema: str | None, name: str, version: int) -> Problem | None:
    """Why a reader of `name` at `version` cannot read a message with this schema header; None if it can."""
    if schema is None:
        return Problem(f"no {SCHEMA_HEADER} header")
    match = _SCHEMA.fullmatch(schema)
    if match is None:
        return Problem(f"malformed {SCHEMA_HEADER} header {schema[:80]!r}")
    if match["name"] != name:
        return Problem(f"carries {match['name']}, expected {name}")
    oldest_reader = int(match["reader"] or match["version"])
    if oldest_reader > version:
        needs = f"{schema} needs a reader of version {oldest_reader}, this one knows {version}"
        return Problem(f"{needs}: upgrade this service, then replay", TooNew)
    return None


AnyChannel = Channel[Any]
