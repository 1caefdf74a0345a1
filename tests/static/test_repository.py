"""What no tool checks: names, sizes, and text that is true on one machine only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.static.tools import ROOT, SOURCE_ROOTS, bash_syntax, tracked

LONGEST_FUNCTION = 70
VAGUE_NAMES = {"utils", "util", "helpers", "common", "misc"}

# Written so that these lines do not match themselves.
MACHINE_PATH = re.compile(r"(?<![\w./-])/(?:home|root|Users|work|mnt)/")
REGISTRY = re.compile(r"https?://[\w.-]*(?:pypi|pythonhosted|npmjs|registry|deb[.]debian)[\w.-]*")


def _texts() -> Iterator[tuple[str, str]]:
    for path in tracked():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:  # Not text.
            continue


def _modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def _scripts() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".sh" or path.read_bytes()[:64].partition(b"\n")[0].endswith(b"bash")]


def _matches(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in _texts()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    assert _matches(MACHINE_PATH) == []


def test_no_file_names_a_package_registry() -> None:
    assert _matches(REGISTRY) == []


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, f"cd {Path('/') / 'home' / 'ada'}"),
        (MACHINE_PATH, f"path={Path('/') / 'root' / 'x'}"),
        (REGISTRY, "https://" + "pypi.org/simple"),
        (REGISTRY, "https://" + "files.pythonhosted.org/x"),
        (REGISTRY, "http://" + "registry.npmjs.org"),
    ],
)
def test_such_text_would_be_found(pattern: re.Pattern[str], text: str) -> None:
    assert pattern.search(text)


def test_every_script_is_valid_bash() -> None:
    scripts = _scripts()
    assert {"run", "test", ".ci/run", "deploy/venv.sh"} <= {str(path.relative_to(ROOT)) for path in scripts}
    assert {path.name: outcome.output for path in scripts if (outcome := bash_syntax(path)).code != 0} == {}


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_the_interpreter_that_has_the_packages(name: str) -> None:
    assert re.findall(r"(?<!\.venv/bin/)python -m \S+", (ROOT / name).read_text(encoding="utf-8")) == []


def test_commands_can_be_run() -> None:
    assert [name for name in ("run", "test", ".ci/run") if not (ROOT / name).stat().st_mode & 0o100] == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in _modules() if path.stem in VAGUE_NAMES] == []


def test_every_module_stands_in_a_checked_root() -> None:
    outside = [str(path) for path in _modules() if path.relative_to(ROOT).parts[0] not in (*SOURCE_ROOTS, "contracts", "deploy")]
    assert outside == []


def test_no_function_is_longer_than_a_screen() -> None:
    sizes = {
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}": (node.end_lineno or node.lineno) - node.lineno + 1
        for path in _modules()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: size for name, size in sizes.items() if size >= LONGEST_FUNCTION} == {}


def test_the_namespace_has_no_module_of_its_own() -> None:
    """One `__init__.py` there, and the other source root disappears from the namespace."""
    assert [root for root in ("shared", "services") if (ROOT / root / "jurymast" / "__init__.py").exists()] == []
