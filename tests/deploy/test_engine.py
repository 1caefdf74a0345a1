"""Where an engine cannot be had, the reason is one line that says what is missing."""

from __future__ import annotations

import os
import platform
from pathlib import Path

import pytest

import tests.deploy.engine as module
from tests.deploy.debian import Packages, Unavailable
from tests.deploy.engine import engine


@pytest.fixture(autouse=True)
def nothing_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    monkeypatch.setattr(module, "CACHE", tmp_path / "cache")


def refusal() -> str:
    with pytest.raises(Unavailable) as refused, engine():
        pass
    return str(refused.value)


def test_only_root_starts_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert refusal() == "no Docker engine runs, and only root can start one"


def test_packages_are_only_fetched_on_debian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "other"})
    assert refusal() == "no Docker engine runs, and its packages are only fetched on Debian"


@pytest.fixture
def broken_apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    apt = tmp_path / "bin" / "apt-get"
    apt.parent.mkdir()
    apt.write_text(
        '#!/bin/sh\ncase "$*" in *indextargets*) echo bookworm main mirror;; *) echo "E: no way there" >&2; exit 100;; esac\n'
    )
    apt.chmod(0o755)
    monkeypatch.setenv("PATH", f"{apt.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"})
    return apt


@pytest.mark.usefixtures("broken_apt")
def test_a_mirror_that_is_away_is_named_and_nothing_half_done_is_kept(tmp_path: Path) -> None:
    packages = Packages(tmp_path / "cache")
    for _ in range(2):
        with pytest.raises(Unavailable, match=r"^could not fetch the package lists: E: no way there$"):
            packages.unpack("docker.io", into=tmp_path / "cache" / "engine")
