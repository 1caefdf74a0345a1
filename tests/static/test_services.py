"""What belongs to a service beside its folder."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from jurymast.cli.commands.keys import deployment
from jurymast.cli.mesh.plan import PLAN
from tests.static.tools import ROOT

FOLDERS = [path for path in (ROOT / "services" / "jurymast").iterdir() if (path / "app.py").exists()]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.name))
def test_a_service_is_known_wherever_it_has_to_be(folder: Path) -> None:
    name = folder.name.replace("_", "-")
    assert (folder / "README.md").exists()
    assert f"jurymast.{folder.name}" in [service.module for service in PLAN.services if service.name == name]
    assert name in deployment().services
    assert f"jurymast.{folder.name}" in COMPOSE["services"][name]["command"]
    assert f"{name}.seed" in COMPOSE["secrets"]


def test_the_readme_tells_which_services_there_are() -> None:
    rows = dict(re.findall(r"^\| ([a-z-]+) \|.*\| ([^|]+) \|$", README, re.MULTILINE))
    built = {name for name, today in rows.items() if today != "to come"} - {"service"}
    assert built == {folder.name.replace("_", "-") for folder in FOLDERS}
