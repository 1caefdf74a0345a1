"""Health monitors as processes, each with providers and a key of its own, on a locked-down NATS server: from a halt to its
recovery."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from jurymast.bus import Bus
from jurymast.bus.query import Queries
from jurymast.certificate import assemble, certificate_id, from_json, halt_of, observe, verify
from jurymast.chains.local.evm.node import CHAIN_ID
from jurymast.errors import Rejected, Transient
from jurymast.messages.channel import OPERATOR, SCHEMA_HEADER
from jurymast.messages.health import (
    CERTIFIED,
    CHAIN_CHANGED,
    Certificate,
    ChainChanged,
    LastCertificate,
    Observation,
)
from jurymast.service import EXIT_MISCONFIGURED
from jurymast.telemetry import Tracer
from jurymast.watchlist import parse
from tests import rpc_stub
from tests.anvil import running_anvil
from tests.mesh.observing import (
    INTERVAL_S,
    SECRET_KEYS,
    WINDOW_S,
    Monitors,
    World,
    chains_file,
    own,
    policy_of,
)
from tests.mesh.test_provision import jurymast
from tests.proxy import Proxy
from tests.rpc_stub import providers
from tests.servers import NatsServer, Service, all_sent, eventually
from tests.watching import ADDRESSES, KEYS, operators_of, still

# -- certificates ------------------------------------------------------------------------------------------------------


async def test_three_observers_certify_a_halt_and_then_its_recovery(
    monitors: Monitors, world: World, nats_server: NatsServer
) -> None:
    policy = await policy_of(world)
    for observer in range(3):
        monitors.start(observer, chains_file(await world.urls(*own(observer))))
    await monitors.become("healthy", 3)
    assert (await monitors.last()) == LastCertificate(chain="main", sequence=0)

    async with nats_server.client(OPERATOR) as nc:
        changes = await nc.subscribe("health.chain.changed.>")
        await all_sent(nc)
        world.chain.halt()
        halted_s = time.monotonic()
        halt = await monitors.certified("halt")
        assert verify(halt, policy, time.time_ns() // 1_000_000) == []
        assert {o.head_last for o in halt.observations} == {world.chain.head}
        assert halt_of(halt).highest_head == world.chain.head + 1, (
            "the block that is there, and not yet confirmed, counts as seen"
        )
        await monitors.become("halted", 3)
        seen = [await _next_change(changes) for _ in range(3)]
        assert time.monotonic() - halted_s < 30
        assert {change.chain for change in seen} == {"main"}

    before = await monitors.last()
    await asyncio.sleep(3 * INTERVAL_S)  # Rounds in which nothing more may be certified.
    assert await monitors.last() == before, "one halt is certified once"

    world.chain.resume()
    recovery = await monitors.certified("recovery")
    assert verify(recovery, policy) == []
    assert recovery.observations[0].halt_id == certificate_id(halt)
    assert min(o.finalized_last for o in recovery.observations) > world.chain._base
    await monitors.become("healthy", 3)
    assert (await monitors.last()).sequence == 2

    world.chain.halt()
    assert (await monitors.certified("halt")) != halt, "the next halt is another one"
    assert "sesame" not in "".join(service.process.log.read_text() for service in monitors.started)


async def _next_change(changes: Any) -> ChainChanged:
    raw = await changes.next_msg(timeout=15)
    return CHAIN_CHANGED.decode(raw.data, schema=(raw.headers or {})[SCHEMA_HEADER], subject=raw.subject)


async def test_two_observers_that_share_an_operator_certify_nothing_until_a_third_joins(monitors: Monitors, world: World) -> None:
    for observer, operators in enumerate((("acme", "bolt0", "core0"), ("acme", "bolt1", "core1"))):
        monitors.start(observer, chains_file(await world.urls(*operators)))
    await monitors.become("healthy", 2)
    world.chain.halt()
    await monitors.says("share acme", 2)
    assert (await monitors.last()).certificate is None
    monitors.start(2, chains_file(await world.urls(*own(2))))
    halt = await monitors.certified("halt")
    assert ADDRESSES[2] in {o.observer for o in halt.observations}


async def test_one_observer_alone_certifies_nothing(monitors: Monitors, world: World) -> None:
    monitors.start(0, chains_file(await world.urls(*own(0))))
    await monitors.become("healthy", 1)
    world.chain.halt()
    await monitors.says("signed a halt: 1 of 2 observers needed")
    # A second instance with the same key, and other providers, is the same observer.
    monitors.start(0, chains_file(await world.urls(*own(1))))
    await monitors.says("signed a halt: 1 of 2 observers needed", 2)
    assert (await monitors.last()).certificate is None


async def test_an_observer_under_another_policy_does_not_count(monitors: Monitors, world: World) -> None:
    monitors.start(0, chains_file(await world.urls(*own(0))))
    monitors.start(1, chains_file(await world.urls(*own(1)), lag_blocks=11))
    await monitors.become("healthy", 2)
    world.chain.halt()
    await monitors.says("was made under another policy", 2)
    assert (await monitors.last()).certificate is None


async def test_an_observer_that_dies_during_a_halt_is_not_missed(monitors: Monitors, world: World) -> None:
    services = [monitors.start(observer, chains_file(await world.urls(*own(observer)))) for observer in range(3)]
    await monitors.become("healthy", 3)
    world.chain.halt()
    services[0].process.send(signal.SIGKILL)
    halt = await monitors.certified("halt")
    assert {o.observer for o in halt.observations} == set(ADDRESSES[1:3])


async def test_observers_that_lost_the_bus_during_a_halt_certify_it_when_it_is_back(
    nats_server: NatsServer, world: World, tmp_path: Path
) -> None:
    async with AsyncExitStack() as stack:
        async with nats_server.client(OPERATOR) as nc:
            monitors = Monitors(nats_server, Queries(nc, OPERATOR, Tracer("test")), tmp_path)
            for observer in range(2):
                service = monitors.start(observer, chains_file(await world.urls(*own(observer))))
                stack.callback(service.process.end)
            await monitors.become("healthy", 2)
        nats_server.kill()
        world.chain.halt()
        for service in monitors.started:
            await service.status_becomes(503)
        await asyncio.sleep(WINDOW_S)  # The window passes while nobody can be told.
        await nats_server.start()
        async with nats_server.client(OPERATOR) as nc:
            monitors.queries = Queries(nc, OPERATOR, Tracer("test"))
            assert (await monitors.certified("halt")).observations
            assert {change.verdict for change in await monitors.become("halted", 2)} == {"halted"}


async def test_a_frozen_observer_does_not_call_the_time_it_missed_a_halt(monitors: Monitors, world: World) -> None:
    service = monitors.start(0, chains_file(await world.urls(*own(0))))
    await monitors.become("healthy", 1)
    world.chain.halt()
    service.process.send(signal.SIGSTOP)
    await asyncio.sleep(WINDOW_S + 2 * INTERVAL_S)  # Time itself is what is tested.
    world.chain.resume()
    service.process.send(signal.SIGCONT)
    await monitors.become("healthy", 1)
    said = [line["message"] for line in service.process.lines()]
    assert not [message for message in said if "is halted" in message]


# -- what a configuration allows ---------------------------------------------------------------------------------------


async def test_too_few_independent_operators_are_refused_clearly_and_the_service_runs(monitors: Monitors, world: World) -> None:
    urls = await world.urls("acme")
    service = monitors.start(0, chains_file(urls))
    await service.ready()
    world.chain.halt()
    (chain,) = await monitors.become("unknown", 1)
    assert chain.reason == "1 independent operators are configured, the policy needs 2"
    assert chain.certified == "cannot certify: 1 independent operators are configured, the policy needs 2"
    assert chain.providers[0].healthy, "it is probed all the same"
    assert any("cannot certify" in line["message"] for line in service.process.lines())


@pytest.mark.parametrize(
    ("observer", "settings", "says"),
    [
        (None, {}, "this monitor has no observer key"),
        (5, {}, f"{ADDRESSES[5]} is not one of the chain's observers"),
        (0, {"observers": [], "threshold": 0}, "no observers are configured"),
    ],
)
async def test_who_may_not_sign_watches_and_says_why(
    monitors: Monitors, world: World, observer: int | None, settings: dict[str, Any], says: str
) -> None:
    monitors.start(observer, chains_file(await world.urls("acme", "bolt"), **settings))
    (chain,) = await monitors.become("healthy", 1)
    assert says in chain.certified
    world.chain.halt()
    await monitors.become("halted", 1)
    assert (await monitors.last()).certificate is None


async def test_without_configuration_it_runs_and_says_so(monitors: Monitors) -> None:
    service = await monitors.start(None, None).ready()
    (snapshot,) = await monitors.snapshots(1)
    assert (snapshot.chains, snapshot.observer) == ((), "")
    assert any("no chains are configured: JURYMAST_CHAINS_FILE" in line["message"] for line in service.process.lines())
    with pytest.raises((Rejected, Transient), match="main is not watched"):
        await monitors.last()


@pytest.mark.parametrize(
    ("text", "settings", "says"),
    [
        (None, {"JURYMAST_CHAINS_FILE": "/does/not/exist"}, "JURYMAST_CHAINS_FILE: cannot read /does/not/exist: No such file"),
        ("[chains.main]", {}, "application: 32 bytes"),
        (chains_file({"acme": "sesame"}), {}, "chains.main.providers.acme-1.url: an address that begins with http"),
        (chains_file({}, threshold=4), {}, "chains.main.threshold: 4 of 3 observers is impossible"),
        (chains_file({}), {"JURYMAST_OBSERVER_KEY": "0xsesame"}, "JURYMAST_OBSERVER_KEY: a secp256k1 key is 32 bytes in hex"),
        (chains_file({}), {"JURYMAST_OBSERVER_KEY_FILE": "/does/not/exist"}, "cannot read JURYMAST_OBSERVER_KEY_FILE"),
    ],
)
async def test_a_wrong_configuration_is_one_clear_line(
    monitors: Monitors, text: str | None, settings: dict[str, str], says: str
) -> None:
    service = monitors.start(None, text, **settings)
    assert await service.process.wait() == EXIT_MISCONFIGURED
    (line,) = [line for line in service.process.lines() if line["level"] == "critical"]
    assert says in line["message"]
    assert "sesame" not in service.process.log.read_text()


async def test_secrets_show_nowhere(monitors: Monitors, world: World) -> None:
    service = await monitors.start(0, chains_file(await world.urls("acme", "bolt"))).ready()
    await monitors.become("healthy", 1)
    shown = "".join([service.process.log.read_text(), *[(await service.get(path))[1] for path in ("/healthz", "/metrics")]])
    assert "sesame" not in shown
    assert SECRET_KEYS[0].hex() not in shown


# -- bad providers -----------------------------------------------------------------------------------------------------


HOSTILE = (
    rpc_stub.garbage, rpc_stub.html, rpc_stub.wrong_chain, rpc_stub.huge, rpc_stub.never, rpc_stub.future, rpc_stub.refusal,
)  # fmt: skip


async def test_providers_that_do_everything_wrong_change_no_verdict_and_are_told_apart(monitors: Monitors, world: World) -> None:
    urls = await world.urls(*(f"honest{number}" for number in range(8)))
    for behaviour in HOSTILE:
        urls |= await world.urls(behaviour.__name__.replace("_", "-"), behave=behaviour)
    service = await monitors.start(None, chains_file(urls, quorum=8)).ready()
    await monitors.become("healthy", 1)

    async def all_marked() -> dict[str, str] | None:
        (chain,) = await monitors.chains(1)
        unwell = {p.operator: re.sub(r"[0-9]+|:.*", "", p.reason) for p in chain.providers if not p.healthy}
        return unwell if len(unwell) == 7 else None

    assert await eventually(all_marked, what="marks") == {
        "garbage": "garbage",
        "html": "garbage",
        "wrong-chain": "wrong-chain",
        "huge": "huge",
        "never": "timeout",
        "future": "head  is  blocks above what a quorum has",
        "refusal": "error",
    }
    (chain,) = await monitors.chains(1)
    assert chain.verdict == "healthy"
    _, metrics = await service.get("/metrics")
    assert 'jurymast_chain_verdict{chain="main",verdict="healthy"} 1.0' in metrics
    assert 'jurymast_probes_total{chain="main",outcome="wrong-chain",provider="wrong-chain-1"}' in metrics
    assert 'jurymast_provider_healthy{chain="main",provider="future-1"} 0.0' in metrics
    world.chain.halt()
    await monitors.become("halted", 1)


async def test_silence_is_unreachable_and_our_own_network_is_told_apart(monitors: Monitors, world: World) -> None:
    async with AsyncExitStack() as stack:
        stubs = await stack.enter_async_context(providers(world.chain, 4))
        one, two = ({f"op{number}": stub.url for number, stub in enumerate(part)} for part in (stubs[:2], stubs[2:]))
        both = chains_file(one) + "\n" + chains_file(two, name="other").partition("\n")[2]
        monitors.start(None, both)
        await monitors.become("healthy", 1)
        for stub in stubs[:2]:
            stub.behave = rpc_stub.never
        (chain,) = await monitors.become("unreachable", 1)
        assert chain.reason == "0 of 2 operators needed answer (timeout: no answer within 0.5 s)"
        for stub in stubs[2:]:
            stub.behave = rpc_stub.cut
        (chain,) = await monitors.become("unknown", 1)
        assert chain.reason == "nothing of any chain can be reached: our own network is down"
        for stub in stubs:
            stub.behave = rpc_stub.honest
        await monitors.become("healthy", 1)


async def test_observers_certify_through_providers_of_which_almost_half_do_everything_wrong(
    monitors: Monitors, world: World
) -> None:
    policy = None
    for observer in range(2):
        urls = await world.urls(*(f"honest{number}-{observer}" for number in range(8)))
        for behaviour in HOSTILE:
            urls |= await world.urls(f"{behaviour.__name__.replace('_', '-')}-{observer}", behave=behaviour)
        text = chains_file(urls, quorum=8)
        policy = parse(text)[0].policy
        monitors.start(observer, text)
    assert policy is not None
    await monitors.become("healthy", 2)
    world.chain.halt()
    halt = await monitors.certified("halt")
    assert verify(halt, policy) == []
    assert halt_of(halt).highest_head == world.chain.head + 1
    assert {len(o.evidence) for o in halt.observations} == {15}
    world.chain.resume()
    recovery = await monitors.certified("recovery", within_s=45)
    assert verify(recovery, policy) == []
    assert "sesame" not in str(recovery)


# -- a real node -------------------------------------------------------------------------------------------------------


async def test_a_real_evm_node_that_stops_making_blocks_is_certified_and_its_recovery_too(
    monitors: Monitors, tmp_path: Path
) -> None:
    """Two observers, each through two connections of its own to one node."""
    async with running_anvil(tmp_path, 0.25) as anvil, AsyncExitStack() as stack:
        policies = []
        for observer in range(2):
            proxies = [await stack.enter_async_context(Proxy(anvil.port)) for _ in range(2)]
            urls = {f"op{observer}{number}": f"http://127.0.0.1:{proxy.port}" for number, proxy in enumerate(proxies)}
            # It can be started with four blocks a second, and told later to make one: a quarter of the normal speed.
            text = chains_file(urls, family="evm", chain_id=str(CHAIN_ID), slot_ms=250, speed_percent=20, lag_blocks=5)
            policies.append(parse(text)[0].policy)
            monitors.start(observer, text)
        assert policies[0] == policies[1]
        await monitors.become("healthy", 2)
        await anvil.call("evm_setIntervalMining", 0)
        halt = await monitors.certified("halt")
        assert verify(halt, policies[0], time.time_ns() // 1_000_000) == []
        assert halt_of(halt).highest_head == int(await anvil.call("eth_blockNumber"), 16)
        await anvil.call("evm_setIntervalMining", 1)
        recovery = await monitors.certified("recovery")
        assert verify(recovery, policies[0]) == []
        anvil.process.send(signal.SIGSTOP)
        await monitors.become("unreachable", 2)
        assert (await monitors.last()).certificate == recovery, "silence certifies nothing"
        anvil.process.send(signal.SIGCONT)
        await monitors.become("healthy", 2)


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_operators_see_health_and_get_certificates_to_verify(
    server: NatsServer, bus: Bus, world: World, tmp_path: Path
) -> None:
    chains = tmp_path / "chains.toml"
    chains.write_text(chains_file({**await world.urls("acme", "bolt"), **await world.urls("hyper", behave=rpc_stub.html)}))
    code, output = await jurymast("health", url=server.url)
    assert (code, output) == (1, "jurymast: no health-monitor answers\n")
    service = Service("jurymast.health_monitor", server.url, tmp_path, JURYMAST_CHAINS_FILE=str(chains))
    try:
        await service.ready()

        async def healthy() -> str:
            code, output = await jurymast("health", url=server.url)
            return output if code == 0 else ""

        output = await eventually(healthy, what="health")
        assert "(signs nothing)\n  main is healthy since " in output
        assert "    ok acme-1 (acme) " in output
        assert "    -- hyper-1 (hyper) " in output
        assert "garbage: HTML" in output
        code, output = await jurymast("health", "--json", "--chain", "main", url=server.url)
        assert json.loads(output)[0]["chains"][0]["verdict"] == "healthy"
        code, output = await jurymast("health", "--chain", "other", url=server.url)
        assert (code, output) == (1, "jurymast: other is not watched: `jurymast health` shows which are\n")
        code, output = await jurymast("certificate", "main", url=server.url)
        assert (code, output) == (1, "jurymast: there is no certificate of main\n")
        code, output = await jurymast("certificate", "other", url=server.url)
        assert code == 1
        assert "other is not watched; these are: main" in output

        policy = parse(chains.read_text())[0].policy
        evidence = [[still(operator, longest_gap_ms=500) for operator in operators_of(n)] for n in (0, 1)]
        now_ms = time.time_ns() // 1_000_000
        signed = [observe("halt", evidence[n], policy, KEYS[n], now_ms) for n in (0, 1)]
        certificate = assemble("halt", [o for o in signed if isinstance(o, Observation)], policy, now_ms)
        assert isinstance(certificate, Certificate)
        await bus.publish(CERTIFIED, certificate, id="one")
        code, output = await jurymast("certificate", "main", "--policy", str(chains), url=server.url)
        assert code == 0
        assert from_json(output.encode()) == certificate
        world.chain.halt()
        await eventually(halted_shown(server.url), what="a halt on the command line")
    finally:
        service.process.end()


def halted_shown(url: str) -> Callable[[], Awaitable[bool]]:
    async def shown() -> bool:
        code, output = await jurymast("health", url=url)
        return code == 1 and "main is halted since " in output

    return shown
