"""How long the contracts are tested, and projects to try the tools on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from tests.contracts import project
from tests.npm import PROJECT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--deep", action="store_true", help="contracts: cases that nobody has tried yet, for hours; every mutant")


def pytest_configure(config: pytest.Config) -> None:
    """For histories that hypothesis makes up: the same each time, as forge's are, or new ones."""
    thorough = bool(config.getoption("deep", default=False))
    settings.register_profile("histories", deadline=None, max_examples=10_000 if thorough else 200, derandomize=not thorough)
    settings.load_profile("histories")


@pytest.fixture(scope="session")
def deep(pytestconfig: pytest.Config) -> bool:
    return bool(pytestconfig.getoption("deep", default=False))


@pytest.fixture(scope="session")
def contracts() -> Path:
    if not list(PROJECT.glob("src/**/*.sol")):
        pytest.skip("there are no contracts yet")
    return PROJECT


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project.planted(tmp_path_factory.mktemp("planted"))
