"""A NATS connection for one command: given, from the environment, or that of the local mesh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click
import nats
from nats.aio.client import Client

from jurymast.cli.mesh.commands import state_option
from jurymast.cli.mesh.state import StateDirectory
from jurymast.errors import Misconfigured, Transient, explain
from jurymast.nats_failure import NATS_FAILURE

CONNECT_S = 3

nats_option = click.option(
    "--nats",
    "nats_url",
    envvar="JURYMAST_NATS_URL",
    show_envvar=True,
    help="Server to ask; by default that of the mesh in the state directory.",
)


def with_nats(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Gives an async command its connection as the first argument, and the options that say which."""

    @nats_option
    @state_option
    @wraps(command)
    def run(*args: Any, nats_url: str | None, state_path: Path, **options: Any) -> None:
        async def connected() -> None:
            async with connection(nats_url or _mesh_url(state_path)) as nc:
                await command(nc, *args, **options)

        asyncio.run(connected())

    return run


@asynccontextmanager
async def connection(url: str) -> AsyncIterator[Client]:
    try:
        nc = await nats.connect(
            url.split(","), connect_timeout=CONNECT_S, max_reconnect_attempts=1, reconnect_time_wait=0, error_cb=_ignore
        )
    except (OSError, *NATS_FAILURE) as error:
        raise Transient(f"no NATS server answers at {url.rpartition('@')[2]}: {explain(error)}") from None
    try:
        yield nc
    finally:
        await nc.close()


async def _ignore(_: Exception) -> None:
    """The client reports errors twice: what matters is raised where it happens."""


def _mesh_url(state_path: Path) -> str:
    mesh = StateDirectory(state_path).load()
    if mesh is None or not mesh.nats_url:
        raise Misconfigured("no NATS server given and no mesh here: use --nats, JURYMAST_NATS_URL, or `jurymast up`")
    return mesh.nats_url
