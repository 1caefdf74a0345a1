"""Forge: what it compiles, and what it says of each test."""

from __future__ import annotations

import fcntl
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.npm import PROJECT, environment, program

TIMEOUT_S = 1800


class Failed(Exception):
    """Forge did not get as far as the tests."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class Verdict(NamedTuple):
    suite: str
    test: str
    failure: str | None
    idle: tuple[str, ...]
    """What a campaign called, and what did nothing each time: as if it had not been called."""
    gas: dict[str, int]


class _Calls(msgspec.Struct):
    calls: int
    reverts: int
    discards: int


class _Campaign(msgspec.Struct):
    metrics: dict[str, _Calls] = {}


class _Kind(msgspec.Struct):
    campaign: _Campaign = msgspec.field(name="Invariant", default_factory=_Campaign)


class _Test(msgspec.Struct):
    status: str
    kind: _Kind
    gas_snapshots: dict[str, dict[str, int]]
    reason: str | None = None
    counterexample: dict[str, Any] | None = None


class _Suite(msgspec.Struct):
    test_results: dict[str, _Test]


def build(root: Path = PROJECT, *options: str, **variables: str) -> None:
    """Compiles what has changed."""
    output = root / "out"
    output.mkdir(exist_ok=True)
    with (output / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
        done = run(root, "build", *options, **variables)
    if done.returncode != 0:
        raise Failed(done.stderr + done.stdout)


def verdicts(root: Path = PROJECT, *options: str, **variables: str) -> tuple[Verdict, ...]:
    """Runs the tests that the options select: at least one."""
    build(root, **variables)
    done = run(root, "test", "--json", *options, **variables)
    try:
        suites = msgspec.json.decode(done.stdout, type=dict[str, _Suite], strict=False)
    except msgspec.DecodeError:
        raise Failed(done.stderr + done.stdout) from None
    return tuple(
        _verdict(suite, name, result) for suite, results in suites.items() for name, result in results.test_results.items()
    )


def run(root: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [program("forge"), *options]
    return subprocess.run(
        command, cwd=root, env=environment() | variables, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def _verdict(suite: str, name: str, result: _Test) -> Verdict:
    idle = tuple(
        target for target, count in result.kind.campaign.metrics.items() if count.calls == count.reverts + count.discards
    )
    gas = {line: used for lines in result.gas_snapshots.values() for line, used in lines.items()}
    return Verdict(suite, name, _failure(result), idle, gas)


def _failure(result: _Test) -> str | None:
    """A test that was skipped has shown nothing."""
    if result.status == "Success":
        return None
    calls = [f"\n  {call['func_name'] or ''}({call['args']})" for call in _counterexample(result.counterexample or {})]
    return f"{result.status}: {result.reason}{''.join(calls)}"


def _counterexample(found: dict[str, Any]) -> list[dict[str, Any]]:
    match found:
        case {"Single": call}:
            return [call]
        case {"Sequence": [_, calls]}:
            return list(calls)
    return []
