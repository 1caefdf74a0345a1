"""The local EVM chain is what its README says: where it is like Arbitrum, and where it is not."""

from __future__ import annotations

import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from jurymast.chains.calls import Call, Refused
from jurymast.chains.evm import transaction
from jurymast.chains.evm.transaction import Fees, Transaction
from jurymast.chains.local.evm.contracts import Deployment
from jurymast.chains.local.evm.deploy import NotDeployed, deploy, fund
from jurymast.chains.local.evm.node import CHAIN_ID, STATE_END, Node
from jurymast.chains.local.evm.prepare import LEAST_WEI, prepare
from jurymast.chains.rpc import Endpoint, open_session
from jurymast.cli.mesh import keep
from jurymast.crypto.address import parse_address
from jurymast.crypto.secp256k1 import SigningKey
from tests.anvil import Anvil
from tests.npm import PROJECT
from tests.servers import eventually, free_port
from tests.unit.grids import key

GWEI = 10**9
USER = SigningKey(bytes.fromhex("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"))
"""The first one of the mnemonic."""
SMALL = bytes.fromhex("600a600c600039600a6000f3602a60005260206000f3")
"""Makes a contract that answers 42."""


@asynccontextmanager
async def chain(tmp_path: Path, **changes: Any) -> AsyncIterator[Anvil]:
    """As the mesh starts it."""
    node = replace(Node(port=free_port(), state=str(tmp_path / "state.json")), **changes)
    async with aiohttp.ClientSession() as session:
        anvil = Anvil(node, session, tmp_path / "anvil.log")
        try:
            await anvil.start()
            yield anvil
        finally:
            anvil.end()


@asynccontextmanager
async def endpoint(anvil: Anvil) -> AsyncIterator[Endpoint]:
    async with open_session() as session:
        yield Endpoint(session, anvil.url, timeout_s=5, max_body_bytes=1 << 24)


async def block(anvil: Anvil, which: str) -> dict[str, Any]:
    found: dict[str, Any] = await anvil.call("eth_getBlockByNumber", which, False)
    return found


async def heights(anvil: Anvil) -> tuple[int, ...]:
    return tuple([int((await block(anvil, level))["number"], 16) for level in ("latest", "safe", "finalized")])


async def reaches(anvil: Anvil, height: int) -> None:
    async def there() -> bool:
        return await anvil.height() >= height

    await eventually(there, what=f"block {height}")


def signed(nonce: int, tip: int = 1, who: SigningKey = USER, cap: int = 100 * GWEI) -> tuple[str, str]:
    made = transaction.sign(Transaction(CHAIN_ID, nonce, Fees(cap, tip), 21_000, key("nobody").address, 1, b""), who)
    return f"0x{made.raw.hex()}", f"0x{made.hash.hex()}"


# -- blocks ------------------------------------------------------------------------------------------------------------


def test_contracts_do_not_read_the_number_of_the_block() -> None:
    sources = [path for path in (PROJECT / "src").glob("**/*.sol") if re.search(r"\bblock\.number\b", path.read_text("utf-8"))]
    assert sources == []


async def test_blocks_come_by_themselves_and_share_seconds(tmp_path: Path) -> None:
    async with chain(tmp_path) as anvil:
        await reaches(anvil, 9)
        clocks = [int((await block(anvil, hex(height)))["timestamp"], 16) for height in range(10)]
        assert clocks == sorted(clocks)
        assert len(set(clocks)) < len(clocks)
        assert [len((await block(anvil, hex(height)))["transactions"]) for height in range(10)] == [0] * 10


async def test_safe_is_eight_blocks_behind_and_final_sixteen(tmp_path: Path) -> None:
    async with chain(tmp_path, block_s=0, state="") as anvil:
        assert await heights(anvil) == (0, 0, 0)
        await anvil.mine(20)
        assert await heights(anvil) == (20, 12, 4)
        assert int(await anvil.call("eth_chainId"), 16) == 412_346


async def test_gas_costs_and_limits(tmp_path: Path) -> None:
    async with chain(tmp_path, block_s=0, state="") as anvil:
        await anvil.mine(1)
        first = await block(anvil, "latest")
        assert int(first["gasLimit"], 16) == 32_000_000
        assert 0.8 * GWEI < int(first["baseFeePerGas"], 16) <= GWEI
        await anvil.mine(1)
        assert int((await block(anvil, "latest"))["baseFeePerGas"], 16) < int(first["baseFeePerGas"], 16)


# -- transactions ------------------------------------------------------------------------------------------------------


async def test_who_comes_first_is_served_first_whatever_the_tip(tmp_path: Path) -> None:
    other = key("another user")
    async with chain(tmp_path, block_s=0, state="") as anvil:
        await anvil.call("anvil_setBalance", f"0x{other.address.hex()}", hex(10**20))
        sent = [await anvil.call("eth_sendRawTransaction", signed(0, tip, who)[0]) for tip, who in ((1, USER), (GWEI, other))]
        await anvil.mine()
        assert (await block(anvil, "latest"))["transactions"] == sent


