"""The README's Docker commands, run as they stand there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.deploy.stack import UP_S, Stack
from tests.servers import ROOT

FLAGS = re.MULTILINE | re.DOTALL
SECTION = re.search(r"^## With Docker\n.*?^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), FLAGS)
COMMANDS = [line.split("#")[0].strip() for line in SECTION[1].splitlines()] if SECTION else []


@pytest.fixture
def fresh(built: Stack, tmp_path: Path) -> Iterator[Stack]:
    """A deployment that has neither keys nor containers."""
    secrets = {"JURYMAST_SECRETS": str(tmp_path / "secrets")}
    another = replace(built, name=f"{built.name}-readme", environment={**built.environment, **secrets})
    yield another
    another.down()
    assert another.left() == ""


def test_its_commands_work_one_after_the_other(fresh: Stack) -> None:
    assert len(COMMANDS) >= 6
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        assert program == "docker"
        done = fresh.engine.docker(*arguments, within_s=UP_S, **fresh.variables())
        assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
    assert fresh.compose("ps", "--all", "--quiet") == ""
