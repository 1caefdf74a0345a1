"""What is deployed and called: contracts/evm/artifacts, one file for each contract.

`python -m tests.contracts.artifacts` writes them anew.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from tests.contracts import forge
from tests.npm import PROJECT

DIRECTORY = PROJECT / "artifacts"

_NUMBERED = re.compile(r"(t_(?:struct|contract|enum|userDefinedValueType)\([^()]*\))\d+")
"""How the compiler names a type: with a number that changes whenever anything before it does."""


class Artifact(msgspec.Struct, frozen=True, rename="camel"):
    contract: str
    source: str
    compiler: str
    abi: list[dict[str, Any]]
    storage: list[dict[str, Any]]
    types: dict[str, dict[str, Any]]
    links: dict[str, list[tuple[int, int]]]
    """Where in both codes, first byte and length, the address of a library goes; there are other letters until then."""
    immutables: list[tuple[int, int]]
    """Where in the deployed code the constructor writes what it was told."""
    bytecode: str
    deployed_bytecode: str


def committed(name: str) -> Artifact:
    return msgspec.json.decode((DIRECTORY / f"{name}.json").read_bytes(), type=Artifact)


def compiled(root: Path) -> dict[str, Artifact]:
    """From the sources alone, with nothing that was compiled before."""
    with tempfile.TemporaryDirectory() as directory:
        forge.build(root, "--skip", "./test/**", "--force", "--out", directory, "--cache-path", f"{directory}/cache")
        return {artifact.contract: artifact for artifact in _artifacts(Path(directory))}


def built(root: Path, file: str, name: str) -> Artifact:
    """Of what is compiled but not deployed, such as the tokens of the tests."""
    _build(root)
    found = json.loads((root / "out" / file / f"{name}.json").read_bytes())
    return _artifact(found, found["ast"]["absolutePath"], name)


@cache
def _build(root: Path) -> None:
    """Once: nothing changes while tests run."""
    forge.build(root)


def text(artifact: Artifact) -> str:
    return json.dumps(msgspec.to_builtins(artifact), indent=1) + "\n"


def write(root: Path) -> None:
    texts = {f"{name}.json": text(artifact) for name, artifact in compiled(root).items()}
    directory = root / DIRECTORY.name
    directory.mkdir(exist_ok=True)
    for stale in directory.glob("*.json"):
        stale.unlink()
    for name, content in texts.items():
        (directory / name).write_text(content, encoding="ascii")


def _artifacts(output: Path) -> Iterator[Artifact]:
    for path in sorted(output.glob("**/*.sol/*.json")):
        found = json.loads(path.read_bytes())
        source = found["ast"]["absolutePath"]
        if source.startswith("src/") and _is_deployed(found, path.stem):
            yield _artifact(found, source, path.stem)


def _is_deployed(found: dict[str, Any], name: str) -> bool:
    definitions = {node["name"]: node for node in found["ast"]["nodes"] if node["nodeType"] == "ContractDefinition"}
    match definitions.get(name):  # A file without a contract is listed under its own name.
        case {"contractKind": "contract", "abstract": abstract}:
            return not abstract
        case {"contractKind": "library"}:
            return bool(found["methodIdentifiers"])  # Without functions for others it is part of whoever uses it.
    return False


def _artifact(found: dict[str, Any], source: str, name: str) -> Artifact:
    code, deployed = found["bytecode"], found["deployedBytecode"]
    storage, types = _layout(found["storageLayout"])
    libraries = (library for file in code["linkReferences"].values() for library in file.items())
    return Artifact(
        contract=name,
        source=source,
        compiler=found["metadata"]["compiler"]["version"],
        abi=found["abi"],
        storage=storage,
        types=types,
        links={library: _places(places) for library, places in libraries},
        immutables=_places([place for places in deployed.get("immutableReferences", {}).values() for place in places]),
        bytecode=code["object"],
        deployed_bytecode=deployed["object"],
    )


def _places(places: list[dict[str, int]]) -> list[tuple[int, int]]:
    return sorted((place["start"], place["length"]) for place in places)


def _layout(layout: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    numbered = layout["types"] or {}
    types = {_NUMBERED.sub(r"\1", name): definition for name, definition in numbered.items()}
    if len(types) < len(numbered):
        raise ValueError(f"two types in storage have one name: {sorted(numbered)}")
    return _unnumbered(layout["storage"]), _unnumbered(types)


def _unnumbered(value: Any) -> Any:
    match value:
        case dict():
            return {key: _unnumbered(item) for key, item in value.items() if key not in {"astId", "contract"}}
        case list():
            return [_unnumbered(item) for item in value]
        case str():
            return _NUMBERED.sub(r"\1", value)
    return value


if __name__ == "__main__":
    write(PROJECT)
