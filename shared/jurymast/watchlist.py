"""Which chains are watched, through which providers, under which policy: one TOML file, wrong in one clear error or right.

    application = "0x…"                      # 32 bytes; signatures are valid for this application only

    [chains.solana]
    family = "solana"                        # or "evm"
    id = "5eykt4UsFv8P8NJdTREpY1vzqKqZKvdpKuc147dw2N9d"   # the genesis hash; the chain id of an EVM chain
    slot_ms = 400                            # normal time from block to block
    finality_blocks = 150                    # further behind, finality is not normal
    finality_step_s = 0                      # how long it normally takes until more is final: Arbitrum's L1 does it in steps
    quorum = 2                               # independent operators that must agree: more than half of those configured
    threshold = 2                            # observers that make a certificate, of these:
    observers = ["0x…", "0x…", "0x…"]

    number = 1                               # what it is called in everything that guards sign
    contract = "0x…"                         # where the grid stands; guards and relays need both
    genesis = "0x…"                          # the hash of an EVM chain's first block, so that no fork of it is taken for it

    [chains.solana.providers.first]
    operator = "somebody"                    # who runs it: two providers of one operator count once
    url = "https://…"                        # may hold an API key; it is never shown

`Table` has the other settings and their defaults. Everything but the providers is the policy, and the same for all observers.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any, NamedTuple

import msgspec

from jurymast.certificate import minority, policy_problems
from jurymast.errors import Misconfigured
from jurymast.messages.health import Address, Family, Name, Policy

Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
Blocks = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_URL = re.compile(
    r"https?://(?:[^/?#@\s]*@)?(?P<host>[^/?#@:\s%]+|\[[0-9a-f:.]+\])(?::(?P<port>\d{1,5}))?(?:[/?#]\S*)?", re.IGNORECASE
)
DEFAULT_PORTS = (443, 80)
"""Of https and http: one server has both."""
_APPLICATION = re.compile(r"0x[0-9a-fA-F]{64}")


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A chain as it stands in the file."""

    family: Family
    id: str | int
    slot_ms: Annotated[int, msgspec.Meta(ge=1, le=3_600_000)]
    finality_blocks: Blocks
    finality_step_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0
    quorum: Annotated[int, msgspec.Meta(ge=1, le=64)]
    threshold: Annotated[int, msgspec.Meta(ge=0, le=16)] = 0
    observers: tuple[Address, ...] = ()
    window_s: Seconds = 30
    interval_s: Seconds = 2
    timeout_s: Seconds = 2
    max_skew_s: Seconds = 10
    max_age_s: Seconds = 60
    drift_s: Seconds = 60
    slow_ms: Annotated[int, msgspec.Meta(ge=1, le=60_000)] = 500
    lag_blocks: Blocks = 10
    speed_percent: Annotated[int, msgspec.Meta(ge=1, le=100)] = 50
    number: Annotated[int, msgspec.Meta(ge=0, le=255)] = 0
    contract: Annotated[str, msgspec.Meta(max_length=100)] = ""
    genesis: Annotated[str, msgspec.Meta(pattern=r"^(0x[0-9a-f]{64})?$")] = ""


class ProviderTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    operator: Name
    url: str


@dataclass(frozen=True)
class Provider:
    name: str
    operator: str
    url: str

    def __repr__(self) -> str:
        return f"Provider({self.name!r}, {self.operator!r}, url=***)"


@dataclass(frozen=True)
class Chain:
    policy: Policy
    providers: tuple[Provider, ...]
    number: int = 0
    """In permits and everything else that is signed; 0 where it is only watched."""
    contract: str = ""
    genesis: str = ""

    @property
    def name(self) -> str:
        return self.policy.chain

    @property
    def operators(self) -> frozenset[str]:
        return frozenset(provider.operator for provider in self.providers)

    @property
    def refusal(self) -> str:
        """Why nothing can be said about this chain with these providers; empty if it can."""
        have, need = len(self.operators), self.policy.quorum
        too_few = f"{have} independent operators are configured, the policy needs {need}" if have < need else ""
        return too_few or minority(have, self.policy)


class Place(NamedTuple):
    key: str
    problem: str


