"""What a publish promises, and what it says when it cannot know. Real server, and a proxy that loses its answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from jurymast.bus import Bus
from jurymast.bus.publish import Overtaken
from jurymast.envelope import ID_HEADER, stamp
from jurymast.errors import Rejected, Transient
from tests.echo.messages import ANSWERED, ASKED, MEASURED, Answered, Asked, Measured
from tests.echo.streams import ECHO_TABLE
from tests.proxy import Proxy
from tests.servers import NatsServer, eventually, new_seed, running_bus


def asked(name: str) -> Asked:
    return Asked(id=name, text="hello")


def answered(number: int) -> Answered:
    return Answered(id="a", text="hello", answer_number=number)


async def _true(value: object) -> object:
    return value


async def stored(bus: Bus) -> int:
    return (await bus.js.stream_info("ECHO")).state.messages


async def test_the_same_id_is_stored_once(bus: Bus) -> None:
    first = await bus.publish(ASKED, asked("a"), id="same")
    assert await bus.publish(ASKED, asked("a"), id="same") == first
    assert (await bus.js.stream_info("ECHO")).state.messages == 1


async def test_a_message_too_large_is_refused_by_name_and_the_connection_lives(bus: Bus) -> None:
    with pytest.raises(Rejected, match=r"echo.measured.*10000\d\d\d bytes.*1048576"):
        await bus.publish(MEASURED, Measured(number=1, payload=bytes(10_000_000)), id="huge")
    with pytest.raises(Rejected, match=r"echo.measured.*message size"):
        await bus.publish(MEASURED, Measured(number=1, payload=bytes(600_000)), id="large")
    await bus.publish(MEASURED, Measured(number=1), id="small")


async def test_a_subject_that_no_stream_takes_is_an_error_that_says_what_to_do(bus: Bus) -> None:
    with pytest.raises(Transient, match=r"no stream takes nowhere\.at\.all: run `jurymast streams apply`"):
        await bus.publish_raw("nowhere.at.all", b"", stamp(ASKED, "x"), within_s=0.3)


async def test_a_publish_while_the_server_is_away_waits_for_it(server: NatsServer, bus: Bus) -> None:
    server.kill()
    publishing = asyncio.create_task(bus.publish(ASKED, asked("a"), id="a"))
    await server.start()
    assert await asyncio.wait_for(publishing, 10) == 1


async def test_a_publish_that_runs_out_of_time_says_so_and_does_not_land_later(server: NatsServer, bus: Bus) -> None:
    server.kill()
    await eventually(lambda: _true(bus.trouble), what="noticing")
    with pytest.raises(Transient, match="not connected to NATS"):
        await bus.publish(ASKED, asked("a"), id="a", within_s=0.2)
    await server.start()
    await eventually(lambda: _true(not bus.trouble), what="reconnecting")
    assert (await bus.js.stream_info("ECHO")).state.messages == 0


async def test_a_connection_that_is_stuck_with_unsent_bytes_is_replaced_and_nothing_is_lost(server: NatsServer) -> None:
    """The peer acknowledges no byte any more. Closing politely would wait for ever for the bytes to go."""
    async with Proxy(server.port) as proxy, running_bus(f"nats://127.0.0.1:{proxy.port}", ECHO_TABLE) as bus:
        await bus.publish(MEASURED, Measured(number=0), id="before")
        proxy.stall()
        messages = [Measured(number=number, payload=bytes(500_000)) for number in range(1, 41)]
        sequences = await asyncio.gather(*(bus.publish(MEASURED, m, id=f"m{m.number}", within_s=20) for m in messages))
        assert sorted(sequences) == list(range(2, 42))


# -- lost answers ------------------------------------------------------------------------------------------------------

ACKNOWLEDGEMENT = b'"stream":"ECHO"'


@pytest.fixture
async def proxy(server: NatsServer) -> AsyncIterator[Proxy]:
    async with Proxy(server.port) as lossy:
        yield lossy


@pytest.fixture
async def far(proxy: Proxy) -> AsyncIterator[Bus]:
    async with running_bus(f"nats://127.0.0.1:{proxy.port}", ECHO_TABLE) as connected:
        yield connected


async def test_a_publish_whose_answer_is_lost_is_stored_once_and_known(bus: Bus, far: Bus, proxy: Proxy) -> None:
    proxy.lose(ACKNOWLEDGEMENT)
    assert await far.publish(ASKED, asked("a"), id="a") == 1
    assert proxy.lost == 1
    assert await stored(bus) == 1


async def test_a_compare_and_set_whose_answer_is_lost_is_known_as_our_own(bus: Bus, far: Bus, proxy: Proxy) -> None:
    """The second attempt is refused, because the first one was stored."""
    proxy.lose(ACKNOWLEDGEMENT)
    assert await far.publish_after(0, ANSWERED, answered(1), id="one") == 1
    assert proxy.lost == 1
    assert await far.publish_after(1, ANSWERED, answered(2), id="two") == 2
    assert await stored(bus) == 2


async def test_a_compare_and_set_whose_answer_is_lost_does_not_take_anothers_message_for_its_own(
    bus: Bus, far: Bus, proxy: Proxy
) -> None:
    proxy.lose(ACKNOWLEDGEMENT)
    publishing = asyncio.create_task(far.publish_after(0, ANSWERED, answered(1), id="ours"))
    await eventually(lambda: stored(bus), what="the first attempt")
    await bus.publish_after(1, ANSWERED, answered(2), id="theirs")
    with pytest.raises(Overtaken, match=r"echo\.answered\.a: another message was stored before: wrong last sequence: 2"):
        await publishing


async def test_a_compare_and_set_that_is_overtaken_says_so_at_once(bus: Bus) -> None:
    await bus.publish_after(0, ANSWERED, answered(1), id="one")
    with pytest.raises(Overtaken):
        await bus.publish_after(0, ANSWERED, answered(2), id="two", within_s=0.5)
    with pytest.raises(Overtaken):
        await bus.publish_after(0, ASKED, asked("b"), id="b", scope="echo.answered.*")
    assert await bus.publish_after(1, ASKED, asked("b"), id="b", scope="echo.answered.*") == 2


async def test_the_last_failure_does_not_hide_that_an_earlier_attempt_may_have_been_stored(far: Bus, proxy: Proxy) -> None:
    proxy.lose(ACKNOWLEDGEMENT)
    publishing = asyncio.create_task(far.publish(ASKED, asked("a"), id="a", within_s=4))
    await eventually(lambda: _true(proxy.lost), what="a lost answer")
    proxy.vanish()
    with pytest.raises(Transient, match=r"not connected to NATS; an earlier attempt may have been stored, its answer was lost"):
        await publishing


# -- ids ---------------------------------------------------------------------------------------------------------------


async def test_nobody_can_use_the_id_of_anothers_message_first(server: NatsServer) -> None:
    """The server drops what carries an id that its stream has seen, whoever sent it, and acknowledges it."""
    async with (
        running_bus(server.url, ECHO_TABLE, seed=new_seed()) as victim,
        running_bus(server.url, ECHO_TABLE, seed=new_seed()) as hostile,
    ):
        await hostile.publish(MEASURED, Measured(number=666), id="echo.answered.a")
        await hostile.publish_raw("echo.measured", b"", {**stamp(MEASURED), ID_HEADER: "echo.answered/a"})
        sequence = await victim.publish(ANSWERED, answered(1), id="a")
        raw = await victim.js.get_msg("ECHO", sequence)
    assert raw.subject == "echo.answered.a"


async def test_ids_are_those_of_a_channel(bus: Bus) -> None:
    assert await bus.publish(ASKED, asked("a"), id="a") == 1
    assert await bus.publish(ANSWERED, answered(1), id="a") == 2


async def test_the_next_life_of_a_service_repeats_under_the_same_id(server: NatsServer) -> None:
    seed = new_seed()
    for _ in range(2):
        async with running_bus(server.url, ECHO_TABLE, seed=seed) as bus:
            assert await bus.publish(ANSWERED, answered(1), id="echo.answered.a") == 1
