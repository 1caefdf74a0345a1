"""The EVM plug-in on anvil, behind three middlemen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from jurymast.book.signed import ARBITRUM
from jurymast.chains.chain import Sender
from jurymast.chains.evm import EvmChain, Network, Policy, open_chain, open_sender
from jurymast.chains.evm.evidence import Evidence, decode, encode
from jurymast.chains.local.evm.contracts import Deployment
from jurymast.chains.local.evm.deploy import deploy
from jurymast.chains.local.evm.node import CHAIN_ID
from jurymast.chains.operations import Operation
from jurymast.chains.rpc import Endpoint, open_session
from jurymast.crypto.address import parse_address
from jurymast.watchlist import Provider
from tests.anvil import Anvil, running_anvil
from tests.conformance.middleman import Middleman
from tests.conformance.rig import Lie, Refused
from tests.contracts import abi, artifacts
from tests.contracts.abi import Interface
from tests.npm import PROJECT
from tests.unit.grids import APPLICATION, GUARDS, PAUSER, TREASURY, key

GWEI = 10**9
TIMEOUT_S = 1.0
GAS = 30_000_000
OPERATORS = ("ann", "ben", "eve")
RELAY = key("relay")


@cache
def grid_code() -> bytes:
    """What makes the grid of the tests."""
    artifact = artifacts.built(PROJECT, "PhantomGrid.sol", "PhantomGrid")
    setup = {
        "chain": ARBITRUM,
        "application": APPLICATION,
        "guards": GUARDS.addresses,
        "threshold": GUARDS.threshold,
        "version": 1,
        "treasury": TREASURY.id,
        "pauser": PAUSER,
        "bridge": bytes(20),
    }
    return bytes.fromhex(artifact.bytecode[2:]) + abi.encode(Interface(artifact.abi).constructor.inputs, [setup])


class EvmRig:
    def __init__(self, anvil: Anvil, chain: EvmChain, middlemen: list[Middleman], sender: str) -> None:
        self.anvil = anvil
        self.chain = chain
        self.middlemen = middlemen
        self.provider, self.providers = OPERATORS[0], OPERATORS
        self._from = sender

    async def blocks(self, count: int) -> None:
        await self.anvil.mine(count)

    async def finalize(self) -> None:
        await self.anvil.mine(2 * self.anvil.node.safe_blocks)

    async def reorganise(self, depth: int) -> None:
        await self.anvil.call("anvil_reorg", depth, [])

    async def run(self, operation: Operation) -> None:
        payload = self.chain.payload(operation)
        call = {"from": self._from, "to": f"0x{payload.to.hex()}", "data": f"0x{payload.data.hex()}", "gas": hex(GAS)}
        sent = await self.anvil.call("eth_sendTransaction", call)
        await self.anvil.mine()
        receipt = await self.anvil.call("eth_getTransactionReceipt", sent)
        if int(receipt["status"], 16) != 1:
            raise Refused(operation)

    def lie(self, lie: Lie | None) -> None:
        self.middlemen[0].lie = lie

    def hang(self) -> None:
        for middleman in self.middlemen:
            middleman.lie = Lie.SILENT

    def sender(self, path: Path) -> AbstractAsyncContextManager[Sender]:
        return open_sender(self.chain.providers, RELAY, path, POLICY)

    async def tampered(self, evidence: bytes) -> list[bytes]:
        shown = decode(evidence)
        slot, *_ = sorted(shown.words)
        changes: list[dict[str, Any]] = [
            {"header": shown.header[:-1] + bytes([shown.header[-1] ^ 1])},
            {"account": shown.account[:-1]},
            {"account": (*shown.account[:-1], shown.account[-1][:-1] + b"\0")},
            {"words": {each: nodes for each, nodes in shown.words.items() if each != slot}},
            {"words": dict(shown.words) | {slot: tuple(node[:-1] + b"\x07" for node in shown.words[slot])}},
        ]
        return [encode(_with(shown, change)) for change in changes] + [evidence[:-1], b""]


POLICY = Policy(most=1_000 * GWEI)


def _with(evidence: Evidence, changes: dict[str, Any]) -> Evidence:
    return msgspec.structs.replace(evidence, **changes)


@asynccontextmanager
async def open_rig(directory: Path) -> AsyncIterator[EvmRig]:
    """`block_s` 0: a block is made when the rig says so, and at no other time."""
    async with AsyncExitStack() as stack:
        anvil = await stack.enter_async_context(running_anvil(directory, 0))
        accounts = await anvil.call("eth_accounts")
        await anvil.call("anvil_setBalance", f"0x{RELAY.address.hex()}", hex(10**21))
        session = await stack.enter_async_context(open_session())
        grid = Deployment("the grid", grid_code())
        await anvil.call("evm_setAutomine", True)
        endpoint = Endpoint(session, anvil.url, timeout_s=20, max_body_bytes=1 << 24)
        await deploy(endpoint, parse_address(accounts[0]), [grid])
        await anvil.call("evm_setAutomine", False)
        middlemen = [await stack.enter_async_context(Middleman(anvil.url, session).serving()) for _ in OPERATORS]
        genesis = await anvil.call("eth_getBlockByNumber", "0x0", False)
        network = network_of(middlemen, bytes.fromhex(genesis["hash"][2:]))
        chain = await stack.enter_async_context(open_chain(network, ARBITRUM, grid.address))
        yield EvmRig(anvil, chain, middlemen, accounts[1])


def network_of(middlemen: list[Middleman], genesis: bytes | None, timeout_s: float = TIMEOUT_S) -> Network:
    providers = tuple(Provider(name, name, each.url) for name, each in zip(OPERATORS, middlemen, strict=True))
    return Network(name="local", chain_id=CHAIN_ID, genesis=genesis, providers=providers, quorum=2, timeout_s=timeout_s)
