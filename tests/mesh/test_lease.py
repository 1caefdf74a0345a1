"""Leadership, and what its fence stops. The leaders that are paused and killed are processes of their own."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nats.js.errors import APIError

from jurymast import clock
from jurymast.bus import Bus, Lease
from jurymast.bus.lease import SELF_FENCE, LeaseLost, Term
from jurymast.tasks import cancel
from tests.echo.messages import ECHO_LEASE
from tests.echo.streams import ECHO_TABLE
from tests.proxy import Proxy
from tests.servers import NatsServer, Process, eventually, running_bus

TTL_S = 2


def lease_of(bus: Bus, holder: str, *, ttl_s: int = TTL_S) -> Lease:
    return Lease(bus, "test", holder, ttl_s=ttl_s, channel=ECHO_LEASE)


@pytest.fixture
async def other_bus(server: NatsServer) -> AsyncIterator[Bus]:
    async with running_bus(server.url, ECHO_TABLE) as connected:
        yield connected


async def test_of_many_contenders_exactly_one_leads(bus: Bus, other_bus: Bus) -> None:
    contenders = [lease_of(bus if number % 2 else other_bus, f"holder{number}") for number in range(16)]
    won = await asyncio.gather(*(contender.step() for contender in contenders))
    assert won.count(True) == 1
    assert [contender.held for contender in contenders] == won


async def test_renewing_keeps_the_lease_past_its_ttl_and_the_token_grows(bus: Bus, other_bus: Bus) -> None:
    leader, rival = lease_of(bus, "leader"), lease_of(other_bus, "rival")
    assert await leader.step()
    first, until_s = leader.token, clock.uptime_s() + 2 * TTL_S
    running = asyncio.create_task(leader.run())
    while clock.uptime_s() < until_s:
        assert leader.held
        assert not await rival.step()
        await asyncio.sleep(0.1)
    assert leader.token > first
    running.cancel()


async def test_a_lease_that_is_given_back_is_taken_at_once(bus: Bus, other_bus: Bus) -> None:
    leader, rival = lease_of(bus, "leader", ttl_s=60), lease_of(other_bus, "rival", ttl_s=60)
    running = asyncio.create_task(leader.run())
    await eventually(lambda: _held(leader), what="leading")
    assert not await rival.step()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await rival.step()


async def test_a_leader_that_finds_its_lease_given_back_by_a_twin_no_longer_leads(bus: Bus) -> None:
    leader, twin = lease_of(bus, "leader", ttl_s=60), lease_of(bus, "leader", ttl_s=60)
    assert await leader.step()
    running = asyncio.create_task(twin.run())
    await eventually(lambda: _held(twin), what="leading twice: two of the same name")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not await leader.step()


async def _held(lease: Lease) -> bool:
    return lease.held


async def test_a_lease_that_is_not_renewed_ends_by_the_clock_before_the_server_forgets_it(bus: Bus, other_bus: Bus) -> None:
    leader, rival = lease_of(bus, "leader"), lease_of(other_bus, "rival")
    started_s = clock.uptime_s()
    assert await leader.step()
    await eventually(lambda: _not_held(leader), what="the end of leadership")
    assert clock.uptime_s() - started_s <= TTL_S * (SELF_FENCE + 0.25)
    with pytest.raises(LeaseLost, match="lease test is not held"):
        leader.fence()
    await eventually(rival.step, what="the rival's turn")
    assert rival.token > leader.token


async def _not_held(lease: Lease) -> bool:
    return not lease.held


async def test_two_leaders_by_mistake_the_older_token_is_refused_by_the_server(bus: Bus, other_bus: Bus) -> None:
    """As if the older one's clock had stopped: it believes that it leads, and writes."""
    older, newer = lease_of(bus, "older"), lease_of(other_bus, "newer")
    assert await older.step()
    stale = older.fence()
    await eventually(newer.step, what="takeover")
    with pytest.raises(APIError) as refused:
        await bus.js.publish("echo.answered.x", b"", headers=stale)
    assert refused.value.err_code == 10071
    await other_bus.js.publish("echo.answered.x", b"", headers=newer.fence())


