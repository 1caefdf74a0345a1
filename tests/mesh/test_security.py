"""The bus, locked down: what every role needs works, what a hostile one tries does not. All of it tried on a real server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import APIError

from jurymast.bus import Bus, Lease
from jurymast.bus.query import Queries
from jurymast.cli.keys import KeyDirectory, read_seed
from jurymast.credentials import forbidden, tls_context
from jurymast.errors import Rejected
from jurymast.messages.channel import EACH_SERVICE, OPERATOR, AnyChannel
from jurymast.messages.dead import DEAD
from jurymast.messages.service import STARTED, STATUS, ServiceStarted, StatusAsked
from jurymast.nats_conf import Tls
from jurymast.permissions import EXTERNAL, PROVISIONER
from jurymast.telemetry import Tracer
from tests.echo.access import ECHO_ACCESS
from tests.echo.messages import ANSWERED, ASKED, ASKER, COUNT, ECHO_LEASE, MEASURED, Answered, Asked, CountAsked, Measured
from tests.echo.streams import ECHO_TABLE
from tests.mesh.supervised import jurymast
from tests.servers import NatsServer, Service, eventually, running_bus

pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float'.*:DeprecationWarning")
"""nats-py's way of asking aiohttp for a websocket."""


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A server with the configuration of a deployment, and the echo table in it."""
    server = NatsServer(tmp_path / "nats", access=ECHO_ACCESS)
    try:
        await server.start()
        await server.provision(ECHO_TABLE)
        yield server
    finally:
        server.kill()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts the echo service as one of a locked-down server's roles."""
    started: list[Service] = []

    def start_echo(server: NatsServer, role: str = "echo", **settings: str) -> Service:
        environment = {"JURYMAST_DATABASE": str(tmp_path / "echo.db"), **server.settings(role), **settings}
        started.append(Service("tests.echo", server.url, tmp_path, **environment))
        return started[-1]

    yield start_echo
    for service in started:
        service.process.end()


@asynccontextmanager
async def bus_of(server: NatsServer, role: str) -> AsyncIterator[Bus]:
    assert server.keys is not None
    seed = read_seed(server.keys.file(role))
    async with running_bus(server.url, ECHO_TABLE, service=role, seed=seed, ca=server.ca) as bus:
        yield bus


@pytest.fixture
async def asker(locked: NatsServer) -> AsyncIterator[Bus]:
    async with bus_of(locked, ASKER) as bus:
        yield bus


@dataclass
class Visitor:
    """A raw connection that remembers what it was refused."""

    nc: Client
    refused: list[str]

    async def tries(self, *attempts: Callable[[], Awaitable[Any]]) -> list[str]:
        """The subjects that the server refused, in lower case as the client tells them."""
        self.refused.clear()
        for attempt in attempts:
            await attempt()
        for _ in range(2):  # The client sends the first question before what is waiting to be sent.
            await self.nc.flush()
        return list(self.refused)

    async def publishes(self, *subjects: str, reply: str = "") -> list[str]:
        return await self.tries(*(lambda s=subject: self.nc.publish(s, b"{}", reply=reply) for subject in subjects))

    async def subscribes(self, *subjects: str) -> list[str]:
        return await self.tries(*(lambda s=subject: self.nc.subscribe(s) for subject in subjects))


@asynccontextmanager
async def visitor(server: NatsServer, role: str, url: str = "") -> AsyncIterator[Visitor]:
    refused: list[str] = []

    async def hear(error: Exception) -> None:
        if subject := forbidden(error):
            refused.append(subject)

    async with connected(url or server.url, error_cb=hear, **server.login(role)) as nc:
        yield Visitor(nc, refused)


@asynccontextmanager
async def connected(url: str, **options: Any) -> AsyncIterator[Client]:
    """Also closes what did not come about."""
    nc = Client()
    try:
        await nc.connect(url, allow_reconnect=False, **{"error_cb": _ignored, **options})
        yield nc
    finally:
        await nc.close()


