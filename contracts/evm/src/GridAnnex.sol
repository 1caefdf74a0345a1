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
/// @dev Called by itself it has a state of its own, without guards, so that anybody's signatures are enough there. But it has no `transition`:
/// no chain is ever active, and nothing counts.
contract GridAnnex is GridLock, GridRecords, GridDoubt, GridVault, GridViews {
    constructor(Setup memory setup) GridState(setup) {}
}
