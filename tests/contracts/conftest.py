"""How long the contracts are tested, and projects to try the tools on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import project
from tests.npm import PROJECT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="contracts: cases that nobody has tried yet, for hours; every mutant")


@pytest.fixture(scope="session")
def deep(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("deep"))


@pytest.fixture(scope="session")
def contracts() -> Path:
    if not list(PROJECT.glob("src/**/*.sol")):
        pytest.skip("there are no contracts yet")
    return PROJECT


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project.planted(tmp_path_factory.mktemp("planted"))