def parse(text: str) -> tuple[Chain, ...]:
    """The chains, or `Misconfigured` with every key that is wrong. Values are not repeated: they may be secrets."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Misconfigured(f"not TOML: {error}") from None
    places: list[Place] = [Place(key, "there is no such setting") for key in document if key not in ("application", "chains")]
    application = document.get("application")
    if not isinstance(application, str) or not _APPLICATION.fullmatch(application):
        places.append(Place("application", "32 bytes, as 0x and 64 hexadecimal digits"))
        application = "0x"
    tables = document.get("chains", {})
    if not isinstance(tables, dict):
        places.append(Place("chains", "a table of chains"))
        tables = {}
    chains = [_chain(name, table, bytes.fromhex(application[2:]), places) for name, table in tables.items()]
    if places:
        raise Misconfigured("; ".join(f"{place.key}: {place.problem}" for place in places))
    return tuple(chain for chain in chains if chain)


def _chain(name: str, table: Any, application: bytes, places: list[Place]) -> Chain | None:
    where = f"chains.{name}"
    found = len(places)
    if not isinstance(table, dict) or not _NAME.fullmatch(name):
        places.append(Place(where, "a table, under a name of lower-case letters, digits and -"))
        return None
    settings = {key: value for key, value in table.items() if key != "providers"}
    providers = _providers(where, table.get("providers", {}), places)
    read = _converted(where, settings, Table, places)
    if read is None:
        return None
    policy = _policy(name, read, application)
    if application:  # Without one, that is said already.
        places += [
            Place(f"{where}.{problem.partition(':')[0]}", problem.partition(": ")[2]) for problem in policy_problems(policy)
        ]
    return Chain(policy, providers, read.number, read.contract, read.genesis) if len(places) == found else None


def _policy(name: str, table: Table, application: bytes) -> Policy:
    return Policy(
        application=application,
        chain=name,
        family=table.family,
        chain_id=str(table.id),
        observers=table.observers,
        threshold=table.threshold,
        quorum=table.quorum,
        window_ms=round(table.window_s * 1000),
        interval_ms=round(table.interval_s * 1000),
        timeout_ms=round(table.timeout_s * 1000),
        max_skew_ms=round(table.max_skew_s * 1000),
        max_age_ms=round(table.max_age_s * 1000),
        slot_ms=table.slot_ms,
        speed_percent=table.speed_percent,
        lag_blocks=table.lag_blocks,
        finality_blocks=table.finality_blocks,
        finality_step_ms=round(table.finality_step_s * 1000),
        drift_ms=round(table.drift_s * 1000),
        slow_ms=table.slow_ms,
    )


def _providers(where: str, tables: Any, places: list[Place]) -> tuple[Provider, ...]:
    if not isinstance(tables, dict):
        places.append(Place(f"{where}.providers", "a table of providers"))
        return ()
    providers = []
    for name, table in tables.items():
        key = f"{where}.providers.{name}"
        if not _NAME.fullmatch(name):
            places.append(Place(key, "a name of lower-case letters, digits and -"))
        elif (read := _converted(key, table, ProviderTable, places)) is not None:
            if not _URL.fullmatch(read.url):
                places.append(Place(f"{key}.url", "an address that begins with http:// or https://"))
            providers.append(Provider(name, read.operator, read.url))
    places += _same_address(where, providers)
    return tuple(providers)


def _same_address(where: str, providers: list[Provider]) -> Iterator[Place]:
    """One server under the names of two operators would count twice."""
    seen: dict[tuple[str, int], Provider] = {}
    for provider in providers:
        if match := _URL.fullmatch(provider.url):
            port = int(match["port"] or DEFAULT_PORTS[0])
            other = seen.setdefault((_host(match["host"]), DEFAULT_PORTS[0] if port in DEFAULT_PORTS else port), provider)
            if other.operator != provider.operator:
                yield Place(
                    f"{where}.providers.{provider.name}.operator",
                    f"the same server as {other.name}, which another operator is said to run",
                )


def _host(text: str) -> str:
    """The same for all the ways to write it."""
    name = text.lower().strip("[]").rstrip(".")
    try:
        address = ip_address(name)
    except ValueError:
        return "localhost" if name.endswith(".localhost") else name
    address = getattr(address, "ipv4_mapped", None) or address
    return "localhost" if address.is_loopback or address.is_unspecified else address.compressed


def _converted(where: str, table: Any, kind: type[Any], places: list[Place]) -> Any:
    try:
        return msgspec.convert(table, kind)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$")
        places.append(Place(f"{where}{path.rstrip('`')}", problem))
        return None
