"""`jurymast health` and `jurymast certificate`: what the health monitors know."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec
from nats.aio.client import Client

from jurymast.bus.query import Queries
from jurymast.certificate import to_json
from jurymast.cli.commands.connect import with_nats
from jurymast.errors import Rejected, Transient
from jurymast.messages.channel import OPERATOR
from jurymast.messages.health import (
    LAST_CERTIFICATE,
    SNAPSHOT,
    ChainHealth,
    LastCertificateAsked,
    ProviderHealth,
    Snapshot,
    SnapshotAsked,
)
from jurymast.telemetry import Tracer

WITHIN_S = 1.0


@click.command()
@click.option("--chain", default="", help="Only this one.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@with_nats
async def health(nc: Client, *, chain: str, as_json: bool) -> None:
    """Show the chains and their providers, as each monitor sees them. Exit code 0: all are healthy; 1: not."""
    snapshots = await _queries(nc).ask_all(SNAPSHOT, SnapshotAsked(chain=chain), within_s=WITHIN_S)
    if not snapshots:
        raise Transient("no health-monitor answers")
    snapshots.sort(key=lambda snapshot: snapshot.monitor)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(snapshots)).decode())
    else:
        print("\n".join(line for snapshot in snapshots for line in _lines(snapshot)))
    healthy = all(known.verdict == "healthy" for snapshot in snapshots for known in snapshot.chains)
    click.get_current_context().exit(0 if healthy else 1)


@click.command()
@click.argument("chain")
@with_nats
async def certificate(nc: Client, *, chain: str) -> None:
    """Print the last certificate of CHAIN, as a file for `jurymast verify certificate`."""
    last = await _queries(nc).ask(LAST_CERTIFICATE, LastCertificateAsked(chain=chain), within_s=WITHIN_S * 3)
    if last.certificate is None:
        raise Rejected(f"there is no certificate of {chain}")
    print(to_json(last.certificate).decode())


def _queries(nc: Client) -> Queries:
    return Queries(nc, OPERATOR, Tracer(OPERATOR))


def _lines(snapshot: Snapshot) -> list[str]:
    signs = f"signs as {snapshot.observer}" if snapshot.observer else "signs nothing"
    chains = [line for chain in snapshot.chains for line in _chain_lines(chain)] or ["  no chains are configured"]
    return [f"{snapshot.monitor} ({signs})", *chains]


def _chain_lines(chain: ChainHealth) -> list[str]:
    behind = "" if chain.behind_ms is None else f", clock {chain.behind_ms / 1000:.1f} s behind"
    return [
        f"  {chain.chain} is {chain.verdict} since {_moment(chain.since_ms)}: {chain.reason}",
        f"    head {_height(chain.head)}, finalized {_height(chain.finalized)}{behind}",
        f"    {chain.certified or 'nothing to certify yet'}",
        *map(_provider_line, chain.providers),
    ]


def _provider_line(provider: ProviderHealth) -> str:
    mark = "ok" if provider.healthy else "--"
    latency = "" if provider.latency_ms is None else f" {provider.latency_ms} ms"
    return (
        f"    {mark} {provider.provider} ({provider.operator}) {provider.score / 10:.0f}%{latency} "
        f"head {_height(provider.head)}: {provider.reason}"
    )


def _height(height: int | None) -> str:
    return "not known" if height is None else f"{height:,}"


def _moment(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
