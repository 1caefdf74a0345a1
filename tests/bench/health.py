"""What probing costs, how soon a halt is a verdict, and how often a healthy minute is called something else."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import psutil

from jurymast.bus import Bus
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.health import CHAIN_CHANGED, SNAPSHOT, ChainChanged, SnapshotAsked
from jurymast.streams import TABLE
from tests.bench.figure import Figure, Goal, Scale
from tests.outages import Truth, Watched, jittery, verdicts
from tests.rpc_stub import EVM_CHAIN_ID, GENESIS, StubChain, StubProvider, providers
from tests.servers import NatsServer, Service, all_sent, eventually, running_bus
from tests.watching import policy

CHAINS, PROVIDERS, INTERVAL_S = 5, 10, 2.0
TRANSACTIONS = 200
"""In each block: their hashes come with it."""
CPU_PERCENT = 25
WARM_UP_S = 6.0

WINDOW_S, PROBE_S, TIMEOUT_S = 3.0, 0.5, 0.5
ANSWER_S = 0.2
"""How long providers take, so that an answer is well within the timeout and not at once."""
READY_S = 60.0

REPLAY_MINUTES = 100
OPERATORS, QUORUM = 5, 3


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    with TemporaryDirectory(prefix="jurymast-bench-") as temporary:
        async with AsyncExitStack() as stack:
            server = NatsServer(Path(temporary) / "nats")
            stack.callback(server.kill)
            await server.start()
            await server.provision(TABLE)
            yield await _cpu(server, Path(temporary), scale.idle_s)
            yield await _detection(server, Path(temporary), scale.halts)
    yield await _false_verdicts(scale.healthy_minutes)


# -- CPU ---------------------------------------------------------------------------------------------------------------


async def _cpu(server: NatsServer, directory: Path, for_s: float) -> Figure:
    async with AsyncExitStack() as stack:
        text, everyone = [_application()], list[StubProvider]()
        for number in range(CHAINS):
            chain = StubChain("evm" if number % 2 else "solana", slot_ms=400)
            stubs = await stack.enter_async_context(providers(chain, PROVIDERS))
            everyone += stubs
            for stub in stubs:
                stub.transactions = TRANSACTIONS
            text.append(
                _chain(f"chain{number}", stubs, quorum=6, interval_s=INTERVAL_S, timeout_s=INTERVAL_S, window_s=30, slot_ms=400)
            )
        service = _start(server, directory, "\n".join(text), stack)
        await service.ready(READY_S)
        await asyncio.sleep(WARM_UP_S)  # Connections and code are cold at first, and that is not what probing costs.
        process = psutil.Process(service.process.pid)
        asked = sum(stub.requests for stub in everyone)
        began_s, before_s = time.monotonic(), _used_s(process)
        await asyncio.sleep(max(for_s, 3 * INTERVAL_S))
        lasted_s = time.monotonic() - began_s
        percent = 100 * (_used_s(process) - before_s) / lasted_s
        rounds = int(lasted_s / INTERVAL_S) - 1
        assert sum(stub.requests for stub in everyone) - asked >= rounds * CHAINS * PROVIDERS, (
            "it cost little because it did little"
        )
    name = f"probing {CHAINS * PROVIDERS} providers of {CHAINS} chains every {INTERVAL_S:g} s: CPU"
    return Figure(name, "% of a core", percent, goal=Goal("ours", "most", CPU_PERCENT))


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


# -- detection ---------------------------------------------------------------------------------------------------------


async def _detection(server: NatsServer, directory: Path, rounds: int) -> Figure:
    """The slowest of several halts, each at another moment between two probes."""
    async with AsyncExitStack() as stack:
        chain = StubChain(slot_ms=100)
        stubs = await stack.enter_async_context(providers(chain, 3))
        for stub in stubs:
            stub.delay_s = ANSWER_S
        options = {
            "quorum": 2,
            "interval_s": PROBE_S,
            "timeout_s": TIMEOUT_S,
            "window_s": WINDOW_S,
            "slot_ms": 100,
            "max_skew_s": 2,
            "lag_blocks": 7,
        }
        bus = await stack.enter_async_context(running_bus(server.url, TABLE, service="bench"))
        await _start(server, directory, f"{_application()}\n{_chain('main', stubs, **options)}", stack).ready(READY_S)
        seconds = [await _halted_s(bus, chain) for _ in range(rounds)]
    name = f"halt to verdict, window {WINDOW_S:g} + interval {PROBE_S:g} + timeout {TIMEOUT_S:g} s, slowest of {rounds}"
    return Figure(name, "s", max(seconds), goal=Goal("ours", "most", WINDOW_S + PROBE_S + TIMEOUT_S))


async def _halted_s(bus: Bus, chain: StubChain) -> float:
    async def healthy() -> bool:
        snapshots = await bus.queries.ask_all(SNAPSHOT, SnapshotAsked(), within_s=0.2)
        return any(known.verdict == "healthy" for snapshot in snapshots for known in snapshot.chains)

    await eventually(healthy, READY_S, what="a healthy chain")
    await asyncio.sleep(random.uniform(0, PROBE_S))  # noqa: S311  Any moment will do.
    changes = await bus.nc.subscribe(CHAIN_CHANGED.wildcard)
    await all_sent(bus.nc)
    chain.halt()
    began_s = time.monotonic()
    while True:
        raw = await changes.next_msg(timeout=READY_S)
        change: ChainChanged = CHAIN_CHANGED.decode(raw.data, schema=(raw.headers or {})[SCHEMA_HEADER], subject=raw.subject)
        if change.verdict == "halted":
            break
    seconds = time.monotonic() - began_s
    await changes.unsubscribe()
    chain.resume()
    return seconds


def _start(server: NatsServer, directory: Path, text: str, stack: AsyncExitStack) -> Service:
    path = directory / "chains.toml"
    path.write_text(text)
    service = Service("jurymast.health_monitor", server.url, directory, JURYMAST_CHAINS_FILE=str(path))
    stack.callback(service.process.end)
    return service


def _application() -> str:
    return f'application = "0x{"a5" * 32}"'


def _chain(name: str, stubs: Sequence[StubProvider], **options: float) -> str:
    solana = stubs[0].chain.family == "solana"
    lines = [f"[chains.{name}]", f'family = "{stubs[0].chain.family}"', f'id = "{GENESIS if solana else EVM_CHAIN_ID}"']
    lines += ["finality_blocks = 100", *(f"{key} = {value:g}" for key, value in options.items())]
    for number, stub in enumerate(stubs):
        lines += [f"[chains.{name}.providers.op{number}-1]", f'operator = "op{number}"', f'url = "{stub.url}"']
    return "\n".join(lines)


# -- false verdicts ----------------------------------------------------------------------------------------------------


async def _false_verdicts(minutes: int) -> Figure:
    """Providers as they are, with slow answers, failures and outages; the chain is well all the time."""
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        replays = (loop.run_in_executor(pool, _false_verdicts_of, seed) for seed in range(minutes // REPLAY_MINUTES))
        false = sum(await asyncio.gather(*replays))
    return Figure(f"false verdicts in {minutes:,} replayed healthy minutes", "", false, goal=Goal("ours", "most", 0))


def _false_verdicts_of(seed: int) -> int:
    chance = Random(seed)  # noqa: S311  A replay, not a secret.
    models = {f"op{number}": jittery(chance) for number in range(OPERATORS)}
    watched = Watched(Truth(hiccups=chance), models, policy(quorum=QUORUM))
    found = verdicts(watched, for_s=REPLAY_MINUTES * 60)
    return sum(verdict not in ("unknown", "healthy") for _, verdict in found) + (found[-1][1] != "healthy")
