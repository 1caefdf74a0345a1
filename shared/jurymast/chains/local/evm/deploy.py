"""Brings contracts and funds to a chain, whatever of them is there already."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from jurymast.chains.calls import Call, Refused
from jurymast.chains.evm.header import quantity
from jurymast.chains.local.evm.contracts import FACTORY, Deployment
from jurymast.chains.rpc import Endpoint, Failed
from jurymast.errors import Fatal, Transient

WAIT_S = 15.0
LOOK_S = 0.05

_text = msgspec.json.Decoder(str)


class NotDeployed(Fatal):
    """The chain refuses to make it: its constructor reverts, or it is too large."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} cannot be deployed: {reason}")
        self.name, self.reason = name, reason


async def deploy(node: Endpoint, sender: bytes, deployments: Sequence[Deployment]) -> list[str]:
    """The names of those that were not there yet. `sender` is an account whose key the node has."""
    made = [each for each in deployments if not await has_code(node, each.address)]
    for deployment in made:
        call = {"from": _hex(sender), "to": _hex(FACTORY), "data": _hex(deployment.salt + deployment.code)}
        [answer] = await node.ask_each([Call("eth_sendTransaction", (call,))])
        if isinstance(answer, Refused):
            raise NotDeployed(deployment.name, answer.message)
        await _included(node, deployment, _text.decode(answer))
    return [each.name for each in made]


async def fund(node: Endpoint, accounts: Sequence[bytes], least: int) -> list[bytes]:
    """Those that had less, and have just this now."""
    balances = await node.ask([Call("eth_getBalance", (_hex(account), "latest")) for account in accounts])
    poor = [account for account, balance in zip(accounts, balances, strict=True) if quantity(balance) < least]
    await node.ask([Call("anvil_setBalance", (_hex(account), hex(least))) for account in poor])
    return poor


async def has_code(node: Endpoint, address: bytes) -> bool:
    [code] = await node.ask([Call("eth_getCode", (_hex(address), "latest"))])
    return _text.decode(code) != "0x"


async def _has_receipt(node: Endpoint, transaction: str) -> bool:
    [receipt] = await node.ask([Call("eth_getTransactionReceipt", (transaction,))])
    return bytes(receipt) != b"null"


async def _included(node: Endpoint, deployment: Deployment, transaction: str) -> None:
    try:
        async with asyncio.timeout(WAIT_S):
            while not await _has_receipt(node, transaction):  # noqa: ASYNC110  Nodes send no events.
                await asyncio.sleep(LOOK_S)
    except TimeoutError:
        raise Transient(f"no block has {deployment.name} after {WAIT_S:g} s: is the chain making any?") from None
    except Failed as failed:
        raise Transient(f"while {deployment.name} is deployed: {failed}") from None
    if not await has_code(node, deployment.address):
        raise NotDeployed(deployment.name, f"transaction {transaction} has made no code at {_hex(deployment.address)}")


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
