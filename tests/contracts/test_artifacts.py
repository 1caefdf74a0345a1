"""The committed artifacts are what the sources compile to, byte for byte, wherever and after whatever."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.contracts import artifacts, forge, project
from tests.npm import PROJECT

MAKE = ".venv/bin/python -m tests.contracts.artifacts"
LARGEST_CODE = 24_576
"""What a chain accepts (EIP-170)."""


@pytest.fixture(scope="module")
def compiled() -> dict[str, artifacts.Artifact]:
    return artifacts.compiled(PROJECT)


def _committed() -> dict[str, str]:
    return {path.name: path.read_text(encoding="ascii") for path in artifacts.DIRECTORY.glob("*.json")}


def test_the_committed_artifacts_are_what_the_sources_compile_to(compiled: dict[str, artifacts.Artifact]) -> None:
    made = {f"{name}.json": artifacts.text(artifact) for name, artifact in compiled.items()}
    assert sorted(_committed()) == sorted(made), MAKE
    assert [name for name, content in _committed().items() if content != made[name]] == [], MAKE


def test_what_is_tested_is_what_is_deployed(compiled: dict[str, artifacts.Artifact]) -> None:
    forge.build(PROJECT)
    for name, artifact in compiled.items():
        tested = json.loads((PROJECT / "out" / Path(artifact.source).name / f"{name}.json").read_bytes())
        assert tested["bytecode"]["object"] == artifact.bytecode


def test_chains_accept_the_code(compiled: dict[str, artifacts.Artifact]) -> None:
    sizes = {name: len(artifact.deployed_bytecode) // 2 - 1 for name, artifact in compiled.items()}
    assert {name: size for name, size in sizes.items() if size > LARGEST_CODE} == {}


def test_an_artifact_says_what_is_needed_to_deploy_and_read_it(planted: Path) -> None:
    made = artifacts.compiled(planted)
    assert sorted(made) == ["Counter", "Linked", "Shapes", "Sums"]
    counter = made["Counter"]
    assert counter.source == "src/Counter.sol"
    assert {entry.get("name") for entry in counter.abi if entry["type"] == "error"} == {"TooMuch", "Never"}
    assert [(slot["label"], slot["slot"], slot["type"]) for slot in counter.storage] == [
        ("count", "0", "t_uint256"),
        ("lastOf", "1", "t_mapping(t_address,t_struct(Last)_storage)"),
    ]
    assert [member["label"] for member in counter.types["t_struct(Last)_storage"]["members"]] == ["time", "more"]
    assert {length for _, length in counter.immutables} == {32}
    assert [length for _, length in made["Linked"].links["Sums"]] == [20]


def test_they_depend_on_no_place_and_on_nothing_compiled_before(planted: Path, tmp_path: Path) -> None:
    before = artifacts.compiled(planted)
    elsewhere = project.planted(tmp_path)
    (elsewhere / "src" / "Another.sol").write_text(project.HEADER + "abstract contract Another { struct First { uint8 first; } }")
    assert artifacts.compiled(elsewhere) == before


def test_writing_them_leaves_none_of_what_is_gone(tmp_path: Path) -> None:
    root = project.containing(tmp_path, "contract Given {}")
    artifacts.write(root)
    (root / "src" / "Given.sol").write_text(project.HEADER + "contract Other {}")
    artifacts.write(root)
    assert [path.name for path in (root / "artifacts").iterdir()] == ["Other.json"]
