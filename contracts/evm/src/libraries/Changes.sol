// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Balance} from "../Stored.sol";

/// @notice What a batch changes, net, by account and asset, in the order in which they were first touched.
/// @dev A hash table in memory whose keys are storage slots. So a slot is read and written once per batch, and what comes in pays for what
/// goes out, in whatever order. Transient storage would cost twice as much per touch.
struct Changes {
    uint256 entries; // Where they lie, each four words: slot, account, asset, by how much.
    uint256 next; // Where the next one will.
    uint256 end; // Where none can.
    uint256 index; // Where the table lies: words that are 0 or point to an entry.
    uint256 mask; // Of places in it.
}

using {add, count, change, forgetZeros} for Changes global;

uint256 constant ENTRY_BYTES = 128;

/// @notice Of at most so many accounts and assets.
function noChanges(uint256 room) pure returns (Changes memory made) {
    uint256 size = 2;
    while (size < 2 * room) size *= 2; // At most half full, so that searches are short.
    uint256[] memory entries = new uint256[](room * ENTRY_BYTES / 32);
    uint256[] memory index = new uint256[](size + room); // Searches do not wrap around, and end by then.
    assembly ("memory-safe") {
        let first := add(entries, 32)
        mstore(made, first)
        mstore(add(made, 32), first)
        mstore(add(made, 64), add(first, mul(room, ENTRY_BYTES)))
        mstore(add(made, 96), add(index, 32))
        mstore(add(made, 128), shl(5, sub(size, 1)))
    }
}

/// @dev Assembly: every intent comes through here twice. Slots are hashes, so that any bits of them spread well.
function add(Changes memory self, Balance storage balance, bytes32 account, uint256 asset, int256 by) pure {
    assembly ("memory-safe") {
        let slot := balance.slot
        let place := add(mload(add(self, 96)), and(shl(5, slot), mload(add(self, 128))))
        let entry := mload(place)
        for {} entry { entry := mload(place) } {
            if eq(mload(entry), slot) { break }
            place := add(place, 32)
        }
        if iszero(entry) {
            entry := mload(add(self, 32))
            if eq(entry, mload(add(self, 64))) { invalid() } // Whoever made the table has counted wrongly.
            mstore(add(self, 32), add(entry, ENTRY_BYTES))
            mstore(place, entry)
            mstore(entry, slot)
            mstore(add(entry, 32), account)
            mstore(add(entry, 64), asset)
        }
        mstore(add(entry, 96), add(mload(add(entry, 96)), by))
    }
}

function count(Changes memory self) pure returns (uint256) {
    return (self.next - self.entries) / ENTRY_BYTES;
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
        let end := mload(add(self, 32))
        for { let entry := mload(self) } lt(entry, end) { entry := add(entry, ENTRY_BYTES) } {
            if iszero(mload(add(entry, 96))) { mstore(entry, 0) }
        }
    }
}
