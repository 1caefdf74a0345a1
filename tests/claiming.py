"""Claims, epochs and outcomes for tests, and a log in which an epoch is open."""

from __future__ import annotations

from jurymast.bus.atomic import Answer, Written
from jurymast.claims import ClaimsLog
from jurymast.messages.claims import Claimed, Concluded, Cut, EpochRecord, Fate, Height, Proof, State

SOLANA, ARBITRUM = 1, 2


def account(number: int) -> bytes:
    return number.to_bytes(32, "big")


def claimed(number: int, *, attempt: int = 0, epoch: int = 1, batch: int = 7) -> Claimed:
    return Claimed(
        account=account(number).hex(),
        nonce=0,
        attempt=attempt,
        chain=SOLANA,
        epoch=epoch,
        batch=batch,
        expiry=100,
        body=bytes(32),
    )


def claims(first: int, count: int, *, epoch: int = 1, batch: int = 7) -> list[Claimed]:
    return [claimed(number, epoch=epoch, batch=batch) for number in range(first, first + count)]


def epoch_record(epoch: int, state: State, chain: int = SOLANA) -> EpochRecord:
    cut = Cut(ledger=1, heights=(Height(chain=chain, height=1, block=bytes(32)),), root=bytes(32), totals=(), cid="bafk")
    return EpochRecord(epoch=epoch, state=state, chain=chain, switch="s", recorded_ms=0, cut=cut if state == "cut" else None)


def concluded(number: int, fate: Fate, *, attempt: int = 0) -> Concluded:
    proof = Proof(height=1, block=bytes(32), clock=101, fence=1, cid="bafk")
    return Concluded(
        account=account(number).hex(), nonce=0, attempt=attempt, fate=fate, chain=SOLANA, epoch=1, batch=7, proof=proof
    )


def first_sequence(answer: Answer) -> int:
    assert isinstance(answer, Written), answer
    return answer.first


async def opened(log: ClaimsLog, epoch: int = 1, after: int = 0) -> int:
    return first_sequence(await log.record(epoch_record(epoch, "open"), after=after, id=f"open-{epoch}"))
