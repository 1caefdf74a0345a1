"""What a hostile role tries on a locked-down server does not work."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nats.errors import Error as NatsError

from jurymast.bus import Bus
from jurymast.cli.keys import KeyDirectory
from jurymast.messages.channel import EACH_SERVICE, AnyChannel
from jurymast.permissions import EXTERNAL, MEMBER_KEYS, PROVISIONER, service_of
from tests.echo.messages import ANSWERED, ASKED, ASKER, Answered, Asked
from tests.echo.streams import ECHO_TABLE
from tests.mesh.locked import ACCESS, bus_of, connected, contents, has_letter, visitor
from tests.servers import NatsServer, Service, all_sent, eventually


def subject_of(channel: AnyChannel, role: str, address: str = "") -> str:
    member = address or ACCESS.address(role) or "x"
    return channel.wildcard_with(service=service_of(role), **dict.fromkeys(MEMBER_KEYS, member)).replace("*", "x")


@pytest.mark.parametrize("role", ACCESS.roles)
async def test_a_role_publishes_what_it_owns_and_nothing_else(locked: NatsServer, role: str) -> None:
    before = await contents(locked)
    mine = {c: subject_of(c, role) for c in ACCESS.channels}
    each = {c for c in mine if EACH_SERVICE in c.owners and role in ACCESS.logins}
    owned = {c for c in mine if service_of(role) in c.owners} | each
    async with visitor(locked, role) as guest:
        others = [mine[c] for c in mine if c not in owned]
        assert await guest.publishes(*others) == [subject.lower() for subject in others]
        anothers = [subject_of(c, "another") for c in each]
        anothers += [subject_of(c, role, "another") for c in owned if MEMBER_KEYS.keys() & set(c.keys)]
        assert await guest.publishes(*anothers) == anothers
        assert await contents(locked) == before
        for channel in owned:
            ack = await guest.nc.jetstream().publish(mine[channel], b"{}", timeout=5)
            assert ack.stream == ECHO_TABLE.stream_for(channel).name
        assert guest.refused == anothers
    stored = {name: last for name, (last, _) in (await contents(locked)).items()}
    assert sum(stored.values()) - sum(last for last, _ in before.values()) == len(owned)


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
    await eventually(lambda: has_letter(locked), what="a dead letter")
    before = await contents(locked)
    async with visitor(locked, role) as guest:
        assert await guest.publishes(*HOSTILE) == [subject.lower() for subject in HOSTILE]
    assert await contents(locked) == before
    assert (await echo.get("/readyz"))[0] == 200


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
        await all_sent(guest.nc)
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
