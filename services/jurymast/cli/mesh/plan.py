"""What a local mesh consists of: data, and the pure steps from it to the commands that are run."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

from jurymast.chains.local.evm.contracts import Deployment
from jurymast.chains.local.evm.node import STATE_END, Node, command
from jurymast.crypto.keccak import keccak256
from jurymast.messages import catalog
from jurymast.messages.channel import AnyChannel, Query
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR
from jurymast.messages.intents import MIRROR
from jurymast.nats_conf import Server
from jurymast.nats_conf import nats_conf as configured
from jurymast.permissions import MEMBERS, Access
from jurymast.streams import TABLE, Table

MARKER = "JURYMAST_MESH"
"""In the environment of every process of a mesh, with the state directory as value: this is how leftovers are recognised."""

SUPERVISOR = "mesh"
"""The name under which the supervisor itself writes its log."""

HOST = "127.0.0.1"

Kind = Literal["server", "service"]


@dataclass(frozen=True)
class Probe:
    """How a process is asked whether it is alive and ready. `url` is its base address."""

    protocol: Literal["nats", "redis", "http", "evm"]
    url: str


@dataclass(frozen=True)
class Service:
    """One Python service of the mesh, run as `python -m module`."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    member_of: str = ""
    """The service that it is a further member of, with a key of its own; none if it is called like its service."""
    number: int = 1
    """Which member."""

    @property
    def service(self) -> str:
        return self.member_of or self.name


@dataclass(frozen=True)
class Timing:
    """Every bound of the supervisor, in seconds."""

    backoff_first_s: float = 0.5
    backoff_most_s: float = 15
    healthy_s: float = 30
    """This long ready, and the next failure counts as the first one."""
    liveness_s: float = 20
    """Not alive for this long: killed and started again."""
    start_s: float = 30
    """Not ready for this long: said aloud, and the end of `up` when it is a server at first start."""
    stop_s: float = 20
    """From SIGTERM to SIGKILL; more than a service takes to drain and close."""
    probe_every_s: float = 1
    probe_s: float = 2


@dataclass(frozen=True)
class Plan:
    services: tuple[Service, ...] = ()
    table: Table = TABLE
    allow_lossy: bool = False
    """Also make changes to streams that lose messages or guarantees."""
    log_bytes: int = 20 << 20
    """Each log file is cut when it is longer; one old copy is kept."""
    timing: Timing = Timing()
    channels: tuple[AnyChannel, ...] = tuple(catalog.channels())
    queries: tuple[Query[Any, Any], ...] = tuple(catalog.queries())
    members: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The addresses of those that sign, by service."""
    evm: bool = False
    """Whether there is a local EVM chain."""
    contracts: tuple[Deployment, ...] = ()
    """What stands on it."""

    def __post_init__(self) -> None:
        names = ["nats", "redis", "evm", SUPERVISOR, *(service.name for service in self.services)]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names of a mesh are unique: {', '.join(repeated)}")

    @property
    def access(self) -> Access:
        """Who may publish and ask what."""
        names = dict.fromkeys(service.service for service in self.services)
        return Access(self.table, self.channels, self.queries, tuple(names), self.members)

    @property
    def members_here(self) -> Mapping[str, int]:
        """How many of each service sign here."""
        here = dict.fromkeys(MEMBERS, 1)
        for each in self.services:
            if each.service in here:
                here[each.service] = max(here[each.service], each.number)
        return here

    def role(self, service: Service) -> str:
        """As which it comes in."""
        return self.access.logins_of(service.service)[service.number - 1]

    def with_services(self, *services: Service) -> Plan:
        return replace(self, services=self.services + services)


APPLICATION = {
    "JURYMAST_APPLICATION": keccak256(b"an application under development").hex(),
    "JURYMAST_TREASURY": keccak256(b"the treasury of an application under development").hex(),
}
"""Of a mesh on one machine: no deployment's users sign for it."""

GUARDS = 3
"""That run on one machine, so that one can be killed."""

PLAN = Plan(
    services=(
        Service(MONITOR, "jurymast.health_monitor"),
        Service(MIRROR, "jurymast.mirror", environment=APPLICATION),
        *(
            Service(
                NONCE_GUARD if number == 1 else f"{NONCE_GUARD}-{number}",
                "jurymast.nonce_guard",
                environment=APPLICATION,
                member_of=NONCE_GUARD,
                number=number,
            )
            for number in range(1, GUARDS + 1)
        ),
    ),
    evm=True,
)
"""What `jurymast up` starts."""


@dataclass(frozen=True)
class Ports:
    nats: int
    websocket: int
    monitor: int
    redis: int
    services: tuple[int, ...]
    evm: int = 0
    """None where there is no local EVM chain."""

    @property
    def nats_url(self) -> str:
        return f"nats://{HOST}:{self.nats}"

    @property
    def websocket_url(self) -> str:
        return f"ws://{HOST}:{self.websocket}"

    @property
    def monitor_url(self) -> str:
        return f"http://{HOST}:{self.monitor}"

    @property
    def redis_url(self) -> str:
        return f"redis://{HOST}:{self.redis}"

    @property
    def evm_url(self) -> str:
        return f"http://{HOST}:{self.evm}" if self.evm else ""


