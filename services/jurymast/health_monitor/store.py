"""What observers share: the last observation of each, and the certificates of each chain."""

from __future__ import annotations

from typing import Generic, NamedTuple

from nats.js.errors import NotFoundError

from jurymast.bus import Bus
from jurymast.bus.publish import Overtaken
from jurymast.certificate import certificate_id
from jurymast.errors import Transient, Undecodable, explain
from jurymast.messages.channel import SCHEMA_HEADER, Channel, M
from jurymast.messages.health import CERTIFIED, OBSERVED, Certificate, Observation, Observations, Policy
from jurymast.nats_failure import NATS_FAILURE

KEEP_MS = 300_000
"""Older ones are of no use to anybody, and a message has a largest size."""
WITHIN_S = 2.0
"""A later observation makes up for one that could not be published in time."""


class Stored(NamedTuple, Generic[M]):
    """What the stream holds, where, and since when by the server's clock; no message where it is none."""

    sequence: int
    at_ms: int
    message: M | None


def about(chain: str, told: Observations) -> Observation | None:
    """One, whatever an observer tells: to check a signature costs more than to send one, and it speaks for itself alone."""
    return {o.chain: o for o in told.observations if o.observer == told.observer}.get(chain)


class Store:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._own: dict[str, Observation] = {}

    async def put(self, observation: Observation) -> None:
        own = {**self._own, observation.chain: observation}
        self._own = {chain: o for chain, o in own.items() if o.to_ms > observation.to_ms - KEEP_MS}
        message = Observations(observer=observation.observer, observations=tuple(self._own.values()))
        id_ = f"{OBSERVED.name}.{observation.observer}.{observation.chain}.{observation.to_ms}"
        await self._bus.publish(OBSERVED, message, id=id_, within_s=WITHIN_S)

    async def observations(self, policy: Policy) -> tuple[list[Observation], int]:
        """The last one of every observer, and when the newest of them was stored; what cannot be read is as good as none."""
        subjects = [f"{OBSERVED.name}.{observer}" for observer in policy.observers]
        found = [stored for subject in subjects if (stored := await self._read(OBSERVED, subject))]
        newest_ms = max((stored.at_ms for stored in found), default=0)
        told = [about(policy.chain, stored.message) for stored in found if stored.message]
        return [observation for observation in told if observation], newest_ms

    async def last_sequence(self, chain: str) -> int:
        """Of the chain's certificates; zero before the first."""
        stored = await self._read(CERTIFIED, f"{CERTIFIED.name}.{chain}.*")
        return stored.sequence if stored else 0

    async def next(self, chain: str, after: int) -> Stored[Certificate] | None:
        return await self._read(CERTIFIED, f"{CERTIFIED.name}.{chain}.*", after + 1)

    async def certify(self, certificate: Certificate, after: int) -> bool:
        """Whether it is stored as the next certificate of its chain after the one at `after`; False: another one was faster."""
        id_, scope = f"{CERTIFIED.name}.{certificate_id(certificate).hex()}", f"{CERTIFIED.name}.{certificate.chain}.*"
        try:
            await self._bus.publish_after(after, CERTIFIED, certificate, id=id_, scope=scope, within_s=WITHIN_S)
        except Overtaken:
            return False
        return True

    async def _read(self, channel: Channel[M], subject: str, first: int = 0) -> Stored[M] | None:
        """The last message, or the next one from `first` on. From the leader, never a direct get: a copy may not know it yet."""
        try:
            stream = self._bus.table.stream_for(channel).name
            raw = await self._bus.js.get_msg(stream, first or None, subject, next=bool(first))
        except NotFoundError:
            return None
        except NATS_FAILURE as error:
            raise Transient(f"{subject} cannot be read: {explain(error)}") from error
        sequence, at_ms = raw.seq or 0, round(raw.time.timestamp() * 1000) if raw.time else 0
        schema = (raw.headers or {}).get(SCHEMA_HEADER)
        try:
            message = channel.decode(raw.data or b"", schema=schema, subject=raw.subject or "")
        except Undecodable:
            return Stored(sequence, at_ms, None)
        return Stored(sequence, at_ms, message)
