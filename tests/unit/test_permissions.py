"""Who may do what, before any server is asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from jurymast.errors import Misconfigured
from jurymast.messages import catalog
from jurymast.messages.channel import EACH_SERVICE, OPERATOR, AnyChannel, Channel, Message
from jurymast.messages.claims import NONCE_GUARD
from jurymast.messages.health import MONITOR, UNSIGNED
from jurymast.messages.intents import APPLICATION
from jurymast.nats_conf import MESH, Server, Tls, accounts, nats_conf
from jurymast.permissions import EXTERNAL, MEMBER_KEYS, PROVISIONER, Access, inbox, member_role, service_of
from jurymast.streams import MIB, SERVICES, TABLE, Bucket, ObjectStore, Stream, Table
from jurymast.subjects import covers
from tests.echo.access import ECHO_ACCESS
from tests.echo.messages import ASKER
from tests.echo.streams import ECHO_TABLE
from tests.watching import ADDRESSES

ACCESS = replace(ECHO_ACCESS, more_services=("mirror",), members={MONITOR: ADDRESSES[:2], NONCE_GUARD: ADDRESSES[3:5]})
MONITOR_1, GUARD_1 = member_role(MONITOR, ADDRESSES[1]), member_role(NONCE_GUARD, ADDRESSES[4])
KEYS = {role: f"U{role}" for role in ACCESS.roles}
SERVER = Server(listen="127.0.0.1:1", monitor="127.0.0.1:2", websocket="127.0.0.1:3", store="/data/nats")


def may_publish(role: str, subject: str) -> bool:
    return any(covers(pattern, subject) for pattern in ACCESS.permissions(role).publish)


def may_subscribe(role: str, subject: str) -> bool:
    return any(covers(pattern, subject) for pattern in ACCESS.permissions(role).subscribe)


def owned_by(channel: AnyChannel, role: str) -> bool:
    return service_of(role) in channel.owners or (EACH_SERVICE in channel.owners and role in ACCESS.logins)


# -- roles -------------------------------------------------------------------------------------------------------------


def test_services_are_those_that_own_consume_ask_or_answer_something_and_those_that_run() -> None:
    assert {ASKER, "echo", "mirror"} <= set(ACCESS.services)
    assert set(ACCESS.roles) - set(ACCESS.logins) == {OPERATOR, PROVISIONER, EXTERNAL}


def test_a_service_cannot_take_the_name_of_another_role() -> None:
    with pytest.raises(ValueError, match="no service can be called external"):
        replace(ACCESS, more_services=("external",))


def test_an_unknown_role_is_named() -> None:
    with pytest.raises(Misconfigured, match="there is no role nobody: there are application, asker, bridge, echo, "):
        ACCESS.permissions("nobody")


# -- what a role may publish -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channel", ACCESS.channels, ids=lambda channel: channel.name)
@pytest.mark.parametrize("role", ACCESS.roles)
def test_a_role_publishes_what_it_owns_and_nothing_else(role: str, channel: AnyChannel) -> None:
    mine = channel.wildcard_with(service=service_of(role), **dict.fromkeys(MEMBER_KEYS, ACCESS.address(role)))
    anothers = channel.wildcard_with(service="mirror2", **dict.fromkeys(MEMBER_KEYS, ADDRESSES[2]))
    assert may_publish(role, mine) == owned_by(channel, role)
    assert may_publish(role, anothers) == (service_of(role) in channel.owners and not MEMBER_KEYS.keys() & set(channel.keys))


def test_an_observer_publishes_observations_under_its_own_address_only() -> None:
    subjects = [f"health.observed.{address}" for address in ADDRESSES[:3]]
    for role, mine in ((MONITOR, 0), (MONITOR_1, 1)):
        assert [may_publish(role, subject) for subject in subjects] == [number == mine for number in range(3)]
        assert not may_publish(role, "health.observed.*")
        assert may_publish(role, "health.certified.x.halt")


def test_an_observer_tells_of_changes_in_its_own_name_only() -> None:
    for family in ("health.chain.changed.x", "health.provider.changed.x.acme-1"):
        subjects = [f"{family}.{name}" for name in (*ADDRESSES[:3], UNSIGNED)]
        assert [may_publish(MONITOR, subject) for subject in subjects] == [True, False, False, True]
        assert [may_publish(MONITOR_1, subject) for subject in subjects] == [False, True, False, False]


def test_a_guard_publishes_under_its_own_address_only() -> None:
    subjects = [f"guard.journal.{address}" for address in ADDRESSES[2:6]]
    for role, mine in ((NONCE_GUARD, 1), (GUARD_1, 2)):
        assert [may_publish(role, subject) for subject in subjects] == [number == mine for number in range(4)]
        assert not may_publish(role, "guard.journal.*")
        assert may_publish(role, "claims.intent.x.0.0")
        assert not may_publish(role, f"health.observed.{ADDRESSES[3]}")


def test_there_are_members_of_services_that_have_some() -> None:
    with pytest.raises(ValueError, match="there are no members of mirror"):
        replace(ACCESS, members={"mirror": ADDRESSES[:2]})


def test_without_observers_nobody_publishes_observations_and_the_monitor_still_tells_of_changes() -> None:
    access = replace(ACCESS, members={})
    assert "health.chain.changed.*.unsigned" in access.permissions(MONITOR).publish
    assert access.logins == access.services
    assert not [subject for role in access.roles for subject in access.permissions(role).publish if "observed" in subject]


def test_members_are_instances_of_one_service() -> None:
    assert ACCESS.logins_of(MONITOR) == (MONITOR, MONITOR_1)
    assert ACCESS.logins_of(NONCE_GUARD) == (NONCE_GUARD, GUARD_1)
    assert [service_of(role) for role in (MONITOR, MONITOR_1, "echo", OPERATOR)] == [MONITOR, MONITOR, "echo", OPERATOR]
    assert inbox(MONITOR_1) == inbox(MONITOR) == "_INBOX_health-monitor"
    for pair in ((MONITOR, MONITOR_1), (NONCE_GUARD, GUARD_1)):
        one, two = ({p for p in ACCESS.permissions(role).publish if p.startswith("$JS")} for role in pair)
        assert one == two


@pytest.mark.parametrize("role", [*ACCESS.logins, EXTERNAL])
def test_no_service_and_nobody_outside_can_make_change_or_empty_anything(role: str) -> None:
    for call in ("STREAM.CREATE.X", "STREAM.UPDATE.ECHO", "STREAM.DELETE.ECHO", "STREAM.PURGE.ECHO", "STREAM.MSG.DELETE.ECHO"):
        assert not may_publish(role, f"$JS.API.{call}")
    for call in ("CREATE.ECHO.x", "DURABLE.CREATE.ECHO.x", "DELETE.ECHO.echo-asked", "PAUSE.ECHO.echo-asked", "LIST.ECHO"):
        assert not may_publish(role, f"$JS.API.CONSUMER.{call}")
    for subject in ("$SYS.REQ.SERVER.PING", "$KV.settings.key", "$O.files.C.x", "stored.echo.answered.x", "anything"):
        assert not may_publish(role, subject)


@pytest.mark.parametrize("role", [OPERATOR, PROVISIONER])
def test_even_an_operator_deletes_nothing_but_dead_letters(role: str) -> None:
    for stream in ECHO_TABLE.compiled:
        for call in ("DELETE", "PURGE", "RESTORE", "SNAPSHOT"):
            assert not may_publish(role, f"$JS.API.STREAM.{call}.{stream.name}")
        for consumer in stream.consumers:
            assert not may_publish(role, f"$JS.API.CONSUMER.DELETE.{stream.name}.{consumer.name}")
    deletes = [subject for subject in ACCESS.permissions(role).publish if ".MSG.DELETE." in subject]
    assert deletes == (["$JS.API.STREAM.MSG.DELETE.DEAD"] if role == OPERATOR else [])


def test_a_service_reaches_its_own_consumers_only() -> None:
    for call in ("$JS.API.CONSUMER.MSG.NEXT", "$JS.API.CONSUMER.INFO", "$JS.ACK"):
        rest = ".1.1.1.1.0" if call == "$JS.ACK" else ""
        for stream, consumer in [("ECHO", "echo-asked"), ("REPLAYS", "replays-echo")]:
            assert may_publish("echo", f"{call}.{stream}.{consumer}{rest}")
            assert not may_publish(ASKER, f"{call}.{stream}.{consumer}{rest}")


def test_no_pattern_reaches_into_two_families() -> None:
    for role in ACCESS.roles:
        for pattern in ACCESS.permissions(role).publish:
            assert pattern.partition(".")[0] not in ("*", ">")
    assert ACCESS.permissions(EXTERNAL).publish == ()


# -- what a role may hear ----------------------------------------------------------------------------------------------


def test_services_hear_their_own_answers_and_the_questions_to_them() -> None:
    assert ACCESS.permissions("echo").subscribe == ("_INBOX_echo.>", "echo.count", "service.status")
    assert ACCESS.permissions(ASKER).subscribe == ("_INBOX_asker.>", "service.status")
    assert ACCESS.permissions(PROVISIONER).subscribe == ("_INBOX.>",)


def test_consumers_outside_hear_public_events_only() -> None:
    for channel in ACCESS.channels:
        assert may_subscribe(EXTERNAL, channel.wildcard) == channel.public
    for subject in (">", "*", "echo.>", "_INBOX.x", "_INBOX_external.x", "$SYS.>", "$JS.EVENT.>", "stored.>"):
        assert not may_subscribe(EXTERNAL, subject)


class Seen(Message, frozen=True, kw_only=True):
    at_ms: int


def test_a_public_event_needs_a_stream_that_republishes() -> None:
    """Whoever hears the subject itself also hears what its stream refuses."""
    channel = Channel("sight.seen", Seen, summary="s", owner="mirror", public=True)
    stream = Stream(name="SIGHT", subjects=("sight.seen",), summary="s", max_bytes=1, republish=True)
    assert Access(TABLE.with_streams(stream), (channel,), ()).public == (channel,)
    with pytest.raises(ValueError, match=r"sight\.seen is public, but its stream does not republish"):
        Access(TABLE.with_streams(replace(stream, republish=False)), (channel,), ())


def test_a_stream_cannot_take_what_others_republish() -> None:
    with pytest.raises(ValueError, match="LOOP: what others have stored cannot be stored again"):
        Table((Stream(name="LOOP", subjects=("stored.x",), summary="s", max_bytes=1),))
    assert SERVICES.config(1)["republish"] == {"src": ">", "dest": "stored.>"}


# -- buckets and object stores -----------------------------------------------------------------------------------------

STORES = replace(
    ECHO_ACCESS,
    table=replace(
        ECHO_TABLE,
        buckets=(Bucket(name="views", owner="echo", readers=(ASKER,), summary="b", max_bytes=MIB),),
        object_stores=(ObjectStore(name="cuts", owner=("echo", "cutter"), readers=("keeper",), summary="o", max_bytes=MIB),),
    ),
)


def touched(role: str, store: str) -> set[str]:
    """What it may send that has to do with this store."""
    return {subject for subject in STORES.permissions(role).publish if store in subject}


def test_owners_write_and_read_a_store_readers_read_it_and_others_do_neither() -> None:
    read = {"$JS.API.STREAM.INFO.KV_views", "$JS.API.STREAM.MSG.GET.KV_views", "$JS.API.DIRECT.GET.KV_views"}
    read |= {"$JS.API.DIRECT.GET.KV_views.>"}
    assert touched("echo", "views") == {"$KV.views.>", *read}
    assert touched(ASKER, "views") == read
    assert touched("cutter", "cuts") > {"$O.cuts.C.>", "$O.cuts.M.>"}
    assert touched("echo", "cuts") == touched("cutter", "cuts")
    assert touched("keeper", "cuts") == {subject for subject in touched("echo", "cuts") if subject.startswith("$JS.")}
    assert not touched("keeper", "views") | touched(ASKER, "cuts") | touched(MONITOR, "views") | touched(EXTERNAL, "views")


@pytest.mark.parametrize("role", STORES.logins)
def test_no_service_makes_or_empties_a_store_or_consumes_from_it(role: str) -> None:
    calls = ("CREATE", "UPDATE", "DELETE", "PURGE", "MSG.DELETE")
    for name in ("KV_views", "OBJ_cuts"):
        for subject in (*(f"STREAM.{call}.{name}" for call in calls), f"CONSUMER.CREATE.{name}", f"CONSUMER.CREATE.{name}.x"):
            assert not any(covers(pattern, f"$JS.API.{subject}") for pattern in STORES.permissions(role).publish)


def test_owners_and_readers_of_stores_are_services() -> None:
    assert {"cutter", "keeper"} <= set(STORES.services)


# -- the server's configuration ----------------------------------------------------------------------------------------


def _subjects(entries: list[dict[str, Any]], kind: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for entry in entries:
        if kind in entry:
            yield entry[kind], tuple(entry["accounts"])


def test_each_role_has_an_account_and_one_user() -> None:
    made = accounts(ACCESS, KEYS)
    assert list(made) == ["SYS", MESH, *ACCESS.logins, PROVISIONER, EXTERNAL]
    assert MONITOR_1 in made
    assert made["SYS"] == {}
    for name, account in list(made.items())[1:]:
        (user,) = account["users"]
        assert user["nkey"] == KEYS[OPERATOR if name == MESH else name]
        assert user["allowed_connection_types"] == ["STANDARD"] + (["WEBSOCKET"] if name == EXTERNAL else [])
        assert ("jetstream" in account) == (name == MESH)


def test_what_an_account_imports_is_exported_to_it_by_name() -> None:
    """The server would refuse it otherwise, and an export to everybody would be one to the hostile."""
    made = accounts(ACCESS, KEYS)
    for name, account in made.items():
        for entry in account.get("imports", []):
            ((kind, source),) = ((key, value) for key, value in entry.items() if key != "to")
            exported = dict(_subjects(made[source["account"]]["exports"], kind))
            assert name in exported[source["subject"]]
        for entry in account.get("exports", []):
            assert entry["accounts"]


@pytest.mark.parametrize("service", ACCESS.logins)
def test_a_service_may_send_exactly_what_crosses_over(service: str) -> None:
    imports = accounts(ACCESS, KEYS)[service]["imports"]
    sent = {entry["service"]["subject"] for entry in imports if "service" in entry}
    assert sent | {"_R_.>"} == set(ACCESS.permissions(service).publish)
    heard = {entry["stream"]["subject"] for entry in imports if "stream" in entry}
    assert heard == {subject for subject in ACCESS.permissions(service).subscribe if subject.startswith("stored.")}
    if service != APPLICATION:
        followed = [stream for stream in TABLE.streams if service_of(service) in stream.followers]
        assert heard == {f"stored.{subject}" for stream in followed for subject in stream.subjects}
    else:
        assert heard == {f"stored.{channel.wildcard}" for channel in ACCESS.public}


def test_questions_lead_to_all_who_answer_and_to_nobody_else() -> None:
    made = accounts(ACCESS, KEYS)
    asked = [e["service"] for e in made[MESH]["imports"]]
    assert [e["account"] for e in asked if e["subject"] == "service.status"] == list(ACCESS.logins)
    assert [e["account"] for e in asked if e["subject"] == "health.snapshot"] == [MONITOR, MONITOR_1]
    assert [e["account"] for e in asked if e["subject"] == "echo.count"] == ["echo"]
    assert [e["service"] for e in made[ASKER]["imports"] if e["service"]["account"] == "echo"] == [
        {"account": "echo", "subject": "echo.count"}
    ]


def test_only_pulls_pages_of_a_log_and_questions_have_many_answers() -> None:
    exports = [entry for account in accounts(ACCESS, KEYS).values() for entry in account.get("exports", []) if "service" in entry]
    many = {entry["service"] for entry in exports if entry.get("response_type") == "stream"}
    asked = {query.name for query in ACCESS.queries}
    assert {subject for subject in many if ".MSG.NEXT." not in subject} == asked | {
        f"$JS.API.DIRECT.GET.{stream.name}" for stream in TABLE.streams if stream.followers
    }
    assert {entry["threshold"] for entry in exports} == {"30s"}


def test_the_configuration_is_text_that_says_what_matters() -> None:
    conf = nats_conf(SERVER, ACCESS, KEYS)
    for line in ("sync_interval: always", "max_payload: 1MB", 'listen: "127.0.0.1:1"', 'http: "127.0.0.1:2"', "# No TLS."):
        assert line in conf
    assert 'websocket {"listen": "127.0.0.1:3", "compression": true, "no_tls": true}' in conf
    _, _, block = conf.partition("\naccounts ")
    assert json.loads(block) == accounts(ACCESS, KEYS)
    assert max(map(len, conf.splitlines())) <= 130


def test_with_tls_nothing_listens_without_it() -> None:
    conf = nats_conf(replace(SERVER, tls=Tls(cert="/tls/cert.pem", key="/tls/key.pem")), ACCESS, KEYS)
    pair = '"cert_file": "/tls/cert.pem", "key_file": "/tls/key.pem"'
    assert f'\ntls {{{pair}, "handshake_first": "auto"}}\n' in conf
    assert f'\nwebsocket {{"listen": "127.0.0.1:3", "compression": true, "tls": {{{pair}}}}}\n' in conf
    assert "no_tls" not in conf


def test_a_role_without_a_key_is_named() -> None:
    with pytest.raises(Misconfigured, match="no key for external"):
        nats_conf(SERVER, ACCESS, {role: key for role, key in KEYS.items() if role != EXTERNAL})


@pytest.mark.parametrize(("path", "quoted"), [('/a "b"', r'"/a \"b\""'), ("/a\\b", r'"/a\\b"'), ("/ü $x", '"/ü $x"')])
def test_any_path_survives_the_configuration(path: str, quoted: str) -> None:
    assert f"store_dir: {quoted}\n" in nats_conf(replace(SERVER, store=path), ACCESS, KEYS)


def test_a_path_that_cannot_be_written_into_a_configuration_is_refused() -> None:
    with pytest.raises(Misconfigured, match="control characters"):
        nats_conf(replace(SERVER, store="/a\nb"), ACCESS, KEYS)


def test_the_whole_catalog_has_a_configuration() -> None:
    access = Access(TABLE, tuple(catalog.channels()), tuple(catalog.queries()))
    assert nats_conf(SERVER, access, {role: f"U{role}" for role in access.roles})
