"""What observers share: the last observation of each, and the certificates of each chain."""

from __future__ import annotations

from jurymast.bus import Bus
from jurymast.bus.publish import Overtaken
from jurymast.bus.read import Stored
from jurymast.certificate import certificate_id
from jurymast.messages.health import CERTIFIED, OBSERVED, Certificate, Observation, Observations, Policy

KEEP_MS = 300_000
"""Older ones are of no use to anybody, and a message has a largest size."""
WITHIN_S = 2.0
"""A later observation makes up for one that could not be published in time."""


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
        found = [stored for subject in subjects if (stored := await self._bus.read(OBSERVED, subject))]
        newest_ms = max((stored.at_ms for stored in found), default=0)
        told = [about(policy.chain, stored.message) for stored in found if stored.message]
        return [observation for observation in told if observation], newest_ms

    async def last_sequence(self, chain: str) -> int:
        """Of the chain's certificates; zero before the first."""
        stored = await self._bus.read(CERTIFIED, f"{CERTIFIED.name}.{chain}.*")
        return stored.sequence if stored else 0

    async def next(self, chain: str, after: int) -> Stored[Certificate] | None:
        return await self._bus.read(CERTIFIED, f"{CERTIFIED.name}.{chain}.*", after + 1)

    async def certify(self, certificate: Certificate, after: int) -> bool:
        """Whether it is stored as the next certificate of its chain after the one at `after`; False: another one was faster."""
        id_, scope = f"{CERTIFIED.name}.{certificate_id(certificate).hex()}", f"{CERTIFIED.name}.{certificate.chain}.*"
        try:
            await self._bus.publish_after(after, CERTIFIED, certificate, id=id_, scope=scope, within_s=WITHIN_S)
        except Overtaken:
            return False
        return True
