"""Where the grid keeps what in its storage, so that a proof of a few words shows what it says about intents and batches. Pure.

The slots are those of `GridState.sol` in the order in which it declares them; fields of a struct lie in a word from its low end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from jurymast.book.nonces import Nonces
from jurymast.chains.trail import Block
from jurymast.chains.words import BatchKey, Identity, Standing, State, Wanted
from jurymast.crypto.keccak import keccak256

LOCK, ACCOUNTS, BALANCES, MATCHES, OUTCOMES = 0, 5, 6, 9, 11
WORD = 32
Words = Callable[[bytes], bytes]
"""What stands in a slot."""


class Field(NamedTuple):
    """Some bits of a word, counted from its low end."""

    at: int
    bits: int

    def of(self, word: bytes) -> int:
        return int.from_bytes(word, "big") >> self.at & (1 << self.bits) - 1


EPOCH, PAUSED_UNTIL, ACTIVE, EMPTY = Field(0, 64), Field(128, 40), Field(224, 8), Field(248, 8)
ACCOUNT_EPOCH, ACCOUNT_ENTERED, ACCOUNT_NEW = Field(160, 64), Field(224, 1), Field(225, 1)
AMOUNT, HELD, BALANCE_EPOCH, BALANCE_ENTERED = Field(0, 72), Field(72, 64), Field(136, 64), Field(200, 1)
STEP = Field(64, 64)


def slots(wanted: Wanted) -> list[bytes]:
    """All that `state` looks at, each once."""
    found = {_number(LOCK)}
    for identity in wanted.identities:
        found |= {nonce_slot(identity[0]), match_slot(identity[0])}
    found |= {outcome_slot(batch) for batch in wanted.batches}
    for account, asset in wanted.balances:
        found |= {account_slot(account), balance_slot(account, asset)}
    return sorted(found)


def state(chain: int, at: Block, wanted: Wanted, words: Words) -> State:
    lock = words(_number(LOCK))
    outcomes = {batch: words(outcome_slot(batch)) for batch in wanted.batches}
    nonces = {account: Nonces.of(words(nonce_slot(account))) for account, _ in wanted.identities}
    until = PAUSED_UNTIL.of(lock)
    return State(
        chain=chain,
        at=at,
        epoch=EPOCH.of(lock),
        active=ACTIVE.of(lock),
        paused_until=until if until > at.clock else 0,
        nonces=nonces,
        used=frozenset(identity for identity in wanted.identities if _used(identity, nonces, words)),
        outcomes={batch: outcome for batch, outcome in outcomes.items() if any(outcome)},
        balances={key: _standing(lock, key, words) for key in wanted.balances},
    )


def _used(identity: Identity, nonces: Mapping[bytes, Nonces], words: Words) -> bool:
    """An id is that of an account or of a match, whose hash no account has: what it is not, says nothing."""
    id_, number = identity
    return nonces[id_].used(number) or 0 < number <= STEP.of(words(match_slot(id_)))


def _standing(lock: bytes, key: tuple[bytes, int], words: Words) -> Standing:
    """As the contract reads it in its epoch: what was written in an older one is dead."""
    epoch, account, word = EPOCH.of(lock), words(account_slot(key[0])), words(balance_slot(*key))
    alive = BALANCE_EPOCH.of(word) == epoch
    new = bool(ACCOUNT_NEW.of(account) if ACCOUNT_EPOCH.of(account) == epoch else EMPTY.of(lock))
    entered = new or (alive and bool(BALANCE_ENTERED.of(word)))
    amount = AMOUNT.of(word) if alive else 0
    amount -= (amount >> AMOUNT.bits - 1) << AMOUNT.bits
    return Standing(entered, amount if entered else 0, HELD.of(word) if alive else 0, 0 if entered else amount)


# -- slots -------------------------------------------------------------------------------------------------------------


def account_slot(account: bytes) -> bytes:
    return _in_mapping(account, _number(ACCOUNTS))


def nonce_slot(account: bytes) -> bytes:
    return _number(int.from_bytes(account_slot(account), "big") + 1)


def balance_slot(account: bytes, asset: int) -> bytes:
    return _in_mapping(_number(asset), _in_mapping(account, _number(BALANCES)))


def match_slot(match: bytes) -> bytes:
    return _in_mapping(match, _number(MATCHES))


def outcome_slot(batch: BatchKey) -> bytes:
    epoch, number = batch
    return _in_mapping(_number(number), _in_mapping(_number(epoch), _number(OUTCOMES)))


def _in_mapping(key: bytes, slot: bytes) -> bytes:
    return keccak256(key, slot)


def _number(value: int) -> bytes:
    return (value % (1 << 8 * WORD)).to_bytes(WORD, "big")
