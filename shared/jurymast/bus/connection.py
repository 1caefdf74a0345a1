"""The FastStream broker and the NATS connection under it, set up so that a lost server is noticed and outlived."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from faststream.middlewares import AckPolicy
from faststream.nats import NatsBroker
from nats.aio.client import Client

from jurymast.errors import explain
from jurymast.telemetry import Metrics

log = logging.getLogger(__name__)

PING_S = 1
PINGS_LOST = 2
"""A half-open connection is given up after this many seconds without an answer to a ping."""

PENDING_BYTES = 256 * 1024
"""Held while reconnecting: pull requests and acknowledgements. With 0 every pull raises, and FastStream restarts it in a hot
loop; publishes of ours are refused while disconnected, so that none lands after its caller gave up."""

CONNECT_TIMEOUT_S = 2
RECONNECT_WAIT_S = 0.25


def make_broker(
    url: str,
    *,
    name: str,
    graceful_s: float,
    metrics: Metrics,
    closed: Callable[[], Awaitable[None]],
    changed: Callable[[str], None],
) -> NatsBroker:
    """A broker that reconnects for ever and never acknowledges by itself."""

    said = ""

    async def error(problem: Exception) -> None:
        nonlocal said
        metrics.bus_errors.inc()
        text = explain(problem)
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
        url.split(","),
        name=name,
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
        graceful_timeout=graceful_s,
        ack_policy=AckPolicy.MANUAL,
        apply_types=False,
        logger=None,
    )


def abort(nc: Client) -> None:
    """Drop the TCP connection with what it has not sent. The client offers no way to; a test holds this to its version."""
    writer = nc._transport._io_writer  # type: ignore[union-attr]  # noqa: SLF001
    writer.transport.abort()
