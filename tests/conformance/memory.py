"""A chain in this process, on the reference of the grid: the smallest plug-in that passes the suite. Where the next one begins.

A plug-in of a real chain has the same two halves: one that reads, through providers of which none is believed alone, and one that
sends, from a store that survives it. Here all providers are honest, so that lies change nothing, and what is proved is looked up.
"""

from __future__ import annotations

import copy
import fcntl
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from jurymast.book import entry, execute, operations
from jurymast.book.grid import Grid
from jurymast.book.signed import ARBITRUM, Credit
from jurymast.chains.agreement import NoQuorum, Said
from jurymast.chains.calls import Failure
from jurymast.chains.chain import Sender
from jurymast.chains.operations import ByGuards, CancelBelow, Execute, Operation, Transition
from jurymast.chains.trail import Block, Change, Missing, Trail, finalize, follow
from jurymast.chains.words import (
    BadEvidence,
    Event,
    Heads,
    Included,
    Limits,
    NotFinal,
    Payload,
    Progress,
    Proved,
    Size,
    Standing,
    State,
    Unit,
    Waiting,
    Wanted,
)
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Misconfigured, Rejected
from tests.conformance.rig import Lie, Refused
from tests.unit.grids import begin

SAFE, FINAL = 2, 4
"""Blocks behind the head."""
MEMORY = 1_000
NAMES = ("ann", "ben", "eve")
CLOCK = 1_000


class Mined(NamedTuple):
    block: Block
    grid: Grid
    """At its end."""
    events: tuple[Event, ...]
    transactions: Mapping[bytes, bool]
    """Those in it, and whether they succeeded."""


class MemoryChain:
    name, number, limits = "memory", ARBITRUM, Limits(actions=50, bytes=10_000, cost=1_000_000)
    unit: Unit = "second"

    def __init__(self) -> None:
        first = Block(0, keccak256(b"memory"), bytes(32), CLOCK)
        self.mined = [Mined(first, begin(), (), {})]
        self.pool: dict[bytes, Operation] = {}
        self.silent = False
        self._forks = 0
        self._said: dict[bytes, Operation] = {}
        self._shown: dict[bytes, tuple[Wanted, State]] = {}

    # -- making it go --------------------------------------------------------------------------------------------------

    def mine(self, *transactions: tuple[bytes, Operation]) -> Mapping[bytes, bool]:
        parent = self.mined[-1].block
        height, clock = parent.height + 1, parent.clock + parent.height % 2
        block = Block(
            height,
            keccak256(parent.hash, self._forks.to_bytes(8, "big"), b"".join(id_ for id_, _ in transactions)),
            parent.hash,
            clock,
        )
        grid, events, done = copy.deepcopy(self.mined[-1].grid), list[Event](), dict[bytes, bool]()
        for id_, operation in transactions:
            try:
                event = _apply(grid, operation, clock)
            except Rejected:
                done[id_] = False
            else:
                done[id_] = True
                events.append(event._replace(height=height, block=block.hash, transaction=id_, place=len(events)))
        self.mined.append(Mined(block, grid, tuple(events), done))
        return done

    def reorganise(self, depth: int) -> None:
        del self.mined[-depth:]
        self._forks += 1
        for _ in range(depth):
            self.mine()

    # -- Chain ---------------------------------------------------------------------------------------------------------

    def measure(self, operation: Operation) -> Size:
        actions = len(operation.batch.actions) if isinstance(operation, Execute) else 0
        return Size(actions, 100 + 150 * actions, 1_000 + 10_000 * actions)

    async def heads(self) -> Heads:
        if self.silent:
            late = Failure("timeout", "no answer within a moment")
            raise NoQuorum("how far the chain is", 2, [Said(name, name, late) for name in NAMES])
        blocks = [each.block for each in self.mined]
        return Heads(blocks[-1], blocks[max(0, len(blocks) - 1 - SAFE)], blocks[max(0, len(blocks) - 1 - FINAL)])

    async def follow(self, trail: Trail) -> tuple[Trail, Sequence[Change]]:
        heads = await self.heads()
        headers = [heads.soft]
        while isinstance(answer := follow(trail, headers, MEMORY), Missing):
            headers = [*(each.block for each in self.mined[answer.first : answer.last + 1]), *headers]
        return finalize(answer[0], heads.final), answer[1]

    async def events(self, first: int, last: int) -> Sequence[Event]:
        final = (await self.heads()).final.height
        if last > final:
            raise NotFinal(last, final)
        return [event for each in self.mined[first : last + 1] for event in each.events]

    async def events_of(self, block: Block) -> Sequence[Event]:
        return list(self._at(block).events)

    async def state(self, wanted: Wanted, at: Block) -> Proved:
        state = _state(self._at(at), wanted)
        evidence = keccak256(repr((wanted, state)).encode())
        self._shown[evidence] = wanted, state
        return Proved(state, evidence)

    def verify(self, evidence: bytes, wanted: Wanted, block: bytes) -> State:
        shown, state = self._shown.get(evidence, (None, None))
        if shown is None or state is None or state.at.hash != block or not all(map(frozenset.issubset, wanted, shown)):
            raise BadEvidence("it shows something else")
        return _state(self._at(state.at), wanted)

    def payload(self, operation: Operation) -> Payload:
        data = keccak256(repr(operation).encode())
        self._said[data] = operation
        return Payload(b"", data)

    def operation(self, data: bytes) -> Operation:
        if (operation := self._said.get(data)) is None:
            raise Rejected("no operation")
        return operation

    def _at(self, block: Block) -> Mined:
        return next(each for each in self.mined if each.block == block)


