// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Tree} from "../kit/Tree.sol";

/// @notice Edges that planted mistakes were found to get past.
contract KilledTest is BatchTest {
    using Hashes for *;

    bytes32 internal ann;
    uint256 internal annKey;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
    }

    function test_A_pause_lasts_to_its_last_second() public {
        begin(0);
        pauseUntil(NOW + 10);
        vm.warp(NOW + 9);
        coin.mint(address(this), 1);
        coin.approve(address(grid), 1);
        vm.expectRevert(abi.encodeWithSelector(E.Paused.selector, NOW + 10));
        grid.deposit(ann, COIN, 1);
        vm.warp(NOW + 10);
        grid.deposit(ann, COIN, 1);
        assertEq(available(ann, COIN), 1);
    }

    function test_A_floor_below_the_last_is_refused_with_both() public {
        T.Cancel memory it = T.Cancel(ann, 9, HERE);
        grid.cancel(it, sign(annKey, it.content()));
        it.floor = 8;
        bytes memory signature = sign(annKey, it.content());
        vm.expectRevert(abi.encodeWithSelector(E.FloorTooLow.selector, 9, 8));
        grid.cancel(it, signature);
    }

    function test_What_was_only_received_is_not_spent() public {
        bytes32[] memory leaves = new bytes32[](1);
        T.AccountLeaf memory leaf = T.AccountLeaf(ann, address(0), 0);
        leaves[0] = leaf.content();
        transitionTo(1, HERE, Tree.root(leaves), "", 0);
        grid.enterAccount(leaf, Tree.proof(leaves, 0), keccak256(""));
        deposit(ann, COIN, 100);
        add(T.Withdrawal(ann, COIN, 10, HERE, ann, 0, LATER), annKey);
        refused(abi.encodeWithSelector(E.InsufficientBalance.selector, ann, COIN, 0, 10));
        // Once a permit says that the cut has no leaf of it, it is.
        absent = abi.encodePacked(ann, COIN);
        add(T.Withdrawal(ann, COIN, 10, HERE, ann, 0, LATER), annKey);
        execute();
        assertEq(available(ann, COIN), 90);
    }
}
