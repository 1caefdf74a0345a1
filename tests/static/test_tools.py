"""Format, lint, types and import rules of the whole tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.static.tools import ROOT, Outcome, lint_imports, mypy, ruff_check, ruff_format


@pytest.mark.parametrize("tool", [ruff_format, ruff_check, mypy, lint_imports])
def test_the_tree_passes(tool: Callable[[Path], Outcome]) -> None:
    outcome = tool(ROOT)
    assert outcome.code == 0, outcome.output
