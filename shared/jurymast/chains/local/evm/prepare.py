"""What a local chain needs before it is of use: contracts that stand, and people who can pay. Idempotent, at every start."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jurymast.chains.calls import Call
from jurymast.chains.local.evm.contracts import Deployment
from jurymast.chains.local.evm.deploy import deploy, fund
from jurymast.chains.rpc import Endpoint, Failed, open_session
from jurymast.crypto.address import checksummed, parse_address
from jurymast.errors import Transient

LEAST_WEI = 1_000 * 10**18
TIMEOUT_S = 10.0
MAX_BODY_BYTES = 1 << 24

_texts = msgspec.json.Decoder(list[str])


async def prepare(url: str, deployments: Sequence[Deployment]) -> list[str]:
    """What was done, one sentence each; `Transient` while the node does not answer."""
    async with open_session() as session:
        node = Endpoint(session, url, timeout_s=TIMEOUT_S, max_body_bytes=MAX_BODY_BYTES)
        try:
            [answer] = await node.ask([Call("eth_accounts")])
            users = [parse_address(text) for text in _texts.decode(answer)]
            made = await deploy(node, users[0], deployments)
            poor = await fund(node, users, LEAST_WEI)
        except Failed as failed:
            raise Transient(f"the local EVM chain cannot be prepared: {failed}") from None
    addresses = {each.name: checksummed(each.address) for each in deployments}
    return [f"{name} deployed at {addresses[name]}" for name in made] + [f"{checksummed(user)} has funds again" for user in poor]
