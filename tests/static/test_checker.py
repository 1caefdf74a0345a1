"""The checker trusts nothing of what it checks: it imports none of it, not even through others."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.static.tools import ROOT

CHECKER = ROOT / "tests" / "checker"
TAKEN = {"coincurve", "eth_abi", "sha3"}
"""Signatures, the encoding of calls and the hash: none of them ours."""
HIDDEN = {"importlib", "runpy", "__import__", "exec", "eval"}
"""By which an import would be seen by nobody."""


def foreign(source: str) -> list[str]:
    """What a module of the checker should not name."""
    names = [name for node in ast.walk(ast.parse(source)) for name in _named(node)]
    return [name for name in names if root(name) in HIDDEN or not _is_allowed(name)]


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import():
            yield from (alias.name for alias in node.names)
        case ast.ImportFrom(level=0, module=str(module)):
            yield from (f"{module}.{alias.name}" for alias in node.names)
        case ast.ImportFrom():
            yield f"{'.' * node.level}{node.module or ''}"
        case ast.Name(id=name) if name in HIDDEN:
            yield name


def _is_allowed(name: str) -> bool:
    return root(name) in sys.stdlib_module_names | TAKEN or name.startswith("tests.checker.")


def root(name: str) -> str:
    return name.partition(".")[0]


@pytest.mark.parametrize("path", sorted(CHECKER.glob("**/*.py")), ids=lambda path: path.name)
def test_it_imports_nothing_of_ours(path: Path) -> None:
    assert foreign(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "planted",
    [
        "import jurymast.crypto",
        "from jurymast.book import grid",
        "def f():\n    from jurymast import clock",
        "from tests.contracts import abi",
        "from ..unit import grids",
        "import importlib",
        "__import__('jurymast')",
        "exec('import jurymast')",
        "import msgspec",
    ],
)
def test_what_it_should_not_name_is_noticed(planted: str) -> None:
    assert foreign(planted)


def test_nothing_of_ours_is_loaded_with_it() -> None:
    program = "import sys, tests.checker.__main__; print([name for name in sys.modules if name.split('.')[0] == 'jurymast'])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "[]\n"
