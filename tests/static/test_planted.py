"""The checks can fail: each is run, as it is run on this tree, on a tree with one planted mistake."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.static.tools import ROOT, SOURCE_ROOTS, Outcome, bash_syntax, lint_imports, mypy, ruff_check, ruff_format

IMPURE = "Pure modules import no I/O"
LAYERS = "Services import shared code only"
SHIPPED = "Nothing that is shipped imports the tests"

Plant = Callable[[str, str], Path]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy without data, caches and installed things: what the tools look at."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.hex", "node_modules", "target")
    for root in SOURCE_ROOTS:
        shutil.copytree(ROOT / root, tmp_path / root, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.fixture
def bare_tree(tmp_path: Path) -> Path:
    """The three roots with nothing in them, so that mypy has little to read."""
    for root in ("shared/jurymast", "services/jurymast/planted_service", "tests"):
        (tmp_path / root).mkdir(parents=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


IN_EACH_ROOT = ["shared/jurymast/planted.py", "services/jurymast/planted_service/app.py", "tests/planted.py"]


@pytest.mark.parametrize("tool", [ruff_check, ruff_format])
def test_ruff_reads_every_root(tool: Callable[[Path], Outcome], bare_tree: Path) -> None:
    for name in IN_EACH_ROOT:
        (bare_tree / name).write_text("import json\nx = [ 1 ]\n")
    outcome = tool(bare_tree)
    assert outcome.code == 1
    assert [name for name in IN_EACH_ROOT if name not in outcome.output] == []


def test_mypy_reads_every_root_strictly_and_types_cross_them(bare_tree: Path) -> None:
    shared, service, test = (bare_tree / name for name in IN_EACH_ROOT)
    shared.write_text("def half(n: int) -> int:\n    return n // 2\n\n\ndef untyped(n):\n    return n\n")
    service.write_text("from jurymast.planted import half\n\nhalf('1')\n")
    test.write_text("from jurymast.planted_service.app import half\n\nhalf('2')\n")
    outcome = mypy(bare_tree)
    assert outcome.code == 1
    assert f"{IN_EACH_ROOT[0]}:5: error: Function is missing a type annotation" in outcome.output
    assert f'{IN_EACH_ROOT[1]}:3: error: Argument 1 to "half" has incompatible type "str"' in outcome.output
    assert f'{IN_EACH_ROOT[2]}:1: error: Module "jurymast.planted_service.app" does not explicitly export' in outcome.output


def test_an_untouched_copy_keeps_the_import_rules(tree: Path) -> None:
    outcome = lint_imports(tree)
    assert outcome.code == 0, outcome.output


def _decide_modules() -> list[str]:
    found = [path for root in SOURCE_ROOTS for path in (ROOT / root).rglob("decide.py")]
    return sorted(str(path.relative_to(ROOT)) for path in found)


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("shared/jurymast/streams.py", "import jurymast.cli", LAYERS),
        ("shared/jurymast/errors.py", "import jurymast.telemetry", LAYERS),
        ("shared/jurymast/messages/channel.py", "from jurymast.bus import Bus", LAYERS),
        ("shared/jurymast/settings.py", "import tests.servers", SHIPPED),
        ("services/jurymast/cli/main.py", "from tests.echo.app import app", SHIPPED),
        ("shared/jurymast/messages/dead.py", "import os", IMPURE),
        ("shared/jurymast/messages/channel.py", "import nats.aio.client", IMPURE),
        ("shared/jurymast/errors.py", "from time import time", IMPURE),
        ("shared/jurymast/streams.py", "import sqlalchemy.orm", IMPURE),
        ("shared/jurymast/bus/failure.py", "import random", IMPURE),
        ("shared/jurymast/bus/failure.py", "from jurymast import clock", IMPURE),  # Which imports time.
        *((file, "def f():\n    import asyncio", IMPURE) for file in _decide_modules()),
    ],
)
def test_a_forbidden_import_breaks_its_rule(file: str, line: str, rule: str, tree: Path) -> None:
    with (tree / file).open("a") as source:
        source.write(f"\n{line}\n")
    outcome = lint_imports(tree)
    assert outcome.code == 1, outcome.output
    assert rule in _broken(outcome)


def _broken(outcome: Outcome) -> list[str]:
    summary = outcome.output.partition("Contracts:")[0].replace("\n", " ")
    return [rule for rule in (LAYERS, IMPURE, SHIPPED) if re.search(rf"{rule}(?:(?!KEPT).)*BROKEN", summary)]


def _add_service(tree: Path, line: str) -> None:
    folder = tree / "services" / "jurymast" / "planted_service"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "app.py").write_text(f"{line}\n")


def _place_service(tree: Path) -> None:
    """As a developer would: beside the other services, in the first line of the layers."""
    config = tree / "pyproject.toml"
    text, count = re.subn(r'(\nlayers = \[\n  "[^"]+)"', r'\1 | planted_service"', config.read_text())
    assert count == 1
    config.write_text(text)


def test_a_new_service_has_to_be_placed(tree: Path) -> None:
    _add_service(tree, "import jurymast.service")
    outcome = lint_imports(tree)
    assert outcome.code == 1
    assert "jurymast.planted_service" in outcome.output
    _place_service(tree)
    assert lint_imports(tree).code == 0


@pytest.mark.parametrize("importer", ["cli", "planted_service"])
def test_services_never_import_each_other(importer: str, tree: Path) -> None:
    _add_service(tree, "import jurymast.cli" if importer == "planted_service" else "")
    _place_service(tree)
    if importer == "cli":
        with (tree / "services/jurymast/cli/main.py").open("a") as source:
            source.write("\nimport jurymast.planted_service.app\n")
    outcome = lint_imports(tree)
    assert outcome.code == 1
    assert LAYERS in _broken(outcome)


def test_services_share_the_first_line_of_the_layers() -> None:
    services = {path.name for path in (ROOT / "services" / "jurymast").iterdir() if any(path.rglob("*.py"))}
    layers = re.search(r'\nlayers = \[\n  "([^"]+)"', (ROOT / "pyproject.toml").read_text())
    assert layers is not None
    assert set(layers[1].split(" | ")) == services


@pytest.mark.parametrize("script", ["if true; then\n", "echo 'unclosed\n"])
def test_bash_notices_a_broken_script(script: str, tmp_path: Path) -> None:
    broken = tmp_path / "broken.sh"
    broken.write_text(script)
    assert bash_syntax(broken).code != 0
