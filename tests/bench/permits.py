"""How many intents a second one guard permits, with the signature of every owner checked; and how long a single one takes.

From batches that wait in the ledger to the guard's part of their permits, stored: folded, examined, claimed, journaled, signed.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory
from typing import Any, cast

from jurymast.book.events import BatchPlanned, Deposited, EpochOpened, IntentAccepted
from jurymast.book.execute import Action
from jurymast.book.signed import ARBITRUM
from jurymast.book.state import Ledger
from jurymast.bus import Bus
from jurymast.chains.chain import Chain
from jurymast.chains.trail import Block
from jurymast.chains.words import Heads, Unit
from jurymast.claims import ClaimsLog
from jurymast.fold import Answer, Fold
from jurymast.messages.claims import NONCE_GUARD, SWITCHER
from jurymast.messages.ledger import EPOCHS, INTENTS, LANDED, PLANNED, EpochMoved, IntentChanged, Landed, Planned, Told
from jurymast.messages.permits import SIGNED
from jurymast.nonce_guard.clocks import Clocks
from jurymast.nonce_guard.decide.words import BatchKey
from jurymast.nonce_guard.guard import Guard
from jurymast.nonce_guard.handlers import Signing
from jurymast.nonce_guard.signer import LocalSigner
from jurymast.nonce_guard.store import BusHeads, veto_store
from jurymast.nonce_guard.views import Views
from jurymast.permits import numbered
from jurymast.streams import TABLE
from jurymast.tasks import cancel
from tests.bench.figure import Figure, Goal, Scale, compared
from tests.claiming import epoch_record
from tests.servers import NatsServer, running_bus
from tests.unit.grids import DOMAIN, EUR, GUARD_KEYS, GUARDS, NOW, TREASURY, USD, Person

SIZES = (400, 4)
"""As many actions as a batch has at most, and few."""
NONCES = 100
"""Of each account: fewer than its window is wide."""
MUCH = 1_000_000
RATE = Goal("ours", "least", 6_000)
LONE = Goal("ours", "most", 15)
PATIENCE_S = 600.0


class StillChain:
    """Its clock stands; nothing else is asked of it here."""

    unit: Unit = "second"

    async def heads(self) -> Heads:
        block = Block(1, bytes(32), bytes(32), NOW)
        return Heads(block, block, block)


class Always:
    held = True


class Bench:
    """One guard in this process, and the bus of whoever plans."""

    def __init__(self, bus: Bus, mirror: Bus, signing: Signing, fold: Fold) -> None:
        self.bus, self.mirror, self.signing, self.fold = bus, mirror, signing, fold
        self.folding = asyncio.create_task(fold.run(bus))
        self.people: Iterator[Person] = (Person(f"person {number}") for number in itertools.count())
        self.deposits = itertools.count(1)

    async def funded(self, *assets: int) -> list[Person]:
        found = []
        for asset in assets:
            person = next(self.people)
            event = Deposited(
                chain=ARBITRUM, epoch=1, sequence=next(self.deposits), account=person.id, asset=asset, amount=MUCH, height=1
            )
            await self.mirror.publish(LANDED, Landed(event=event), id=event.id.hex())
            found.append(person)
        return found

    async def accepted(self, actions: Sequence[Action]) -> None:
        events = [IntentAccepted(action=action, now=NOW) for action in actions]
        for part in range(0, len(events), 200):
            await asyncio.gather(
                *(
                    self.mirror.publish(INTENTS, IntentChanged(event=event), id=event.id.hex())
                    for event in events[part : part + 200]
                )
            )
        await self.fold.reach((await self.bus.js.stream_info("LEDGER")).state.last_seq, PATIENCE_S)

    async def swaps(self, count: int) -> list[Action]:
        """Signed and in the ledger; two after each other fill each other."""
        actions: list[Action] = []
        while len(actions) < count:
            ann, ben = await self.funded(EUR, USD)
            for nonce in range(NONCES):
                actions += [ann.intent(nonce, EUR, 10, USD), ben.intent(nonce, USD, 10, EUR)]
        actions = actions[:count]
        await self.accepted(actions)
        return actions

    def batch(self, actions: Sequence[Action]) -> BatchPlanned:
        prices = {EUR: 1, USD: 1} if len(actions) > 1 else {}
        return numbered(BatchPlanned(chain=ARBITRUM, epoch=1, batch=0, expiry=NOW + 100, actions=tuple(actions), prices=prices))

    async def plan(self, batch: BatchPlanned) -> None:
        await self.mirror.publish(PLANNED, Planned(event=batch), id=str(batch.batch))

    async def signed(self, batches: Sequence[BatchPlanned]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not all((work := self.signing.works.get(batch.key)) and work.signed for batch in batches):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def not_folding(self) -> AsyncIterator[None]:
        """What is stored meanwhile waits in the ledger."""
        await cancel(self.folding)
        yield
        self.folding = asyncio.create_task(self.fold.run(self.bus))


async def measure(scale: Scale) -> AsyncIterator[Figure]:
    with TemporaryDirectory(prefix="jurymast-bench-") as directory:
        async with _bench(Path(directory)) as bench:
            for size in SIZES:
                rates = [await _rate(bench, size, scale) for _ in range(scale.permit_runs)]
                yield Figure(
                    f"intents permitted in batches of {size}, owners' signatures checked", "/s", median(rates), goal=RATE
                )
            heard = asyncio.Event()
            await bench.mirror.hear(SIGNED, heard.set)
            ours = [await _lone(bench, heard) for _ in range(await _prepared(bench, scale))]
            raw = await _durable_steps(bench.bus, Path(directory), scale.permit_lone)
            yield compared("a single intent, planned to permitted: p50", "ms", [(median(ours), median(raw))])
            yield compared("a single intent, planned to permitted: p99", "ms", [(_p99(ours), _p99(raw))], LONE)


async def _rate(bench: Bench, size: int, scale: Scale) -> float:
    count = scale.permits // size * size
    actions = await bench.swaps(count)
    batches = [bench.batch(actions[first : first + size]) for first in range(0, count, size)]
    async with bench.not_folding():
        for part in range(0, len(batches), 50):
            await asyncio.gather(*map(bench.plan, batches[part : part + 50]))
        started = time.perf_counter()
    await bench.signed(batches)
    return count / (time.perf_counter() - started)


# -- one at a time -----------------------------------------------------------------------------------------------------

_waiting: list[Action] = []


async def _prepared(bench: Bench, scale: Scale) -> int:
    for _ in range(-(-scale.permit_lone // NONCES)):
        (person,) = await bench.funded(EUR)
        actions = [person.withdrawal(nonce, EUR, 1) for nonce in range(NONCES)]
        await bench.accepted(actions)
        _waiting.extend(actions)
    return scale.permit_lone


async def _lone(bench: Bench, heard: asyncio.Event) -> float:
    """Milliseconds from when the mirror sends the batch to when the guard's part of the permit is heard."""
    batch = bench.batch([_waiting.pop()])
    heard.clear()
    started = time.perf_counter()
    await bench.plan(batch)
    await heard.wait()
    return (time.perf_counter() - started) * 1_000


