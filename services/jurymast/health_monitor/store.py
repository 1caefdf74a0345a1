"""What observers share: the last observation of each, and the last certificate of each chain."""

from __future__ import annotations

from typing import NamedTuple

from nats.js.errors import NotFoundError

from jurymast.bus import Bus
from jurymast.bus.publish import Overtaken
from jurymast.certificate import certificate_id
from jurymast.errors import Transient, Undecodable, explain
from jurymast.messages.channel import SCHEMA_HEADER, Channel, M
from jurymast.messages.health import CERTIFIED, OBSERVED, Certificate, Observation, Policy
from jurymast.nats_failure import NATS_FAILURE

WITHIN_S = 2.0
"""A later observation makes up for one that could not be published in time."""


class Last(NamedTuple):
    """The last certificate of a chain, and its place; zero and nothing before the first."""

    sequence: int
    certificate: Certificate | None


class Store:
    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put(self, observation: Observation) -> None:
        id_ = f"{OBSERVED.name}.{observation.chain}.{observation.observer}.{observation.to_ms}"
        await self._bus.publish(OBSERVED, observation, id=id_, within_s=WITHIN_S)

    async def others(self, policy: Policy, own: str) -> list[Observation]:
        """The last observation of every other observer; what cannot be read is as good as none."""
        subjects = [f"{OBSERVED.name}.{policy.chain}.{observer}" for observer in policy.observers if observer != own]
        found = [await self._last(OBSERVED, subject) for subject in subjects]
        return [observation for _, observation in found if observation]

    async def last(self, chain: str) -> Last:
        return Last(*await self._last(CERTIFIED, f"{CERTIFIED.name}.{chain}.*"))

    async def certify(self, certificate: Certificate, after: int) -> bool:
        """Whether it is stored as the next certificate of its chain after the one at `after`; False: another one was faster."""
        id_, scope = f"{CERTIFIED.name}.{certificate_id(certificate).hex()}", f"{CERTIFIED.name}.{certificate.chain}.*"
        try:
            await self._bus.publish_after(after, CERTIFIED, certificate, id=id_, scope=scope, within_s=WITHIN_S)
        except Overtaken:
            return False
        return True

    async def _last(self, channel: Channel[M], subject: str) -> tuple[int, M | None]:
        """From the leader, never a direct get: a copy may not know the newest yet."""
        try:
            raw = await self._bus.js.get_last_msg(self._bus.table.stream_for(channel).name, subject)
        except NotFoundError:
            return 0, None
        except NATS_FAILURE as error:
            raise Transient(f"{subject} cannot be read: {explain(error)}") from error
        schema = (raw.headers or {}).get(SCHEMA_HEADER)
        try:
            return raw.seq or 0, channel.decode(raw.data or b"", schema=schema, subject=raw.subject or "")
        except Undecodable:
            return raw.seq or 0, None
