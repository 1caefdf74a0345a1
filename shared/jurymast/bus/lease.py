"""Leadership with an expiry that the server keeps. A lease saves duplicate work; what must be safe is fenced by its token.

The lease is one message with a TTL on one subject; every renewal replaces it by compare-and-set. The message's sequence is the
fencing token: it only grows, and a write to the same stream that carries `fence()` is refused once anybody else has led.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from nats.js.errors import APIError, NotFoundError

from jurymast import clock
from jurymast.envelope import TTL_HEADER, fence
from jurymast.errors import Transient, Undecodable, explain
from jurymast.messages.channel import SCHEMA_HEADER, Channel
from jurymast.messages.lease import LEASE, LeaseHeld
from jurymast.nats_failure import NATS_FAILURE, WRITE_IN_FLIGHT, WRONG_LAST_SEQUENCE
from jurymast.tasks import cancel

if TYPE_CHECKING:
    from jurymast.bus.bus import Bus

log = logging.getLogger(__name__)

RELEASED_TTL_S = 1
"""The least that the server takes."""

# Parts of the lease's length.
RENEW_EVERY = 1 / 3
RETRY_AFTER = 1 / 20
ANSWER_WITHIN = 1 / 6
"""So that one lost answer, or two, do not cost the lead."""
SELF_FENCE = 0.7
"""A leader stops this far into its lease, counted from before the request that renewed it: well before the server forgets it."""


class LeaseLost(Transient):
    """This process is not, or no longer, the leader."""


class Term:
    """One uninterrupted leadership. It does not come back: who led again after another one has to read the state anew."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._number = lease.terms

    @property
    def held(self) -> bool:
        return self._lease.held and self._lease.terms == self._number

    def fence(self) -> dict[str, str]:
        """Headers for a write to the lease's own stream, made just before it. It is refused there (10071) when another one has
        led since, and when a renewal of ours came in between: while the term is held, fence it anew."""
        if not self.held:
            raise LeaseLost(f"lease {self._lease.name} is not held any more")
        return self._lease.fence()


