"""The local EVM chain as a server of the mesh: it comes back with what was final, whatever was killed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.anvil import anvil_binary
from tests.mesh.supervised import MeshUnderTest, pid, process
from tests.servers import eventually


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[MeshUnderTest]:
    anvil_binary()
    with MeshUnderTest(tmp_path, stub=False, evm=True) as under_test:
        yield under_test


async def ask(url: str, method: str, *params: Any) -> Any:
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    async with aiohttp.ClientSession() as session, session.post(url, json=request) as response:
        return (await response.json())["result"]


async def final(url: str, least: int = 1) -> dict[str, Any]:
    """A final block that is not the first one."""

    async def there() -> Any:
        block = await ask(url, "eth_getBlockByNumber", "finalized", False)
        return block if int(block["number"], 16) >= least else None

    block: dict[str, Any] = await eventually(there, what="a final block")
    return block


async def test_it_is_ready_with_its_contracts_and_comes_back_with_all_that_was_final(mesh: MeshUnderTest) -> None:
    before = await mesh.ready()
    assert process(before, "evm")["state"] == "ready"
    deployed = await mesh.says("evm: small deployed at ")
    address = deployed.rpartition(" ")[2]
    assert int(await ask(before["evm_url"], "eth_call", {"to": address}, "latest"), 16) == 42
    block = await final(before["evm_url"], least=4)
    psutil.Process(pid(before, "evm")).kill()
    after = await mesh.restarted("evm", before)
    assert (await ask(after["evm_url"], "eth_getBlockByNumber", block["number"], False))["hash"] == block["hash"]
    assert int(await ask(after["evm_url"], "eth_call", {"to": address}, "latest"), 16) == 42


async def test_another_mesh_goes_on_with_the_chain_of_the_last_one(mesh: MeshUnderTest) -> None:
    first = await mesh.ready()
    genesis = await ask(first["evm_url"], "eth_getBlockByNumber", "0x0", False)
    block = await final(first["evm_url"], least=4)
    assert await mesh.stop() == 0
    second = await mesh.ready()
    assert (await ask(second["evm_url"], "eth_getBlockByNumber", "0x0", False))["hash"] == genesis["hash"]
    assert (await ask(second["evm_url"], "eth_getBlockByNumber", block["number"], False))["hash"] == block["hash"]
    assert len([sentence for sentence in mesh.said() if "deployed" in sentence]) == 1, "it stands already"


async def test_a_state_that_was_cut_short_is_replaced_by_its_last_whole_copy(mesh: MeshUnderTest) -> None:
    first = await mesh.ready()
    block = await final(first["evm_url"], least=4)
    copy = mesh.state / "evm" / "state.json.whole"

    async def kept() -> bool:
        return copy.exists() and f'"{block["number"]}"'.encode() in copy.read_bytes()

    await eventually(kept, what="a whole copy")
    assert await mesh.stop() == 0
    state = mesh.state / "evm" / "state.json"
    state.write_bytes(state.read_bytes()[:1_000])
    second = await mesh.ready()
    assert await mesh.says("was cut short")
    assert (await ask(second["evm_url"], "eth_getBlockByNumber", block["number"], False))["hash"] == block["hash"]
