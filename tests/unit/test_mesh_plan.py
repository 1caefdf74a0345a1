"""From a plan to what is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jurymast.cli.mesh import processes
from jurymast.cli.mesh.plan import PLAN, Plan, Ports, Service, nats_conf, servers, services, stop_order
from jurymast.errors import Misconfigured

PORTS = Ports(nats=1, websocket=6, monitor=2, redis=3, services=(4, 5))
STATE = Path("/somewhere/.jurymast")
TWO = Plan(
    (Service("echo", "tests.echo", ("--loud",), {"JURYMAST_DATABASE": "x", "JURYMAST_MESH": "mine"}), Service("other", "other"))
)
SEEDS = {"echo": Path("/keys/echo.seed"), "other": Path("/keys/other.seed")}
KEYS = {role: f"U{role}" for role in TWO.access.roles}


def conf_at(state: Path) -> str:
    return nats_conf(TWO, PORTS, state, KEYS)


def test_services_are_told_where_everything_is_and_cannot_contradict_it() -> None:
    echo, other = services(TWO, PORTS, STATE, SEEDS)
    assert echo.command == (sys.executable, "-m", "tests.echo", "--loud")
    assert echo.environment == {
        "JURYMAST_DATABASE": "x",
        "JURYMAST_MESH": str(STATE),
        "JURYMAST_NATS_URL": "nats://127.0.0.1:1",
        "JURYMAST_NATS_SEED_FILE": "/keys/echo.seed",
        "JURYMAST_NATS_CA": "",
        "JURYMAST_REDIS_URL": "redis://127.0.0.1:3",
        "JURYMAST_HTTP_HOST": "127.0.0.1",
        "JURYMAST_HTTP_PORT": "4",
        "PYTHONUNBUFFERED": "1",
    }
    assert (other.port, other.probe.url, other.needs) == (5, "http://127.0.0.1:5", ("nats", "redis"))


def test_who_serves_is_stopped_after_who_asks() -> None:
    programs = (*servers(PORTS, STATE, Path("nats-server"), Path("redis-server")), *services(TWO, PORTS, STATE, SEEDS))
    assert stop_order(programs) == [["echo", "other"], ["redis"], ["nats"]]


def test_every_process_carries_the_mark_and_redis_keeps_it() -> None:
    nats, redis = servers(PORTS, STATE, Path("nats-server"), Path("redis-server"))
    assert nats.environment["JURYMAST_MESH"] == redis.environment["JURYMAST_MESH"] == str(STATE)
    assert redis.command[redis.command.index("--set-proc-title") + 1] == "no"
    assert redis.command[redis.command.index("--bind") + 1] == "127.0.0.1"


def test_nats_syncs_always_and_listens_on_loopback_only() -> None:
    conf = conf_at(STATE)
    assert "sync_interval: always" in conf
    assert 'listen: "127.0.0.1:1"' in conf
    assert 'http: "127.0.0.1:2"' in conf
    assert '{"listen": "127.0.0.1:6"' in conf
    assert KEYS["echo"] in conf
    assert "max_payload: 1MB" in conf


@pytest.mark.parametrize(
    ("path", "quoted"), [('/a "b"', r'"/a \"b\"/nats"'), ("/a\\b", r'"/a\\b/nats"'), ("/ü $x", '"/ü $x/nats"')]
)
def test_any_path_survives_the_configuration(path: str, quoted: str) -> None:
    assert f"store_dir: {quoted}\n" in conf_at(Path(path))


def test_a_path_that_cannot_be_written_into_a_configuration_is_refused() -> None:
    with pytest.raises(Misconfigured, match="control characters"):
        conf_at(Path("/a\nb"))


def test_names_are_unique() -> None:
    with pytest.raises(ValueError, match="unique: nats"):
        PLAN.with_services(Service("nats", "x"))


def test_a_setting_from_a_file_in_the_callers_shell_gives_way_to_ours() -> None:
    inherited = {"HOME": "/", "JURYMAST_NATS_URL": "theirs", "JURYMAST_NATS_URL_FILE": "/theirs", "JURYMAST_KEY_FILE": "/key"}
    made = processes.environment(inherited, {"JURYMAST_NATS_URL": "ours"})
    assert made == {"HOME": "/", "JURYMAST_NATS_URL": "ours", "JURYMAST_KEY_FILE": "/key"}
    assert processes.environment({"JURYMAST_NATS_SEED": "x"}, {"JURYMAST_NATS_SEED_FILE": "/y"}) == {
        "JURYMAST_NATS_SEED_FILE": "/y"
    }


@pytest.mark.parametrize(
    ("code", "text"), [(0, "ended with exit code 0"), (2, "ended with exit code 2 (misconfigured)"), (-9, "killed by SIGKILL")]
)
def test_exits_in_words(code: int, text: str) -> None:
    assert processes.exit_text(code) == text
