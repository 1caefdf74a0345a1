"""What slither finds in the contracts, and how the sources answer it.

An answer stands above the line that it is about: `// slither-disable-next-line reentrancy-events (the reason)`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from tests.contracts import tools

SHORTEST_REASON = 15
OPTIONS = (
    "--skip-clean",
    "--exclude-dependencies",
    # Packages say which versions they can be compiled with, we say with which one. And abstract contracts are meant to be parts.
    "--exclude=pragma,unimplemented-functions",
    "--warn-unused-ignores",
    "--fail-none",
)
# It compiles everything anew each time, and must not do so where the tests are compiled.
OUTPUT = {"FOUNDRY_OUT": "out/slither", "FOUNDRY_CACHE_PATH": "out/slither/cache"}

_ANSWER = re.compile(r"//\s*slither-disable-\S+\s*(?P<checks>\S*)\s*(?P<reason>.*)")


class Finding(NamedTuple):
    check: str
    text: str


class Crashed(Exception):
    """It did not get as far as an answer."""

    def __init__(self, output: str) -> None:
        super().__init__(output)
        self.output = output


class _Detected(msgspec.Struct):
    check: str
    description: str
    unused_ignores: list[dict[str, Any]] = []


class _Results(msgspec.Struct):
    detectors: list[_Detected] = []


class _Report(msgspec.Struct):
    success: bool
    error: str | None
    results: _Results


def findings(root: Path) -> list[Finding]:
    """Those without an answer, and answers without a finding."""
    with tempfile.TemporaryDirectory() as directory:
        written = Path(directory) / "report.json"
        output = tools.run(root, "slither", ".", *OPTIONS, "--json", str(written), **OUTPUT)
        if not written.exists():
            raise Crashed(output)
        report = msgspec.json.decode(written.read_bytes(), type=_Report)
    if not report.success:
        raise Crashed(report.error or output)
    return [Finding(found.check, _text(found)) for found in report.results.detectors]


def unreasoned(root: Path) -> Iterator[str]:
    """Answers that give no reason, or that would answer everything."""
    for path in sorted(root.glob("src/**/*.sol")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            answer = _ANSWER.search(line)
            if answer and (answer["checks"] in {"", "all"} or len(answer["reason"]) < SHORTEST_REASON):
                yield f"{path.relative_to(root)}:{number}"


def _text(found: _Detected) -> str:
    unused = [f"{Path(answer['file']).name}:{answer['line']}" for answer in found.unused_ignores]
    return "\n".join([found.description.strip(), *unused])