async def test_a_renewal_whose_answer_was_lost_is_recognised_as_our_own(bus: Bus) -> None:
    leader = lease_of(bus, "leader")
    assert await leader.step()
    # The same holder renews once more, but this object does not hear of it.
    assert await (twin := lease_of(bus, "leader")).step()
    assert twin.token > leader.token
    assert await leader.step()
    assert leader.token > twin.token, "and renewed from there, at once"


async def test_a_released_lease_of_a_successor_is_not_touched(bus: Bus, other_bus: Bus) -> None:
    leader, rival = lease_of(bus, "leader"), lease_of(other_bus, "rival")
    running = asyncio.create_task(leader.run())
    await eventually(lambda: _held(leader), what="leading")
    await bus.js.delete_msg("ECHO", leader.token)  # An operator takes the lease away.
    assert await rival.step()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert not await lease_of(bus, "third").step(), "the rival still holds it"


async def test_work_runs_only_while_leading_and_is_cancelled_when_the_lease_is_lost(bus: Bus) -> None:
    lease = lease_of(bus, "leader")
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def work(_: Term) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    leading = asyncio.create_task(lease.lead(work))
    await asyncio.sleep(0)
    assert not begun.is_set()
    assert await lease.step()
    await asyncio.wait_for(begun.wait(), 5)
    await asyncio.wait_for(cancelled.wait(), 5)  # Nobody renews: the clock ends it, although nothing is heard.
    assert not lease.held
    assert not leading.done(), "it waits to lead again"
    leading.cancel()


async def test_who_leads_again_after_another_begins_its_work_anew(bus: Bus, other_bus: Bus) -> None:
    """As after a pause: the term was over, somebody else led, and this process leads again before it noticed."""
    lease, rival = lease_of(bus, "leader", ttl_s=1), lease_of(other_bus, "rival", ttl_s=1)
    terms: list[Term] = []

    async def work(term: Term) -> None:
        terms.append(term)
        await asyncio.Event().wait()

    leading = asyncio.create_task(lease.lead(work))
    assert await lease.step()
    await eventually(lambda: _count(terms, 1), what="the first term")
    await eventually(rival.step, what="the rival's turn")
    await other_bus.js.delete_msg("ECHO", rival.token)
    assert await lease.step()
    with pytest.raises(LeaseLost, match="not held any more"):
        terms[0].fence()
    await eventually(lambda: _count(terms, 2), what="the second term")
    assert terms[1].fence() == lease.fence()
    await cancel(leading)


async def _count(terms: list[Term], wanted: int) -> bool:
    return len(terms) == wanted


async def test_one_lost_answer_does_not_cost_the_lead(server: NatsServer, bus: Bus) -> None:
    async with Proxy(server.port) as proxy, running_bus(f"nats://127.0.0.1:{proxy.port}", ECHO_TABLE) as far:
        lease = lease_of(far, "leader", ttl_s=3)
        running = asyncio.create_task(lease.run())
        await eventually(lambda: _held(lease), what="leading")
        first = lease.token
        proxy.lose(b'"stream":"ECHO"')
        await eventually(lambda: _renewed(lease, first + 2), what="two more renewals")
        assert proxy.lost == 1
        assert lease.terms == 1
        await cancel(running)


async def _renewed(lease: Lease, token: int) -> bool:
    return lease.token >= token


