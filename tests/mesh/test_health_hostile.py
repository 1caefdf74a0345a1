"""An observer that was taken over, with all that its role may do, against honest ones."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from jurymast.certificate import assemble, certificate_id, from_json, observe, verify
from jurymast.envelope import stamp
from jurymast.messages.channel import OPERATOR
from jurymast.messages.health import CERTIFIED, LAST_CERTIFICATE, Certificate, Kind, LastCertificate, Observation, Policy
from jurymast.watchlist import parse
from tests.mesh.observing import ROLES, Monitors, World, chains_file, own, policy_of
from tests.mesh.supervised import jurymast
from tests.servers import NatsServer, all_sent, eventually
from tests.watching import KEYS, moving, signed_anew, still

HOSTILE = 2
FLOOD = 1_300
PAUSE_S = 0.005


class Hostile:
    def __init__(self, nc: Any, policy: Policy) -> None:
        self.nc = nc
        self.policy = policy

    async def stores(self, certificate: Certificate, chain: str = "main") -> None:
        subject = f"{CERTIFIED.name}.{chain}.{certificate.kind}"
        await self.nc.jetstream().publish(subject, CERTIFIED.encode(certificate), headers=stamp(CERTIFIED), timeout=5)

    async def floods(self, payload: bytes) -> None:
        while True:
            await self.nc.publish(f"{CERTIFIED.name}.main.halt", payload, headers=stamp(CERTIFIED))
            await asyncio.sleep(PAUSE_S)

    def seen(self, policy: Policy) -> Observation:
        """A halt that nobody else sees, through operators that it made up."""
        evidence = [still(f"made{n}", longest_gap_ms=500) for n in (0, 1)]
        observation = observe("halt", evidence, policy, KEYS[HOSTILE], time.time_ns() // 1_000_000)
        assert isinstance(observation, Observation)
        return observation

    def forged(self, kind: Kind, halt: Certificate | None = None) -> Certificate:
        """Of two others, in order but for their signatures, which are its own."""
        changed: dict[str, Any] = {"kind": kind}
        if halt:
            to_ms = time.time_ns() // 1_000_000
            evidence = [moving(f"made{n}", 10**6, clock_ms=to_ms, read_ms=to_ms, longest_gap_ms=500) for n in (0, 1)]
            changed |= {"halt_id": certificate_id(halt), "halt_head": 1, "evidence": tuple(evidence)}
        one = signed_anew(self.seen(self.policy), KEYS[HOSTILE], self.policy, **changed)
        observations = tuple(replace(one, observer=address) for address in self.policy.observers[:2])
        return Certificate(chain="main", kind=kind, policy=self.policy, observations=observations)

    def by_its_own_policy(self) -> Certificate:
        """Valid, under a policy with one observer: itself."""
        alone = replace(self.policy, observers=self.policy.observers[HOSTILE:], threshold=1)
        certificate = assemble("halt", [self.seen(alone)], alone, time.time_ns() // 1_000_000)
        assert isinstance(certificate, Certificate)
        return certificate


@asynccontextmanager
async def hostile_observer(server: NatsServer, policy: Policy) -> AsyncIterator[Hostile]:
    async with server.client(ROLES[HOSTILE]) as nc:
        yield Hostile(nc, policy)


@pytest.fixture
async def policy(world: World) -> Policy:
    found: Policy = await policy_of(world)
    return found


async def test_bogus_and_replayed_certificates_count_for_nothing_and_hold_up_nobody(
    monitors: Monitors, world: World, nats_server: NatsServer, policy: Policy
) -> None:
    for observer in range(2):
        monitors.start(observer, chains_file(await world.urls(*own(observer))))
    await monitors.become("healthy", 2)
    async with hostile_observer(nats_server, policy) as hostile:
        await hostile.nc.jetstream().publish(f"{CERTIFIED.name}.main.halt", b"garbage")
        await hostile.stores(hostile.forged("halt"))
        await hostile.stores(hostile.by_its_own_policy())
        assert await monitors.last() == LastCertificate(chain="main", sequence=0)

        world.chain.halt()
        halt = await monitors.certified("halt")
        assert verify(halt, policy) == []
        assert (await monitors.last()).sequence == 4
        await hostile.stores(hostile.forged("recovery", halt))
        await hostile.stores(replace(halt, chain="other"))
        await hostile.stores(replace(halt, chain="other"), chain="other")
        assert (await monitors.last()).certificate == halt

        world.chain.resume()
        recovery = await monitors.certified("recovery")
        assert verify(recovery, policy) == []
        await hostile.stores(halt)
        await hostile.stores(recovery)
        assert (await monitors.last()).certificate == recovery, "a halt of before is no new one, though all in it is true"
        await monitors.says("2 were stored that count for nothing", 2, within_s=45)

        world.chain.halt()
        second = await monitors.certified("halt")
        assert verify(second, policy) == []
        assert second != halt
    ended = [service.process.popen.poll() for service in monitors.started]
    assert ended == [None, None]


async def test_a_flood_delays_and_does_not_prevent(
    monitors: Monitors, world: World, nats_server: NatsServer, policy: Policy
) -> None:
    async with hostile_observer(nats_server, policy) as hostile:
        bogus = CERTIFIED.encode(hostile.forged("halt"))
        for number in range(FLOOD):
            payload = bogus if number % 2 else b"garbage"
            await hostile.nc.publish(f"{CERTIFIED.name}.main.halt", payload, headers=stamp(CERTIFIED))
        await all_sent(hostile.nc)
        for observer in range(2):
            monitors.start(observer, chains_file(await world.urls(*own(observer))))
        await monitors.become("healthy", 2)
        flooding = asyncio.create_task(hostile.floods(bogus))
        world.chain.halt()
        halt = await monitors.certified("halt", within_s=45)
        assert verify(halt, policy) == []
        assert not flooding.done(), "it was certified in the midst of it"
        flooding.cancel()
        said = [line["message"] for service in monitors.started for line in service.process.lines()]
        assert len([text for text in said if "count for nothing" in text or "counts for nothing" in text]) < 40


async def test_a_certificate_that_was_kept_back_is_of_no_use_later(
    monitors: Monitors, world: World, nats_server: NatsServer
) -> None:
    """All that is in it is true, and the chain has long gone on."""
    text = chains_file(await world.urls("acme", "bolt"), max_age_s=2.0, threshold=2)
    policy = parse(text)[0].policy
    monitors.start(None, text)
    await monitors.become("healthy", 1)
    now_ms = time.time_ns() // 1_000_000
    evidence = [[still(f"{name}{n}", longest_gap_ms=500) for name in ("acme", "bolt")] for n in (0, 1)]
    seen = [observe("halt", evidence[n], policy, KEYS[n], now_ms) for n in (0, 1)]
    kept = assemble("halt", [o for o in seen if isinstance(o, Observation)], policy, now_ms)
    assert isinstance(kept, Certificate)
    async with hostile_observer(nats_server, policy) as hostile:

        async def too_old() -> bool:
            return bool(verify(kept, policy, time.time_ns() // 1_000_000))

        await eventually(too_old, what="an old certificate")
        await hostile.stores(kept)
        assert (await monitors.last()).certificate is None


async def test_the_command_believes_the_policy_and_not_whoever_answers(
    monitors: Monitors, world: World, nats_server: NatsServer, policy: Policy, tmp_path: Path
) -> None:
    chains = tmp_path / "trusted.toml"
    for observer in range(2):
        text = chains_file(await world.urls(*own(observer)))
        chains.write_text(text)
        monitors.start(observer, text)
    await monitors.become("healthy", 2)
    world.chain.halt()
    halt = await monitors.certified("halt")
    assert nats_server.keys is not None
    login = {"JURYMAST_NATS_URL": nats_server.url, "JURYMAST_NATS_SEED_FILE": str(nats_server.keys.file(OPERATOR))}
    plain = await jurymast("certificate", "main", **login)
    assert from_json(plain.out.encode()) == halt
    assert plain.err == "not verified: give the policy that you trust with --policy\n"

    async with hostile_observer(nats_server, policy) as hostile:
        lie = LastCertificate(chain="main", sequence=99, certificate=hostile.forged("recovery", halt))

        async def answer(raw: Any) -> None:
            await hostile.nc.publish(raw.reply, LAST_CERTIFICATE.answer.encode(lie), headers=stamp(LAST_CERTIFICATE.answer))

        await hostile.nc.subscribe(LAST_CERTIFICATE.name, cb=answer)
        await all_sent(hostile.nc)
        plain = await jurymast("certificate", "main", **login)
        assert (plain.code, plain.out) == (1, "")
        assert "the monitors tell of different certificates" in plain.err
        trusting = await jurymast("certificate", "main", "--policy", str(chains), **login)
        assert (trusting.code, trusting.err) == (0, "")
        assert from_json(trusting.out.encode()) == halt
