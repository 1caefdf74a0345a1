"""The README's commands, run as they stand there."""

from __future__ import annotations

import asyncio
import re
import shlex
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.servers import ROOT, Process, eventually

BLOCKS = re.findall(r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
FIRST, WHILE_IT_RUNS = ([line.split("#")[0].strip() for line in block.splitlines()] for block in BLOCKS[:2])
TAIL = next(command for command in WHILE_IT_RUNS if " tail" in command)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "state"
    monkeypatch.setenv("JURYMAST_STATE", str(directory))
    return directory


@pytest.fixture
async def mesh(state: Path, tmp_path: Path) -> AsyncIterator[Process]:
    assert FIRST[0] == "./run"
    started = Process(*shlex.split(FIRST[0]), log=tmp_path / "run.log")
    try:
        await eventually(lambda: _says(started, "ready in "), 60, what="./run")
        yield started
    finally:
        started.send(signal.SIGINT)
        try:
            assert await started.wait(40) == 0
        finally:
            started.end()


async def _says(process: Process, text: str) -> bool:
    assert process.popen.poll() is None, process.log.read_text()
    return text in process.log.read_text()


def run(command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        shlex.split(command), cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )  # `./test` reads thousands.


async def test_the_mesh_runs_and_every_command_beside_it_works(mesh: Process, tmp_path: Path) -> None:
    assert len(WHILE_IT_RUNS) >= 6
    for command in WHILE_IT_RUNS:
        if command != TAIL:
            await eventually(_ready, 30, what="readiness after the last command")
            result = await asyncio.to_thread(run, command)
            assert result.returncode == 0, (command, result.stdout, result.stderr)
            assert result.stdout, command
    listening = Process(*shlex.split(TAIL), log=tmp_path / "tail.log")
    try:
        await eventually(lambda: _says(listening, "listening on >"), what=TAIL)
    finally:
        listening.end()


async def _ready() -> bool:
    return (await asyncio.to_thread(run, ".venv/bin/jurymast status")).returncode == 0


@pytest.fixture
def without_plugins_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """The inner run is a run of its own, not a worker of this one."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "PYTEST_CURRENT_TEST"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("without_plugins_options")
def test_the_test_command_runs_a_tier_and_names_one_it_does_not_know() -> None:
    assert FIRST[1] == "./test"
    result = run("./test unit -- -k no_sockets")
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"\d+ passed", result.stdout)
    result = run("./test --help")
    assert result.returncode == 0
    assert result.stdout.startswith("Runs the tests: ./test [TIER ...] [-- PYTEST OPTIONS].")
    assert result.stdout.splitlines()[-1].lstrip().startswith("bench")
    result = run("./test nothing")
    assert result.returncode == 2
    tiers = "static unit wire model mesh conformance contracts deploy bench"
    assert result.stderr == f"test: no tier 'nothing'; the tiers are: {tiers}\n"