class Lease:
    """`run` in the background; `lead` to run work only while leading, once per uninterrupted leadership."""

    def __init__(self, bus: Bus, name: str, holder: str, *, ttl_s: int = 6, channel: Channel[LeaseHeld] = LEASE) -> None:
        self.name = name
        self.token = 0
        self.terms = 0
        """How often leadership began."""
        self._bus = bus
        self._channel = channel
        self._holder = holder
        self._ttl_s = ttl_s
        self._until_s = 0.0
        self._trouble = ""
        self._working = 0
        self._changed = asyncio.Condition()
        self._stream = bus.table.stream_for(channel).name
        self._subject = channel.subject(self._message(holder))

    @property
    def held(self) -> bool:
        return self.token > 0 and clock.uptime_s() < self._until_s

    def fence(self) -> dict[str, str]:
        """See `Term.fence`."""
        if not self.held:
            raise LeaseLost(f"lease {self.name} is not held")
        return fence(self.token, self._subject)

    async def run(self) -> None:
        """Acquire and renew until cancelled, then give the lease back so that the next leader need not wait."""
        try:
            while True:
                await self.step()
                await asyncio.sleep(self._ttl_s * (RETRY_AFTER if self._trouble else RENEW_EVERY))
        finally:
            await self._release()

    async def lead(self, work: Callable[[Term], Awaitable[None]]) -> None:
        """Run `work` whenever this process leads, and cancel it when its term is over. An error in it ends this call."""
        while True:
            await self._until(lambda: self.held)
            term = Term(self)
            self._working += 1
            working = asyncio.ensure_future(work(term))
            losing = asyncio.ensure_future(self._until(lambda term=term: not term.held))  # type: ignore[misc]
            try:
                await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
                if working.done():
                    return working.result()
            finally:
                await cancel(working, losing)
                self._working -= 1
                await self._notify()

    async def step(self) -> bool:
        """One attempt to acquire or renew. An ambiguous outcome changes nothing: the clock alone ends leadership then."""
        was_held, trouble = self.held, ""
        try:
            await self._take(self.token if was_held else await self._free())
        except APIError as error:
            if error.err_code == WRONG_LAST_SEQUENCE:
                trouble = await self._lost_race()
            elif error.err_code != WRITE_IN_FLIGHT:
                trouble = explain(error)
        except NATS_FAILURE as error:
            trouble = f"no answer: {explain(error)}"
        if self.held and not was_held:
            self.terms += 1
        if trouble and trouble != self._trouble:
            log.warning("lease %s: %s", self.name, trouble)
        self._trouble = trouble
        await self._tell(was_held)
        return self.held

    async def _take(self, expected: int) -> None:
        started_s = clock.uptime_s()
        self.token = await self._put(expected)
        self._until_s = started_s + SELF_FENCE * self._ttl_s

    async def _put(self, expected: int) -> int:
        return 0 if expected < 0 else await self._replace(expected, self._message(self._holder), self._ttl_s)

    async def _replace(self, expected: int, message: LeaseHeld, ttl_s: int) -> int:
        headers = {**fence(expected, self._subject), TTL_HEADER: f"{ttl_s}s", SCHEMA_HEADER: self._channel.schema}
        payload = self._channel.encode(message)
        ack = await self._bus.js.publish(self._subject, payload, timeout=self._ttl_s * ANSWER_WITHIN, headers=headers)
        return ack.seq

    async def _free(self) -> int:
        """What to expect when taking it: 0 when there is none, -1 when somebody else holds it, its sequence when it was given
        back or is this very holder's (an ambiguous renewal that landed)."""
        sequence, holder = await self._last()
        return sequence if holder in ("", self._holder) else -1

    async def _last(self) -> tuple[int, str]:
        """Sequence and holder; 0 and nobody when there is none."""
        try:  # From the leader, never a direct get.
            raw = await self._bus.js.get_last_msg(self._stream, self._subject)
        except NotFoundError:
            return 0, ""
        try:
            held = self._channel.decode(raw.data or b"", schema=(raw.headers or {}).get(SCHEMA_HEADER), subject=self._subject)
        except Undecodable as problem:  # Not ours, so somebody else's: it ends by its own TTL, or by an operator.
            log.warning("lease %s: %s", self.name, problem)
            return raw.seq or 0, "unknown"
        return raw.seq or 0, held.holder

    async def _lost_race(self) -> str:
        """Either another holder was faster, or an earlier renewal of ours landed although its answer was lost."""
        try:
            sequence, holder = await self._last()
            if holder == self._holder:
                await self._take(sequence)
                return ""
        except NATS_FAILURE as error:
            return f"cannot read it back: {explain(error)}"
        self.token, self._until_s = 0, 0.0
        return ""

    async def _release(self) -> None:
        """The work of the term ends first: a successor begins at once. If it does not, the lease ends by itself."""
        if not self.held:
            return
        self.token = 0
        await self._tell(was_held=True)
        try:
            async with asyncio.timeout(self._until_s - clock.uptime_s()), self._changed:
                await self._changed.wait_for(lambda: not self._working)
            # Replaced by compare-and-set, so that a successor's is never touched. Deleting it would take the right to delete
            # anything in that stream.
            token, holder = await self._last()  # A renewal may have been under way.
            if holder == self._holder:
                await self._replace(token, self._message(holder=""), RELEASED_TTL_S)
        except NATS_FAILURE as error:
            log.warning("lease %s: could not be given back, it expires by itself: %s", self.name, explain(error))

    async def _tell(self, was_held: bool) -> None:
        if was_held != self.held:
            log.info("lease %s %s", self.name, f"held with token {self.token}" if self.held else "not held any more")
        self._bus.metrics.leading.labels(self.name).set(self.held)
        await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Wakes on every change, and when the lease ends by the clock although nothing was heard."""
        async with self._changed:
            while not reached():
                left_s = max(self._until_s - clock.uptime_s(), 0.01) if self.held else None
                try:
                    await asyncio.wait_for(self._changed.wait(), left_s)
                except TimeoutError:
                    continue

    def _message(self, holder: str) -> LeaseHeld:
        return LeaseHeld(service=self._bus.service, lease=self.name, holder=holder, renewed_ms=clock.now_ms())
