"""A NATS connection for one command: given, from the environment, or that of the local mesh."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from functools import wraps
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


def with_nats(command: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Gives an async command its connection as the first argument, and the options that say which."""

    @nats_option
    @seed_option
    @ca_option
    @state_option
    @wraps(command)
    def run(*args: Any, nats_url: str | None, seed_path: Path | None, ca: str, state_path: Path, **options: Any) -> None:
        async def connected() -> None:
            async with connection(_login(nats_url, seed_path, ca, StateDirectory(state_path))) as nc:
                await command(nc, *args, **options)

        asyncio.run(connected())

    return run


@asynccontextmanager
async def connection(login: Login) -> AsyncIterator[Client]:
    refused, heard = asyncio.Event(), list[Exception]()

    async def hear(error: Exception) -> None:
        """The client raises most errors as well. What it keeps to itself is why the server let us wait in vain."""
        heard.append(error)
        if credentials.refusal(error, has_seed=bool(login.seed)):
            refused.set()

    nc = await _connected(login, hear, refused, heard)
    try:
        yield nc
    except Transient:
        if subjects := [violation.subject for error in heard if (violation := credentials.violation(error))]:
            raise Misconfigured(f"NATS does not let this key use {subjects[0]}: choose another one with --nats-seed") from None
        raise
    finally:
        await nc.close()


async def _connected(
    login: Login, hear: Callable[[Exception], Awaitable[None]], refused: asyncio.Event, heard: list[Exception]
) -> Client:
    try:
        servers = nats_servers(login.url)
    except ValueError as error:
        raise Misconfigured(f"--nats: {error}") from None
    context = credentials.tls_context(login.url, login.ca)
    options: dict[str, Any] = {"tls": context, "tls_handshake_first": True} if context else {}
    if login.seed:
        options["nkeys_seed_str"] = login.seed
    options |= {"connect_timeout": CONNECT_S, "max_reconnect_attempts": 1, "reconnect_time_wait": 0}
    client = HardenedClient()
    connecting = asyncio.ensure_future(client.connect(servers, error_cb=hear, **options))
    refusing = asyncio.ensure_future(refused.wait())
    try:
        # After a refusal the client may wait for ever for the end of a connection that never was.
        await asyncio.wait({connecting, refusing}, return_when=asyncio.FIRST_COMPLETED)
        if refused.is_set() and not connecting.done():
            raise _unconnected(login, heard)
        connecting.result()
    except (OSError, *NATS_FAILURE) as error:
        raise _unconnected(login, [*heard, error]) from None
    else:
        return client
    finally:
        connecting.cancel()
        refusing.cancel()
        await asyncio.wait({connecting, refusing}, timeout=1)


def _unconnected(login: Login, errors: Iterable[Exception]) -> JurymastError:
    last = Exception()
    for last in errors:
        if why := credentials.refusal(last, has_seed=bool(login.seed)):
            return Misconfigured(why)
    return Transient(f"no NATS server answers at {without_credentials(login.url)}: {explain(last)}")


def _login(url: str | None, seed_path: Path | None, ca: str, state: StateDirectory) -> Login:
    mesh = None if url and seed_path else state.load()
    if not url and (mesh is None or not mesh.nats_url):
        raise Misconfigured("no NATS server given and no mesh here: use --nats, JURYMAST_NATS_URL, or `jurymast up`")
    if mesh is not None and seed_path is None and url in (None, mesh.nats_url):
        seed_path = state.keys.file(OPERATOR)
    return Login(url or (mesh.nats_url if mesh else ""), read_seed(seed_path) if seed_path else "", ca)
