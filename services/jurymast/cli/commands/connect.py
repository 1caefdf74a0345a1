"""A NATS connection for one command: given, from the environment, or that of the local mesh."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial, wraps
from pathlib import Path
from typing import Any, NamedTuple

import click
from nats.aio.client import Client

from jurymast import credentials
from jurymast.cli.keys import read_seed
from jurymast.cli.mesh.commands import state_option
from jurymast.cli.mesh.state import StateDirectory
from jurymast.errors import JurymastError, Misconfigured, Transient, explain
from jurymast.messages.channel import OPERATOR
from jurymast.nats_client import HardenedClient
from jurymast.nats_failure import NATS_FAILURE
from jurymast.settings import nats_servers, without_credentials

CONNECT_S = 3
RECONNECT_S = 1
HEARD = 100

nats_option = click.option(
    "--nats",
    "nats_url",
    envvar="JURYMAST_NATS_URL",
    show_envvar=True,
    help="Server to ask; by default that of the mesh in the state directory.",
)
seed_option = click.option(
    "--nats-seed",
    "seed_path",
    type=click.Path(path_type=Path),
    envvar="JURYMAST_NATS_SEED_FILE",
    show_envvar=True,
    help="File with the seed to log in with; for the mesh in the state directory by default its operator's.",
)
ca_option = click.option(
    "--nats-ca",
    "ca",
    default="",
    envvar="JURYMAST_NATS_CA",
    show_envvar=True,
    help="File with the CA of the server's certificate, where that is not one of the system's.",
)


class Login(NamedTuple):
    url: str
    seed: str = ""
    ca: str = ""
    of_mesh: bool = False
    """The address is that of the mesh in the state directory."""


def _with(command: Callable[..., Coroutine[Any, Any, None]], *, lasting: bool) -> Callable[..., None]:

    @nats_option
    @seed_option
    @ca_option
    @state_option
    @wraps(command)
    def run(*args: Any, nats_url: str | None, seed_path: Path | None, ca: str, state_path: Path, **options: Any) -> None:
        async def connected() -> None:
            async with connection(_login(nats_url, seed_path, ca, StateDirectory(state_path)), lasting=lasting) as nc:
                await command(nc, *args, **options)

        asyncio.run(connected())

    return run


with_nats = partial(_with, lasting=False)
"""Gives an async command its connection as the first argument, and the options that say which."""

with_lasting_nats = partial(_with, lasting=True)
"""The same for a command that goes on when the server comes back; every other one fails at once."""


@asynccontextmanager
async def connection(login: Login, *, lasting: bool = False) -> AsyncIterator[Client]:
    refused, heard = asyncio.Event(), deque[Exception](maxlen=HEARD)

    async def hear(error: Exception) -> None:
        """The client raises most errors as well. What it keeps to itself is why the server let us wait in vain."""
        heard.append(error)
        if credentials.refusal(error, has_seed=bool(login.seed)):
            refused.set()

    nc = HardenedClient()
    callbacks = {"error_cb": hear, **(_telling(nc) if lasting else {})}
    await _connect(nc, login, callbacks, refused, heard)

    async def end_when_refused() -> None:
        await refused.wait()
        await nc.close()

    if lasting:
        nc.options |= {"max_reconnect_attempts": -1, "reconnect_time_wait": RECONNECT_S}
    ending = asyncio.create_task(end_when_refused())
    try:
        yield nc
    except Transient:
        if refused.is_set():
            raise _unconnected(login, heard) from None
        if subjects := [violation.subject for error in heard if (violation := credentials.violation(error))]:
            raise Misconfigured(f"NATS does not let this key use {subjects[0]}: choose another one with --nats-seed") from None
        raise
    finally:
        ending.cancel()
        await nc.close()


def _telling(nc: Client) -> dict[str, Callable[[], Awaitable[None]]]:
    async def away() -> None:
        if not nc.is_closed:
            click.echo("the NATS server is away: waiting until it is back", err=True)

    async def back() -> None:
        click.echo("the NATS server is back", err=True)

    return {"disconnected_cb": away, "reconnected_cb": back}


async def _connect(
    nc: Client, login: Login, callbacks: Mapping[str, Any], refused: asyncio.Event, heard: Iterable[Exception]
) -> None:
    try:
        servers = nats_servers(login.url)
    except ValueError as error:
        raise Misconfigured(f"--nats: {error}") from None
    context = credentials.tls_context(login.url, login.ca)
    options = dict(callbacks)
    if context:
        options |= {"tls": context, "tls_handshake_first": True}
    if login.seed:
        options["nkeys_seed_str"] = login.seed
    options |= {"connect_timeout": CONNECT_S, "max_reconnect_attempts": 1, "reconnect_time_wait": 0}
    connecting = asyncio.ensure_future(nc.connect(servers, **options))
    refusing = asyncio.ensure_future(refused.wait())
    try:
        # After a refusal the client may wait for ever for the end of a connection that never was.
        await asyncio.wait({connecting, refusing}, return_when=asyncio.FIRST_COMPLETED)
        if refused.is_set() and not connecting.done():
            raise _unconnected(login, heard)
        connecting.result()
    except (OSError, *NATS_FAILURE) as error:
        raise _unconnected(login, [*heard, error]) from None
    finally:
        connecting.cancel()
        refusing.cancel()
        await asyncio.wait({connecting, refusing}, timeout=1)


def _unconnected(login: Login, errors: Iterable[Exception]) -> JurymastError:
    last = Exception()
    for last in errors:
        if why := credentials.refusal(last, has_seed=bool(login.seed)):
            return Misconfigured(why)
    start = "; start it with `./run`" if login.of_mesh else ""
    return Transient(f"no NATS server answers at {without_credentials(login.url)}: {explain(last)}{start}")


def _login(url: str | None, seed_path: Path | None, ca: str, state: StateDirectory) -> Login:
    mesh = None if url and seed_path else state.load()
    if not url and (mesh is None or not mesh.nats_url):
        raise Misconfigured("no NATS server given and no mesh here: use --nats, JURYMAST_NATS_URL, or `jurymast up`")
    if mesh is not None and seed_path is None and url in (None, mesh.nats_url):
        seed_path = state.keys.file(OPERATOR)
    return Login(url or (mesh.nats_url if mesh else ""), read_seed(seed_path) if seed_path else "", ca, of_mesh=not url)
