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

    /// @dev The asset has been deposited before: nobody's entry pays for its first slot.
    function test_Gas_entries() public {
        _transition(1);
        deposit(treasury, COIN, 1);
        _enter(2, uint256(77) << 192 | 8);
        vm.snapshotGasLastCall("enter at depth 24, fresh account with one asset");
        _enter(3, uint256(77) << 192 | 8);
        vm.snapshotGasLastCall("enter at depth 24, again");
    }

    function test_Gas_entries_one_by_one() public {
        _transition(1);
        deposit(treasury, COIN, 1);
        for (uint64 epoch = 2; epoch < 4; ++epoch) {
            (T.AccountLeaf memory account, T.BalanceLeaf[] memory balances, bytes32[] memory leaves) = _leaves(77 << 192 | 8);
            bytes memory totals = _begin(epoch, leaves);
            bytes32[] memory proof = Tree.proof(leaves, 0);
            grid.enterAccount(account, proof, keccak256(totals));
            vm.snapshotGasLastCall(epoch == 2 ? "enter a fresh account at depth 24" : "enter an account at depth 24, again");
            proof = Tree.proof(leaves, 1);
            grid.enterBalance(balances[0], proof, totals);
            vm.snapshotGasLastCall(epoch == 2 ? "enter a fresh balance at depth 24" : "enter a balance at depth 24, again");
        }
    }

    function _transition(uint64 epoch) private {
        bytes memory totals = abi.encodePacked(GOLD, uint64(1e12), COIN, uint64(5e15));
        bytes32 root = keccak256(abi.encode("root", epoch));
        T.LockTransition memory it = T.LockTransition(epoch, HERE, root, keccak256(totals), 250_000_000, 10);
        bytes[] memory signatures = signed(it.content());
        grid.transition(it, totals, signatures);
    }

    function _enter(uint64 epoch, uint256 nonces) private {
        (T.AccountLeaf memory account, T.BalanceLeaf[] memory balances, bytes32[] memory leaves) = _leaves(nonces);
        bytes memory totals = _begin(epoch, leaves);
        bytes32[][] memory proofs = new bytes32[][](1);
        proofs[0] = Tree.proof(leaves, 1);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        grid.enter(account, proof, balances, proofs, totals);
    }

    function _leaves(uint256 nonces)
        private
        view
        returns (T.AccountLeaf memory account, T.BalanceLeaf[] memory balances, bytes32[] memory leaves)
    {
        account = T.AccountLeaf(SOLANA_KEY, treasurer, nonces);
        balances = new T.BalanceLeaf[](1);
        balances[0] = T.BalanceLeaf(SOLANA_KEY, COIN, 900_000, 100_000);
        leaves = new bytes32[](2);
        (leaves[0], leaves[1]) = (account.content(), balances[0].content());
    }

    function _begin(uint64 epoch, bytes32[] memory leaves) private returns (bytes memory totals) {
        totals = abi.encodePacked(GOLD, uint64(1e12), COIN, uint64(5e15));
        transitionTo(epoch, HERE, Tree.root(leaves), totals, 10);
    }
}
