"""The log as a lock, on a real server: who comes second, who comes late, and whose answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from jurymast.bus import Bus
from jurymast.bus.atomic import MOST, Answer, Duplicate, Fenced, Refused, Written
from jurymast.bus.publish import Taken
from jurymast.claims import ClaimsLog, Kept, Lives
from jurymast.errors import Misconfigured, Transient, Undecodable
from jurymast.messages.claims import EPOCH, EPOCHS, INTENT, NONCE_GUARD, OUTCOME, SWITCHER
from jurymast.streams import TABLE
from tests.claiming import account, claimed, claims, concluded, epoch_record, first_sequence, opened
from tests.echo.messages import ANSWERED, Answered
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import bus_of, visitor
from tests.proxy import Proxy
from tests.servers import NatsServer, eventually, new_seed, running_bus

ACKNOWLEDGEMENT = b'"stream":"CLAIMS"'


@pytest.fixture
def log(bus: Bus) -> ClaimsLog:
    return ClaimsLog(bus)


async def stored(bus: Bus) -> int:
    return (await bus.js.stream_info("CLAIMS")).state.messages


def subject(number: int, attempt: int = 0) -> str:
    return f"claims.intent.{account(number).hex()}.0.{attempt}"


# -- who comes second --------------------------------------------------------------------------------------------------


async def test_a_batch_is_claimed_as_a_whole_in_its_order(log: ClaimsLog, bus: Bus) -> None:
    after = await opened(log)
    assert await log.claim(claims(0, 5), after=after, id="a") == Written(2, 6)
    assert await log.claim([claimed(5)], after=after, id="b") == Written(7, 7)
    for sequence, claim in enumerate(claims(0, 6), 2):
        assert (await bus.js.get_msg("CLAIMS", sequence)).subject == INTENT.subject(claim)


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_one_that_is_claimed_already_refuses_the_whole_batch(log: ClaimsLog, bus: Bus, place: int) -> None:
    after = await opened(log)
    await log.claim([claimed(place)], after=after, id="before")
    assert await log.claim(claims(0, 3), after=after, id="a") == Duplicate((Taken(subject(place), 2),))
    assert await stored(bus) == 2


async def test_all_that_are_claimed_already_are_named(log: ClaimsLog) -> None:
    after = await opened(log)
    await log.claim(claims(0, 60), after=after, id="before")
    answer = await log.claim(claims(50, 60), after=after, id="a")
    assert answer == Duplicate(tuple(Taken(subject(number), number + 2) for number in range(50, 60)))


async def test_the_most_fit_into_one_publish_and_no_more(log: ClaimsLog, bus: Bus) -> None:
    after = await opened(log)
    assert await log.claim(claims(0, MOST), after=after, id="most") == Written(2, MOST + 1)
    assert isinstance(await log.claim(claims(MOST, MOST + 1), after=after, id="more"), Refused)
    assert isinstance(await log.claim([], after=after, id="none"), Refused)
    assert isinstance(await log.claim([claimed(1), claimed(1)], after=after, id="twice"), Refused)
    assert await stored(bus) == MOST + 1


@pytest.mark.parametrize("size", [1, 20])
async def test_of_many_claimers_of_one_batch_one_wins(server: NatsServer, log: ClaimsLog, size: int) -> None:
    after = await opened(log)
    async with running_bus(server.url, ECHO_TABLE) as other:
        logs = [log, ClaimsLog(other)] * 8
        answers = await asyncio.gather(
            *(each.claim(claims(0, size), after=after, id=f"claimer-{n}") for n, each in enumerate(logs))
        )
    won = [answer for answer in answers if isinstance(answer, Written)]
    assert won == [Written(2, size + 1)]
    everything = tuple(Taken(subject(number), number + 2) for number in range(size))
    assert [answer for answer in answers if answer not in won] == [Duplicate(everything)] * (len(logs) - 1)


async def test_the_same_again_gets_the_same_answer_in_this_life_and_the_next(server: NatsServer) -> None:
    seed = new_seed()
    for _ in range(2):
        async with running_bus(server.url, ECHO_TABLE, seed=seed) as bus:
            log = ClaimsLog(bus)
            assert await opened(log) == 1
            for _ in range(2):
                assert await log.claim(claims(0, 3), after=1, id="a") == Written(2, 4)
            frozen = await log.record(epoch_record(1, "frozen"), after=1, id="freeze")
            assert frozen == Written(5, 5)


async def test_the_same_id_with_something_else_is_not_the_same(log: ClaimsLog) -> None:
    after = await opened(log)
    await log.claim(claims(0, 2), after=after, id="a")
    answer = await log.claim(claims(0, 2, batch=8), after=after, id="a")
    assert isinstance(answer, Duplicate)


async def test_nobody_else_can_pass_for_us(server: NatsServer) -> None:
    """The same id under another key is another id."""
    async with (
        running_bus(server.url, ECHO_TABLE, seed=new_seed()) as one,
        running_bus(server.url, ECHO_TABLE, seed=new_seed()) as two,
    ):
        after = await opened(ClaimsLog(one))
        await ClaimsLog(two).claim(claims(0, 2), after=after, id="a")
        assert isinstance(await ClaimsLog(one).claim(claims(0, 2), after=after, id="a"), Duplicate)


# -- who comes late ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 3])
async def test_a_newer_epoch_record_refuses_every_claim_behind_an_older_one(log: ClaimsLog, bus: Bus, count: int) -> None:
    after = await opened(log)
    await log.record(epoch_record(1, "frozen"), after=after, id="freeze")
    answer = await log.claim(claims(0, count), after=after, id="a")
    assert isinstance(answer, Fenced)
    assert "wrong last sequence: 2" in answer.reason
    assert isinstance(await log.claim(claims(0, count), after=0, id="b"), Fenced)
    assert isinstance(await log.claim(claims(0, count), after=9, id="c"), Fenced)
    assert await stored(bus) == 2


async def test_one_switcher_moves_the_epoch(log: ClaimsLog) -> None:
    after = await opened(log)
    moves = [epoch_record(1, "frozen"), epoch_record(1, "frozen", chain=2), epoch_record(2, "open")]
    answers = await asyncio.gather(*(log.record(move, after=after, id=f"s{n}") for n, move in enumerate(moves)))
    assert sorted(type(answer).__name__ for answer in answers) == ["Fenced", "Fenced", "Written"]


async def test_the_same_record_again_is_a_duplicate_even_behind_the_right_one(log: ClaimsLog) -> None:
    after = await opened(log)
    frozen = first_sequence(await log.record(epoch_record(1, "frozen"), after=after, id="one"))
    again = await log.record(epoch_record(1, "frozen"), after=frozen, id="two")
    assert again == Duplicate((Taken("claims.epoch.1.frozen.1", frozen),))


async def test_an_attempt_ends_one_way_whatever_the_epoch(log: ClaimsLog) -> None:
    after = await opened(log)
    await log.claim(claims(0, 2), after=after, id="a")
    await log.record(epoch_record(1, "frozen"), after=after, id="freeze")
    assert isinstance(await log.conclude([concluded(0, "released")], id="one"), Written)
    assert isinstance(await log.conclude([concluded(1, "executed"), concluded(0, "executed")], id="two"), Duplicate)
    assert isinstance(await log.conclude([concluded(1, "executed")], id="three"), Written)


async def test_an_outcome_goes_on_when_a_record_comes_in_between(log: ClaimsLog, monkeypatch: pytest.MonkeyPatch) -> None:
    after, read = await opened(log), Bus.read
    late: list[Answer] = []

    async def and_freeze(bus: Bus, *args: Any) -> Any:
        seen = await read(bus, *args)
        if not late:
            late.append(await log.record(epoch_record(1, "frozen"), after=after, id="freeze"))
        return seen

    monkeypatch.setattr(Bus, "read", and_freeze)
    assert await log.conclude([concluded(0, "released")], id="one") == Written(3, 3)


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_records_and_lives_are_read_in_their_order(log: ClaimsLog) -> None:
    assert await log.records() == []
    assert await log.last_record() is None
    after = await opened(log)
    await log.claim([claimed(3), claimed(4)], after=after, id="a")
    await log.conclude([concluded(3, "released")], id="o")
    await log.claim([claimed(3, attempt=1)], after=after, id="b")
    records = [epoch_record(1, "frozen"), epoch_record(1, "cut")]
    for number, record in enumerate(records):
        after = first_sequence(await log.record(record, after=after, id=f"r{number}"))
    everything = [Kept(1, epoch_record(1, "open")), Kept(6, records[0]), Kept(7, records[1])]
    assert await log.records() == everything
    assert await log.records(after=1) == everything[1:]
    assert await log.last_record() == everything[-1]
    three, four, five = ((account(number), 0) for number in (3, 4, 5))
    assert await log.lives([three, four, five]) == {
        three: Lives((Kept(2, claimed(3)), Kept(5, claimed(3, attempt=1))), (Kept(4, concluded(3, "released")),)),
        four: Lives((Kept(3, claimed(4)),), ()),
        five: Lives((), ()),
    }


async def test_what_cannot_be_read_is_not_passed_over(log: ClaimsLog, bus: Bus) -> None:
    await bus.js.publish("claims.epoch.1.frozen.1", b"?", headers={"Jurymast-Schema": "claims.epoch/99"})
    await bus.js.publish(subject(3), b"?")
    for reading in (log.records(), log.last_record()):
        with pytest.raises(Undecodable, match=r"message 1 of the log cannot be read.*upgrade this service"):
            await reading
    with pytest.raises(Undecodable, match="message 2 of the log"):
        await log.lives([(account(3), 0)])


# -- lost answers ------------------------------------------------------------------------------------------------------


@pytest.fixture
async def proxy(server: NatsServer) -> AsyncIterator[Proxy]:
    async with Proxy(server.port) as lossy:
        yield lossy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[ClaimsLog]:
    async with running_bus(f"nats://127.0.0.1:{proxy.port}", ECHO_TABLE) as connected:
        yield ClaimsLog(connected)


@pytest.mark.parametrize("count", [1, 3])
async def test_a_batch_whose_answer_is_lost_is_known_as_our_own(
    log: ClaimsLog, bus: Bus, far: ClaimsLog, proxy: Proxy, count: int
) -> None:
    after = await opened(log)
    proxy.lose(ACKNOWLEDGEMENT)
    assert await far.claim(claims(0, count), after=after, id="a") == Written(2, count + 1)
    assert proxy.lost == 1
    assert await stored(bus) == count + 1


async def test_it_is_known_as_our_own_even_when_the_epoch_was_frozen_meanwhile(
    log: ClaimsLog, bus: Bus, far: ClaimsLog, proxy: Proxy
) -> None:
    after = await opened(log)
    proxy.lose(ACKNOWLEDGEMENT)
    claiming = asyncio.create_task(far.claim(claims(0, 3), after=after, id="a"))
    await eventually(lambda: _more_than(bus, 1), what="the first attempt")
    await log.record(epoch_record(1, "frozen"), after=after, id="freeze")
    assert await claiming == Written(2, 4)


async def test_anothers_batch_is_not_taken_for_our_own(log: ClaimsLog, far: ClaimsLog, proxy: Proxy) -> None:
    """Both are refused, and the answer that says so is lost."""
    after = await opened(log)
    await log.claim(claims(0, 3), after=after, id="theirs")
    proxy.lose(b"maximum messages per subject")
    answer = await far.claim(claims(0, 3), after=after, id="ours")
    assert proxy.lost == 1
    assert isinstance(answer, Duplicate)
    assert len(answer.taken) == 3


async def test_what_cannot_be_known_in_time_is_said_so_and_known_later(
    log: ClaimsLog, bus: Bus, far: ClaimsLog, proxy: Proxy
) -> None:
    after = await opened(log)
    proxy.lose(ACKNOWLEDGEMENT)
    claiming = asyncio.create_task(far.claim(claims(0, 3), after=after, id="a", within_s=3))
    await eventually(lambda: _more_than(bus, 1), what="the first attempt")
    proxy.vanish()
    with pytest.raises(Transient, match="an earlier attempt may have been stored"):
        await claiming
    await proxy.appear()
    assert await far.claim(claims(0, 3), after=after, id="a") == Written(2, 4)


async def test_a_server_that_is_away_is_waited_for_and_others_wait_their_turn(server: NatsServer, log: ClaimsLog) -> None:
    after = await opened(log)
    server.kill()
    claiming = asyncio.create_task(log.claim(claims(0, 3), after=after, id="a"))
    await asyncio.wait({claiming}, timeout=0.05)
    with pytest.raises(Transient, match="nothing was sent"):
        await log.claim(claims(5, 3), after=after, id="b", within_s=0.1)
    await server.start()
    assert await asyncio.wait_for(claiming, 15) == Written(2, 4)


async def _more_than(bus: Bus, count: int) -> bool:
    return await stored(bus) > count


# -- who may -----------------------------------------------------------------------------------------------------------


async def test_only_streams_that_keep_each_subject_once_are_written_so(bus: Bus) -> None:
    with pytest.raises(Misconfigured, match="ECHO is not a stream of subjects that take one message"):
        await bus.publish_new(ANSWERED, [Answered(id="a", text="", answer_number=1)], after=0, scope="echo.>", id="a")


async def test_on_a_locked_server_each_writes_its_own_and_no_other(locked: NatsServer) -> None:
    async with bus_of(locked, SWITCHER) as switcher, bus_of(locked, NONCE_GUARD) as guard:
        after = await opened(ClaimsLog(switcher))
        assert await ClaimsLog(guard).claim(claims(0, 300), after=after, id="a") == Written(2, 301)
        assert isinstance(await ClaimsLog(guard).conclude([concluded(0, "released")], id="o"), Written)
        assert len(await ClaimsLog(guard).records()) == 1
        refused = await ClaimsLog(guard).record(epoch_record(1, "frozen"), after=after, id="f")
        assert isinstance(refused, Refused)
        refused = await ClaimsLog(switcher).claim([claimed(900)], after=after, id="c")
        assert isinstance(refused, Refused)
        assert "does not let switcher publish there" in refused.reason
    async with visitor(locked, "echo") as guest:
        subjects = [subject(1), "claims.epoch.9.open.1", OUTCOME.wildcard.replace("*", "x"), "$JS.API.STREAM.MSG.GET.CLAIMS"]
        assert await guest.publishes(*subjects) == [each.lower() for each in subjects]


def test_the_table_has_them() -> None:
    assert {TABLE.stream_for(channel).name for channel in (EPOCH, INTENT, OUTCOME)} == {"CLAIMS"}
    assert EPOCHS == "claims.epoch.>"
