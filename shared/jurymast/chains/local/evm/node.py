"""How the node of the local chain is started: what differs from Arbitrum is set to the harsher side. Pure.

README.md has the whole list of differences.
"""

from __future__ import annotations

from dataclasses import dataclass

CHAIN_ID = 412_346
"""That of Arbitrum's own development node."""
MNEMONIC = "test test test test test test test test test test test junk"
"""Everybody's: the keys of these accounts are known, and worth nothing anywhere."""

STATE_END = b'"historical_states":null}'
"""With which a whole file of its state ends. It is written in place, so that a node that is killed may leave a part of one."""


@dataclass(frozen=True, kw_only=True)
class Node:
    """A chain and how it goes."""

    port: int
    state: str
    """The file in which it survives; empty for one that does not."""
    block_s: float = 0.25
    """Arbitrum's. Zero makes blocks only when asked."""
    safe_blocks: int = 8
    """Behind the head; final is twice as far: 4 seconds, where Arbitrum takes 13 to 20 minutes. More than what one `state_s` and
    the writing of the state take, so that nothing that was final is lost when the node is killed."""
    state_s: int = 1
    gas_limit: int = 32_000_000
    """Of a block: Arbitrum's for a transaction."""
    base_fee: int = 1_000_000_000
    """At first: a hundred times Arbitrum's, and it moves with use."""
    users: int = 20


def command(binary: str, node: Node) -> tuple[str, ...]:
    options: dict[str, str] = {
        "--host": "127.0.0.1",
        "--port": str(node.port),
        "--chain-id": str(CHAIN_ID),
        "--hardfork": "prague",
        "--slots-in-an-epoch": str(node.safe_blocks),
        "--gas-limit": str(node.gas_limit),
        "--block-base-fee-per-gas": str(node.base_fee),
        "--accounts": str(node.users),
        "--mnemonic": MNEMONIC,
        "--order": "fifo",
    }
    if node.state:
        options |= {"--state": node.state, "--state-interval": str(node.state_s)}
    if node.block_s:
        options["--block-time"] = str(node.block_s)
    flags = ("--silent", *(() if node.block_s else ("--no-mining",)))
    return (binary, *flags, *(part for option in options.items() for part in option))
