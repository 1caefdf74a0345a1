"""Dead letters: kept with their reason, and given back to exactly the consumer that failed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from jurymast import clock
from jurymast.bus import Bus
from jurymast.bus.dead import Graveyard
from jurymast.envelope import stamp
from jurymast.errors import Rejected
from jurymast.messages.dead import DEAD, REPLAY, DeadLetter
from jurymast.streams import TABLE, Consumer, Table, replay_consumer
from tests.echo.messages import ASKED
from tests.echo.streams import ECHO, ECHO_TABLE
from tests.mesh.handling import Recorder, ask, letters, one_letter, true
from tests.servers import NatsServer, eventually, running_bus


async def test_a_message_that_could_not_be_buried_keeps_its_reason_and_holds_up_nobody(server: NatsServer, bus: Bus) -> None:
    handler = Recorder({"a": [Rejected("the price is negative")] * 9})
    await bus.js.delete_stream("DEAD")
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    started_s = clock.uptime_s()
    await ask(bus, "a", "b")
    await eventually(lambda: true(("b", 1) in handler.calls), what="the next message")
    assert clock.uptime_s() - started_s < 4

    async def tried_often() -> bool:
        return bool((await bus.js.consumer_info("ECHO", "echo-asked")).num_redelivered)

    await eventually(tried_often, what="its return")
    await server.provision(ECHO_TABLE)
    letter = await one_letter(bus)
    assert (letter.cause, letter.reason) == ("rejected", "Rejected: the price is negative")
    assert handler.calls.count(("a", 1)) == sum(name == "a" for name, _ in handler.calls) == 1


async def test_a_message_that_cannot_be_buried_is_not_lost(server: NatsServer, bus: Bus) -> None:
    handler = Recorder({"a": [Rejected("no"), Rejected("no")]})
    await bus.js.delete_stream("DEAD")
    bus.on("echo-asked", ASKED, handler=handler)
    await bus.consume()
    await ask(bus, "a", "b")
    await eventually(lambda: true(("b", 1) in handler.calls), what="the next message")
    await server.provision(ECHO_TABLE)
    assert (await one_letter(bus)).subject == "echo.asked.a"


async def test_burying_the_same_message_twice_leaves_one_letter(bus: Bus) -> None:
    """As when the process dies between the dead letter and the acknowledgement: the message comes again."""
    subject, letter = "x", DeadLetter(
        service="echo", consumer="echo-asked", stream="ECHO", sequence=5, cause="rejected", reason="first", attempts=1,
        dead_ms=1, subject="echo.asked.a", headers={}, payload=b"",
    )  # fmt: skip
    await bus.publish(DEAD, letter, id=f"{subject}1")
    await bus.publish(DEAD, msgspec.structs.replace(letter, reason="second"), id=f"{subject}2")
    assert [found.reason for found in await letters(bus)] == ["second"]


# -- replay ------------------------------------------------------------------------------------------------------------

OTHER = Consumer(name="other-asked", service="other", subjects=("echo.asked.*",), summary="Another reader of the same questions.")


@pytest.fixture
async def shared_table(server: NatsServer) -> Table:
    table = TABLE.with_streams(replace(ECHO, consumers=(*ECHO.consumers, OTHER)))
    await server.provision(table)
    return table


@pytest.fixture
async def both(server: NatsServer, shared_table: Table) -> AsyncIterator[tuple[Bus, Bus]]:
    async with running_bus(server.url, shared_table) as echo, running_bus(server.url, shared_table, service="other") as other:
        yield echo, other


async def give_back(bus: Bus, letter: DeadLetter) -> None:
    await bus.js.publish(REPLAY.subject(letter), REPLAY.encode(letter), headers=stamp(REPLAY, f"replay {letter.dead_ms}"))


async def test_a_replayed_letter_reaches_only_the_consumer_that_failed(both: tuple[Bus, Bus]) -> None:
    echo, other = both
    failing, happy = Recorder({"a": [Rejected("not now")]}), Recorder()
    echo.on("echo-asked", ASKED, handler=failing)
    other.on("other-asked", ASKED, handler=happy)
    await echo.consume()
    await other.consume()
    await ask(echo, "a")
    await give_back(echo, await one_letter(echo))
    await eventually(lambda: true(len(failing.calls) == 2), what="the replay")
    assert failing.calls == [("a", 1), ("a", 1)]
    assert happy.calls == [("a", 1)]


async def test_a_replayed_letter_that_fails_again_returns_as_itself(bus: Bus) -> None:
    bus.on("echo-asked", ASKED, handler=Recorder({"a": [Rejected("first"), Rejected("second")]}))
    await bus.consume()
    await ask(bus, "a")
    first = await one_letter(bus)
    await give_back(bus, first)

    async def second() -> bool:
        return (await one_letter(bus)).reason == "Rejected: second"

    await eventually(second, what="the letter's return")
    again = await one_letter(bus)
    assert (again.stream, again.sequence, again.subject, again.payload) == (
        first.stream,
        first.sequence,
        first.subject,
        first.payload,
    )
    assert again.attempts == 2


async def test_a_replay_that_kills_the_process_each_time_returns_as_itself(bus: Bus) -> None:
    letter = DeadLetter(
        service="echo", consumer="echo-asked", stream="ECHO", sequence=5, cause="rejected", reason="first", attempts=2,
        dead_ms=1, subject="echo.asked.a", headers={}, payload=b"x",
    )  # fmt: skip
    await give_back(bus, letter)
    subscription = await bus.js.pull_subscribe_bind(consumer="replays-echo", stream="REPLAYS")
    (raw,) = await subscription.fetch(1)
    await Graveyard(bus).bury(raw, replay_consumer("echo"), "crashed", "died each time")
    again = await one_letter(bus)
    assert (again.consumer, again.stream, again.sequence, again.payload) == ("echo-asked", "ECHO", 5, b"x")
    assert (again.cause, again.reason, again.attempts) == ("crashed", "died each time", 2)
