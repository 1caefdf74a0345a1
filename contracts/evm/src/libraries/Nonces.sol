// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridErrors} from "../interfaces/IGridErrors.sol";

/// @notice Which nonces of an account are used: a floor of 64 bits and a window of 192 above it, in one word.
/// @dev Below the floor everything is used, in the window what has its bit set, above it nothing may be used yet. The floor slides over
/// used nonces, so its own bit is never set: every set of used nonces has one word.
library Nonces {
    uint256 internal constant WINDOW = 192;
    uint256 private constant BITS = (1 << WINDOW) - 1;
    /// @dev The floor above it is the last that fits.
    uint64 internal constant LAST = type(uint64).max - 1;

    function floorOf(uint256 word) internal pure returns (uint64) {
        return uint64(word >> WINDOW);
    }

    function used(uint256 word, uint64 nonce) internal pure returns (bool) {
        uint256 floor = word >> WINDOW;
        return nonce < floor || (nonce - floor < WINDOW && word >> (nonce - floor) & 1 == 1);
    }

    function use(uint256 word, uint64 nonce) internal pure returns (uint256) {
        unchecked {
            uint256 floor = word >> WINDOW;
            uint256 bit = nonce - floor; // Huge below the floor.
            if (nonce < floor || (bit < WINDOW && word >> bit & 1 == 1)) revert IGridErrors.NonceUsed(nonce);
            if (bit >= WINDOW || nonce > LAST) revert IGridErrors.NonceTooFar(nonce, uint64(floor));
            return slid(floor, (word | 1 << bit) & BITS);
        }
    }

    /// @notice What an owner does to all of his nonces below a new floor.
    function cancelBelow(uint256 word, uint64 floor) internal pure returns (uint256) {
        uint64 before = floorOf(word);
        if (floor <= before) revert IGridErrors.FloorTooLow(before, floor);
        return slid(floor, (word & BITS) >> (floor - before));
    }

    /// @notice Used in either: never less than each of them.
    function merged(uint256 word, uint256 other) internal pure returns (uint256) {
        other = slid(other >> WINDOW, other & BITS); // Of a leaf, whose bits need not be slid.
        if (word < other) (word, other) = (other, word);
        uint256 floor = word >> WINDOW;
        return slid(floor, (word & BITS) | (other & BITS) >> (floor - (other >> WINDOW)));
    }

    function slid(uint256 floor, uint256 window) internal pure returns (uint256) {
        unchecked {
            for (; window & 0xFFFF == 0xFFFF; floor += 16) {
                window >>= 16;
            }
            for (; window & 1 == 1; ++floor) {
                window >>= 1;
            }
        }
        // Only a leaf can say that nonces are used that there are not: then all are.
        return floor > type(uint64).max ? uint256(type(uint64).max) << WINDOW : floor << WINDOW | window;
    }
}
