// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Fill} from "./Settlement.sol";

/// @notice What the fills of a batch were: for the event that tells of them, and for the outcome's hash.
struct Journal {
    bytes fills; // See `Executed`.
    bytes bought; // The hash of the actions, then 8 bytes for each fill.
}

using {note, outcome} for Journal global;

uint256 constant FILL_BYTES = 64;
uint256 constant BOUGHT_BYTES = 8;

function noFills(uint256 most, bytes32 actions) pure returns (Journal memory journal) {
    journal.fills = new bytes(most * FILL_BYTES);
    journal.bought = new bytes(32 + most * BOUGHT_BYTES + 24); // The last is written with a whole word.
    bytes memory bought = journal.bought;
    assembly ("memory-safe") {
        mstore(add(bought, 32), actions)
        mstore(bought, add(32, mul(most, BOUGHT_BYTES)))
    }
}

/// @dev Assembly: two words and a bit for each intent, where it stands.
function note(Journal memory self, uint256 place, bytes32 account, uint256 nonce, Fill memory fill) pure {
    // Each within its width: of no more than 64 bits is ever sold.
    uint256 what = nonce << 192 | fill.sellAsset << 160 | fill.buyAsset << 128 | fill.sell << 64 | fill.bought;
    (bytes memory fills, bytes memory bought, uint256 net) = (self.fills, self.bought, fill.bought);
    assembly ("memory-safe") {
        let line := add(add(fills, 32), mul(place, FILL_BYTES))
        mstore(line, account)
        mstore(add(line, 32), what)
        mstore(add(add(bought, 64), mul(place, BOUGHT_BYTES)), shl(192, net))
    }
}

/// @notice Of the batch: what it was, and what each fill bought.
function outcome(Journal memory self) pure returns (bytes32) {
    return keccak256(self.bought);
}
