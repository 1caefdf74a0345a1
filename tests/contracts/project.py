"""Copies of the project of the contracts, in which tests may change what they like."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.npm import PROJECT, packages

PLANTED = Path(__file__).parent / "planted"
"""A contract of its own with tests, findings and mistakes: what the tools are tried on."""
HEADER = "// SPDX-License-Identifier: Apache-2.0\npragma solidity 0.8.37;\n\n"


def planted(directory: Path) -> Path:
    root = _frame(directory)
    shutil.copytree(PLANTED, root, dirs_exist_ok=True)
    return root


def containing(directory: Path, source: str) -> Path:
    root = _frame(directory)
    (root / "src").mkdir()
    (root / "src" / "Given.sol").write_text(HEADER + source + "\n", encoding="utf-8")
    return root


def copy(directory: Path) -> Path:
    """With what is compiled, so that only what is changed is compiled again."""
    root = _frame(directory)
    shutil.copytree(PROJECT / "src", root / "src")
    shutil.copytree(PROJECT / "test", root / "test", dirs_exist_ok=True)
    shutil.copytree(PROJECT / "out", root / "out")
    shutil.copytree(PROJECT.parent / "vectors", directory / "vectors")
    return root


def _frame(directory: Path) -> Path:
    root = directory / "evm"
    shutil.copytree(PROJECT / "tools", root / "tools")
    shutil.copytree(PROJECT / "test" / "base", root / "test" / "base")
    shutil.copy(PROJECT / "foundry.toml", root)
    # The compiler follows links, and would take sources behind one for others than those that are compiled already.
    shutil.copytree(packages() / "@openzeppelin", root / "node_modules" / "@openzeppelin")
    for package in packages().iterdir():
        if not (root / "node_modules" / package.name).exists():
            (root / "node_modules" / package.name).symlink_to(package)
    return root
