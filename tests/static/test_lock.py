"""requirements.lock is complete, exact and nothing more; and each dependency was chosen for a reason.

Without network: the graph of requirements is read from the installed packages, which were installed from the lock.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Any, NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.static.tools import ROOT

_LINE = re.compile(
    r"(?P<name>[a-z0-9-]+)==(?P<version>[^ ;]+)(?: ; (?P<marker>[^\\]+))? \\\n(?P<hashes>(?: {4}--hash=\S+(?: \\)?\n)+)"
)
MAKE = "deploy/lock.sh"
_HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


class Pin(NamedTuple):
    version: str
    applies: bool
    hashes: tuple[str, ...]


@pytest.fixture(scope="module")
def lock() -> dict[str, Pin]:
    return _read("requirements.lock")


@pytest.fixture(scope="module")
def runtime() -> dict[str, Pin]:
    """What the container image holds."""
    return _read("requirements-runtime.lock")


def _read(name: str) -> dict[str, Pin]:
    text = (ROOT / name).read_text(encoding="ascii")
    assert _LINE.sub("", text) == "", "nothing but pinned and hashed requirements"
    return {
        line["name"]: Pin(
            line["version"],
            Marker(line["marker"]).evaluate() if line["marker"] else True,
            tuple(h.rstrip(" \\") for h in line["hashes"].split("\n") if h),
        )
        for line in _LINE.finditer(text)
    }


def _project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def _chosen() -> list[Requirement]:
    """Every dependency that pyproject.toml names, in whatever role."""
    project = _project()
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    listed = [*project["project"]["dependencies"], *(r for part in (*extras, *groups) for r in part)]
    return [Requirement(text) for text in listed]


def _chosen_for_the_image() -> list[Requirement]:
    project = _project()["project"]
    return [Requirement(text) for text in (*project["dependencies"], *project["optional-dependencies"]["otel"])]


def _needed(chosen: list[Requirement]) -> Iterator[Requirement]:
    """Every requirement of these, from themselves to the last indirect one."""
    waiting, seen = list(chosen), set()
    while waiting:
        requirement = waiting.pop()
        yield requirement
        for extra in ("", *requirement.extras):
            if (requirement.name, extra) not in seen:
                seen.add((requirement.name, extra))
                waiting += _requirements_of(requirement.name, extra)


def _requirements_of(name: str, extra: str) -> list[Requirement]:
    found = map(Requirement, requires(name) or [])
    return [r for r in found if r.marker is None or r.marker.evaluate({"extra": extra})]


@pytest.mark.parametrize("requirement", _chosen(), ids=str)
def test_what_the_project_asks_for_is_locked_in_a_version_that_will_do(requirement: Requirement, lock: dict[str, Pin]) -> None:
    name = canonicalize_name(requirement.name)
    assert name in lock, f"{name} is missing from requirements.lock: {MAKE}"
    assert requirement.specifier.contains(lock[name].version, prereleases=True)


def test_the_environment_is_the_lock(lock: dict[str, Pin]) -> None:
    other = {name: pin.version for name, pin in lock.items() if pin.applies and _installed(name) != pin.version}
    assert other == {}


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def test_what_the_locked_packages_need_is_locked_too(lock: dict[str, Pin]) -> None:
    missing = {
        f"{requirement}"
        for requirement in _needed(_chosen())
        if (pin := lock.get(canonicalize_name(requirement.name))) is None
        or not requirement.specifier.contains(pin.version, prereleases=True)
    }
    assert missing == set()


def test_nothing_is_locked_that_nobody_needs(lock: dict[str, Pin]) -> None:
    needed = {canonicalize_name(requirement.name) for requirement in _needed(_chosen())}
    assert {name for name, pin in lock.items() if pin.applies} - needed == set()


def test_the_image_gets_what_runs_and_nothing_else(runtime: dict[str, Pin]) -> None:
    needed = {canonicalize_name(requirement.name) for requirement in _needed(_chosen_for_the_image())}
    assert {name for name, pin in runtime.items() if pin.applies} == needed, MAKE


def test_the_image_gets_what_was_tested(lock: dict[str, Pin], runtime: dict[str, Pin]) -> None:
    assert {name for name, pin in runtime.items() if lock.get(name) != pin} == set(), MAKE


def test_every_pin_has_hashes(lock: dict[str, Pin]) -> None:
    assert [name for name, pin in lock.items() if not all(_HASH.search(line) for line in pin.hashes)] == []


def test_every_dependency_has_a_reason() -> None:
    decisions = (ROOT / "DECISIONS.md").read_text(encoding="utf-8").lower()
    names = {canonicalize_name(requirement.name) for requirement in _chosen()}
    without = {name for name in names if not re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", decisions)}
    assert without == set(), "DECISIONS.md does not say why these are dependencies"
