"""Guards as processes, each with a key, a journal and providers of its own; the logs that they follow, and a real chain."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from jurymast.book.events import BatchPlanned, Credited, EpochFrozen, EpochOpened, IntentAccepted
from jurymast.book.execute import Action, Batch
from jurymast.book.intents import identity
from jurymast.book.signed import ARBITRUM, SOLANA
from jurymast.bus import Bus
from jurymast.bus.query import Queries
from jurymast.chains.local.evm.node import CHAIN_ID
from jurymast.chains.operations import Execute
from jurymast.claims import ClaimsLog, Lives
from jurymast.cli.keys import read_seed
from jurymast.crypto.address import checksummed, parse_address
from jurymast.crypto.keccak import keccak256
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.messages import catalog
from jurymast.messages.claims import NONCE_GUARD, SWITCHER, Concluded, EpochRecord
from jurymast.messages.intents import MIRROR
from jurymast.messages.ledger import (
    CARRIED_OVER,
    CHANNELS,
    EPOCHS,
    INTENTS,
    PLANNED,
    CarriedOver,
    EpochMoved,
    IntentChanged,
    Planned,
)
from jurymast.messages.permits import GUARD, REFUSED, SIGNED, WHERE, GuardAsked, GuardStands, PermitSigned, Where, WhereAsked
from jurymast.permissions import Access, member_role
from jurymast.permits import check, drafted, numbered
from jurymast.streams import TABLE
from jurymast.telemetry import Tracer
from tests.conformance.actions import credit, first_epoch
from tests.conformance.evm import EvmRig, open_rig
from tests.servers import NatsServer, Service, eventually, running_bus
from tests.unit.grids import ANN, APPLICATION, BEN, DOMAIN, EUR, GUARD_KEYS, TREASURY, USD, Person

ADDRESSES = tuple(checksummed(key.address) for key in GUARD_KEYS)
ROLES = (NONCE_GUARD, *(member_role(NONCE_GUARD, address) for address in ADDRESSES[1:]))
SECRETS = sorted((keccak256(f"guard {n}".encode()) for n in range(3)), key=lambda each: SigningKey(each).address)
MUCH = 1_000_000
DEADLINE = 1 << 39
PERIOD = 600
"""How long permits last."""


def swap(nonce: int, amount: int = 10) -> tuple[Action, Action]:
    return (
        ANN.intent(nonce, EUR, amount, USD, deadline=DEADLINE),
        BEN.intent(nonce, USD, amount, EUR, deadline=DEADLINE),
    )


class Guarded:
    """An epoch is open on a chain, in the log and in the ledger, and Ann and Ben have money."""

    def __init__(self, server: NatsServer, rig: EvmRig, directory: Path, buses: dict[str, Bus]) -> None:
        self.server, self.rig, self.directory, self.buses = server, rig, directory, buses
        self.started: list[Service] = []
        self.running: dict[int, Service] = {}
        self.log = ClaimsLog(buses[NONCE_GUARD])

    # -- guards ------------------------------------------------------------------------------------------------------------

    def start(self, number: int, module: str = "jurymast.nonce_guard", **settings: str) -> Service:
        environment = {
            **self.server.settings(ROLES[number]),
            "JURYMAST_APPLICATION": APPLICATION.hex(),
            "JURYMAST_TREASURY": TREASURY.id.hex(),
            "JURYMAST_GUARDS": ",".join(ADDRESSES),
            "JURYMAST_THRESHOLD": "2",
            "JURYMAST_GUARD_KEY": SECRETS[number].hex(),
            "JURYMAST_JOURNAL": str(self.journal(number)),
            "JURYMAST_CHAINS_FILE": str(self.chains_file()),
            **settings,
        }
        environment = {name: value for name, value in environment.items() if value}
        service = Service(module, self.server.url, self.directory, **environment)
        self.started.append(service)
        self.running[number] = service
        return service

    async def ready(self, *numbers: int, module: str = "jurymast.nonce_guard", **settings: str) -> list[Service]:
        services = [self.start(number, module, **settings) for number in numbers or range(3)]
        await asyncio.gather(*(service.ready(60) for service in services))
        return services

    async def revive(self) -> None:
        """Start each guard again that has ended, as it should be."""
        for number, service in list(self.running.items()):
            if service.process.popen.poll() is not None:
                self.start(number)

    def end(self) -> None:
        for service in self.started:
            service.process.end()

    def journal(self, number: int) -> Path:
        return self.directory / f"guard-{number}.journal"

    def chains_file(self) -> Path:
        path = self.directory / "chains.toml"
        settings: dict[str, Any] = {
            "family": "evm", "id": CHAIN_ID, "slot_ms": 250, "finality_blocks": 100, "quorum": 2, "timeout_s": 2,
            "number": ARBITRUM, "contract": checksummed(self.rig.chain.grid),
        }  # fmt: skip
        lines = [f'application = "0x{APPLICATION.hex()}"', "[chains.local]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
        for middleman, operator in zip(self.rig.middlemen, ("ann", "ben", "eve"), strict=True):
            lines += [f"[chains.local.providers.{operator}]", f'operator = "{operator}"', f'url = "{middleman.url}"']
        path.write_text("\n".join(lines))
        return path

    # -- what others say ---------------------------------------------------------------------------------------------------

    async def clock(self) -> int:
        return (await self.rig.chain.heads()).soft.clock

    async def accept(self, *actions: Action) -> None:
        for action in actions:
            event = IntentAccepted(action=action, now=0)
            await self.buses[MIRROR].publish(INTENTS, IntentChanged(event=event), id=event.id.hex())

    async def plan(self, *actions: Action, expiry: int = 0, **changed: Any) -> BatchPlanned:
        await self.accept(*actions)
        values: dict[str, Any] = {"chain": ARBITRUM, "epoch": 1, "batch": 0, **changed}
        planned = BatchPlanned(**values, expiry=expiry or await self.clock() + PERIOD, actions=actions, prices={EUR: 1, USD: 1})
        planned = planned if "batch" in changed else numbered(planned)
        await self.buses[MIRROR].publish(PLANNED, Planned(event=planned), id=planned.id.hex())
        return planned

    async def freeze(self) -> None:
        last = await self.log.last_record()
        assert last is not None
        record = EpochRecord(epoch=1, state="frozen", chain=ARBITRUM, switch="s", recorded_ms=0)
        await ClaimsLog(self.buses[SWITCHER]).record(record, after=last.sequence, id="freeze")
        await self.buses[SWITCHER].publish(EPOCHS, EpochMoved(event=EpochFrozen(epoch=1)), id="freeze")

    # -- what guards say ---------------------------------------------------------------------------------------------------

    async def said(self, planned: BatchPlanned, number: int) -> PermitSigned | None:
        subject = f"{SIGNED.name}.{planned.chain}.{planned.epoch}.{planned.batch}.{ADDRESSES[number]}"
        stored = await self.buses[MIRROR].read(SIGNED, subject)
        return stored.message if stored else None

    async def refused(self, planned: BatchPlanned, number: int) -> Any:
        subject = f"{REFUSED.name}.{planned.chain}.{planned.epoch}.{planned.batch}.{ADDRESSES[number]}.*"
        stored = await self.buses[MIRROR].read(REFUSED, subject)
        return stored.message if stored else None

    async def permits(self, planned: BatchPlanned, *numbers: int, within_s: float = 30) -> list[PermitSigned]:
        async def all_there() -> list[PermitSigned]:
            found = [await self.said(planned, number) for number in numbers or range(3)]
            return [each for each in found if each] if all(found) else []

        found: list[PermitSigned] = await eventually(all_there, within_s, what=f"permits of batch {planned.batch}")
        for each in found:
            check(each, DOMAIN)
        return found

    async def execute(self, planned: BatchPlanned, permits: Sequence[PermitSigned]) -> None:
        """As anybody can who has the permit."""
        signatures = [each.signature for each in sorted(permits, key=lambda each: parse_address(each.guard))][:2]
        permit = drafted(planned, DOMAIN).permit
        await self.rig.run(
            Execute(Batch(permit=permit, signatures=tuple(signatures), actions=planned.actions, prices=planned.prices))
        )

    async def lives(self, *actions: Action) -> list[Lives]:
        found = await self.log.lives([identity(action.signed) for action in actions])
        return [found[identity(action.signed)] for action in actions]

    async def outcomes(self, *actions: Action, within_s: float = 40) -> list[Concluded]:
        """Of each the last one, once there is one for every claim."""

        async def there() -> list[Concluded]:
            lives = await self.lives(*actions)
            if any(not life.claims or len(life.claims) > len(life.outcomes) for life in lives):
                return []
            return [life.outcomes[-1].message for life in lives]

        found: list[Concluded] = await eventually(there, within_s, what="outcomes")
        return found

    async def ledger(self, kind: type, count: int = 1, within_s: float = 40) -> list[Any]:
        """The events of a kind, once there are so many."""

        async def there() -> list[Any]:
            found = [event for event in await self.events() if isinstance(event, kind)]
            return found if len(found) >= count else []

        found: list[Any] = await eventually(there, within_s, what=f"{count} {kind.__name__} in the ledger")
        return found

    async def events(self) -> list[Any]:
        by_name = {channel.name: channel for channel in CHANNELS}
        bus, found = self.buses[MIRROR], []
        last = (await bus.js.stream_info("LEDGER")).state.last_seq
        for sequence in range(1, last + 1):
            raw = await bus.js.get_msg("LEDGER", sequence)
            channel = by_name[raw.subject or ""]
            headers = raw.headers or {}
            found.append(channel.decode(raw.data or b"", schema=headers["Jurymast-Schema"], subject=raw.subject or "").event)
        return found

    async def where(self, action: Action) -> list[Where]:
        account, nonce = identity(action.signed)
        return await self.buses["application"].queries.ask_all(WHERE, WhereAsked(account=account.hex(), nonce=nonce), within_s=3)

    async def stand(self, expected: int = 3) -> list[GuardStands]:
        async with self.server.client() as nc:
            queries = Queries(nc, "operator", Tracer("test"))

            async def there() -> list[GuardStands]:
                found = await queries.ask_all(GUARD, GuardAsked(), within_s=0.5)
                return found if len(found) == expected else []

            found: list[GuardStands] = await eventually(there, 20, what="the word of each guard")
            return found


@asynccontextmanager
async def guarded(directory: Path) -> AsyncIterator[Guarded]:
    access = Access(TABLE, tuple(catalog.channels()), tuple(catalog.queries()), members={NONCE_GUARD: ADDRESSES})
    server = NatsServer(directory / "nats", access=access)
    async with AsyncExitStack() as stack:
        stack.callback(server.kill)
        await server.start()
        await server.provision(TABLE)
        rig = await stack.enter_async_context(open_rig(directory))
        buses = {
            role: await stack.enter_async_context(bus_of(server, role)) for role in (MIRROR, SWITCHER, NONCE_GUARD, "application")
        }
        world = Guarded(server, rig, directory, buses)
        stack.callback(world.end)
        await _open(world)
        yield world


async def _open(world: Guarded) -> None:
    await world.rig.run(first_epoch())
    opened = EpochRecord(epoch=1, state="open", chain=ARBITRUM, switch="s", recorded_ms=0)
    await ClaimsLog(world.buses[SWITCHER]).record(opened, after=0, id="open")
    event = EpochOpened(epoch=1, chain=ARBITRUM, fee_bps=0, opening=0)
    await world.buses[SWITCHER].publish(EPOCHS, EpochMoved(event=event), id="open")
    for sequence, (person, asset) in enumerate(((ANN, EUR), (BEN, USD)), 1):
        await _money(world, sequence, person, asset)
    await world.rig.finalize()


async def _money(world: Guarded, sequence: int, person: Person, asset: int) -> None:
    await world.rig.run(credit(sequence, person, asset, MUCH))
    event = Credited(chain=SOLANA, sequence=sequence, epoch=1, account=person.id, asset=asset, amount=MUCH)
    await world.buses[SWITCHER].publish(CARRIED_OVER, CarriedOver(event=event), id=str(sequence))


@asynccontextmanager
async def bus_of(server: NatsServer, role: str) -> AsyncIterator[Bus]:
    assert server.keys is not None
    async with running_bus(server.url, TABLE, service=role, seed=read_seed(server.keys.file(role))) as bus:
        yield bus
