"""Trees as npm's `@openzeppelin/merkle-tree` builds them: `python -m tests.openzeppelin` writes tests/unit/openzeppelin.json."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.npm import NODE, NotInstalled, packages

VECTORS = Path(__file__).parent / "unit" / "openzeppelin.json"
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 33)
TYPE_HASH = "ab" * 32
TIMEOUT_S = 180

# `StandardMerkleTree` hashes its leaves as we do if the type's hash is their first word: keccak256(keccak256(type hash, words)).
PROGRAM = """
const { SimpleMerkleTree, StandardMerkleTree } = require('@openzeppelin/merkle-tree');
const [sizes, typeHash] = JSON.parse(process.argv[1]);
const bare = (hex) => hex.slice(2);
console.log(JSON.stringify(sizes.map((size) => {
  const rows = [...Array(size).keys()].map((number) => ['0x' + typeHash, String(number), String(size)]);
  const types = ['bytes32', 'uint64', 'uint32'];
  const hash = (row) => StandardMerkleTree.of([row], types).root;
  rows.sort((one, other) => (hash(one) < hash(other) ? -1 : 1));
  const standard = StandardMerkleTree.of(rows, types, { sortLeaves: false });
  const simple = SimpleMerkleTree.of(rows.map(hash), { sortLeaves: false });
  return {
    numbers: rows.map((row) => Number(row[1])),
    leaves: rows.map((row) => bare(hash(row))),
    standard: bare(standard.root),
    simple: bare(simple.root),
    proofs: rows.map((_, at) => standard.getProof(at).map(bare)),
  };
})));
"""


def built() -> Any:
    """Skips with the reason where the package is not, and cannot be had."""
    try:
        directory = packages().parent
    except NotInstalled as error:
        pytest.skip(f"@openzeppelin/merkle-tree cannot be installed: {error.reason}")
    command: list[str | Path] = [NODE, "-e", PROGRAM, json.dumps([SIZES, TYPE_HASH])]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(built(), indent=1) + "\n", encoding="ascii")
