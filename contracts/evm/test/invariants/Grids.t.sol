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
    function invariant_everything_happens_once() public view {
        _never(World.Flaw.ExecutedTwice);
        _never(World.Flaw.EnteredTwice);
        _never(World.Flaw.Replayed);
    }

    /// forge-config: default.invariant.depth = 128
    function invariant_nothing_is_forged() public view {
        _never(World.Flaw.Forged);
        _never(World.Flaw.Unfair);
        _never(World.Flaw.Bridged);
    }

    /// forge-config: default.invariant.depth = 128
    function invariant_a_grid_that_does_not_run_moves_nothing_and_no_lock_changes_within_its_epoch() public view {
        _never(World.Flaw.MovedWhileStill);
        _never(World.Flaw.LockChanged);
    }

    function _never(World.Flaw flaw) private view {
        assertEq(actors.flaws(flaw), 0);
    }
}
