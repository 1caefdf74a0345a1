// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridDoubt} from "./GridDoubt.sol";
import {GridLock} from "./GridLock.sol";
import {GridRecords} from "./GridRecords.sol";
import {GridState} from "./GridState.sol";
import {GridVault} from "./GridVault.sol";
import {GridViews} from "./GridViews.sol";
import {Setup} from "./Types.sol";

/// @notice The part of the grid that does not fit into the first contract, to which its fallback leads.
/// @dev Called by itself it has a state of its own, in which no chain is active and nobody is a guard: nothing that counts.
contract GridAnnex is GridLock, GridRecords, GridDoubt, GridVault, GridViews {
    constructor(Setup memory setup) GridState(setup) {}
}
