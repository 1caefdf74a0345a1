"""Claims on three servers: none past a freeze, and nothing acknowledged is lost when one of them dies.

`JURYMAST_RACES=1000 ./test mesh -- -k races_a_freeze` runs the race a thousand times; a run of all tests has a few rounds.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from jurymast.bus import Bus
from jurymast.bus.atomic import Duplicate, Fenced, Written
from jurymast.claims import ClaimsLog
from jurymast.messages.claims import EPOCH, INTENT, Claimed, EpochRecord
from jurymast.nonce_guard.decide.claims import Claim, Record, counts
from jurymast.streams import TABLE, Table
from tests.claiming import claims, epoch_record, first_sequence, opened
from tests.servers import NatsCluster, running_bus

ROUNDS = int(os.environ.get("JURYMAST_RACES", "40"))
CLAIMERS = 6
SPAN = 1_000
"""Accounts of one claimer in one round: far more than it can claim."""
CONTESTED = 90
"""Batches that two claimers fight for while a server dies."""

pytestmark = pytest.mark.xdist_group("cluster")


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[NatsCluster]:
    servers = NatsCluster(tmp_path, sync="always")
    try:
        await servers.start(Table(streams=tuple(stream for stream in TABLE.streams if stream.name == "CLAIMS")))
        yield servers
    finally:
        servers.kill()


async def everything(bus: Bus) -> tuple[list[Record], dict[int, Claimed]]:
    """What the stream holds: epoch records and claims, by sequence."""
    state = (await bus.js.stream_info("CLAIMS")).state
    subscription = await bus.js.subscribe("claims.>", ordered_consumer=True)
    records: list[Record] = []
    held: dict[int, Claimed] = {}
    for _ in range(state.messages):
        raw = await subscription.next_msg(timeout=10)
        channel = EPOCH if raw.subject.startswith("claims.epoch.") else INTENT
        message = channel.decode(raw.data, schema=(raw.headers or {})["Jurymast-Schema"], subject=raw.subject)
        sequence = raw.metadata.sequence.stream
        if isinstance(message, EpochRecord):
            records.append(Record(sequence, message.state, message.epoch, message.chain))
        else:
            held[sequence] = message
    await subscription.unsubscribe()
    return records, held


def uncounted(records: list[Record], held: dict[int, Claimed]) -> list[int]:
    """Claims past a freeze."""
    as_claims = [
        Claim(sequence, (bytes.fromhex(c.account), c.nonce), c.attempt, c.chain, c.epoch, c.batch, c.body)
        for sequence, c in held.items()
    ]
    last: dict[int, list[Record]] = {}
    for record in records:
        last.setdefault(record.epoch, []).append(record)
    return [claim.sequence for claim in as_claims if not counts(claim, last[claim.epoch])]


# -- the race ----------------------------------------------------------------------------------------------------------


class Race:
    """One epoch: claimers claim as fast as they can until somebody freezes it."""

    def __init__(self, number: int, after: int) -> None:
        self.epoch = number + 1
        self.after = after
        self.written: list[Written] = []
        self.under_way = asyncio.Event()

    async def claimer(self, log: ClaimsLog, lane: int, size: int) -> None:
        first = (self.epoch * CLAIMERS + lane) * SPAN
        for number in range(SPAN // size):
            batch = claims(first + number * size, size, epoch=self.epoch)
            answer = await log.claim(batch, after=self.after, id=f"{self.epoch}-{lane}-{number}", within_s=30)
            if isinstance(answer, Fenced):
                return
            assert isinstance(answer, Written), answer
            self.written.append(answer)
            if len(self.written) > self.epoch % 5:  # Not always at the same moment.
                self.under_way.set()
        raise AssertionError("nobody froze the epoch")

    async def freezer(self, log: ClaimsLog) -> int:
        await self.under_way.wait()
        frozen = await log.record(epoch_record(self.epoch, "frozen"), after=self.after, id=f"freeze-{self.epoch}", within_s=30)
        return first_sequence(frozen)


async def test_no_claim_that_races_a_freeze_gets_past_it(cluster: NatsCluster) -> None:
    table = Table(streams=TABLE.streams)
    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(running_bus(node.url, table)) for node in cluster.nodes]
        logs = [ClaimsLog(bus) for bus in buses]
        after, written = 0, 0
        for number in range(ROUNDS):
            after = await opened(logs[0], epoch=number + 1, after=after)
            race = Race(number, after)
            claimers = (race.claimer(logs[lane % 3], lane, (1, 4, 20)[lane % 3]) for lane in range(CLAIMERS))
            freezing = asyncio.create_task(race.freezer(logs[number % 3]))
            await asyncio.gather(*claimers)
            frozen = await freezing
            assert all(answer.last < frozen for answer in race.written)
            after, written = frozen, written + sum(answer.last - answer.first + 1 for answer in race.written)
        records, held = await everything(buses[0])
    assert len(records) == 2 * ROUNDS
    assert len(held) == written
    assert uncounted(records, held) == []


async def test_the_check_would_find_a_claim_past_a_freeze() -> None:
    late = dict.fromkeys((1, 3, 5), claims(0, 1)[0])
    assert uncounted([Record(2, "open", 1, 1), Record(4, "frozen", 1, 1)], late) == [1, 5]


# -- a server dies -----------------------------------------------------------------------------------------------------


class Contest:
    """Two claimers fight for the same batches, under ids of their own."""

    def __init__(self, after: int) -> None:
        self.after = after
        self.winners: dict[int, list[tuple[int, Written]]] = {}
        self.answers: Counter[str] = Counter()
        self.reached = {number: asyncio.Event() for number in (CONTESTED // 3, 2 * CONTESTED // 3)}

    async def claimer(self, log: ClaimsLog, lane: int) -> None:
        for number in range(CONTESTED):
            batch = claims(number * 10, 10, batch=number * 2 + lane)
            answer = await log.claim(batch, after=self.after, id=f"{lane}-{number}", within_s=60)
            assert isinstance(answer, Written | Duplicate), answer
            self.answers[type(answer).__name__] += 1
            if isinstance(answer, Written):
                self.winners.setdefault(number, []).append((lane, answer))
            if number in self.reached:
                self.reached[number].set()


async def test_when_a_server_dies_under_load_nothing_acknowledged_is_lost_and_nothing_is_claimed_twice(
    cluster: NatsCluster,
) -> None:
    table = Table(streams=TABLE.streams)
    async with running_bus(cluster.url, table) as one, running_bus(cluster.url, table) as two:
        logs = [ClaimsLog(one), ClaimsLog(two)]
        contest = Contest(await opened(logs[0]))
        claiming = [asyncio.create_task(contest.claimer(log, lane)) for lane, log in enumerate(logs)]
        dies, returns = contest.reached.values()
        await dies.wait()
        leader = await cluster.leader("CLAIMS")
        assert leader is not None
        leader.kill()
        await returns.wait()
        await leader.start()
        await asyncio.gather(*claiming)
        records, held = await everything(one)
    assert {number: len(won) for number, won in contest.winners.items()} == dict.fromkeys(range(CONTESTED), 1)
    assert contest.answers == {"Written": CONTESTED, "Duplicate": CONTESTED}
    for number, [(lane, answer)] in contest.winners.items():
        stored = [held[sequence] for sequence in range(answer.first, answer.last + 1)]
        assert stored == claims(number * 10, 10, batch=number * 2 + lane)
    assert len(held) == CONTESTED * 10
    assert uncounted(records, held) == []
