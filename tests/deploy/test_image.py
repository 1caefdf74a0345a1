"""The image by itself: what is in it, what is not, and as whom it runs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.deploy.stack import Stack
from tests.servers import ROOT

_INSTALLED = """
import json
import importlib.metadata as metadata
print(json.dumps([(d.name, d.version) for d in metadata.distributions() if d.locate_file("").is_relative_to("/opt/jurymast")]))
"""
ALONE = ("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL")


def run(built: Stack, *command: str) -> str:
    return built.engine.said(*ALONE, built.environment["JURYMAST_IMAGE"], *command)


def test_compose_has_nothing_to_say_about_the_shipped_file(built: Stack) -> None:
    shipped = str(ROOT / "docker-compose.yml")
    checked = built.engine.docker("compose", "--file", shipped, "--profile", "*", "config", "--quiet")
    assert (checked.returncode, checked.stderr) == (0, "")


def test_it_runs_without_root_and_without_a_writable_file(built: Stack) -> None:
    assert run(built, "jurymast", "--version").startswith("jurymast, version ")
    assert run(built, "sh", "-c", "id -u; id -g").split() == ["10001", "10001"]


def test_tini_is_the_first_process_and_hands_on_signals_and_exit_codes(built: Stack) -> None:
    assert "tini" in run(built, "sh", "-c", "read -r line </proc/1/cmdline; echo $line")
    ended = built.engine.docker(*ALONE, built.environment["JURYMAST_IMAGE"], "python", "-m", "jurymast.cli", "nonsense")
    assert ended.returncode == 2


def test_it_says_how_it_is(built: Stack) -> None:
    config = json.loads(built.engine.said("image", "inspect", built.environment["JURYMAST_IMAGE"]))[0]["Config"]
    assert "/opt/jurymast/healthcheck.py" in config["Healthcheck"]["Test"]
    alone = built.engine.docker(*ALONE, built.environment["JURYMAST_IMAGE"], *config["Healthcheck"]["Test"][1:])
    assert alone.returncode == 1
    assert alone.stderr.startswith("no answer from /readyz: ")


def test_it_holds_what_runs_and_nothing_of_building_and_testing(built: Stack) -> None:
    lock = (ROOT / "requirements-runtime.lock").read_text(encoding="ascii")
    locked = {canonicalize_name(name): version for name, version in re.findall(r"^([^ =]+)==([^ ;]+)", lock, re.MULTILINE)}
    installed = {canonicalize_name(name): version for name, version in json.loads(run(built, "python", "-c", _INSTALLED))}
    assert installed.pop(canonicalize_name("jurymast"))
    assert installed.items() <= locked.items()
    assert {"nats-py", "faststream", "msgspec", "opentelemetry-sdk"} <= installed.keys()
    programs = set(run(built, "ls", "/opt/jurymast/bin", "/usr/local/bin").split())
    assert {"python", "jurymast", "tini"} <= programs
    assert not programs & {"gcc", "cc", "make", "hatchling", "uv", "pytest", "mypy", "nats-server", "redis-server"}


def test_the_certificates_of_the_building_machine_stay_there(built: Stack) -> None:
    bundle = Path(built.environment["JURYMAST_BUILD_CA"])
    size = str(bundle.stat().st_size or -1)
    assert run(built, "find", "/opt", "/data", "/run", "-type", "f", "-size", f"{size}c") == ""
    assert "CERTIFICATE" not in built.engine.said("history", "--no-trunc", built.environment["JURYMAST_IMAGE"])
