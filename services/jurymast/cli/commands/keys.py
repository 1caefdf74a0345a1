"""`jurymast keys`: who may log in to NATS, and the server's configuration that says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import click

from jurymast.cli.keys import KeyDirectory
from jurymast.errors import Misconfigured
from jurymast.messages.catalog import channels, queries
from jurymast.messages.channel import OPERATOR
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR
from jurymast.nats_conf import Server, Tls, nats_conf
from jurymast.permissions import EXTERNAL, MEMBERS, PROVISIONER, Access
from jurymast.settings import LAST_PORT
from jurymast.streams import TABLE

ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")


def _address(_: click.Context, __: click.Parameter, value: str) -> str:
    match = ADDRESS.fullmatch(value)
    if not match or int(match["port"]) > LAST_PORT:
        raise click.BadParameter(f"{value!r} is not host:port")
    return value


directory = click.argument("directory", type=click.Path(path_type=Path, file_okay=False))

USES = {
    OPERATOR: "for people: `jurymast --nats-seed`",
    PROVISIONER: "for `jurymast streams apply` in a deployment",
    EXTERNAL: "for consumers outside: public events, read only",
}


def deployment() -> Access:
    return Access(TABLE, tuple(channels()), tuple(queries()))


@click.group()
def keys() -> None:
    """Make and show the keys by which NATS knows who is who."""


@keys.command()
@directory
@click.option("--force", is_flag=True, help="Make all seeds anew. Whoever has an old one is locked out.")
@click.option("--observer", "observers", multiple=True, help="Address of an observer that runs elsewhere; may be repeated.")
@click.option("--guard", "guards", multiple=True, help="Address of a guard that runs elsewhere; may be repeated.")
@click.option("--listen", default="0.0.0.0:4222", show_default=True, callback=_address, help="Where NATS listens.")
@click.option(
    "--websocket", default="0.0.0.0:4223", show_default=True, callback=_address, help="Where it listens for websockets."
)
@click.option(
    "--monitor", default="127.0.0.1:8222", show_default=True, callback=_address, help="Where probes ask it; there is no login."
)
@click.option("--store", default="/data/nats", show_default=True, help="Where it keeps its streams.")
@click.option("--tls-cert", default="", help="File with its certificate, as the server sees it; turns TLS on.")
@click.option("--tls-key", default="", help="File with the certificate's key.")
@click.option("--tls-ca", default="", help="File with a CA, for servers that are a cluster.")
def init(
    *,
    directory: Path,
    force: bool,
    observers: tuple[str, ...],
    guards: tuple[str, ...],
    tls_cert: str,
    tls_key: str,
    tls_ca: str,
    **addresses: str,
) -> None:
    """Make a seed for every role in DIRECTORY, where none is yet, the keys of an observer and a guard, and nats.conf.

    Each observer publishes under its own address only: that of observer.key comes in with health-monitor.seed, one that runs
    elsewhere with the health-monitor-ADDRESS.seed that --observer makes. So does each guard: that of guard.key comes in with
    nonce-guard.seed, others with the nonce-guard-ADDRESS.seed that --guard makes. Those that have one keep it."""
    if bool(tls_cert) != bool(tls_key) or (tls_ca and not tls_cert):
        raise Misconfigured("TLS needs both --tls-cert and --tls-key")
    kept = KeyDirectory(directory)
    elsewhere = {MONITOR: observers, NONCE_GUARD: guards}
    access = replace(deployment(), members={service: kept.members(service, more) for service, more in elsewhere.items()})
    made = kept.make(access.roles, force=force)
    tls = Tls(cert=tls_cert, key=tls_key, ca=tls_ca) if tls_cert else None
    conf = kept.path / "nats.conf"
    _write(conf, nats_conf(Server(**addresses, tls=tls), access, kept.public_keys(access.roles)))
    print(f"made {len(made)} seeds, kept {len(access.roles) - len(made)}" + (": --force makes all anew" if not made else ""))
    print(f"{conf}  for the NATS server, which reads it at start or on SIGHUP; no secrets in it")
    for service, what in MEMBERS.items():
        variable = f"JURYMAST_{what.upper()}_KEY_FILE"
        print(f"{kept.key(service)}  signs as {access.members[service][0]}, for {service} alone: {variable}")
    for role in access.roles:
        print(f"{kept.file(role)}  {USES.get(role, f'for {role} alone: JURYMAST_NATS_SEED_FILE')}")


@keys.command()
@directory
def show(*, directory: Path) -> None:
    """Show the public key of every seed in DIRECTORY, and the addresses of those that sign."""
    kept = KeyDirectory(directory)
    roles = kept.roles()
    if not roles:
        raise Misconfigured(f"no seeds in {kept.path}: make them with `jurymast keys init {directory}`")
    for role in roles:
        print(f"{kept.public_key(role)}  {role}")
    for service, what in MEMBERS.items():
        if kept.key(service).exists():
            print(f"{kept.address(service)}  {what}")


def _write(path: Path, text: str) -> None:
    try:
        temporary = path.with_suffix(".tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise Misconfigured(f"cannot write {path}: {error.strerror}") from None
