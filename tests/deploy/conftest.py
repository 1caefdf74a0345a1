"""The engine, the images, and one deployment for all tests of this tier; whatever they leave is an error."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.deploy.debian import Unavailable
from tests.deploy.engine import Engine, engine, left
from tests.deploy.images import base_images
from tests.deploy.stack import BUILD_S, Stack, building, certificates
from tests.servers import ROOT

MADE_HERE = ("jurymast-test", "jurymast-standin")
FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FIGURES] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash[FIGURES]:
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> list[str]:
    """Lines for the end of the run."""
    return pytestconfig.stash[FIGURES]


@pytest.fixture(scope="session")
def docker() -> Iterator[Engine]:
    with ExitStack() as stack:
        try:
            running = stack.enter_context(engine())
        except Unavailable as error:
            pytest.skip(str(error))
        yield running
    assert not running.ours or left() == []


@pytest.fixture(scope="session")
def variables(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What an operator would write into .env: here, images under names of our own and ports that are free."""
    try:
        images = base_images(docker)
    except Unavailable as error:
        pytest.skip(str(error))
    directory = tmp_path_factory.mktemp("secrets")
    return {
        **images,
        # These tests read the secrets.
        **({"JURYMAST_USER": f"{os.geteuid()}:{os.getegid()}"} if os.geteuid() else {}),
        "JURYMAST_IMAGE": "jurymast-test:local",
        "JURYMAST_BUILD_CA": certificates(),
        "JURYMAST_NATS_ADDRESS": "127.0.0.1:",
        "JURYMAST_WEBSOCKET_ADDRESS": "127.0.0.1:",
        "JURYMAST_SECRETS": str(directory),
    }


@pytest.fixture(scope="session")
def built(
    docker: Engine, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory, figures: list[str]
) -> Iterator[Stack]:
    """A deployment whose images exist, and that was never started."""
    stack = Stack(docker, (ROOT / "docker-compose.yml",), variables)
    stack = Stack(docker, (*stack.files, building(stack, tmp_path_factory.mktemp("compose"))), variables, stack.name)
    begun = time.monotonic()
    stack.compose("--progress", "plain", "build", within_s=BUILD_S)
    figures.append(f"docker compose build: {time.monotonic() - begun:.1f} s")
    yield stack
    if not docker.ours:  # Our own engine keeps them for the next run, and nobody else sees them.
        docker.said("image", "rm", *(image for image in variables.values() if image.startswith(MADE_HERE)))


@pytest.fixture(scope="session")
def started(built: Stack, figures: list[str]) -> Iterator[tuple[Stack, float]]:
    """A running deployment, and how long it took to be healthy."""
    built.compose("run", "--rm", "keys")
    try:
        seconds = built.up()
        figures.append(f"docker compose up --wait: {seconds:.1f} s until everything is healthy")
        yield built, seconds
    finally:
        built.down()
    assert built.left() == ""


@pytest.fixture
def stack(started: tuple[Stack, float]) -> Stack:
    return started[0]


@pytest.fixture
def seconds_up(started: tuple[Stack, float]) -> float:
    return started[1]
