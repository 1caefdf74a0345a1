// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {GridTest} from "../kit/GridTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Tree} from "../kit/Tree.sol";

/// @notice What it costs that an epoch begins, with the totals of two assets, and that state enters it.
contract EpochsGasTest is GridTest {
    using Hashes for *;

    bytes32 internal constant SOLANA_KEY = keccak256("a key");

    function test_Gas_transitions() public {
        _transition(1);
        vm.snapshotGasLastCall("transition, first");
        _transition(2);
        vm.snapshotGasLastCall("transition, later");
    }

    function test_Gas_entries() public {
        _enter(1, uint256(77) << 192 | 8);
        vm.snapshotGasLastCall("enter at depth 24, fresh account with one asset");
        _enter(2, uint256(77) << 192 | 8);
        vm.snapshotGasLastCall("enter at depth 24, again");
    }

    function _transition(uint64 epoch) private {
        bytes memory totals = abi.encodePacked(GOLD, uint64(1e12), COIN, uint64(5e15));
        bytes32 root = keccak256(abi.encode("root", epoch));
        T.LockTransition memory it = T.LockTransition(epoch, HERE, root, keccak256(totals), 250_000_000, 10);
        bytes[] memory signatures = signed(it.content());
        grid.transition(it, totals, signatures);
    }

    function _enter(uint64 epoch, uint256 nonces) private {
        T.AccountLeaf memory account = T.AccountLeaf(SOLANA_KEY, treasurer, nonces);
        T.BalanceLeaf[] memory balances = new T.BalanceLeaf[](1);
        balances[0] = T.BalanceLeaf(SOLANA_KEY, COIN, 900_000, 100_000);
        bytes32[] memory leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (account.content(), balances[0].content());
        bytes memory totals = abi.encodePacked(GOLD, uint64(1e12), COIN, uint64(5e15));
        transitionTo(epoch, HERE, Tree.root(leaves), totals, 10);
        bytes32[][] memory proofs = new bytes32[][](1);
        proofs[0] = Tree.proof(leaves, 1);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        grid.enter(account, proof, balances, proofs, totals);
    }
}
