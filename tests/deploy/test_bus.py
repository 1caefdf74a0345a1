"""Who gets into NATS as it is deployed, with the keys that were made for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from nats.aio.client import Client
from nats.errors import Error

from jurymast.cli.commands.keys import deployment
from jurymast.cli.keys import KeyDirectory
from jurymast.permissions import inbox
from tests.deploy.stack import Stack, eventually

REFUSED = "Authorization Violation"
ANSWER_S = 10
BACK_S = 60
TCP, WEBSOCKET = ("nats", "4222"), ("ws", "4223")
HELD: Mapping[str, set[str]] = {
    "prepare": set(),
    "nats": {"nats"},
    "redis": {"redis.conf"},
    "provision": {"provisioner.seed"},
    "health-monitor": {"health-monitor.seed", "observer.key"},
    "mirror": {"mirror.seed"},
    "nonce-guard": {"nonce-guard.seed", "guard.key"},
}
"""What of the directory of secrets each container sees."""


def secrets(stack: Stack) -> Path:
    return Path(stack.environment["JURYMAST_SECRETS"])


def seed(stack: Stack, role: str) -> str:
    return (secrets(stack) / f"{role}.seed").read_text().strip()


def kept(stack: Stack) -> dict[str, str]:
    """What the directory of secrets holds."""
    return {path.name: path.read_text() for path in secrets(stack).rglob("*") if path.is_file()}


def reload(stack: Stack) -> None:
    stack.compose("exec", "nats", "kill", "-HUP", "1")


def answer(stack: Stack, way: tuple[str, str], role: str = "", **login: str) -> str:
    """Why NATS does not let this one in; empty if it does."""
    scheme, port = way
    address = stack.compose("port", "nats", port)
    assert address.startswith("127.0.0.1:")
    return asyncio.run(_answer(f"{scheme}://{address}", inbox(role).encode(), login))


async def _answer(url: str, inboxes: bytes, login: dict[str, str]) -> str:
    nc = Client()
    options: dict[str, Any] = {"allow_reconnect": False, "max_reconnect_attempts": 1, "connect_timeout": ANSWER_S, **login}
    try:
        await nc.connect(url, error_cb=_ignored, inbox_prefix=inboxes, **options)
    except Error as error:
        return str(error)
    else:
        return ""
    finally:
        await nc.close()  # Also what did not come about.


async def _ignored(_: Exception) -> None:
    pass


@pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float'.*:DeprecationWarning")  # Of the client's websocket.
@pytest.mark.parametrize("way", [TCP, WEBSOCKET], ids=["tcp", "websocket"])
def test_nats_is_published_to_this_machine_and_lets_nobody_in_without_a_key_of_this_deployment(
    way: tuple[str, str], stack: Stack, tmp_path: Path
) -> None:
    strange = KeyDirectory(tmp_path / "strange")
    strange.make(["external"])
    assert answer(stack, way, "external", nkeys_seed_str=seed(stack, "external")) == ""
    for login in ({}, {"token": "x"}, {"nkeys_seed": str(strange.file("external"))}):
        assert REFUSED in answer(stack, way, "external", **login)


def test_operators_see_the_streams_and_no_one_without_their_seed_does(stack: Stack) -> None:
    assert "exactly what the table says" in stack.compose("run", "--rm", "operator", "streams", "diff")
    without = ("run", "--rm", "--env", "JURYMAST_NATS_SEED_FILE=", "operator", "streams", "diff")
    done = stack.tried(*without)
    assert done.returncode == 1
    assert "NATS asks for a key, and there is none" in done.stderr


@pytest.mark.parametrize("service", HELD)
def test_a_container_sees_the_secrets_that_are_its_own_and_cannot_change_them(service: str, stack: Stack) -> None:
    (container,) = stack.containers(service)
    held = {Path(mount["Source"]): mount["RW"] for mount in container["Mounts"]}
    mine = {path.relative_to(secrets(stack)): writable for path, writable in held.items() if path.is_relative_to(secrets(stack))}
    assert {str(path) for path in mine} == HELD[service]
    assert not any(mine.values())


def test_the_operator_sees_its_seed_only(stack: Stack) -> None:
    assert stack.compose("run", "--rm", "--entrypoint", "ls", "operator", "/run/secrets") == "nats.seed"
    shown = stack.compose("run", "--rm", "--entrypoint", "cat", "operator", "/run/secrets/nats.seed")
    assert shown == seed(stack, "operator")


def test_secrets_are_files_of_one_user_and_shown_nowhere(stack: Stack) -> None:
    assert {path.stat().st_mode & 0o777 for path in secrets(stack).rglob("*") if path.is_file()} == {0o600}
    shown = json.dumps([stack.container(name) for name in HELD]) + stack.compose("logs", "--no-color")
    shown += "".join(stack.get(container["Id"], "/healthz")[1] for container in stack.containers("health-monitor"))
    private = [text.split()[-1] for name, text in kept(stack).items() if name != "nats.conf"]
    assert len(private) == len(deployment().roles) + len({"observer.key", "guard.key", "redis.conf"})
    assert not [secret for secret in private if secret in shown]


def test_redis_asks_for_its_password(stack: Stack) -> None:
    assert "NOAUTH" in stack.compose("exec", "redis", "redis-cli", "ping")


def test_redis_that_answers_with_an_error_is_not_healthy(stack: Stack) -> None:
    password, (_, check) = kept(stack)["redis.conf"].split()[1], stack.container("redis")["Config"]["Healthcheck"]["Test"]
    for old, new, code in ((password, "another", 1), ("another", password, 0)):
        stack.compose("exec", "--env", f"REDISCLI_AUTH={old}", "redis", "redis-cli", "config", "set", "requirepass", new)
        assert stack.tried("exec", "redis", "sh", "-c", check).returncode == code


def test_a_key_that_is_replaced_holds_from_the_reload_on_and_disturbs_nobody(stack: Stack) -> None:
    monitor, old, before = stack.container("health-monitor"), seed(stack, "external"), kept(stack)
    (secrets(stack) / "external.seed").unlink()
    stack.compose("run", "--rm", "keys")
    new = seed(stack, "external")
    assert {name for name, text in kept(stack).items() if text != before[name]} == {"external.seed", "nats.conf"}
    assert REFUSED in answer(stack, TCP, "external", nkeys_seed_str=new)
    reload(stack)
    eventually(lambda: answer(stack, TCP, "external", nkeys_seed_str=new) == "", ANSWER_S, "the new key known")
    assert REFUSED in answer(stack, TCP, "external", nkeys_seed_str=old)
    assert "exactly what the table says" in stack.compose("run", "--rm", "operator", "streams", "diff")
    assert stack.get(monitor["Id"], "/readyz") == (200, "ok")
    assert stack.container("health-monitor")["State"]["Pid"] == monitor["State"]["Pid"]


def test_when_all_seeds_are_replaced_services_come_back_with_theirs(stack: Stack) -> None:
    before, monitor, old = kept(stack), stack.container("health-monitor"), seed(stack, "operator")
    stack.compose("run", "--rm", "keys", "--force")
    after = kept(stack)
    assert {name for name in after if after[name] == before[name]} == {"observer.key", "guard.key", "redis.conf"}
    reload(stack)
    eventually(lambda: stack.container("health-monitor")["RestartCount"] > monitor["RestartCount"], BACK_S, "a restart")
    eventually(lambda: stack.health("health-monitor") == ["healthy"], BACK_S, "the health-monitor healthy again")
    assert "exactly what the table says" in stack.compose("run", "--rm", "operator", "streams", "diff")
    assert REFUSED in answer(stack, TCP, "operator", nkeys_seed_str=old)


def test_keys_that_cannot_be_made_leave_those_that_are(stack: Stack) -> None:
    before = kept(stack)
    failed = stack.tried("run", "--rm", "keys", "--observer", "nobody")
    assert (failed.returncode, kept(stack)) == (1, before)
    assert "jurymast: observer " in failed.stderr
