"""Blocks of an EVM chain by a quorum: how far it has come, and which block stands at a height."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from jurymast.chains.calls import Call, Refused
from jurymast.chains.evm import header
from jurymast.chains.evm.header import Header
from jurymast.chains.evm.providers import Providers, Results, good
from jurymast.errors import Transient

LEVELS = ("latest", "safe", "finalized")
MOST_HEADERS = 64
"""In one question."""


async def levels(providers: Providers) -> tuple[Header, Header, Header]:
    """Soft, safe and final: each as high as a quorum has come, and what a quorum says stands there."""
    calls = [Call("eth_getBlockByNumber", (level, False)) for level in LEVELS]
    heights = await providers.reached("how far the chain is", calls, _heights)
    final, safe, soft = sorted(heights)  # Answers are of different moments: no level is above a softer one.
    found = {each.height: each for each in await at(providers, sorted({soft, safe, final}))}
    return found[soft], found[safe], found[final]


async def at(providers: Providers, heights: Sequence[int]) -> tuple[Header, ...]:
    """The blocks that stand there, in the words of a quorum."""
    calls = [Call("eth_getBlockByNumber", (hex(height), False)) for height in heights]
    shown = f"blocks {heights[0]} to {heights[-1]}" if len(heights) > 1 else f"block {heights[0]}"
    encoded = await providers.agreed(shown, calls, lambda results: tuple(_there(result).encoded for result in results))
    found = tuple(header.decode(each) for each in encoded)
    if [each.height for each in found] != list(heights):
        raise Transient(f"{shown}: a quorum answers with other blocks")
    return found


async def by_hash(providers: Providers, block: bytes) -> Header:
    """Of whoever has it: its hash says whether it is the one."""

    def check(results: Results) -> Header:
        found = _there(results[0])
        if found.hash != block:
            raise header.BadHeader(f"another block than 0x{block.hex()}")
        return found

    return await providers.any(f"block 0x{block.hex()}", [Call("eth_getBlockByHash", (f"0x{block.hex()}", False))], check)


def _heights(results: Results) -> tuple[int, ...]:
    return tuple(_there(result).height for result in results)


def _there(result: msgspec.Raw | Refused) -> Header:
    if (found := header.read(good(result))) is None:
        raise header.BadHeader("there is no such block")
    return found
