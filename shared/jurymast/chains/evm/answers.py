"""What a node means when it does not take a transaction. The text is all there is: every error has the same code.

`VERDICTS` lists texts of go-ethereum, of Arbitrum's nitro, which is built on it, and of anvil, whose are tried in tests. What
none of them says may mean anything: that transaction may be on its way, and is looked for.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from jurymast.chains.calls import Refused


class Meaning(StrEnum):
    TAKEN = "taken"
    """It has it, now or from before."""
    USED = "used"
    """A transaction with this nonce is in a block: this one, or another."""
    EARLY = "early"
    """One with a lower nonce is missing."""
    OUTBID = "outbid"
    """It has another one with this nonce, and wants clearly more for this one."""
    CHEAP = "cheap"
    """It pays less than a block, or this node, takes."""
    POOR = "poor"
    """The account cannot pay it."""
    FULL = "full"
    """Not now."""
    REVERTS = "reverts"
    """The contract refuses it."""
    INVALID = "invalid"
    """No node will ever take it."""
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    meaning: Meaning
    said: str
    by: str


VERDICTS = (
    Verdict(Meaning.TAKEN, "already known", "geth, nitro"),
    Verdict(Meaning.TAKEN, "known transaction", "geth, long ago"),
    Verdict(Meaning.TAKEN, "transaction already imported", "anvil"),
    Verdict(Meaning.USED, "nonce too low", "all of them; nitro adds: address 0x…, tx: 1 state: 2"),
    Verdict(Meaning.USED, "invalid transaction nonce", "Arbitrum before nitro"),
    Verdict(Meaning.EARLY, "nonce too high", "nitro, which waits a second for the one before it"),
    Verdict(Meaning.EARLY, "future transaction tries to replace pending", "geth"),
    Verdict(Meaning.OUTBID, "replacement transaction underpriced", "geth, anvil"),
    Verdict(Meaning.OUTBID, "replacement fee too low", "nodes that are not built on geth"),
    Verdict(Meaning.CHEAP, "max fee per gas less than block base fee", "geth, nitro, anvil"),
    Verdict(Meaning.CHEAP, "fee cap less than block base fee", "geth before London was long ago"),
    Verdict(Meaning.CHEAP, "transaction underpriced", "geth; adds: tip needed 1, tip permitted 0"),
    Verdict(Meaning.CHEAP, "gas price too low", "nitro"),
    Verdict(Meaning.CHEAP, "underpriced", "geth's pool when it is full"),
    Verdict(Meaning.POOR, "insufficient funds", "all of them; geth adds: for gas * price + value"),
    Verdict(Meaning.POOR, "overshot", "geth: what it has in the pool together"),
    Verdict(Meaning.FULL, "txpool is full", "geth"),
    Verdict(Meaning.FULL, "account limit exceeded", "geth"),
    Verdict(Meaning.FULL, "in-flight transaction limit reached", "geth, of delegated accounts"),
    Verdict(Meaning.FULL, "queue is full", "nitro"),
    Verdict(Meaning.FULL, "sequencer", "nitro: paused, forwarding, or out of time; it may have it"),
    Verdict(Meaning.FULL, "too many requests", "providers"),
    Verdict(Meaning.FULL, "rate limit", "providers"),
    Verdict(Meaning.REVERTS, "execution reverted", "nitro, which tries it before it takes it"),
    Verdict(Meaning.INVALID, "intrinsic gas too low", "geth, nitro, anvil"),
    Verdict(Meaning.INVALID, "intrinsic gas too high", "anvil: more than a block has"),
    Verdict(Meaning.INVALID, "floor data gas", "geth: insufficient gas for floor data gas cost"),
    Verdict(Meaning.INVALID, "gas limit", "geth, anvil: exceeds that of a block, or of a transaction"),
    Verdict(Meaning.INVALID, "exceeds the configured cap", "geth: fees of a whole transaction"),
    Verdict(Meaning.INVALID, "max priority fee per gas higher than max fee", "geth, nitro"),
    Verdict(Meaning.INVALID, "invalid chain id", "geth, anvil"),
    Verdict(Meaning.INVALID, "chainid", "geth, nitro"),
    Verdict(Meaning.INVALID, "invalid sender", "geth"),
    Verdict(Meaning.INVALID, "oversized data", "geth, nitro"),
    Verdict(Meaning.INVALID, "max initcode size", "geth, anvil"),
    Verdict(Meaning.INVALID, "type not supported", "geth, nitro"),
    Verdict(Meaning.INVALID, "rlp", "geth, nitro: bytes that are no transaction"),
    Verdict(Meaning.INVALID, "decode", "anvil: bytes that are no transaction"),
)
"""The first that is found in what was said counts."""


def meaning(refused: Refused) -> Meaning:
    said = re.sub(r"\s+", " ", refused.message).lower()
    return next((verdict.meaning for verdict in VERDICTS if verdict.said in said), Meaning.UNKNOWN)
