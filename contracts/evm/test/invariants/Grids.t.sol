// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {InvariantTest} from "../base/InvariantTest.sol";
import {Actors} from "./Actors.sol";
import {World} from "./World.sol";

/// @notice What holds on two chains whatever people, guards and forgers do, and whichever of the chains is active.
contract GridsInvariants is InvariantTest {
    Actors private actors;

    function setUp() public {
        actors = new Actors();
        targetContract(address(actors));
        for (uint256 i; i < 8; ++i) {
            actors.deposit(i, uint32(i / 4), 300_000);
        }
    }

    /// forge-config: default.invariant.depth = 128
    function invariant_money_is_neither_made_nor_lost() public view {
        for (uint32 asset = 1; asset <= 2; ++asset) {
            for (uint256 g; g < 2; ++g) {
                actors.auditGrid(g, asset);
                actors.auditVault(g, asset);
            }
            actors.auditAll(asset);
        }
    }

    /// forge-config: default.invariant.depth = 128
    function invariant_what_must_never_happen_never_happens() public view {
        assertEq(actors.flaws(World.Flaw.ExecutedTwice), 0, "executed twice");
        assertEq(actors.flaws(World.Flaw.EnteredTwice), 0, "entered twice");
        assertEq(actors.flaws(World.Flaw.Replayed), 0, "accepted twice");
        assertEq(actors.flaws(World.Flaw.Forged), 0, "accepted from whoever may not");
        assertEq(actors.flaws(World.Flaw.MovedWhileStill), 0, "moved on a grid that does not run");
        assertEq(actors.flaws(World.Flaw.LockChanged), 0, "another lock in the same epoch");
        assertEq(actors.flaws(World.Flaw.Unfair), 0, "not what an owner agreed to");
        assertEq(actors.flaws(World.Flaw.Bridged), 0, "more over the bridge than went in, or than a window lets in");
    }
}
