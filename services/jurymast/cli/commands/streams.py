"""`jurymast streams`: the stream table against a server."""

from __future__ import annotations

import click
from nats.aio.client import Client

from jurymast.cli.commands.connect import with_nats
from jurymast.cli.commands.printable import say
from jurymast.drift import differences, refusals, unknown
from jurymast.provision import provision, read
from jurymast.streams import TABLE

replicas_option = click.option(
    "--replicas",
    type=click.IntRange(1, 5),
    default=1,
    envvar="JURYMAST_REPLICAS",
    show_default=True,
    show_envvar=True,
    help="The most copies this deployment can hold: the number of its NATS servers, up to 5.",
)


@click.group()
def streams() -> None:
    """Compare a server with the stream table, and bring it there."""


@streams.command()
@replicas_option
@with_nats
async def diff(nc: Client, *, replicas: int) -> None:
    """Show what `apply` would change, without changing it. Exit code 0: nothing; 1: something."""
    actual = await read(nc, TABLE)
    changes = differences(TABLE, actual, replicas)
    for change in changes:
        say(str(change))
    for name in unknown(TABLE, actual):
        say(f"{'unknown':<10} {name}: not in the table; left alone")
    if refused := refusals(changes, allow_lossy=False):
        print(f"{len(refused)} of these would lose messages or guarantees: `apply` refuses them")
    if not changes:
        print("the server holds exactly what the table says")
    click.get_current_context().exit(1 if changes else 0)


@streams.command()
@replicas_option
@click.option("--allow-lossy", is_flag=True, help="Also make changes that lose messages or guarantees.")
@with_nats
async def apply(nc: Client, *, replicas: int, allow_lossy: bool) -> None:
    """Bring a server to the table. Refuses as a whole if anything would be lost. Dry run: `diff`."""
    changes = await provision(nc, TABLE, replicas=replicas, allow_lossy=allow_lossy)
    for change in changes or ["nothing to change"]:
        say(change)
