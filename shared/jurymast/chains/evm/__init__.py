"""Chains that run the Ethereum Virtual Machine: Arbitrum, and whatever else answers its JSON-RPC.

`open_chain` reads one, `open_sender` brings transactions of one account into its blocks. Decisions stand in pure modules: whom
to believe in `agreement`, what is on the chain in `trail`, what a proof shows in `trie`, `layout` and `evidence`, what to pay
and which nonce to use in `fees` and `nonces`, what a refusal means in `answers`.
"""

from jurymast.chains.evm.chain import EvmChain, open_chain
from jurymast.chains.evm.fees import Policy
from jurymast.chains.evm.providers import Network, network_of
from jurymast.chains.evm.sender import EvmSender, open_sender

__all__ = ["EvmChain", "EvmSender", "Network", "Policy", "network_of", "open_chain", "open_sender"]
