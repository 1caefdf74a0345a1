"""The frame, as a process: how it starts, says how it is, survives its servers and ends."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from nats.js.errors import NotFoundError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from jurymast import clock
from jurymast.bus import Bus
from jurymast.messages.channel import SCHEMA_HEADER
from jurymast.messages.dead import DEAD, DeadLetter
from jurymast.messages.service import STATUS, StatusAsked
from jurymast.service import EXIT_FAILED, EXIT_MISCONFIGURED, EXIT_OK
from tests.echo.messages import ANSWERED, ASKED, COUNT, Act, Answered, Asked, CountAsked
from tests.echo.streams import ECHO_TABLE
from tests.proxy import Proxy
from tests.servers import NatsServer, Service, eventually, running_bus

StartEcho = Callable[..., Service]

READINESS_S = 5.0
"""How soon readiness must follow what happens to NATS."""


@pytest.fixture
async def tester(server: NatsServer) -> AsyncIterator[Bus]:
    async with running_bus(server.url, ECHO_TABLE, service="tester") as connected:
        yield connected


async def ask(bus: Bus, name: str, act: Act = "answer", times: int = 1_000_000) -> None:
    await bus.publish(ASKED, Asked(id=name, text="hello", act=act, times=times), id=name)


async def answer_to(bus: Bus, name: str, within_s: float = 15) -> Answered:
    async def answer() -> Answered | None:
        try:
            raw = await bus.js.get_last_msg("ECHO", f"echo.answered.{name}")
        except NotFoundError:
            return None
        return ANSWERED.decode(raw.data or b"", schema=(raw.headers or {})[SCHEMA_HEADER], subject=raw.subject or "")

    found = await eventually(answer, within_s, what=f"the answer to {name}")
    assert isinstance(found, Answered)
    return found


def critical(service: Service) -> str:
    return " ".join(line["message"] for line in service.process.lines() if line["level"] == "critical")


# -- start -------------------------------------------------------------------------------------------------------------


async def test_a_service_becomes_ready_answers_and_shows_itself(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo(JURYMAST_TOKEN="a-secret").ready()  # noqa: S106
    await ask(tester, "a")
    assert (await answer_to(tester, "a")).text == "hello"
    assert await echo.get("/livez") == (200, "ok\n")
    status, text = await echo.get("/healthz")
    health = json.loads(text)
    assert status == 200
    assert health["ready"] is True
    assert {check["name"] for check in health["checks"]} == {"serving", "fresh", "nats", "store"}
    assert health["settings"]["token"] == "***"  # noqa: S105
    _, metrics = await echo.get("/metrics")
    assert 'jurymast_messages_handled_total{consumer="echo-asked",outcome="ok"} 1.0' in metrics
    assert 'jurymast_messages_published_total{channel="echo.answered",outcome="ok"} 1.0' in metrics
    assert "jurymast_ready 1.0" in metrics
    assert "a-secret" not in echo.process.log.read_text() + text + metrics


async def test_every_instance_answers_the_status_question_and_one_answers_each_query(start_echo: StartEcho, tester: Bus) -> None:
    for _ in range(2):
        await start_echo().ready()
    statuses = await tester.queries.ask_all(STATUS, StatusAsked(service="echo"), within_s=1)
    assert len({status.instance for status in statuses}) == 2
    assert all(status.ready for status in statuses)
    assert await tester.queries.ask_all(STATUS, StatusAsked(service="somebody-else"), within_s=0.3) == []
    assert (await tester.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 0


async def test_what_is_started_and_stopped_is_an_event(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo().ready()
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait() == EXIT_OK
    assert "reconnecting" not in echo.process.log.read_text()
    info = await tester.js.stream_info("SERVICES", subjects_filter=">")
    assert info.state.subjects == {"service.started.echo": 1, "service.stopped.echo": 1}


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"JURYMAST_HTTP_PORT": "70000"}, "JURYMAST_HTTP_PORT: '70000' will not do"),
        ({"JURYMAST_TOKEN_FILE": "/does/not/exist"}, "JURYMAST_TOKEN: cannot read JURYMAST_TOKEN_FILE /does/not/exist"),
        ({"JURYMAST_LOG_LEVEL": "loud"}, "JURYMAST_LOG_LEVEL: 'loud' is none of"),
        ({"JURYMAST_DRAIN_S": "-1", "JURYMAST_SLOW_S": "x"}, "JURYMAST_SLOW_S: 'x' will not do"),
    ],
)
async def test_wrong_settings_are_named_in_one_line_and_end_the_process(
    start_echo: StartEcho, settings: dict[str, str], says: str
) -> None:
    echo = start_echo(**settings)
    assert await echo.process.wait() == EXIT_MISCONFIGURED
    (line,) = echo.process.lines()
    assert line["level"] == "critical"
    assert says in line["message"]


async def test_an_occupied_port_is_named(start_echo: StartEcho) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        echo = start_echo(JURYMAST_HTTP_PORT=str(port))
        assert await echo.process.wait() == EXIT_MISCONFIGURED
    assert f"port {port} of 127.0.0.1 is taken by another process" in critical(echo)


async def test_missing_streams_are_an_operators_matter(start_echo: StartEcho, tester: Bus) -> None:
    await tester.js.delete_stream("ECHO")
    echo = start_echo()
    assert await echo.process.wait() == EXIT_MISCONFIGURED
    assert "run `jurymast streams apply`" in critical(echo)


async def test_a_service_waits_for_nats_alive_but_not_ready(server: NatsServer, start_echo: StartEcho) -> None:
    server.kill()
    echo = start_echo()
    why = await echo.status_becomes(503)
    assert "no NATS server answers" in why
    assert (await echo.get("/livez"))[0] == 200
    await server.start()
    await echo.ready()


async def test_a_service_that_waits_for_nats_can_be_stopped(server: NatsServer, start_echo: StartEcho) -> None:
    server.kill()
    echo = start_echo()
    await echo.status_becomes(503)
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait(5) == EXIT_OK


async def _not_heard(echo: Service) -> bool:
    return await echo.get("/readyz") == (
        503,
        "nats: NATS does not let echo listen on echo.count: correct it, then restart echo\n",
    )


RESTRICTED = """
authorization { users: [
  { user: restricted, password: p, permissions: { publish: ">", subscribe: { allow: ">", deny: ["echo.count"] } } }
  { user: anybody }
] }
no_auth_user: anybody
"""


async def test_a_service_that_may_not_listen_is_not_ready_and_says_what_it_does_not_hear(tmp_path: Path) -> None:
    """The server refuses only the subscription; the service would never hear a question, and never know."""
    server, conf = NatsServer(tmp_path / "nats"), tmp_path / "nats" / "nats.conf"
    open_to_all = conf.read_text()
    conf.write_text(open_to_all + RESTRICTED)
    await server.start()
    await server.provision(ECHO_TABLE)
    echo = Service("tests.echo", server.url.replace("//", "//restricted:p@"), tmp_path, JURYMAST_DATABASE=str(tmp_path / "db"))
    try:
        await eventually(lambda: _not_heard(echo), what="the reason")
        server.kill()
        conf.write_text(open_to_all)
        await server.start()
        await echo.ready()
    finally:
        echo.process.end()
        server.kill()


# -- servers that fail -------------------------------------------------------------------------------------------------


async def changes_within(echo: Service, status: int, since_s: float) -> str:
    why = await echo.status_becomes(status)
    assert clock.uptime_s() - since_s < READINESS_S
    return why


async def test_a_frozen_nats_turns_readiness_off_and_back_on_without_a_restart(
    server: NatsServer, start_echo: StartEcho, tester: Bus
) -> None:
    echo = await start_echo().ready()
    server.send(signal.SIGSTOP)
    why = await changes_within(echo, 503, clock.uptime_s())
    assert why.startswith("nats: ")
    assert (await echo.get("/livez"))[0] == 200, "restarting it would not help"
    server.send(signal.SIGCONT)
    await changes_within(echo, 200, clock.uptime_s())
    await ask(tester, "after")
    await answer_to(tester, "after")
    assert echo.process.popen.poll() is None


async def test_a_half_open_connection_turns_readiness_off_and_back_on_without_a_restart(
    server: NatsServer, tmp_path: Path
) -> None:
    """The connection stays, and swallows everything: as when a firewall forgets it, or a host loses power."""
    async with Proxy(server.port) as proxy:
        echo = Service("tests.echo", f"nats://127.0.0.1:{proxy.port}", tmp_path)
        try:
            await echo.ready()
            proxy.swallow()
            await changes_within(echo, 503, clock.uptime_s())
            proxy.forward()
            await changes_within(echo, 200, clock.uptime_s())
            assert echo.process.popen.poll() is None
        finally:
            echo.process.end()


async def test_a_killed_nats_turns_readiness_off_and_back_on(server: NatsServer, start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo().ready()
    server.kill()
    await changes_within(echo, 503, clock.uptime_s())
    await server.start()
    await changes_within(echo, 200, clock.uptime_s())
    await ask(tester, "after")
    await answer_to(tester, "after")


async def test_an_outage_may_last_while_consumers_are_checked(server: NatsServer, start_echo: StartEcho) -> None:
    echo = await start_echo(ECHO_CONSUMERS_EVERY_S="0.1").ready()
    server.kill()
    await echo.status_becomes(503)
    await asyncio.sleep(4)  # Time itself is what is tested: one check at least has failed.
    await server.start()
    await echo.ready()


async def test_a_frozen_service_does_not_claim_to_be_ready_when_it_wakes(start_echo: StartEcho, server: NatsServer) -> None:
    """Its last good check is old news by then."""
    echo = await start_echo().ready()
    echo.process.send(signal.SIGSTOP)
    server.send(signal.SIGSTOP)
    await asyncio.sleep(5.5)  # Time itself is what is tested: results older than five seconds are not believed.
    echo.process.send(signal.SIGCONT)
    status, why = await echo.get("/readyz")
    assert status == 503, why


async def test_a_consumer_removed_under_a_running_service_ends_it_with_the_reason(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo().ready()
    await tester.js.delete_consumer("ECHO", "echo-asked")
    assert await echo.process.wait(20) == EXIT_MISCONFIGURED
    assert "consumer ECHO/echo-asked is missing" in critical(echo)


# -- messages and death ------------------------------------------------------------------------------------------------


async def letter(bus: Bus) -> DeadLetter:
    async def found() -> DeadLetter | None:
        try:
            raw = await bus.js.get_msg("DEAD", seq=1, next=True, subject=f"{DEAD.name}.>")
        except NotFoundError:
            return None
        return DEAD.decode(raw.data or b"", schema=(raw.headers or {})[SCHEMA_HEADER], subject=raw.subject or "")

    dead = await eventually(found, what="a dead letter")
    assert isinstance(dead, DeadLetter)
    return dead


async def test_a_message_that_kills_the_process_each_time_is_buried_and_the_others_are_answered(
    start_echo: StartEcho, tester: Bus
) -> None:
    await ask(tester, "poison", "crash")
    await ask(tester, "good")
    for _ in range(3):  # As often as the consumer allows.
        assert await start_echo().process.wait() == 9
    await start_echo().ready()
    await answer_to(tester, "good")
    dead = await letter(tester)
    assert (dead.cause, dead.attempts, dead.subject) == ("crashed", 3, "echo.asked.poison")
    assert dead.payload == ASKED.encode(Asked(id="poison", text="hello", act="crash"))


async def test_a_process_killed_at_work_loses_nothing_and_answers_once(start_echo: StartEcho, tester: Bus) -> None:
    first = await start_echo().ready()
    for number in range(50):
        await ask(tester, f"q{number}")
    first.process.send(signal.SIGKILL)
    await first.process.wait()
    await start_echo().ready()
    answers = [await answer_to(tester, f"q{number}") for number in range(50)]
    assert sorted(answer.answer_number for answer in answers) == list(range(1, 51)), "each question was answered once"
    assert (await tester.js.stream_info("ECHO", subjects_filter="echo.answered.>")).state.subjects == {
        f"echo.answered.q{number}": 1 for number in range(50)
    }


async def test_a_fatal_error_ends_the_process_and_its_message_goes_to_the_next(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo().ready()
    await ask(tester, "a", "halt", times=1)
    assert await echo.process.wait() == EXIT_FAILED
    assert "halted on request" in critical(echo)
    await start_echo().ready()
    await answer_to(tester, "a")


async def test_sigterm_lets_a_running_handler_finish(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo(JURYMAST_SLOW_S="2").ready()
    await ask(tester, "a", "slow")
    await busy(tester)
    echo.process.send(signal.SIGTERM)
    await eventually(lambda: _draining(echo), what="draining")
    assert await echo.process.wait() == EXIT_OK
    assert (await answer_to(tester, "a")).answer_number == 1
    info = await tester.js.consumer_info("ECHO", "echo-asked")
    assert (info.num_ack_pending, info.num_redelivered) == (0, 0)


async def busy(bus: Bus) -> None:
    async def check() -> bool:
        info = await bus.js.consumer_info("ECHO", "echo-asked")
        return bool(info.num_ack_pending == 1)

    await eventually(check, what="a running handler")


async def _draining(echo: Service) -> bool:
    _, why = await echo.get("/readyz")
    return "draining" in why


async def test_a_handler_that_does_not_end_is_left_behind_at_the_bound_and_its_message_comes_again(
    start_echo: StartEcho, tester: Bus
) -> None:
    echo = await start_echo(JURYMAST_SLOW_S="60", JURYMAST_DRAIN_S="1").ready()
    await ask(tester, "a", "slow", times=1)
    await busy(tester)
    started_s = clock.uptime_s()
    echo.process.send(signal.SIGTERM)
    await echo.process.wait(10)
    assert clock.uptime_s() - started_s < 7
    await start_echo().ready()
    await answer_to(tester, "a")


async def test_who_asks_a_second_time_does_not_wait(start_echo: StartEcho, tester: Bus) -> None:
    echo = await start_echo(JURYMAST_SLOW_S="60", JURYMAST_DRAIN_S="60").ready()
    await ask(tester, "a", "slow")
    await busy(tester)
    echo.process.send(signal.SIGTERM)
    await eventually(lambda: _draining(echo), what="draining")
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait(5) == EXIT_FAILED
    assert "leaving at once: SIGTERM again" in critical(echo)


@pytest.mark.parametrize("act", ["block", "stall"])
async def test_neither_a_thread_nor_a_blocked_loop_outlives_the_bound(start_echo: StartEcho, tester: Bus, act: Act) -> None:
    echo = await start_echo(JURYMAST_SLOW_S="60", JURYMAST_DRAIN_S="0.5").ready()
    await ask(tester, "a", act)
    await busy(tester)
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait(10) == EXIT_FAILED
    assert "did not end within 5.5 s" in critical(echo)


async def test_a_service_can_be_stopped_while_nats_is_away(server: NatsServer, start_echo: StartEcho) -> None:
    echo = await start_echo().ready()
    server.kill()
    await echo.status_becomes(503)
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait(10) == EXIT_OK
    assert critical(echo) == ""
    assert "Traceback" not in echo.process.log.read_text()


@pytest.fixture
def start_faulty(server: NatsServer, tmp_path: Path) -> Iterator[Callable[[str], Service]]:
    started: list[Service] = []

    def start(fault: str) -> Service:
        started.append(Service("tests.echo.faulty", server.url, tmp_path, JURYMAST_FAULT=fault))
        return started[-1]

    yield start
    for service in started:
        service.process.end()


@pytest.mark.parametrize(
    ("fault", "code", "says"),
    [
        ("died", EXIT_FAILED, "background task doomed ended: ZeroDivisionError()"),
        ("cancelled", EXIT_FAILED, "background task doomed was cancelled from inside"),
        ("misconfigured", EXIT_MISCONFIGURED, "an operator must act"),
    ],
)
async def test_a_background_task_that_ends_takes_its_process_down(
    start_faulty: Callable[[str], Service], fault: str, code: int, says: str
) -> None:
    service = start_faulty(fault)
    assert await service.process.wait() == code
    assert says in critical(service)


async def test_a_readiness_check_that_is_cancelled_from_inside_has_failed(start_faulty: Callable[[str], Service]) -> None:
    service = start_faulty("check")

    async def says_so() -> bool:
        """It is not ready while it starts either."""
        status, why = await service.get("/readyz")
        return status == 503 and "doubtful: what it waited for was cancelled" in why

    await eventually(says_so, what="the check that failed")


# -- traces ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def collector() -> AsyncIterator[tuple[str, asyncio.Queue[Any]]]:
    """An OTLP endpoint that keeps the spans it is sent."""
    spans: asyncio.Queue[Any] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        export = ExportTraceServiceRequest.FromString(await request.read())
        for resource in export.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    spans.put_nowait(span)
        return web.Response()

    application = web.Application()
    application.router.add_post("/v1/traces", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", spans
    finally:
        await runner.cleanup()


async def test_spans_are_exported_under_the_trace_of_the_message(start_echo: StartEcho, tester: Bus) -> None:
    async with collector() as (endpoint, spans):
        echo = await start_echo(JURYMAST_OTLP_ENDPOINT=endpoint).ready()
        trace_id = "0af7651916cd43dd8448eb211c80319c"
        await tester.publish_raw(
            "echo.asked.a",
            ASKED.encode(Asked(id="a", text="hello")),
            {
                SCHEMA_HEADER: ASKED.schema,
                "Nats-Msg-Id": "a",
                "traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
            },
        )
        await answer_to(tester, "a")
        echo.process.send(signal.SIGTERM)  # Ending flushes what was not yet exported.
        assert await echo.process.wait() == EXIT_OK
        names = {}
        while not spans.empty():
            span = spans.get_nowait()
            names[span.name] = span.trace_id.hex()
        assert names["handle echo-asked"] == trace_id
        raw = await tester.js.get_last_msg("ECHO", "echo.answered.a")
        assert (raw.headers or {})["traceparent"].startswith(f"00-{trace_id}-"), "what it published belongs to the same trace"


async def test_a_collector_that_never_answers_does_not_hold_up_the_end(start_echo: StartEcho, tester: Bus) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        echo = await start_echo(JURYMAST_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}").ready()
        await ask(tester, "a")
        await answer_to(tester, "a")
        echo.process.send(signal.SIGTERM)
        assert await echo.process.wait(10) == EXIT_OK
    stopped = (await tester.js.get_last_msg("SERVICES", "service.stopped.echo")).data
    assert stopped
