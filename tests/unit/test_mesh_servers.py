"""What the answers of servers and services mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from jurymast.cli.mesh.decide import Health
from jurymast.cli.mesh.plan import Probe
from jurymast.cli.mesh.servers import judge_document, judge_nats, judge_redis, judge_service
from jurymast.cli.mesh.state import Identity, Mesh, Record, StateDirectory
from jurymast.errors import Misconfigured

WELL = Health(alive=True, ready=True)


@pytest.mark.parametrize(
    ("status", "body", "health"),
    [
        (200, '{"status":"ok"}', WELL),
        (500, '{"status":"error","error":"not ready for connections"}', Health(True, False, "not ready for connections")),
        (503, '{"status":"unavailable","error":"no space left on device"}', Health(False, False, "no space left on device")),
        (503, "<html>", Health(False, False, "<html>")),
        (404, "{}", Health(False, False, "/healthz answers 404")),
    ],
)
def test_nats(status: int, body: str, health: Health) -> None:
    assert judge_nats(status, body) == health


@pytest.mark.parametrize(
    ("reply", "health"),
    [("+PONG", WELL), ("-LOADING Redis is loading", Health(True, False, "LOADING Redis is loading"))],
)
def test_redis(reply: str, health: Health) -> None:
    assert judge_redis(reply) == health


@pytest.mark.parametrize(
    ("live", "ready", "health"),
    [
        ((200, "ok"), (200, "ok"), WELL),
        ((200, "ok"), (503, "nats: no answer\nstore: locked\n"), Health(True, False, "nats: no answer; store: locked")),
        ((200, "ok"), (503, ""), Health(True, False, "/readyz answers 503")),
        ((500, "stuck"), (200, "ok"), Health(False, False, "/livez answers 500: stuck")),
    ],
)
def test_services(live: tuple[int, str], ready: tuple[int, str], health: Health) -> None:
    assert judge_service(live, ready) == health


def test_health_documents() -> None:
    checks = '[{"name":"a","ok":true},{"name":"b","ok":false,"reason":"why"},{"name":"c","ok":false,"reason":"so"}]'
    body = f'{{"service":"s","instance":"i","version":"1","started_ms":0,"ready":false,"http_port":1,"checks":{checks},"more":1}}'
    assert judge_document(503, body) == Health(True, False, "b: why; c: so")
    assert judge_document(200, "") == WELL
    assert judge_document(500, "oh\nno") == Health(True, False, "/healthz answers 500: oh; no")


def test_a_mesh_reads_back_from_its_file(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    record = Record(
        name="nats",
        kind="server",
        port=1,
        probe=Probe("nats", "http://127.0.0.1:2"),
        state="ready",
        reason="",
        restarts=0,
        identity=Identity(7, 1.5),
    )
    mesh = Mesh(supervisor=Identity(6, 1.25), state="ready", nats_url="n", monitor_url="m", redis_url="r", processes=(record,))
    assert state.load() is None
    state.save(mesh)
    assert state.load() == mesh
    assert mesh.ended().record("nats").identity is None
    with pytest.raises(Misconfigured, match="no service 'moon' in this mesh: it has nats"):
        mesh.record("moon")
    state.mesh_file.write_text('{"version": 2}')
    with pytest.raises(Misconfigured, match="cannot read"):
        state.load()