async def test_a_lease_counts_from_before_its_request(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer may have been under way for long, and the server counts from when it stored."""
    lease, publish = lease_of(bus, "leader", ttl_s=4), bus.js.publish

    async def slow(*arguments: Any, **options: Any) -> Any:
        ack = await publish(*arguments, **options)
        await asyncio.sleep(1.5)
        return ack

    monkeypatch.setattr(bus.js, "publish", slow)
    started_s = clock.uptime_s()
    assert await lease.step()
    await eventually(lambda: _not_held(lease), what="the end of leadership")
    assert clock.uptime_s() - started_s < 4 * SELF_FENCE + 0.75


async def test_a_lease_is_given_back_only_after_the_work_of_its_term_has_ended(bus: Bus, other_bus: Bus) -> None:
    lease, rival = lease_of(bus, "leader", ttl_s=30), lease_of(other_bus, "rival", ttl_s=30)
    asked_to_end, may_end = asyncio.Event(), asyncio.Event()

    async def work(_: Term) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            asked_to_end.set()
            await may_end.wait()

    running, leading = asyncio.create_task(lease.run()), asyncio.create_task(lease.lead(work))
    await eventually(lambda: _held(lease), what="leading")
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait_for(asked_to_end.wait(), 5)
    assert not await rival.step()
    may_end.set()
    await eventually(rival.step, within_s=5, what="the rival's turn")
    await cancel(running, leading)


async def test_garbage_on_the_subject_of_a_lease_is_somebody_elses(bus: Bus) -> None:
    await bus.js.publish("echo.lease.test", b"garbage")
    lease = lease_of(bus, "leader")
    assert not await lease.step()
    sequence = (await bus.js.get_last_msg("ECHO", "echo.lease.test")).seq or 0
    await bus.js.delete_msg("ECHO", sequence)
    assert await lease.step()


async def test_an_error_in_the_work_of_a_leader_is_not_swallowed(bus: Bus) -> None:
    lease = lease_of(bus, "leader")

    async def work(_: Term) -> None:
        raise ZeroDivisionError

    leading = asyncio.create_task(lease.lead(work))
    assert await lease.step()
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(leading, 5)


# -- leaders in processes of their own ---------------------------------------------------------------------------------


@pytest.fixture
def start_leader(server: NatsServer, tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(name: str, *options: str) -> Process:
        argv = (sys.executable, "-m", "tests.echo.leader", server.url, name, str(TTL_S), *options)
        started.append(Process(*argv, log=tmp_path / f"{name}.log"))
        return started[-1]

    yield start
    for process in started:
        process.end()


async def says(leader: Process, event: str, more_than: int = 0) -> int:
    async def count() -> int:
        return sum(line["event"] == event for line in leader.lines())

    await eventually(lambda: _more(count, more_than), what=f"more than {more_than} x {event}")
    return await count()


async def _more(count: Callable[[], object], than: int) -> bool:
    return bool(await count() > than)  # type: ignore[misc]


@pytest.mark.parametrize("options", [(), ("reckless",)], ids=["careful", "reckless"])
async def test_a_leader_paused_past_its_lease_writes_nothing_after_its_successor_led(
    start_leader: Callable[..., Process], bus: Bus, options: tuple[str, ...]
) -> None:
    first = start_leader("first", *options)
    await says(first, "wrote", 3)
    first.send(signal.SIGSTOP)
    second = start_leader("second")
    await says(second, "wrote", 3)
    fenced = sum(line["event"] == "fenced" for line in first.lines())
    first.send(signal.SIGCONT)
    if options:
        await says(first, "fenced", fenced)
    await says(second, "wrote", 60)
    last_of_first = (await bus.js.get_last_msg("ECHO", "echo.answered.first")).seq or 0
    first_of_second = (await bus.js.get_msg("ECHO", seq=1, next=True, subject="echo.answered.second")).seq or 0
    assert 0 < last_of_first < first_of_second


async def test_a_killed_leader_is_replaced_within_its_ttl(start_leader: Callable[..., Process]) -> None:
    first, second = start_leader("first"), start_leader("second")

    async def one_writes() -> Process | None:
        writing = [leader for leader in (first, second) if any(line["event"] == "wrote" for line in leader.lines())]
        return writing[0] if writing else None

    leader = await eventually(one_writes, what="a leader")
    follower = second if leader is first else first
    killed_s = clock.uptime_s()
    leader.send(signal.SIGKILL)
    await says(follower, "wrote")
    assert clock.uptime_s() - killed_s < TTL_S * 2.5
