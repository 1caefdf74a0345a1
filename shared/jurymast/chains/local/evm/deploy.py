"""Contracts at addresses that follow from their code alone, each deployed once, however often this is asked for.

The factory that stands at one address of every EVM chain makes them (CREATE2): the address is a hash of the code and a salt, so
that no sender, nonce or order of deployments changes it, and what stands there is what was meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from jurymast.chains.calls import Call, Refused
from jurymast.chains.evm.header import quantity
from jurymast.chains.rpc import Endpoint, Failed
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Fatal, Transient

FACTORY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
SALT_BYTES = 32
WAIT_S = 15.0
LOOK_S = 0.05

_text = msgspec.json.Decoder(str)


class Deployment(NamedTuple):
    name: str
    code: bytes
    """What makes it, with the arguments of its constructor behind it."""
    salt: bytes = bytes(SALT_BYTES)

    @property
    def address(self) -> bytes:
        return keccak256(b"\xff", FACTORY, self.salt, keccak256(self.code))[12:]


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