async def _ignored(_: Exception) -> None:
    pass


async def contents(server: NatsServer) -> dict[str, tuple[int, int]]:
    """Of every stream how many messages it ever took and holds, as the operator sees it."""
    async with server.client() as nc:
        return {
            info.config.name or "": (info.state.last_seq, info.state.messages) for info in await nc.jetstream().streams_info()
        }


# -- what has to work --------------------------------------------------------------------------------------------------


async def test_a_service_handles_retries_and_answers(locked: NatsServer, start: Callable[..., Service], asker: Bus) -> None:
    echo = await start(locked).ready()
    await asker.publish(ASKED, Asked(id="a", text="hello"), id="a")
    await asker.publish(ASKED, Asked(id="b", text="hello", act="busy", times=1), id="b")
    for number in range(20):
        await asker.publish(MEASURED, Measured(number=number), id=f"m{number}")

    async def answered() -> bool:
        return (await asker.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 2

    await eventually(answered, what="both answers")
    answer = await eventually(lambda: _last(asker, "ECHO", "echo.answered.b"), what="the answer from the outbox")
    assert ANSWERED.decode(answer.data, schema="echo.answered/1", subject="echo.answered.b").text == "hello"
    assert await refusals(echo) == 0
    assert "Violation" not in (locked.keys.path.parent / "nats.log").read_text()  # type: ignore[union-attr]


async def _last(bus: Bus, stream: str, subject: str) -> Any:
    try:
        return await bus.js.get_last_msg(stream, subject)
    except NatsError:
        return None


async def refusals(service: Service) -> float:
    _, text = await service.get("/metrics")
    (line,) = [line for line in text.splitlines() if line.startswith("jurymast_bus_permission_violations_total ")]
    return float(line.split()[1])


async def test_a_dead_letter_is_listed_and_replayed_with_the_operators_seed(
    locked: NatsServer, start: Callable[..., Service], asker: Bus
) -> None:
    echo = await start(locked).ready()
    await asker.publish(ASKED, Asked(id="a", text="hello", act="refuse"), id="a")
    assert locked.keys is not None
    login = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_NATS_SEED_FILE": str(locked.keys.file(OPERATOR))}

    async def listed() -> bool:
        return "echo-asked.ECHO.1  rejected" in (await jurymast("dead", "list", **login)).out

    await eventually(listed, what="the dead letter")
    echo.process.end()
    replayed = await jurymast("dead", "replay", "all", **login)
    assert replayed.out.startswith("replayed ")
    echo = await start(locked, JURYMAST_REFUSES="false").ready()

    async def answered() -> bool:
        return (await asker.queries.ask(COUNT, CountAsked(), within_s=2)).answered == 1

    await eventually(answered, what="the answer")
    assert (await jurymast("dead", "list", **login)).out == "0 dead letters\n"
    assert await refusals(echo) == 0


async def test_a_message_on_which_the_service_dies_is_buried(
    locked: NatsServer, start: Callable[..., Service], asker: Bus
) -> None:
    await asker.publish(ASKED, Asked(id="a", text="hello", act="crash"), id="a")
    for _ in range(3):  # As often as it may be tried.
        assert await start(locked).process.wait() == 9
    await start(locked).ready()
    await eventually(lambda: _letters(locked), what="a dead letter")
    async with locked.client() as nc:
        raw = await nc.jetstream().get_msg("DEAD", seq=1)
    assert DEAD.decode(raw.data or b"", schema="dead.letter/1", subject=raw.subject or "").cause == "crashed"


async def test_leases_of_both_kinds_are_taken_and_given_back(locked: NatsServer) -> None:
    async with bus_of(locked, "echo") as one, bus_of(locked, "echo") as two:
        for options in ({}, {"channel": ECHO_LEASE}):
            leader, rival = Lease(one, "work", "one", ttl_s=60, **options), Lease(two, "work", "two", ttl_s=60, **options)
            running = asyncio.create_task(leader.run())
            await eventually(lambda lease=leader: _held(lease), what="leading")  # type: ignore[misc]
            assert not await rival.step()
            if options:
                await one.js.publish("echo.answered.fenced", b"", headers=leader.fence())
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            assert await rival.step()


async def _held(lease: Lease) -> bool:
    return lease.held


async def test_every_instance_answers_the_operators_question(locked: NatsServer, start: Callable[..., Service]) -> None:
    one, two = start(locked, JURYMAST_DATABASE=""), start(locked, JURYMAST_DATABASE="")
    await one.ready()
    await two.ready()
    async with locked.client() as nc:
        answers = await Queries(nc, OPERATOR, Tracer(OPERATOR)).ask_all(STATUS, StatusAsked(), within_s=1)
    assert [answer.service for answer in answers] == ["echo", "echo"]
    assert len({answer.instance for answer in answers}) == 2


# -- every channel, every role -----------------------------------------------------------------------------------------


def subject_of(channel: AnyChannel, service: str) -> str:
    return channel.wildcard_with(service=service).replace("*", "x")


@pytest.mark.parametrize("role", ECHO_ACCESS.roles)
async def test_a_role_publishes_what_it_owns_and_nothing_else(locked: NatsServer, role: str) -> None:
    before = await contents(locked)
    mine = {c: subject_of(c, role) for c in ECHO_ACCESS.channels}
    each = {c for c in mine if EACH_SERVICE in c.owners and role in ECHO_ACCESS.services}
    owned = {c for c in mine if role in c.owners} | each
    async with visitor(locked, role) as guest:
        assert await guest.publishes(*(mine[c] for c in mine if c not in owned)) == [mine[c] for c in mine if c not in owned]
        anothers = [subject_of(c, "another") for c in each]
        assert await guest.publishes(*anothers) == anothers
        assert await contents(locked) == before
        for channel in owned:
            ack = await guest.nc.jetstream().publish(mine[channel], b"{}", timeout=5)
            assert ack.stream == ECHO_TABLE.stream_for(channel).name
        assert guest.refused == anothers
    stored = {name: last for name, (last, _) in (await contents(locked)).items()}
    assert sum(stored.values()) - sum(last for last, _ in before.values()) == len(owned)


# -- a hostile role ----------------------------------------------------------------------------------------------------

STREAM_CALLS = [
    f"$JS.API.STREAM.{call}.{name}"
    for name in ("ECHO", "DEAD", "LEASES", "MADE_UP")
    for call in ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE", "SNAPSHOT", "RESTORE", "LEADER.STEPDOWN", "PEER.REMOVE")
]
CONSUMER_CALLS = [
    f"$JS.API.CONSUMER.{call}"
    for call in (
        "CREATE.ECHO",
        "CREATE.ECHO.mine",
        "CREATE.ECHO.mine.echo.asked.x",
        "DURABLE.CREATE.ECHO.mine",
        "DELETE.ECHO.echo-asked",
        "PAUSE.ECHO.echo-asked",
        "UNPIN.ECHO.echo-asked",
        "RESET.ECHO.echo-asked",
        "LEADER.STEPDOWN.ECHO.echo-asked",
        "LIST.ECHO",
        "NAMES.ECHO",
    )
]
SERVER_CALLS = [
    "$JS.API.STREAM.LIST",
    "$JS.API.STREAM.NAMES",
    "$JS.API.META.LEADER.STEPDOWN",
    "$JS.API.SERVER.REMOVE",
    "$JS.API.ACCOUNT.PURGE.MESH",
    "$JS.API.DIRECT.GET.ECHO",
    "$JS.API.STREAM.MSG.GET.DEAD",
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.ECHO.echo-asked",
    "$SYS.REQ.SERVER.PING",
    "$SYS.REQ.SERVER.PING.CONNZ",
    "$SYS.REQ.ACCOUNT.PING.CONNZ",
    "$SYS.REQ.USER.INFO",
    "$SYS.ACCOUNT.MESH.CONNECT",
]
OTHERS_SUBJECTS = [
    "$KV.settings.key",
    "$O.files.C.x",
    "$O.files.M.x",
    "_INBOX.x",
    "_INBOX_echo.x",
    "_INBOX_operator.x",
    "stored.echo.answered.x",
    "dead.letter.echo.echo-asked.ECHO.1",
    "dead.replay.echo.echo-asked.ECHO.1",
    "dead.replay.asker.x.ECHO.1",
    "lease.held.echo.work",
    "echo.lease.work",
    "echo.answered.x",
    "service.started.echo",
    "anything",
]
OTHERS_CONSUMERS = [
    "$JS.API.CONSUMER.MSG.NEXT.ECHO.echo-asked",
    "$JS.API.CONSUMER.INFO.ECHO.echo-asked",
    "$JS.API.CONSUMER.MSG.NEXT.REPLAYS.replays-echo",
    "$JS.ACK.ECHO.echo-asked.1.1.1.1.0",
    "$JS.ACK.REPLAYS.replays-echo.1.1.1.1.0",
]
HOSTILE = [*STREAM_CALLS, *CONSUMER_CALLS, *SERVER_CALLS, *OTHERS_SUBJECTS, *OTHERS_CONSUMERS]


@pytest.mark.parametrize("role", [ASKER, EXTERNAL])
async def test_a_hostile_role_is_refused_in_every_family(
    locked: NatsServer, start: Callable[..., Service], role: str, asker: Bus
) -> None:
    echo = await start(locked).ready()
    await asker.publish(ASKED, Asked(id="a", text="hello", act="refuse"), id="a")
    await eventually(lambda: _letters(locked), what="a dead letter")
    before = await contents(locked)
    async with visitor(locked, role) as guest:
        assert await guest.publishes(*HOSTILE) == [subject.lower() for subject in HOSTILE]
    assert await contents(locked) == before
    assert (await echo.get("/readyz"))[0] == 200


async def _letters(server: NatsServer) -> bool:
    return (await contents(server))["DEAD"][1] == 1


@pytest.mark.parametrize("role", [ASKER, PROVISIONER, EXTERNAL])
async def test_nobody_hears_what_is_anothers(locked: NatsServer, role: str) -> None:
    subjects = [
        ">", "*", "*.>", "_INBOX_echo.>", "_INBOX_operator.>", "_R_.>", "$JS.>", "$JS.ACK.>", "$JS.EVENT.ADVISORY.>", "$SYS.>",
        "$KV.>", "$O.>", "stored.>", "echo.>", "echo.asked.*", "echo.count", "dead.>", "lease.>", "health.observed.>",
    ]  # fmt: skip
    async with visitor(locked, role) as guest:
        assert await guest.subscribes(*subjects) == [subject.lower() for subject in subjects]


async def test_even_without_permissions_an_account_is_an_island(locked: NatsServer, start: Callable[..., Service]) -> None:
    """The second layer, alone: as if somebody had widened what the asker may publish and subscribe."""
    assert locked.keys is not None
    conf = locked.keys.path.parent / "nats.conf"
    head, mark, tail = conf.read_text().partition('"nkey": "' + locked.keys.public_key(ASKER))
    start_, end = tail.index('"permissions"'), tail.index('"allowed_connection_types"')
    conf.write_text(head + mark + tail[:start_] + tail[end:])
    locked.kill()
    await locked.start()
    await start(locked).ready()
    heard: list[str] = []

    async def hear(raw: Any) -> None:
        heard.append(raw.subject)

    before = await contents(locked)
    async with visitor(locked, ASKER) as guest, bus_of(locked, "echo") as echo:
        await guest.nc.subscribe(">", cb=hear)
        subjects = [subject for subject in HOSTILE if subject != "$SYS.REQ.USER.INFO"]
        assert await guest.publishes(*subjects) == []
        await echo.publish(ANSWERED, Answered(id="a", text="", answer_number=1), id="a")
        await guest.nc.flush()
        assert set(heard) - {*subjects, "service.status"} == set()
    after = await contents(locked)
    assert after.pop("ECHO") == (before.pop("ECHO")[0] + 1, 1)
    assert after == before


REQUESTS = ["$JS.API.INFO", "$JS.API.STREAM.MSG.GET.ECHO", "$JS.API.STREAM.INFO.ECHO"]
ORDERS = ["$JS.API.STREAM.DELETE.SERVICES", "$JS.API.STREAM.PURGE.ECHO", "$JS.API.CONSUMER.DELETE.ECHO.echo-asked"]
OF_ECHO = [
    "echo.answered.x",
    "dead.letter.echo.x.ECHO.1",
    "lease.held.echo.work",
    "service.started.echo",
    "dead.replay.echo.x.ECHO.1",
]
OF_ASKER = ["echo.asked.x", "dead.letter.asker.x.ECHO.1", "lease.held.asker.work", "service.started.asker"]


async def test_the_servers_answers_cannot_be_sent_to_anothers_subject(locked: NatsServer) -> None:
    """Nobody checks the reply subject of a request. In one account for all, every one of these would be stored, or obeyed."""
    async with visitor(locked, "echo") as echo, visitor(locked, ASKER) as asker:
        for _ in OF_ASKER:
            await asker.nc.jetstream().publish("echo.measured", b"")
        before = await contents(locked)
        for target in [*OF_ECHO, *ORDERS]:
            assert await asker.publishes(*REQUESTS, "service.stopped.asker", reply=target) == []
        for target in [*OF_ASKER, *ORDERS]:
            requests = [*REQUESTS, "service.stopped.echo", "$JS.API.CONSUMER.MSG.NEXT.ECHO.echo-measured"]
            assert await echo.publishes(*requests, reply=target) == []
        after = await contents(locked)
    of_their_own = len(OF_ECHO) + len(OF_ASKER) + 2 * len(ORDERS)
    assert after.pop("SERVICES") == (of_their_own, of_their_own)
    del before["SERVICES"]
    assert after == before
    async with locked.client() as nc:
        assert {info.name for info in await nc.jetstream().consumers_info("ECHO")} == {"echo-asked", "echo-measured"}


async def test_whoever_has_no_key_does_not_come_in(locked: NatsServer, tmp_path: Path) -> None:
    stranger = KeyDirectory(tmp_path / "stranger")
    stranger.make(["echo"])
    for options in ({}, {"user": "operator", "password": ""}, {"token": "x"}, {"nkeys_seed": str(stranger.file("echo"))}):
        with pytest.raises(NatsError, match="Authorization Violation"):
            async with connected(locked.url, **options):
                pass


# -- consumers outside -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["tcp", "websocket"])
async def test_consumers_outside_hear_what_was_stored_and_nothing_else(locked: NatsServer, way: str) -> None:
    url = locked.websocket_url if way == "websocket" else locked.url
    async with visitor(locked, EXTERNAL, url) as guest, bus_of(locked, "echo") as echo:
        subscription = await guest.nc.subscribe("echo.answered.*")
        await guest.nc.flush()
        await echo.publish(ANSWERED, Answered(id="a", text="one", answer_number=1), id="a")
        await echo.publish(ANSWERED, Answered(id="a", text="repeated", answer_number=1), id="a")
        with pytest.raises(APIError):
            await echo.js.publish("echo.answered.b", b"refused", headers={"Nats-Expected-Last-Sequence": "99"})
        await echo.publish(ANSWERED, Answered(id="c", text="two", answer_number=2), id="c")
        heard = [await subscription.next_msg(timeout=5) for _ in range(2)]
        assert [raw.subject for raw in heard] == ["echo.answered.a", "echo.answered.c"]
        assert [(raw.headers or {})["Nats-Sequence"] for raw in heard] == ["1", "2"]
        schema = (heard[1].headers or {})["Jurymast-Schema"]
        assert ANSWERED.decode(heard[1].data, schema=schema, subject=heard[1].subject).text == "two"
        assert await guest.publishes("echo.answered.x", "$JS.API.INFO", "service.status", "x") != []
        assert len(guest.refused) == 4
        for channel in ECHO_ACCESS.channels:
            assert await guest.subscribes(channel.wildcard) == ([] if channel.public else [channel.wildcard])


async def test_services_do_not_come_in_by_websocket(locked: NatsServer) -> None:
    for role in ("echo", OPERATOR, PROVISIONER):
        with pytest.raises(NatsError, match="Authorization Violation"):
            async with visitor(locked, role, locked.websocket_url):
                pass


# -- bad keys ----------------------------------------------------------------------------------------------------------


async def ended(service: Service, code: int) -> str:
    """The one thing that it said when it ended by itself."""
    assert await service.process.wait() == code
    (critical,) = [line["message"] for line in service.process.lines() if line["level"] == "critical"]
    text: str = critical
    return text


async def test_a_missing_or_bad_seed_ends_the_process_with_one_clear_error(
    locked: NatsServer, start: Callable[..., Service], tmp_path: Path
) -> None:
    stranger = KeyDirectory(tmp_path / "stranger")
    stranger.make(["echo"])
    unknown, garbled, missing = stranger.file("echo"), tmp_path / "garbled", tmp_path / "missing"
    garbled.write_text("SUHUNTER2")
    expected = {
        unknown: "NATS does not know the key that JURYMAST_NATS_SEED stands for: set JURYMAST_NATS_SEED_FILE to",
        garbled: "JURYMAST_NATS_SEED: not an nkey seed of a user (58 letters and digits that begin with SU), but 9 characters",
        missing: f"JURYMAST_NATS_SEED: cannot read JURYMAST_NATS_SEED_FILE {missing}: No such file or directory",
    }
    started = {file: start(locked, JURYMAST_NATS_SEED_FILE=str(file)) for file in expected}
    for file, service in started.items():
        assert (await ended(service, 2)).startswith(expected[file])
        assert read_text(file) == "" or read_text(file) not in service.process.log.read_text()
    without = Service("tests.echo", locked.url, tmp_path)
    try:
        assert (await ended(without, 2)).startswith("NATS asks for a key, and there is none: set JURYMAST_NATS_SEED_FILE to")
    finally:
        without.process.end()


def read_text(file: Path) -> str:
    return file.read_text().strip() if file.exists() else ""


async def test_with_anothers_seed_a_service_gets_nowhere_and_says_why(locked: NatsServer, start: Callable[..., Service]) -> None:
    echo = start(locked, ASKER)
    assert await echo.process.wait() == 1
    said = [line["message"] for line in echo.process.lines()]
    assert [text for text in said if text.startswith("NATS does not let echo use _inbox_echo.")]


async def test_a_key_that_the_server_forgets_ends_the_process(locked: NatsServer, start: Callable[..., Service]) -> None:
    echo = await start(locked).ready()
    assert locked.keys is not None
    conf = locked.keys.path.parent / "nats.conf"
    old = locked.keys.public_key("echo")
    seed = locked.keys.file("echo").read_text()
    locked.keys.make(["echo"], force=True)
    conf.write_text(conf.read_text().replace(old, locked.keys.public_key("echo")))
    renewed = locked.keys.file("echo").read_text()
    locked.keys.file("echo").write_text(seed)  # The operator forgot to hand out the new one.
    locked.send(signal.SIGHUP)
    assert await echo.process.wait() == 1
    assert "NATS does not know the key" in await ended(start(locked), 2)
    locked.keys.file("echo").write_text(renewed)
    await start(locked).ready()


async def test_a_refused_publish_fails_at_once_is_logged_once_and_counted_always(
    locked: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with bus_of(locked, "echo") as echo:
        for number in range(2):
            with pytest.raises(Rejected, match=r"echo\.asked\.a: NATS does not let echo publish there"):
                await echo.publish(ASKED, Asked(id="a", text=""), id=f"a{number}", within_s=30)
        await echo.publish(ANSWERED, Answered(id="a", text="", answer_number=1), id="a")
        assert echo.metrics.violations._value.get() == 2
    refused = [record for record in caplog.records if record.getMessage() == "NATS does not let echo use echo.asked.a"]
    assert len(refused) == 1
    assert refused[0].__dict__["subject"] == "echo.asked.a"


async def test_seeds_appear_nowhere(locked: NatsServer, start: Callable[..., Service], asker: Bus) -> None:
    echo = await start(locked, JURYMAST_LOG_LEVEL="debug").ready()
    await asker.publish(ASKED, Asked(id="a", text="hello", act="bug"), id="a")
    await eventually(lambda: _letters(locked), what="a dead letter")
    pages = [(await echo.get(path))[1] for path in ("/healthz", "/readyz", "/metrics")]
    echo.process.send(signal.SIGTERM)
    assert await echo.process.wait() == 0
    assert locked.keys is not None
    directory = locked.keys.path.parent
    texts = [*pages, echo.process.log.read_text(), (directory / "nats.log").read_text(), (directory / "nats.conf").read_text()]
    assert '"nats_seed": "***"' in pages[0]
    for role in ECHO_ACCESS.roles:
        seed = read_seed(locked.keys.file(role))
        assert not [text for text in texts if seed in text]


# -- commands ----------------------------------------------------------------------------------------------------------


async def test_commands_say_what_their_key_may_not_do(locked: NatsServer, tmp_path: Path) -> None:
    assert locked.keys is not None
    url = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_STATE": str(tmp_path / "none")}
    seeds = {role: str(locked.keys.file(role)) for role in ECHO_ACCESS.roles}
    none = await jurymast("dead", "list", **url)
    assert (none.code, none.err[:45]) == (1, "jurymast: NATS asks for a key, and there is n")
    for role in (PROVISIONER, ASKER):
        other = await jurymast("dead", "list", "--nats-seed", seeds[role], **url)
        assert other.code == 1
        assert other.err.startswith("jurymast: NATS does not let this key use ")
    for role in (PROVISIONER, OPERATOR):
        assert "unknown    ECHO" in (await jurymast("streams", "diff", "--nats-seed", seeds[role], **url)).out
    missing = await jurymast("dead", "list", "--nats-seed", str(tmp_path / "gone"), **url)
    assert missing.err == f"jurymast: cannot read the seed {tmp_path / 'gone'}: No such file or directory\n"


async def test_tail_shows_each_event_once_and_none_of_the_machinery(locked: NatsServer, start: Callable[..., Service]) -> None:
    assert locked.keys is not None
    login = {"JURYMAST_NATS_URL": locked.url, "JURYMAST_NATS_SEED_FILE": str(locked.keys.file(OPERATOR))}
    tailing = asyncio.create_task(jurymast("tail", "--count", "2", **login))
    event = ServiceStarted(service="echo", instance="i", version="1", started_ms=5)
    async with bus_of(locked, "echo") as echo:

        async def ended() -> bool:
            await echo.publish(STARTED, event, id="the same")
            return tailing.done()

        await eventually(ended, what="two events seen")
    lines = (await tailing).out.splitlines()
    assert ["service.started.echo [service.started/1]" in line for line in lines] == [True, True]


# -- TLS ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificates(tmp_path_factory.mktemp("tls"))


def make_certificates(directory: Path) -> Path:
    """A CA of our own, a certificate from it for 127.0.0.1, and another CA."""
    import subprocess  # noqa: PLC0415

    def openssl(*arguments: str) -> None:
        subprocess.run(("openssl", *arguments), cwd=directory, check=True, capture_output=True)

    for ca in ("ca", "other"):
        openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={ca}",
            "-keyout", f"{ca}.key", "-out", f"{ca}.pem",
        )  # fmt: skip
    (directory / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl(
        "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=nats", "-keyout", "nats.key",
        "-out", "nats.csr",
    )  # fmt: skip
    openssl(
        "x509", "-req", "-in", "nats.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
        "-extfile", "names", "-out", "nats.pem",
    )  # fmt: skip
    return directory


@pytest.fixture
async def encrypted(tmp_path: Path, certificates: Path) -> AsyncIterator[NatsServer]:
    tls = Tls(cert=str(certificates / "nats.pem"), key=str(certificates / "nats.key"))
    server = NatsServer(tmp_path / "nats", access=ECHO_ACCESS, tls=tls, ca=str(certificates / "ca.pem"))
    try:
        await server.start()
        await server.provision(ECHO_TABLE)
        yield server
    finally:
        server.kill()


async def test_everything_works_over_tls(encrypted: NatsServer, start: Callable[..., Service]) -> None:
    await start(encrypted).ready()
    async with bus_of(encrypted, ASKER) as asker:
        await asker.publish(ASKED, Asked(id="a", text="hello"), id="a")
        await eventually(lambda: _last(asker, "ECHO", "echo.answered.a"), what="the answer")
    assert encrypted.keys is not None
    login = {
        "JURYMAST_NATS_URL": encrypted.url,
        "JURYMAST_NATS_CA": encrypted.ca,
        "JURYMAST_NATS_SEED_FILE": str(encrypted.keys.file(OPERATOR)),
    }
    assert (await jurymast("dead", "list", **login)).out == "0 dead letters\n"
    without = await jurymast("dead", "list", **{**login, "JURYMAST_NATS_CA": ""})
    assert without.err.startswith("jurymast: the certificate of NATS is not trusted (")


async def test_a_websocket_is_encrypted_too(encrypted: NatsServer) -> None:
    login = encrypted.login(EXTERNAL) | {"tls": tls_context("", encrypted.ca)}
    login.pop("tls_handshake_first")
    async with connected(encrypted.websocket_url, **login) as nc, bus_of(encrypted, "echo") as echo:
        subscription = await nc.subscribe("echo.answered.*")
        await nc.flush()
        await echo.publish(ANSWERED, Answered(id="a", text="one", answer_number=1), id="a")
        assert (await subscription.next_msg(timeout=5)).subject == "echo.answered.a"


async def test_a_client_that_does_not_trust_the_server_leaves(
    encrypted: NatsServer, start: Callable[..., Service], certificates: Path
) -> None:
    wrong = {
        "JURYMAST_NATS_CA": str(certificates / "other.pem"),
        "JURYMAST_NATS_URL": encrypted.url,
    }
    plain = {"JURYMAST_NATS_CA": "", "JURYMAST_NATS_URL": encrypted.url.replace("tls://", "nats://")}
    started = [start(encrypted, **settings) for settings in (wrong, {"JURYMAST_NATS_CA": ""}, plain)]
    for service in started:
        said = await ended(service, 2)
        assert said.startswith("the certificate of NATS is not trusted (")
        assert said.endswith("): set JURYMAST_NATS_CA to the file of its CA")


async def test_a_client_that_wants_tls_does_not_talk_without(locked: NatsServer, start: Callable[..., Service]) -> None:
    said = await ended(start(locked, JURYMAST_NATS_URL=locked.url.replace("nats://", "tls://")), 2)
    assert said.startswith("NATS does not speak TLS there")
