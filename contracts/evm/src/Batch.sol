// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lock} from "./Stored.sol";
import {Action} from "./libraries/Actions.sol";
import {Changes} from "./libraries/Changes.sol";
import {Journal} from "./libraries/Journal.sol";

/// @notice A batch while it executes.
struct Batch {
    Lock lock;
    Action[] actions;
    bytes32[] digests; // What was signed, of each.
    uint256 fills; // How many of the actions are intents.
    Changes changes;
    Journal journal;
}
