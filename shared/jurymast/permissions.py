"""Who may publish and subscribe what, derived from the stream table and the owners that stand beside the messages. Pure.

Permissions alone would not hold: nobody checks the reply subject of a request, and the server publishes its answer there in its
own name. Whoever may ask JetStream anything could have it write to any subject of the same account. So each service also has an
account of its own, and what it may ask of the mesh crosses over one subject at a time, with the reply translated. Observers are
one service and do not trust each other, nor do guards, so each of them is a role, a member of its service: in one account all
would hear and forge each other's answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from jurymast.errors import Misconfigured
from jurymast.messages.channel import EACH_SERVICE, OPERATOR, AnyChannel, Query
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR, UNSIGNED
from jurymast.messages.intents import APPLICATION
from jurymast.messages.lease import LeaseHeld
from jurymast.streams import DEAD, REPLAYS, STORED, Stream, Table, replay_consumer

PROVISIONER = "provisioner"
"""Brings a server to the stream table, and can do nothing else."""

EXTERNAL = "external"
"""Consumers outside: they read public events, and can do nothing else."""

ANSWERS = "_R_.>"
"""Where the server takes answers to questions from other accounts: subjects that it makes up, one for each question."""

API = "$JS.API"

TELLER = "monitor"
"""The key of subjects on which an observer publishes under its own address, and a monitor that is none as well."""

MEMBER_KEYS: Mapping[str, str] = {"observer": MONITOR, TELLER: MONITOR, "guard": NONCE_GUARD}
"""The keys of subjects on which a member of a service publishes under its own address, and under no other."""

MEMBERS: Mapping[str, str] = {MONITOR: "observer", NONCE_GUARD: "guard"}
"""The services whose members do not trust each other, and what those are."""


def inbox(role: str) -> str:
    """The prefix of the subjects on which this role gets its answers. Commands do not know as whom they were logged in, nor do
    services whether they are one of several."""
    return "_INBOX" if role in (OPERATOR, PROVISIONER) else f"_INBOX_{service_of(role)}"


def member_role(service: str, address: str) -> str:
    return f"{service}-{address}"


def service_of(role: str) -> str:
    """The service that comes in as this role."""
    return next((service for service in MEMBERS if role.startswith(member_role(service, "0x"))), role)


@dataclass(frozen=True)
class Permissions:
    """What a role may do within its account; nothing that is not listed."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]


