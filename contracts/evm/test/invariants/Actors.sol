// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {Hashes} from "../kit/Hashes.sol";
import {Forgers} from "./Forgers.sol";

/// @notice Whether every unit is somebody's, and every somebody's unit is there.
contract Actors is Forgers {
    using Hashes for *;

    constructor() {
        failOver(1);
    }

    /// @notice A grid owes what its accounts and matches have: what entered within the totals, and what came and went since.
    function auditGrid(uint256 g, uint32 asset) external view {
        (, uint64 liabilities, uint64 entered) = grids[g].assetOf(asset);
        uint64 in_ = epochOf(g);
        uint256 owned;
        for (uint256 i; i < accounts.length; ++i) {
            owned += unitsOf(g, accounts[i], asset);
        }
        for (uint256 i; i < matches.length; ++i) {
            (uint64 since, uint64 step, bytes32[] memory players) = grids[g].matchOf(matches[i].content());
            if (matches[i].asset == asset && since == in_ && step == 0) owned += matches[i].stake * players.length;
        }
        assertEq(owned, liabilities, "accounts and matches have what is owed");
        assertEq(int256(uint256(liabilities)), int256(uint256(entered)) + flows[g][in_][asset], "owed is what came and stayed");
        assertLe(entered, totalsOf[in_][asset], "no more entered than the guards signed");
    }

    /// @notice A vault has the tokens that it says.
    function auditVault(uint256 g, uint32 asset) external view {
        (uint64 vault,,) = grids[g].assetOf(asset);
        assertEq(tokens[asset].balanceOf(address(grids[g])), vault * scaleOf(asset), "tokens of the vault");
    }

    /// @notice What belongs to anybody, wherever it is known, is in one of the vaults or on its way between them.
    function auditAll(uint32 asset) external view {
        (uint64 one,,) = grids[0].assetOf(asset);
        (uint64 other,,) = grids[1].assetOf(asset);
        int256 tokens_ = int256(uint256(one) + other + tokens[asset].balanceOf(bridge) / scaleOf(asset));
        int256 owned;
        for (uint256 i; i < accounts.length; ++i) {
            (int256 available, uint64 held) = has(accounts[i], asset);
            owned += available + int256(uint256(held));
        }
        for (uint256 i; i < matches.length; ++i) {
            if (matches[i].asset == asset) owned += int256(escrowOf(matches[i]));
        }
        assertEq(owned + _toCome(asset), tokens_, "every unit is somebody's, and is there");
    }

    /// @notice By deposits that nobody has counted yet, and by batches that executed and have not been posted.
    function _toCome(uint32 asset) private view returns (int256 units) {
        for (uint256 i; i < late.length; ++i) {
            if (!late[i].counted && late[i].credit.asset == asset) units += int256(uint256(late[i].credit.amount));
        }
        for (uint256 i; i < holds.length; ++i) {
            T.HoldLeaf storage leaf = holds[i].leaf;
            if (holds[i].settled || grids[holds[i].origin].outcomeOf(leaf.epoch, leaf.batch) == 0) continue;
            if (leaf.outAsset == asset) units -= int256(uint256(leaf.outAmount));
            if (leaf.inAsset == asset) units += int256(uint256(leaf.inAmount));
        }
    }
}
