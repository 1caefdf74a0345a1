"""When `.venv` is made, and when anew: with an interpreter that installs nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.static.tools import ROOT

INTERPRETER = """#!/bin/sh
case "$*" in
  "-m venv --clear .venv") rm -rf .venv && mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  --version) echo Python ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    directory = tmp_path / "checkout"
    (directory / "deploy").mkdir(parents=True)
    for name in ("requirements.lock", "pyproject.toml", "deploy/venv.sh"):
        shutil.copy(ROOT / name, directory / name)
    (tmp_path / "bin").mkdir()
    for name in ("python3", "uv"):
        (tmp_path / "bin" / name).write_text(INTERPRETER)
        (tmp_path / "bin" / name).chmod(0o700)
    return directory


def ensure_venv(checkout: Path) -> str:
    command = ["bash", "-euo", "pipefail", "-c", "source deploy/venv.sh && ensure_venv"]
    environment = {"PATH": f"{checkout.parent / 'bin'}:/usr/bin:/bin"}
    return subprocess.run(command, cwd=checkout, env=environment, capture_output=True, text=True, check=True, timeout=30).stderr


def test_it_is_made_once(checkout: Path) -> None:
    assert "preparing .venv" in ensure_venv(checkout)
    assert ensure_venv(checkout) == ""


def test_a_new_lock_is_installed_into_the_same(checkout: Path) -> None:
    ensure_venv(checkout)
    (checkout / ".venv" / "kept").touch()
    with (checkout / "requirements.lock").open("a") as lock:
        lock.write("another==1\n")
    assert "installing" in ensure_venv(checkout)
    assert (checkout / ".venv" / "kept").exists()


def test_a_copied_checkout_gets_its_own(checkout: Path) -> None:
    ensure_venv(checkout)
    (checkout / ".venv" / "of-the-original").touch()
    copy = checkout.parent / "copy"
    shutil.copytree(checkout, copy)
    assert "preparing .venv" in ensure_venv(copy)
    assert not (copy / ".venv" / "of-the-original").exists()
    assert ensure_venv(copy) == ""
