"""The FastStream broker and the NATS connection under it, set up so that a lost server is noticed and outlived."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from faststream.middlewares import AckPolicy
from faststream.nats import NatsBroker
from faststream.nats.security import NatsNKey, NatsSecurity
from nats.aio.client import Client

from jurymast import credentials
from jurymast.errors import Misconfigured, explain
from jurymast.permissions import inbox
from jurymast.settings import Settings
from jurymast.telemetry import Metrics

log = logging.getLogger(__name__)

PING_S = 1
PINGS_LOST = 2
"""A half-open connection is given up after this many seconds without an answer to a ping."""

PENDING_BYTES = 256 * 1024
"""Held while reconnecting: acknowledgements. Nothing else is sent then; what was on its way to a frozen server may still land."""

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25


def security(settings: Settings) -> NatsSecurity | None:
    context = credentials.tls_context(settings.nats_url, settings.nats_ca)
    first = context is not None  # Or whoever sits in between could say that the server has no TLS, and would be believed.
    if not settings.nats_seed:
        return NatsSecurity(ssl_context=context, tls_handshake_first=first) if context else None
    try:
        credentials.public_key(settings.nats_seed)
    except Misconfigured as error:
        raise Misconfigured(f"JURYMAST_NATS_SEED: {error}") from None
    return NatsNKey.from_seed(settings.nats_seed, ssl_context=context, tls_handshake_first=first)


def make_broker(
    settings: Settings,
    *,
    service: str,
    name: str,
    metrics: Metrics,
    closed: Callable[[], Awaitable[None]],
    changed: Callable[[str], None],
    refused: Callable[[str], None],
    forbidden: Callable[[credentials.Violation], None],
) -> NatsBroker:
    """A broker that reconnects for ever and never acknowledges by itself. `refused` is called with the reason when the server
    will not have us, `forbidden` with what it does not let us do."""

    said = ""

    async def error(problem: Exception) -> None:
        nonlocal said
        metrics.bus_errors.inc()
        text = explain(problem)
        if why := credentials.refusal(problem, has_seed=bool(settings.nats_seed)):
            refused(why)
        elif violation := credentials.violation(problem):
            metrics.violations.inc()
            forbidden(violation)
        if text != said:  # While a server is away the same error comes several times a second.
            log.warning("the NATS client reports: %s", text)
        said = text

    async def disconnected() -> None:
        changed("disconnected from NATS, reconnecting")

    async def reconnected() -> None:
        nonlocal said
        said = ""
        changed("")

    return NatsBroker(
        settings.nats_url.split(","),
        name=name,
        security=security(settings),
        inbox_prefix=inbox(service),
        connect_timeout=CONNECT_TIMEOUT_S,
        reconnect_time_wait=RECONNECT_WAIT_S,  # type: ignore[arg-type]  # The client sleeps this long; fractions are fine.
        max_reconnect_attempts=-1,  # With a limit, FastStream's pull loop freezes the event loop once it is reached.
        ping_interval=PING_S,
        max_outstanding_pings=PINGS_LOST,
        pending_size=PENDING_BYTES,
        error_cb=error,
        disconnected_cb=disconnected,
        reconnected_cb=reconnected,
        closed_cb=closed,
        graceful_timeout=settings.drain_s,
        ack_policy=AckPolicy.MANUAL,
        apply_types=False,
        logger=None,
    )


def abort(nc: Client) -> None:
    """Drop the TCP connection with what it has not sent. The client offers no way to; a test holds this to its version."""
    writer = nc._transport._io_writer  # type: ignore[union-attr]  # noqa: SLF001
    writer.transport.abort()