async def test_a_gap_waits_for_ever_and_one_wei_more_replaces(tmp_path: Path) -> None:
    async with chain(tmp_path, block_s=0, state="") as anvil:
        await anvil.call("eth_sendRawTransaction", signed(1)[0])
        await anvil.mine(3)
        assert int((await anvil.call("txpool_status"))["queued"], 16) == 1
        await anvil.call("eth_sendRawTransaction", signed(0, tip=10, cap=10 * GWEI)[0])
        replacing, hash_ = signed(0, tip=10, cap=10 * GWEI + 1)
        assert await anvil.call("eth_sendRawTransaction", replacing) == hash_
        await anvil.mine()
        assert (await block(anvil, "latest"))["transactions"][0] == hash_


async def test_what_a_reorganisation_takes_back_does_not_come_again(tmp_path: Path) -> None:
    async with chain(tmp_path, block_s=0, state="") as anvil:
        await anvil.mine(5)
        raw, hash_ = signed(0)
        await anvil.call("eth_sendRawTransaction", raw)
        await anvil.mine()
        await anvil.call("anvil_reorg", 1, [])
        await anvil.mine(3)
        assert await anvil.call("eth_getTransactionReceipt", hash_) is None
        assert await anvil.call("txpool_status") == {"pending": "0x0", "queued": "0x0"}


# -- restarts ----------------------------------------------------------------------------------------------------------


async def test_a_killed_node_loses_soft_blocks_at_most(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    async with chain(tmp_path) as anvil:
        for _ in range(3):
            await reaches(anvil, await anvil.height() + 20)
            head, final = await anvil.height(), await block(anvil, "finalized")
            keep.remember(state, STATE_END)
            await anvil.kill()
            keep.restore(state, STATE_END)
            await anvil.start()
            assert (await block(anvil, final["number"]))["hash"] == final["hash"], "what was final is there"
            assert await anvil.height() >= head - 2 * anvil.node.safe_blocks


async def test_after_a_restart_earlier_state_is_gone_until_new_blocks_are_final(tmp_path: Path) -> None:
    async with chain(tmp_path) as anvil:
        await reaches(anvil, 20)
        anvil.process.send(signal.SIGTERM)
        await anvil.process.wait()
        await anvil.start()
        async with endpoint(anvil) as node:

            async def proof() -> bool:
                final = await block(anvil, "finalized")
                address = f"0x{USER.address.hex()}"
                [answer] = await node.ask_each([Call("eth_getProof", (address, (), {"blockHash": final["hash"]}))])
                return not isinstance(answer, Refused)

            assert not await proof()
            await eventually(proof, within_s=10, what="the state of a final block")


async def test_a_restart_keeps_the_chain_its_contracts_and_what_users_have(tmp_path: Path) -> None:
    small = Deployment("small", SMALL)
    async with chain(tmp_path) as anvil:
        assert await prepare(anvil.url, [small]) != []
        raw, hash_ = signed(int(await anvil.call("eth_getTransactionCount", f"0x{USER.address.hex()}", "latest"), 16))
        await anvil.call("eth_sendRawTransaction", raw)

        async def final() -> bool:
            receipt = await anvil.call("eth_getTransactionReceipt", hash_)
            return receipt is not None and int(receipt["blockNumber"], 16) <= (await heights(anvil))[-1]

        await eventually(final, what="final")
        genesis = await block(anvil, "0x0")
        anvil.process.send(signal.SIGTERM)
        await anvil.process.wait()
        await anvil.start()
        assert (await block(anvil, "0x0"))["hash"] == genesis["hash"]
        assert await final()
        assert await prepare(anvil.url, [small]) == [], "nothing is left to do"
        answer = await anvil.call("eth_call", {"to": f"0x{small.address.hex()}"}, "latest")
        assert int(answer, 16) == 42


# -- contracts and funds -----------------------------------------------------------------------------------------------


async def test_a_contract_is_deployed_once_at_the_address_of_its_code(tmp_path: Path) -> None:
    small = Deployment("small", SMALL)
    async with chain(tmp_path) as anvil, endpoint(anvil) as node:
        [user, other, *_] = [parse_address(text) for text in await anvil.call("eth_accounts")]
        assert await deploy(node, user, [small]) == ["small"]
        assert await deploy(node, other, [small]) == []
        assert int(await anvil.call("eth_call", {"to": f"0x{small.address.hex()}"}, "latest"), 16) == 42


@pytest.mark.parametrize("code", [bytes.fromhex("60006000fd"), bytes.fromhex("6160016000f3")])
async def test_a_contract_that_reverts_or_is_too_large_is_an_error(tmp_path: Path, code: bytes) -> None:
    async with chain(tmp_path) as anvil, endpoint(anvil) as node:
        [user, *_] = [parse_address(text) for text in await anvil.call("eth_accounts")]
        with pytest.raises(NotDeployed, match="the wrong one cannot be deployed"):
            await deploy(node, user, [Deployment("the wrong one", code)])


async def test_users_have_funds_and_get_them_again(tmp_path: Path) -> None:
    async with chain(tmp_path) as anvil, endpoint(anvil) as node:
        users = [parse_address(text) for text in await anvil.call("eth_accounts")]
        assert len(users) == 20
        assert await fund(node, users, LEAST_WEI) == []
        await anvil.call("anvil_setBalance", f"0x{users[3].hex()}", "0x5")
        assert await fund(node, users, LEAST_WEI) == [users[3]]
        assert int(await anvil.call("eth_getBalance", f"0x{users[3].hex()}", "latest"), 16) == LEAST_WEI
