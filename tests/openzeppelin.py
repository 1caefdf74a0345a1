"""Trees as npm's `@openzeppelin/merkle-tree` builds them: `python -m tests.openzeppelin` writes tests/unit/openzeppelin.json."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PACKAGE = "@openzeppelin/merkle-tree@1.0.8"
DIRECTORY = Path(sys.prefix) / "npm-openzeppelin"
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
    if (node := shutil.which("node")) is None:
        pytest.skip("no node here, and with it no @openzeppelin/merkle-tree")
    _install()
    command = [node, "-e", PROGRAM, json.dumps([SIZES, TYPE_HASH])]
    done = subprocess.run(command, cwd=DIRECTORY, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    return json.loads(done.stdout)


def _install() -> None:
    DIRECTORY.mkdir(exist_ok=True)
    with (DIRECTORY / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # Test processes run side by side.
        if (DIRECTORY / "node_modules" / PACKAGE.rpartition("@")[0]).exists():
            return
        if (npm := shutil.which("npm")) is None:
            pytest.skip("no npm here, and with it no @openzeppelin/merkle-tree")
        command = [npm, "install", "--prefix", str(DIRECTORY), "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE]
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        if done.returncode != 0:
            pytest.skip(f"{PACKAGE} cannot be installed: {done.stderr.strip()[-300:]}")


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(built(), indent=1) + "\n", encoding="ascii")
