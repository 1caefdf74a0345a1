"""What an operation may cost at most: the gas of a batch is bounded before it is claimed, whatever the chain holds by then. Pure.

Most of it is for slots that are written for the first time, of which nobody can say before whether they are. Tests on the
contract hold the numbers to what it takes.
"""

from __future__ import annotations

from jurymast.book.execute import Batch
from jurymast.book.signed import BridgeOut, Join, Verdict, Withdrawal

BASE = 120_000
"""The transaction, the permit, the lock, the record of the batch."""
OF_BYTE = 16
OF_SIGNATURE = 8_000
OF_ACTION = 16_000
"""Its signature, its nonce, its part in the settlement and in the events."""
OF_SLOT = 22_100
"""Written for the first time, and not read before."""
OF_TOKENS = 100_000
"""Moved by a contract that is not ours."""


def most(batch: Batch | None, calldata: int) -> int:
    """Of a transaction with so many bytes of calldata, and this batch if it has one."""
    cost = BASE + OF_BYTE * calldata
    if batch is None:
        return cost + 10 * OF_SLOT + OF_TOKENS
    nonces, balances = set[bytes](), set[tuple[bytes, int]]()
    for action in batch.actions:
        cost += OF_ACTION
        match action.signed:
            case Verdict(ranking=ranking):
                asset = action.terms.asset if action.terms else 0
                players = action.terms.players if action.terms else 0
                cost += OF_SLOT
                balances |= {(account, asset) for account in ranking}
                cost += OF_SLOT * max(0, players - len(ranking))  # Everybody's stake, if it has no ranking.
            case Join() as join:
                cost += 2 * OF_SLOT
                nonces.add(join.account)
                balances.add((join.account, join.asset))
            case Withdrawal() | BridgeOut() as moved:
                cost += OF_TOKENS + 2 * OF_SLOT
                nonces.add(moved.account)
                balances.add((moved.account, moved.asset))
            case intent:
                nonces.add(intent.account)
                balances |= {(intent.account, intent.sell_asset), (intent.account, intent.buy_asset)}
    slots = len(nonces) + len(balances) + 2 * len(batch.absent) + len(batch.dead) + len(batch.prices)  # Fees of each asset.
    return cost + OF_SLOT * slots + OF_SIGNATURE * len(batch.signatures)
