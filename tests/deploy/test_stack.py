"""The deployment brought up, looked into, hurt and scaled. Every wait is bounded; nothing is assumed about how fast it is."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.stack import Stack, eventually

UP_WITHIN_S = 30
JOBS = ("prepare", "provision")
RUNNING = ("nats", "redis", "health-monitor", "mirror", "nonce-guard")
SERVICES = ("health-monitor", "mirror", "nonce-guard")
BACK_S = 60


def test_everything_is_healthy_and_the_jobs_are_done(stack: Stack) -> None:
    assert {service: stack.health(service) for service in RUNNING} == {service: ["healthy"] for service in RUNNING}
    assert {job: stack.container(job)["State"]["ExitCode"] for job in JOBS} == dict.fromkeys(JOBS, 0)


def test_it_is_up_in_time(seconds_up: float) -> None:
    assert seconds_up < UP_WITHIN_S


@pytest.mark.parametrize("service", SERVICES)
def test_every_health_endpoint_answers(service: str, stack: Stack) -> None:
    container = stack.container(service)["Id"]
    assert stack.get(container, "/livez") == (200, "ok")
    assert stack.get(container, "/readyz") == (200, "ok")
    status, document = stack.get(container, "/healthz")
    assert (status, json.loads(document)["service"], json.loads(document)["ready"]) == (200, service, True)
    status, metrics = stack.get(container, "/metrics")
    assert status == 200
    assert "# TYPE jurymast_" in metrics


# -- contained ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", RUNNING)
def test_a_container_can_do_no_more_than_it_needs(service: str, stack: Stack) -> None:
    container = stack.container(service)
    status = _status(stack, container["Id"])
    assert "0" not in status["Uid"].split()
    assert "0" not in status["Gid"].split()
    assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert status["NoNewPrivs"] == "1"
    assert "Read-only file system" in stack.engine.docker("exec", container["Id"], "sh", "-c", ": >/planted").stderr
    limits = container["HostConfig"]
    assert min(limits["Memory"], limits["NanoCpus"], limits["PidsLimit"]) > 0
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"


def _status(stack: Stack, container: str) -> dict[str, str]:
    """Of its first process. The NATS image has a shell and little else."""
    text = stack.engine.said("exec", container, "sh", "-c", 'while read -r line; do echo "$line"; done </proc/1/status')
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def test_a_service_writes_to_its_scratch_directory_only(stack: Stack) -> None:
    code = "from pathlib import Path; Path('/tmp/x').write_text('x'); Path('/opt/jurymast/x').write_text('x')"
    done = stack.engine.docker("exec", stack.container("health-monitor")["Id"], "python", "-c", code)
    assert "Read-only file system: '/opt/jurymast/x'" in done.stderr


def test_redis_is_on_a_network_of_its_own_and_only_the_way_to_providers_leads_out(stack: Stack) -> None:
    networks = {service: _networks(stack, service) for service in RUNNING}
    assert networks["redis"] == {"store": True}
    assert networks["health-monitor"] == {"bus": True, "outside": False}
    assert networks["nats"] == {"bus": True, "edge": False}


def _networks(stack: Stack, service: str) -> dict[str, bool]:
    """And whether each is internal."""
    inspected = json.loads(stack.engine.said("network", "inspect", *stack.container(service)["NetworkSettings"]["Networks"]))
    return {network["Labels"]["com.docker.compose.network"]: network["Internal"] for network in inspected}


# -- hurt --------------------------------------------------------------------------------------------------------------


def _kill(container: dict[str, Any]) -> None:
    """From outside, as the kernel does when memory is short: `docker kill` counts as stopped by hand, and nothing returns."""
    try:
        os.kill(container["State"]["Pid"], signal.SIGKILL)
    except (PermissionError, ProcessLookupError):
        pytest.skip("the engine's processes are not ours to kill: it runs elsewhere, or we are not root")


@pytest.mark.parametrize("service", ["health-monitor", "nats"])
def test_what_is_killed_comes_back(service: str, stack: Stack) -> None:
    before = stack.container(service)
    _kill(before)
    eventually(lambda: stack.container(service)["RestartCount"] > before["RestartCount"], BACK_S, f"a restart of {service}")
    eventually(
        lambda: {*stack.health(service), *stack.health("health-monitor")} == {"healthy"}, BACK_S, f"{service} healthy again"
    )
    assert "exactly what the table says" in stack.compose("run", "--rm", "operator", "streams", "diff")


def test_a_frozen_nats_shows_in_readiness_and_passes(stack: Stack) -> None:
    monitor = stack.container("health-monitor")
    stack.compose("pause", "nats")
    try:
        eventually(lambda: stack.get(monitor["Id"], "/readyz")[0] == 503, BACK_S, "not ready")
        assert "nats:" in stack.get(monitor["Id"], "/readyz")[1]
        assert stack.get(monitor["Id"], "/livez")[0] == 200
    finally:
        stack.compose("unpause", "nats")
    eventually(lambda: stack.get(monitor["Id"], "/readyz")[0] == 200, BACK_S, "ready again")
    eventually(lambda: stack.health("nats") == ["healthy"], BACK_S, "NATS healthy again")
    assert stack.container("health-monitor")["State"]["Pid"] == monitor["State"]["Pid"], "it waits for NATS instead of ending"


# -- scaled ------------------------------------------------------------------------------------------------------------


def test_a_service_scales_and_shrinks(stack: Stack) -> None:
    stack.up("--no-recreate", "--scale", "health-monitor=3")
    assert stack.health("health-monitor") == ["healthy"] * 3
    documents = [json.loads(stack.get(container["Id"], "/healthz")[1]) for container in stack.containers("health-monitor")]
    assert len({document["instance"] for document in documents}) == 3
    stack.up("--no-recreate", "--scale", "health-monitor=1")
    assert stack.health("health-monitor") == ["healthy"]


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(stack: Stack) -> Iterator[Stack]:
    """A second deployment on the same engine."""
    second = replace(stack, name=f"{stack.name}-other")
    yield second
    second.down()
    assert second.left() == ""


def test_a_port_that_is_taken_is_named_and_disturbs_nobody(other: Stack, stack: Stack) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = str(taken.getsockname()[1])
        second = replace(other, environment={**other.environment, "JURYMAST_NATS_ADDRESS": f"127.0.0.1:{port}"})
        failed = second.tried("up", "--wait", "nats", within_s=BACK_S)
    assert failed.returncode != 0
    assert port in failed.stderr
    assert "address already in use" in failed.stderr
    assert stack.health("nats") == ["healthy"]


@pytest.mark.parametrize(
    "missing", ["nats", "redis.conf", "observer.key", "health-monitor.seed", "provisioner.seed", "operator.seed"]
)
def test_a_secret_that_is_missing_is_named_before_anything_starts(missing: str, other: Stack, tmp_path: Path) -> None:
    for path in Path(other.environment["JURYMAST_SECRETS"]).iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    second = replace(other, environment={**other.environment, "JURYMAST_SECRETS": str(tmp_path)})
    command = ["run", "--no-deps", "operator"] if missing == "operator.seed" else ["up", "--wait"]
    failed = second.tried(*command, within_s=BACK_S)
    assert failed.returncode != 0
    assert f"{tmp_path}/{missing}" in failed.stderr
    assert not [ran for name in (*JOBS, *RUNNING) for ran in second.containers(name) if ran["State"]["Status"] != "created"]
