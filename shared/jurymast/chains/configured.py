"""The chains of a deployment, each opened by the plug-in of its family."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from jurymast import watchlist
from jurymast.chains import evm
from jurymast.chains.chain import Chain, Sender
from jurymast.crypto.address import parse_address
from jurymast.crypto.secp256k1 import SigningKey
from jurymast.errors import Misconfigured


@asynccontextmanager
async def open_chains(watched: Iterable[watchlist.Chain]) -> AsyncIterator[dict[int, Chain]]:
    """By their numbers: those on which there is a contract of ours. The others are only watched."""
    async with AsyncExitStack() as stack:
        chains: dict[int, Chain] = {}
        for each in watched:
            if not each.number:
                continue
            if each.number in chains:
                raise Misconfigured(f"chains.{each.name}.number: {each.number} is {chains[each.number].name} already")
            chains[each.number] = await stack.enter_async_context(_open(each))
        yield chains


@asynccontextmanager
async def open_senders(
    chains: Mapping[int, Chain], key: SigningKey, directory: Path, most: int
) -> AsyncIterator[dict[int, Sender]]:
    """Of one account on each of them, with what it has sent kept in the directory. `most` is what a unit of gas may cost."""
    async with AsyncExitStack() as stack:
        senders: dict[int, Sender] = {}
        for number, chain in chains.items():
            if isinstance(chain, evm.EvmChain):
                path, policy = directory / f"{chain.name}.db", evm.Policy(most=most)
                senders[number] = await stack.enter_async_context(evm.open_sender(chain.providers, key, path, policy))
        yield senders


@asynccontextmanager
async def _open(watched: watchlist.Chain) -> AsyncIterator[Chain]:
    if watched.policy.family != "evm":
        raise Misconfigured(
            f"chains.{watched.name}.number: there is no plug-in for {watched.policy.family} yet, it is only watched"
        )
    try:
        contract = parse_address(watched.contract)
    except ValueError as error:
        raise Misconfigured(f"chains.{watched.name}.contract: {error}") from None
    network = evm.Network(
        name=watched.name,
        chain_id=int(watched.policy.chain_id),
        genesis=bytes.fromhex(watched.genesis[2:]) or None,
        providers=watched.providers,
        quorum=watched.policy.quorum,
        timeout_s=watched.policy.timeout_ms / 1000,
    )
    async with evm.open_chain(network, watched.number, contract) as chain:
        yield chain
