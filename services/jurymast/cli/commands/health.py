"""`jurymast health` and `jurymast certificate`: what the health monitors know."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from nats.aio.client import Client

from jurymast.bus.query import Queries
from jurymast.certificate import newest_ms, to_json, verify
from jurymast.cli.commands.connect import with_nats
from jurymast.cli.commands.printable import say
from jurymast.cli.commands.verify import policy_option, trusted_policy
from jurymast.errors import Misconfigured, Rejected, Transient
from jurymast.messages.channel import OPERATOR
from jurymast.messages.health import (
    LAST_CERTIFICATE,
    SNAPSHOT,
    Certificate,
    ChainHealth,
    LastCertificateAsked,
    Policy,
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
    """Show the chains and their providers, as each monitor sees them. Exit code 0: all are healthy; 1: not.

    Nothing here is proved; `jurymast certificate --policy` shows what is."""
    snapshots = await _queries(nc).ask_all(SNAPSHOT, SnapshotAsked(chain=chain), within_s=WITHIN_S)
    if not snapshots:
        raise Transient("no health-monitor answers")
    if chain and not any(snapshot.chains for snapshot in snapshots):
        raise Misconfigured(f"{chain} is not watched: `jurymast health` shows which are")
    snapshots.sort(key=lambda snapshot: snapshot.monitor)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(snapshots)).decode())
    else:
        for snapshot in snapshots:
            for line in _lines(snapshot, chain):
                say(line)
    healthy = all(known.verdict == "healthy" for snapshot in snapshots for known in snapshot.chains)
    click.get_current_context().exit(0 if healthy else 1)


@click.command()
@click.argument("chain")
@policy_option
@with_nats
async def certificate(nc: Client, *, chain: str, policy_file: Path | None) -> None:
    """Print the last certificate of CHAIN, as a file for `jurymast verify certificate`.

    Without --policy it is no more than what all monitors say."""
    policy = trusted_policy(policy_file, chain) if policy_file else None
    answers = await _queries(nc).ask_all(LAST_CERTIFICATE, LastCertificateAsked(chain=chain), within_s=WITHIN_S)
    if not answers:
        raise Transient(f"no health-monitor answers for {chain}")
    last = _believed([answer.certificate for answer in answers], policy)
    if last is None:
        raise Rejected(f"there is no certificate of {chain}" + (" that holds under this policy" if policy else ""))
    if policy is None:
        print("not verified: give the policy that you trust with --policy", file=sys.stderr)
    print(to_json(last).decode())


def _believed(told: Sequence[Certificate | None], policy: Policy | None) -> Certificate | None:
    """With a policy the newest that holds under it, whoever tells of another one; without, what all monitors say."""
    if policy:
        return max((one for one in told if one and not verify(one, policy)), key=newest_ms, default=None)
    if any(one != told[0] for one in told):
        raise Rejected("the monitors tell of different certificates: say with --policy which policy you trust")
    return told[0]


def _queries(nc: Client) -> Queries:
    return Queries(nc, OPERATOR, Tracer(OPERATOR))


def _lines(snapshot: Snapshot, asked: str) -> list[str]:
    signs = f"signs as {snapshot.observer}" if snapshot.observer else "signs nothing"
    none = f"  does not watch {asked}" if asked else "  no chains are configured"
    return [f"{snapshot.monitor} ({signs})", *([line for chain in snapshot.chains for line in _chain_lines(chain)] or [none])]


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