async def _durable_steps(bus: Bus, directory: Path, count: int) -> list[float]:
    """What cannot be left out: the body, a claim, the journal's file, how far it has come, the signature, each durable."""
    took = []
    with (directory / "raw.journal").open("wb") as file:
        for number in range(count):
            started = time.perf_counter()
            for step, name in enumerate(("ledger.batch.planned", "permit.signed.1.1.1", "guard.journal", "permit.signed.1.1.2")):
                subject = name if "." not in name or name.startswith("ledger") else f"{name}.raw-{number}"
                await bus.js.publish(subject, bytes(600), headers={"Nats-Msg-Id": f"raw-{number}-{step}"})
                if step == 1:
                    file.write(bytes(200))
                    file.flush()
                    os.fsync(file.fileno())
            took.append((time.perf_counter() - started) * 1_000)
    return took


def _p99(values: Sequence[float]) -> float:
    return quantiles(values, n=100)[98]


# -- a guard in this process -------------------------------------------------------------------------------------------


@asynccontextmanager
async def _bench(directory: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        server = NatsServer(directory / "nats", sync="always")
        stack.callback(server.kill)
        await server.start()
        await server.provision(TABLE)
        mirror, switcher, bus = [
            await stack.enter_async_context(running_bus(server.url, TABLE, service=role))
            for role in ("mirror", SWITCHER, NONCE_GUARD)
        ]
        await ClaimsLog(switcher).record(epoch_record(1, "open", ARBITRUM), after=0, id="open")
        await switcher.publish(EPOCHS, EpochMoved(event=EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0)), id="open")
        key = GUARD_KEYS[0]
        store = await stack.enter_async_context(veto_store(directory / "veto.journal", key.address, BusHeads(bus, key.address)))

        def heard(sequence: int, told: Told, answer: Answer) -> None:
            signing.heard(sequence, told, answer)

        def moved(batch: BatchKey) -> None:
            signing.go_on(batch)

        fold, views = Fold(Ledger(TREASURY.id), heard), Views(bus, DOMAIN, GUARDS, moved)
        clocks = Clocks({ARBITRUM: cast("Chain", StillChain())})
        guard = Guard(bus, fold, views, store, LocalSigner(key), clocks, GUARDS, DOMAIN, 3_600, cast("Any", Always()))
        signing = Signing(guard)
        reading = (store.run(), clocks.run(), views.follow_claims(), views.follow_permits())
        writing = (signing.claims.run(), signing.permits.run(), signing.run())
        running = [asyncio.create_task(each) for each in (*reading, *writing)]
        stack.push_async_callback(cancel, *running)
        bench = Bench(bus, mirror, signing, fold)
        yield bench
        await cancel(bench.folding)