@dataclass(frozen=True)
class Access:
    """Of every role of one deployment."""

    table: Table
    channels: tuple[AnyChannel, ...]
    queries: tuple[Query[Any, Any], ...]
    more_services: tuple[str, ...] = ()
    """Services that neither own nor consume anything of their own yet."""
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Addresses, by service. The first is that of the service's own role, each other one has a role for itself."""

    def __post_init__(self) -> None:
        if strange := sorted(set(self.members) - set(MEMBERS)):
            raise ValueError(f"there are no members of {', '.join(strange)}")
        if clash := sorted({OPERATOR, PROVISIONER, EXTERNAL} & set(self.services)):
            raise ValueError(f"no service can be called {' or '.join(clash)}")
        for channel in self.public:
            if not self.table.stream_for(channel).republish:
                raise ValueError(f"{channel.name} is public, but its stream does not republish")

    @cached_property
    def services(self) -> tuple[str, ...]:
        named = chain(
            self.more_services,
            (consumer.service for stream in self.table.streams for consumer in stream.consumers),
            *(channel.owners for channel in self.channels),
            *((*query.askers, *query.answerers) for query in self.queries),
            *((*store.owners, *store.readers) for store in self.table.stores),
            *(stream.followers for stream in self.table.streams),
        )
        return tuple(sorted(set(named) - {EACH_SERVICE, OPERATOR}))

    @property
    def roles(self) -> tuple[str, ...]:
        return (*self.logins, OPERATOR, PROVISIONER, EXTERNAL)

    @property
    def logins(self) -> tuple[str, ...]:
        """The roles of services."""
        return tuple(login for service in self.services for login in self.logins_of(service))

    def logins_of(self, service: str) -> tuple[str, ...]:
        return (service, *(member_role(service, address) for address in self.members.get(service, ())[1:]))

    def address(self, role: str) -> str:
        """Under which it publishes what its service's members do; empty if under none."""
        service = service_of(role)
        return dict(zip(self.logins_of(service), self.members.get(service, ()), strict=False)).get(role, "")

    @property
    def public(self) -> tuple[AnyChannel, ...]:
        return tuple(channel for channel in self.channels if channel.public)

    def permissions(self, role: str) -> Permissions:
        inboxes = f"{inbox(role)}.>"
        match role:
            case "operator":  # Sees everything, for `jurymast tail`.
                return Permissions(_sorted(self._administration(), self._letters(), self.owned(role), self.asked(role)), (">",))
            case "provisioner":
                return Permissions(_sorted(self._administration()), (inboxes,))
            case "external":
                return Permissions((), _sorted(channel.wildcard for channel in self.public))
        if role not in self.logins:
            raise Misconfigured(f"there is no role {role}: there are {', '.join(self.roles)}")
        answered = self.answered(role)
        publish = _sorted(self.requested(role), self.asked(role), [ANSWERS] if answered else [])
        return Permissions(publish, _sorted([inboxes], answered, self.heard(role)))

    # -- of services -------------------------------------------------------------------------------------------------------

    def owned(self, role: str) -> Iterator[str]:
        """The subjects on which it publishes."""
        service = service_of(role)
        for channel in self.channels:
            if service in channel.owners:
                yield from self._in_its_name(role, channel)
            elif EACH_SERVICE in channel.owners and service in self.services:
                yield channel.wildcard_with(service=service)

    def _in_its_name(self, role: str, channel: AnyChannel) -> Iterator[str]:
        service, address = service_of(role), self.address(role)
        keys = [key for key in channel.keys if MEMBER_KEYS.get(key) == service]
        unsigned = [UNSIGNED] if role == MONITOR and TELLER in keys else []
        for key in keys:
            yield from (channel.wildcard_with(**{key: name}) for name in (address, *unsigned) if name)
        if not keys:
            yield channel.wildcard

    def requested(self, role: str) -> Iterator[str]:
        """All that it sends to JetStream."""
        service = service_of(role)
        yield f"{API}.INFO"
        yield from self.owned(role)
        yield from self._kept(service)
        for stream, consumer in self.table.consumers_of(service):
            yield f"{API}.CONSUMER.INFO.{stream.name}.{consumer.name}"
            yield pull(stream.name, consumer.name)
            yield f"$JS.ACK.{stream.name}.{consumer.name}.>"
        for stream in self._read(service):
            yield f"{API}.STREAM.INFO.{stream.name}"
            yield f"{API}.STREAM.MSG.GET.{stream.name}"
        yield from (direct_get(stream.name) for stream in self.followed(role))

    def pulled(self, role: str) -> set[str]:
        """Those of its requests that have many answers."""
        pulls = {pull(stream.name, consumer.name) for stream, consumer in self.table.consumers_of(service_of(role))}
        return pulls | {direct_get(stream.name) for stream in self.followed(role)}

    def followed(self, role: str) -> tuple[Stream, ...]:
        return tuple(stream for stream in self.table.streams if service_of(role) in stream.followers)

    def heard(self, role: str) -> tuple[str, ...]:
        """What the server repeats to it when it is stored: what it follows, and to applications whatever is public."""
        public = [channel.wildcard for channel in self.public] if role == APPLICATION else []
        followed = [subject for stream in self.followed(role) for subject in stream.subjects]
        return tuple(map(stored, (*followed, *public)))

    def asked(self, role: str) -> Iterator[str]:
        return (query.name for query in self.queries if service_of(role) in query.askers)

    def answered(self, role: str) -> tuple[str, ...]:
        return tuple(query.name for query in self.queries if service_of(role) in self.answerers(query))

    def answerers(self, query: Query[Any, Any]) -> tuple[str, ...]:
        return self.services if EACH_SERVICE in query.answerers else query.answerers

    def _kept(self, service: str) -> Iterator[str]:
        """Of buckets and object stores. Keys are watched and objects fetched by consumers, which services do not create: they ask
        for one value or chunk after the other."""
        for store in self.table.stores:
            stream = store.stream()
            if service in store.owners:
                yield from stream.subjects
            if service in (*store.owners, *store.readers):
                yield f"{API}.STREAM.INFO.{stream.name}"
                yield f"{API}.STREAM.MSG.GET.{stream.name}"
                yield f"{API}.DIRECT.GET.{stream.name}"
                yield f"{API}.DIRECT.GET.{stream.name}.>"

    def _read(self, service: str) -> set[Stream]:
        """Streams of which it reads single messages: those it consumes, those of its own subjects, and where its leases are."""
        consumed = {stream for stream, _ in self.table.consumers_of(service) if stream.name != REPLAYS.name}
        owned = {self.table.stream_for(channel) for channel in self.channels if service in channel.owners}
        leases = {self.table.stream_for(channel) for channel in self.channels if _each_leads(channel)}
        followed = {stream for stream in self.table.streams if service in stream.followers}
        return consumed | owned | leases | followed

    # -- of the operator and the provisioner -----------------------------------------------------------------------------

    def _administration(self) -> Iterator[str]:
        """`jurymast streams`. Exactly what the table names can be made or changed, and nothing can be deleted or purged."""
        yield f"{API}.INFO"
        yield f"{API}.STREAM.LIST"
        for stream in self.table.compiled:
            yield f"{API}.STREAM.CREATE.{stream.name}"
            yield f"{API}.STREAM.UPDATE.{stream.name}"
            yield f"{API}.CONSUMER.LIST.{stream.name}"
            for consumer in stream.consumers:
                yield f"{API}.CONSUMER.CREATE.{stream.name}.{consumer.name}"

    def _letters(self) -> Iterator[str]:
        """`jurymast dead`."""
        for call in ("STREAM.INFO", "STREAM.MSG.GET", "STREAM.MSG.DELETE"):
            yield f"{API}.{call}.{DEAD.name}"
        for service in self.services:
            yield f"{API}.CONSUMER.INFO.{REPLAYS.name}.{replay_consumer(service).name}"


def pull(stream: str, consumer: str) -> str:
    return f"{API}.CONSUMER.MSG.NEXT.{stream}.{consumer}"


def direct_get(stream: str) -> str:
    return f"{API}.DIRECT.GET.{stream}"


def stored(subject: str) -> str:
    """Where a stream that republishes says that it has stored this."""
    return f"{STORED}.{subject}"


def _each_leads(channel: AnyChannel) -> bool:
    return issubclass(channel.payload, LeaseHeld) and EACH_SERVICE in channel.owners


def _sorted(*subjects: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(chain(*subjects))))
