// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Balance} from "../Stored.sol";

/// @notice What a batch changes, net, by account and asset, in the order in which they were first touched.
/// @dev A hash table in memory whose keys are storage slots. So a slot is read and written once per batch, and what comes in pays for what
/// goes out, in whatever order. Transient storage would cost twice as much per touch.
struct Changes {
    uint256 entries; // Where they lie, each four words: slot, account, asset, by how much.
    uint256 count;
    uint256 room;
    uint256 index; // Where the table lies: words that are 0 or point to an entry.
    uint256 mask; // Of places in it.
}

using {add, change, forgetZeros} for Changes global;

uint256 constant ENTRY_BYTES = 128;

/// @notice Of at most so many accounts and assets.
function noChanges(uint256 room) pure returns (Changes memory made) {
    uint256 size = 2;
    while (size < 2 * room) size *= 2; // At most half full: searches are short, and end.
    uint256[] memory entries = new uint256[](room * ENTRY_BYTES / 32);
    uint256[] memory index = new uint256[](size);
    assembly ("memory-safe") {
        mstore(made, add(entries, 32))
        mstore(add(made, 64), room)
        mstore(add(made, 96), add(index, 32))
        mstore(add(made, 128), shl(5, sub(size, 1)))
    }
}

/// @dev Assembly: every intent comes through here twice. Slots are hashes, so that any bits of them spread well.
function add(Changes memory self, Balance storage balance, bytes32 account, uint32 asset, int256 by) pure {
    assembly ("memory-safe") {
        let slot := balance.slot
        let mask := mload(add(self, 128))
        let index := mload(add(self, 96))
        let offset := and(shl(5, slot), mask)
        let entry := mload(add(index, offset))
        for {} and(iszero(iszero(entry)), iszero(eq(mload(entry), slot))) {} {
            offset := and(add(offset, 32), mask)
            entry := mload(add(index, offset))
        }
        if iszero(entry) {
            let count := mload(add(self, 32))
            if iszero(lt(count, mload(add(self, 64)))) { invalid() } // Whoever made the table has counted wrongly.
            entry := add(mload(self), mul(count, ENTRY_BYTES))
            mstore(entry, slot)
            mstore(add(entry, 32), account)
            mstore(add(entry, 64), asset)
            mstore(add(index, offset), entry)
            mstore(add(self, 32), add(count, 1))
        }
        mstore(add(entry, 96), add(mload(add(entry, 96)), by))
    }
}

function change(Changes memory self, uint256 i) pure returns (Balance storage balance, bytes32 account, uint32 asset, int256 by) {
    assembly ("memory-safe") {
        let entry := add(mload(self), mul(i, ENTRY_BYTES))
        balance.slot := mload(entry)
        account := mload(add(entry, 32))
        asset := mload(add(entry, 64))
        by := mload(add(entry, 96))
    }
}

/// @notice What comes to nothing so far counts as untouched: whatever touches it next comes last.
function forgetZeros(Changes memory self) pure {
    assembly ("memory-safe") {
        let end := add(mload(self), mul(mload(add(self, 32)), ENTRY_BYTES))
        for { let entry := mload(self) } lt(entry, end) { entry := add(entry, ENTRY_BYTES) } {
            if iszero(mload(add(entry, 96))) { mstore(entry, 0) }
        }
    }
}