class Kept(NamedTuple):
    """A file that a process writes in place; whole copies of it are kept."""

    path: Path
    end: bytes
    """With which it ends if it is whole."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """One process to run: everything about it is decided."""

    name: str
    kind: Kind
    command: tuple[str, ...]
    port: int
    probe: Probe
    environment: Mapping[str, str]
    needs: tuple[str, ...] = ()
    """Names that are ready before this one is started."""
    kept: Kept | None = None


def servers(ports: Ports, state: Path, nats: Path, redis: Path, anvil: Path | None = None) -> tuple[Program, ...]:
    # Both write local time into their logs; the merged log needs one time for all.
    environment = {MARKER: str(state), "TZ": "UTC"}
    return (
        Program(
            name="nats",
            kind="server",
            command=(str(nats), "-c", str(state / "nats.conf")),
            port=ports.nats,
            probe=Probe("nats", ports.monitor_url),
            environment=environment,
        ),
        Program(
            name="redis",
            kind="server",
            command=(str(redis), *redis_arguments(ports.redis, state / "redis")),
            port=ports.redis,
            probe=Probe("redis", ports.redis_url),
            environment=environment,
        ),
        *((_evm(ports, state, anvil, environment),) if anvil else ()),
    )


def _evm(ports: Ports, state: Path, anvil: Path, environment: Mapping[str, str]) -> Program:
    stored = state / "evm" / "state.json"
    return Program(
        name="evm",
        kind="server",
        command=command(str(anvil), Node(port=ports.evm, state=str(stored))),
        port=ports.evm,
        probe=Probe("evm", ports.evm_url),
        environment=environment,
        kept=Kept(stored, STATE_END),
    )


def services(
    plan: Plan, ports: Ports, state: Path, seeds: Mapping[str, Path], key: Callable[[str, int], Path] | None = None
) -> tuple[Program, ...]:
    """`seeds` are the files by which NATS knows each of them, by role. Of whoever signs it takes one address only: that of the
    key."""
    return tuple(
        Program(
            name=service.name,
            kind="service",
            command=(sys.executable, "-m", service.module, *service.arguments),
            port=port,
            probe=Probe("http", f"http://{HOST}:{port}"),
            environment={
                **service.environment,
                **(_signing(plan, service, state, key) if key and service.service in MEMBERS else {}),
                MARKER: str(state),
                "JURYMAST_NATS_URL": ports.nats_url,
                "JURYMAST_NATS_SEED_FILE": str(seeds[plan.role(service)]),
                "JURYMAST_NATS_CA": "",
                "JURYMAST_REDIS_URL": ports.redis_url,
                "JURYMAST_HTTP_HOST": HOST,
                "JURYMAST_HTTP_PORT": str(port),
                "PYTHONUNBUFFERED": "1",
            },
            needs=("nats", "redis"),
        )
        for service, port in zip(plan.services, ports.services, strict=True)
    )


def _signing(plan: Plan, service: Service, state: Path, key: Callable[[str, int], Path]) -> Mapping[str, str]:
    signs = {f"JURYMAST_{MEMBERS[service.service].upper()}_KEY_FILE": str(key(service.service, service.number))}
    if service.service != NONCE_GUARD:
        return signs
    guards = plan.members[NONCE_GUARD]
    return signs | {
        "JURYMAST_GUARDS": ",".join(guards),
        "JURYMAST_THRESHOLD": str(len(guards) // 2 + 1),
        "JURYMAST_JOURNAL": str(state / "guards" / f"{service.name}.journal"),
    }


def stop_order(programs: tuple[Program, ...]) -> list[list[str]]:
    """Services together, then one server after the other, the first started last: who serves outlives who asks."""
    together = [program.name for program in programs if program.kind == "service"]
    one_by_one = [[program.name] for program in reversed(programs) if program.kind == "server"]
    return [together, *one_by_one]


def nats_conf(plan: Plan, ports: Ports, state: Path, public_keys: Mapping[str, str]) -> str:
    server = Server(
        listen=f"{HOST}:{ports.nats}",
        websocket=f"{HOST}:{ports.websocket}",
        monitor=f"{HOST}:{ports.monitor}",
        store=str(state / "nats"),
    )
    return f"# Written by `jurymast up` at every start.\n{configured(server, plan.access, public_keys)}"


def redis_arguments(port: int, directory: Path) -> tuple[str, ...]:
    options = {
        "bind": HOST,
        "port": str(port),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "daemonize": "no",
        "set-proc-title": "no",  # Writing a title overwrites the environment, and with it the mark of the mesh.
    }
    return tuple(part for name, value in options.items() for part in (f"--{name}", value))
