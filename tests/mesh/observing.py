"""Health monitors as processes, each with providers and a key of its own, and the chain that they watch."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from jurymast.bus.query import Queries
from jurymast.errors import Transient
from jurymast.messages.health import (
    LAST_CERTIFICATE,
    MONITOR,
    SNAPSHOT,
    Certificate,
    ChainHealth,
    Family,
    Kind,
    LastCertificate,
    LastCertificateAsked,
    Snapshot,
    SnapshotAsked,
)
from jurymast.permissions import member_role
from jurymast.watchlist import parse
from tests import rpc_stub
from tests.rpc_stub import StubChain, providers
from tests.servers import NatsServer, Service, eventually
from tests.watching import ADDRESSES

WINDOW_S, INTERVAL_S, TIMEOUT_S = 4.0, 0.5, 0.5
SLOT_MS = 100
SECRET_KEYS = [bytes(31) + bytes([number]) for number in range(1, 8)]
ROLES = (MONITOR, *(member_role(MONITOR, address) for address in ADDRESSES[1:]))
APPLICATION = "0x" + "a5" * 32


def chains_file(
    urls: dict[str, str],
    *,
    family: Family = "solana",
    chain_id: str = rpc_stub.GENESIS,
    name: str = "main",
    **changed: Any,
) -> str:
    """A watchlist with one provider for each operator."""
    settings: dict[str, Any] = {
        "family": family,
        "id": chain_id,
        "slot_ms": SLOT_MS,
        "finality_blocks": 40,
        "quorum": 2,
        "threshold": 2,
        "observers": list(ADDRESSES[:3]),
        "window_s": WINDOW_S,
        "interval_s": INTERVAL_S,
        "timeout_s": TIMEOUT_S,
        "max_skew_s": 2.0,
        "max_age_s": 10.0,
        "lag_blocks": 12,
        **changed,
    }
    lines = [f'application = "{APPLICATION}"', f"[chains.{name}]", *(f"{key} = {json.dumps(v)}" for key, v in settings.items())]
    for operator, url in urls.items():
        lines += [f"[chains.{name}.providers.{operator}-1]", f'operator = "{operator}"', f'url = "{url}"']
    return "\n".join(lines)


class Monitors:
    """Starts observers, and asks them."""

    def __init__(self, server: NatsServer, queries: Queries, directory: Path) -> None:
        self.queries = queries
        self.started: list[Service] = []
        self._server = server
        self._directory = directory

    def start(self, observer: int | None, text: str | None, **settings: str) -> Service:
        path = self._directory / f"chains-{len(self.started)}.toml"
        if text is not None:
            path.write_text(text)
            settings["JURYMAST_CHAINS_FILE"] = str(path)
        if observer is not None:
            settings["JURYMAST_OBSERVER_KEY"] = SECRET_KEYS[observer].hex()
        login = self._server.settings(ROLES[observer or 0])
        service = Service("jurymast.health_monitor", self._server.url, self._directory, **login, **settings)
        self.started.append(service)
        return service

    async def snapshots(self, expected: int) -> list[Snapshot]:
        async def all_there() -> list[Snapshot]:
            found = await self.queries.ask_all(SNAPSHOT, SnapshotAsked(), within_s=0.3)
            return found if len(found) == expected else []

        found: list[Snapshot] = await eventually(all_there, 30, what=f"{expected} snapshots")
        return found

    async def chains(self, expected: int) -> list[ChainHealth]:
        return [snapshot.chains[0] for snapshot in await self.snapshots(expected)]

    async def become(self, verdict: str, expected: int, within_s: float = 30) -> list[ChainHealth]:
        async def check() -> list[ChainHealth]:
            found = await self.chains(expected)
            return found if all(chain.verdict == verdict for chain in found) else []

        found: list[ChainHealth] = await eventually(check, within_s, what=f"{verdict} everywhere")
        return found

    async def last(self) -> LastCertificate:
        return await self.queries.ask(LAST_CERTIFICATE, LastCertificateAsked(chain="main"), within_s=2)

    async def certified(self, kind: Kind, within_s: float = 30) -> Certificate:
        async def check() -> Certificate | None:
            try:
                certificate = (await self.last()).certificate
            except Transient:
                return None
            return certificate if certificate and certificate.kind == kind else None

        certificate = await eventually(check, within_s, what=f"a certified {kind}")
        assert isinstance(certificate, Certificate)
        return certificate

    async def says(self, text: str, expected: int = 1, within_s: float = 30) -> list[str]:
        """What all of them say about certificates, once each of them says this."""

        async def check() -> list[str]:
            found = [chain.certified for chain in await self.chains(expected)]
            return found if all(text in said for said in found) else []

        found: list[str] = await eventually(check, within_s, what=text)
        return found


class World:
    """A chain with as many RPC servers as anybody wants."""

    def __init__(self, chain: StubChain, stack: AsyncExitStack) -> None:
        self.chain = chain
        self._stack = stack

    async def urls(self, *operators: str, behave: rpc_stub.Behaviour = rpc_stub.honest) -> dict[str, str]:
        stubs = await self._stack.enter_async_context(providers(self.chain, len(operators)))
        for stub in stubs:
            stub.behave = behave
        return {operator: stub.url for operator, stub in zip(operators, stubs, strict=True)}


def own(observer: int) -> tuple[str, ...]:
    return tuple(f"{name}{observer}" for name in ("acme", "bolt", "core"))


async def policy_of(world: World) -> Any:
    return parse(chains_file(await world.urls("acme", "bolt")))[0].policy
