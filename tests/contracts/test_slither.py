"""Slither finds nothing that is not answered in place, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contracts import project, slither
from tests.npm import PROJECT


def test_every_finding_is_answered(contracts: Path) -> None:
    assert slither.findings(contracts) == []


def test_every_answer_has_a_reason() -> None:
    assert list(slither.unreasoned(PROJECT)) == []


def test_dependencies_are_not_ours_to_answer_for(tmp_path: Path) -> None:
    source = """import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";

contract Given {
    function holds(bytes32[] calldata proof, bytes32 root, bytes32 leaf) external pure returns (bool) {
        return MerkleProof.verifyCalldata(proof, root, leaf);
    }
}"""
    assert slither.findings(project.containing(tmp_path, source)) == []


def test_what_is_wrong_is_found(planted: Path) -> None:
    assert {finding.check for finding in slither.findings(planted)} >= {"locked-ether", "costly-loop"}


def test_an_answer_is_heard_and_one_to_nothing_is_told(tmp_path: Path) -> None:
    root = project.containing(
        tmp_path,
        """contract Given {
    // slither-disable-next-line locked-ether (it is what this test plants)
    receive() external payable {}

    // slither-disable-next-line reentrancy-eth (there is nothing to answer)
    function nothing() external {}
}""",
    )
    found = slither.findings(root)
    assert "Given.sol:8" in found.pop().text


@pytest.mark.parametrize("answer", ["locked-ether", "locked-ether (yes)", "all (whatever it may be, it is fine)"])
def test_answers_without_a_reason_are_told(tmp_path: Path, answer: str) -> None:
    root = project.containing(tmp_path, f"// slither-disable-next-line {answer}\ncontract Given {{}}")
    assert list(slither.unreasoned(root)) == ["src/Given.sol:4"]


def test_what_does_not_compile_is_no_clean_report(tmp_path: Path) -> None:
    root = project.containing(tmp_path, "contract Given { unknown }")
    with pytest.raises(Exception, match="Compiler run failed"):
        slither.findings(root)
