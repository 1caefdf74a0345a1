"""The grid on an EVM chain, read through providers of which none is believed alone.

Hashes of blocks come from a quorum; what stands in the contract comes from any provider, with a proof against the block's hash;
events come from a quorum, in answers that name the blocks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from jurymast.chains.agreement import NoQuorum
from jurymast.chains.calls import Call, Failure
from jurymast.chains.evm import calldata, evidence, gas, heads, layout, logs
from jurymast.chains.evm.evidence import block_of
from jurymast.chains.evm.header import Header
from jurymast.chains.evm.logs import Log
from jurymast.chains.evm.providers import Network, Providers, Results, good
from jurymast.chains.operations import Execute, Operation
from jurymast.chains.rpc import open_session
from jurymast.chains.trail import Block, Change, Missing, Trail, finalize, follow
from jurymast.chains.words import Event, Heads, Limits, NotFinal, Payload, Proved, Size, State, Unit, Wanted
from jurymast.errors import Transient

MEMORY = 4_096
"""Blocks that are remembered of the way of the chain: 17 minutes of Arbitrum's."""
MOST_STEPS = 16
SLOTS_IN_A_PROOF = 64
MOST_BLOCKS = 2_000
"""In one question for events."""

ENVELOPE_BYTES = 200
LIMITS = Limits(actions=400, bytes=95_000, cost=16_777_216)
"""As many actions as the contract takes; what Arbitrum's sequencer accepts; EIP-7825's gas of a transaction."""


class EvmChain:
    unit: Unit = "second"
    limits = LIMITS

    def __init__(self, providers: Providers, number: int, grid: bytes) -> None:
        self.providers = providers
        self.number = number
        self.grid = grid

    @property
    def name(self) -> str:
        return self.providers.network.name

    # -- how the chain goes --------------------------------------------------------------------------------------------

    async def heads(self) -> Heads:
        soft, safe, final = await heads.levels(self.providers)
        return Heads(block_of(soft), block_of(safe), block_of(final))

    async def follow(self, trail: Trail) -> tuple[Trail, Sequence[Change]]:
        levels = await self.heads()
        headers = [levels.soft]
        for _ in range(MOST_STEPS):
            answer = follow(trail, headers, MEMORY)
            if not isinstance(answer, Missing):
                followed, changes = answer
                return finalize(followed, levels.final), changes
            headers = await self._joined(answer, headers)
        raise Transient(f"{self.name} changes while it is read")

    async def _joined(self, missing: Missing, headers: Sequence[Block]) -> list[Block]:
        """What is missing, with what it is missing before; of much of it the first part alone, which is a step forward too."""
        last = min(missing.last, missing.first + heads.MOST_HEADERS - 1)
        found = await heads.at(self.providers, range(missing.first, last + 1))
        blocks = [*map(block_of, found)]
        if last < missing.last:
            return blocks
        if blocks[-1].hash != headers[0].parent:
            raise Transient(f"{self.name} changes while it is read")
        return [*blocks, *headers]

    # -- events --------------------------------------------------------------------------------------------------------

    async def events(self, first: int, last: int) -> Sequence[Event]:
        final = (await heads.levels(self.providers))[-1]
        if last > final.height:
            raise NotFinal(last, final.height)
        found: list[Event] = []
        for begin in range(first, last + 1, MOST_BLOCKS):
            found += logs.events(await self._logs(range(begin, min(begin + MOST_BLOCKS, last + 1))))
        return found

    async def _logs(self, heights: range) -> Sequence[Log]:
        """Halved until it is little enough for a quorum to answer: where the limit lies, everybody says otherwise."""
        where = {"fromBlock": hex(heights[0]), "toBlock": hex(heights[-1])}
        try:
            return await self._ask_logs(f"events of blocks {heights[0]} to {heights[-1]}", where, heights)
        except NoQuorum as error:
            if len(heights) == 1 or not _refused(error):
                raise
        half = len(heights) // 2
        return [*await self._logs(heights[:half]), *await self._logs(heights[half:])]

    async def events_of(self, block: Block) -> Sequence[Event]:
        where = {"blockHash": f"0x{block.hash.hex()}"}
        return logs.events(await self._ask_logs(f"events of block {block.height}", where, range(block.height, block.height + 1)))

    async def _ask_logs(self, question: str, where: dict[str, str], heights: range) -> tuple[Log, ...]:
        calls = [Call("eth_getLogs", ({**where, "address": f"0x{self.grid.hex()}"},))]
        return await self.providers.agreed(question, calls, lambda results: logs.read(good(results[0]), self.grid, heights))

    # -- state ---------------------------------------------------------------------------------------------------------

    async def state(self, wanted: Wanted, at: Block) -> Proved:
        head = await heads.by_hash(self.providers, at.hash)
        slots = [f"0x{slot.hex()}" for slot in layout.slots(wanted)]
        parts = [slots[begin : begin + SLOTS_IN_A_PROOF] for begin in range(0, len(slots), SLOTS_IN_A_PROOF)]
        block = {"blockHash": f"0x{at.hash.hex()}"}
        calls = [Call("eth_getProof", (f"0x{self.grid.hex()}", part, block)) for part in parts]
        return await self.providers.any(
            f"the state of block {at.height}", calls, lambda results: self._proved(head, wanted, results)
        )

    def _proved(self, head: Header, wanted: Wanted, results: Results) -> Proved:
        shown = evidence.read(head, [good(result) for result in results])
        return Proved(evidence.verify(shown, self.number, self.grid, wanted, head.hash), evidence.encode(shown))

    def verify(self, evidence_: bytes, wanted: Wanted, block: bytes) -> State:
        return evidence.verify(evidence.decode(evidence_), self.number, self.grid, wanted, block)

    # -- operations ----------------------------------------------------------------------------------------------------

    def payload(self, operation: Operation) -> Payload:
        return Payload(self.grid, calldata.encode(operation))

    def operation(self, data: bytes) -> Operation:
        return calldata.decode(data)

    def measure(self, operation: Operation) -> Size:
        data = calldata.encode(operation)
        batch = operation.batch if isinstance(operation, Execute) else None
        return Size(len(batch.actions) if batch else 0, len(data) + ENVELOPE_BYTES, gas.most(batch, len(data)))


def _refused(error: NoQuorum) -> bool:
    """By all who say anything, in so many words: too much at once."""
    return all(isinstance(answer, Failure) and answer.kind in ("error", "huge") for answer in error.said.values())


@asynccontextmanager
async def open_chain(network: Network, number: int, grid: bytes) -> AsyncIterator[EvmChain]:
    """The contract at this address; `number` is what the chain is called in everything that is signed."""
    async with open_session() as session:
        yield EvmChain(Providers(session, network), number, grid)
