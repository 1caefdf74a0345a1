"""The batch subscriber: whatever is there, up to a size, at once.

FastStream's batch subscriber collects until its timeout unless the batch is full, so that a lone message waits that long. This
loop hands over what one fetch returns: full batches under load, single messages within a round trip when idle.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Sequence

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext

from jurymast import clock
from jurymast.bus.delivery import position_of
from jurymast.errors import explain
from jurymast.nats_failure import NATS_FAILURE
from jurymast.streams import Consumer

log = logging.getLogger(__name__)

PULL_S = 1.0
"""One pull waits this long on the server; also the longest that stopping waits for an idle loop."""
PAUSE_S = 0.5
CAREFUL = 1.5
"""Of the acknowledgement deadline: by then everything that a dead process had was delivered again."""


class Connected:
    """A pull subscription that asks for messages only while there is a server, and never raises.

    What was asked before would be sent all at once when it is back, and its answers would wait here while their acknowledgement
    deadlines pass. A server that refuses at once, as when the consumer is gone, is not asked in a hot loop.
    """

    def __init__(self, consumer: str, subscription: JetStreamContext.PullSubscription, nc: Client) -> None:
        self._consumer = consumer
        self._subscription = subscription
        self._nc = nc
        self._finishing = False
        self._finished = asyncio.Event()

    async def fetch(self, batch: int, timeout: float | None = None) -> list[Msg]:
        if self._finishing:
            self._finished.set()
        elif self._nc.is_connected:
            try:
                return await self._subscription.fetch(batch, timeout=timeout)
            except TimeoutError:
                return []
            except NATS_FAILURE as error:
                log.warning("%s: cannot pull, pausing: %s", self._consumer, explain(error))
        await asyncio.sleep(PAUSE_S)
        return []

    async def finish(self) -> None:
        """Ask for nothing more; returns when what was asked for is handled. Cut off, it would come again as another attempt."""
        self._finishing = True
        await self._finished.wait()

    async def unsubscribe(self) -> None:
        await self._subscription.unsubscribe()


class PullLoop:
    """Pulls and handles batches in order until stopped. What was pulled is handled: given back, it would lose an attempt."""

    def __init__(self, stream: str, consumer: Consumer, size: int, take: Callable[[Sequence[Msg]], Awaitable[None]]) -> None:
        self._stream = stream
        self._consumer = consumer
        self._size = size
        self._take = take
        self._stopping = False

    async def run(self, nc: Client, js: JetStreamContext, unsettled: Container[str]) -> None:
        """`unsettled` are consumers of which somebody had messages when this process began: perhaps one that was killed by one of
        them. Until they have come again, and while any message does, one is pulled at a time, so that no other pays with it."""
        name, raw = self._consumer.name, await js.pull_subscribe_bind(consumer=self._consumer.name, stream=self._stream)
        subscription = Connected(name, raw, nc)
        careful_until_s = clock.uptime_s() + (CAREFUL * self._consumer.ack_wait_s if name in unsettled else 0)
        again = False
        try:
            while not self._stopping:
                careful = again or clock.uptime_s() < careful_until_s
                if batch := await subscription.fetch(1 if careful else self._size, timeout=PULL_S):
                    again = any(position_of(raw).attempt > 1 for raw in batch)
                    await self._take(batch)
                    if careful or again:
                        await self._flush(nc)
        finally:
            await subscription.unsubscribe()

    def stop(self) -> None:
        self._stopping = True

    async def _flush(self, nc: Client) -> None:
        """An acknowledgement that is still in our buffer dies with the process."""
        try:
            await nc.flush(timeout=1)
        except NATS_FAILURE as error:
            log.warning("%s: acknowledgements may be late: %s", self._consumer.name, explain(error))