def _apply(grid: Grid, operation: Operation, now: int) -> Event:
    """Those operations that the suite needs; a real chain has all of them."""
    with grid.whole():
        match operation:
            case Transition(signed, totals, signatures):
                operations.transition(grid, signed, totals, signatures, now)
                return _event("Transitioned", epoch=signed.epoch)
            case ByGuards(Credit() as signed, signatures):
                entry.credit(grid, signed, signatures, now)
                return _event("Credited", **{name: getattr(signed, name) for name in signed.__struct_fields__})
            case Execute(batch):
                return _event("Executed", outcome=execute.execute(grid, batch, now))
            case CancelBelow(signed, signature):
                operations.cancel(grid, signed, signature)
                return _event("Cancelled", account=signed.account, floor=signed.floor)
    raise Rejected("not in this template")


def _event(name: str, **values: object) -> Event:
    return Event(0, b"", b"", 0, name, values)


def _state(mined: Mined, wanted: Wanted) -> State:
    grid = mined.grid
    nonces = {account: grid.account(account).nonces for account, _ in wanted.identities}
    balances = {key: grid.balance(*key) for key in wanted.balances}
    new = {account for account, _ in wanted.balances if grid.account(account).new}
    return State(
        chain=grid.lock.chain,
        at=mined.block,
        epoch=grid.epoch,
        active=grid.lock.active,
        paused_until=0,
        nonces=nonces,
        used=frozenset(each for each in wanted.identities if nonces[each[0]].used(each[1])),
        outcomes={batch: grid.batches[batch] for batch in wanted.batches if batch in grid.batches},
        balances={
            key: Standing(each.entered or key[0] in new, each.available, each.held, each.received)
            for key, each in balances.items()
        },
    )


# -- sending -----------------------------------------------------------------------------------------------------------


class MemorySender:
    """What it has to send stands in a file before it is sent; which block has it, it asks the chain."""

    def __init__(self, chain: MemoryChain, path: Path) -> None:
        self._chain = chain
        self._path = path

    async def submit(self, purpose: str, payload: Payload) -> Progress:
        stored = self._stored()
        if purpose not in stored:
            self._path.write_text(json.dumps(stored | {purpose: payload.data.hex()}))
        return self._tended(purpose)

    async def tend(self) -> Sequence[Progress]:
        return [self._tended(purpose) for purpose, data in self._stored().items() if data]

    async def settle(self, purpose: str) -> None:
        self._path.write_text(json.dumps(self._stored() | {purpose: ""}))

    def _stored(self) -> dict[str, str]:
        stored: dict[str, str] = json.loads(self._path.read_text() or "{}")
        return stored

    def _tended(self, purpose: str) -> Progress:
        id_ = keccak256(purpose.encode())
        for each in self._chain.mined:
            if id_ in each.transactions:
                self._chain.pool.pop(id_, None)
                final = each.block.height <= self._chain.mined[-1].block.height - FINAL
                return Included(purpose, id_, each.block, each.transactions[id_], final)
        self._chain.pool[id_] = self._chain.operation(bytes.fromhex(self._stored()[purpose]))
        return Waiting(purpose)


@asynccontextmanager
async def open_sender(chain: MemoryChain, path: Path) -> AsyncIterator[Sender]:
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Misconfigured("one process at a time sends transactions of an account") from None
        yield MemorySender(chain, path)


# -- the rig -----------------------------------------------------------------------------------------------------------


class MemoryRig:
    provider, providers = NAMES[0], NAMES

    def __init__(self) -> None:
        self.chain = MemoryChain()

    async def blocks(self, count: int) -> None:
        for _ in range(count):
            self.chain.mine(*self.chain.pool.items())
            self.chain.pool.clear()

    async def finalize(self) -> None:
        await self.blocks(FINAL)

    async def reorganise(self, depth: int) -> None:
        self.chain.reorganise(depth)

    async def run(self, operation: Operation) -> None:
        id_ = keccak256(repr(operation).encode())
        if not self.chain.mine((id_, operation))[id_]:
            raise Refused(operation)

    def lie(self, lie: Lie | None) -> None:
        """All providers here are this process."""

    def hang(self) -> None:
        self.chain.silent = True

    def sender(self, path: Path) -> AbstractAsyncContextManager[Sender]:
        return open_sender(self.chain, path)

    async def tampered(self, evidence: bytes) -> list[bytes]:
        return [evidence[:-1], b"", bytes([evidence[0] ^ 1]) + evidence[1:]]


@asynccontextmanager
async def open_rig(_: Path) -> AsyncIterator[MemoryRig]:
    yield MemoryRig()
