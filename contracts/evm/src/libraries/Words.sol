// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Arrays of words in memory, by an index that a loop over all of them has: it is not checked again. Assembly for that.
library Words {
    // slither-disable-start assembly (it is what this is for, as said above)
    function get(bytes32[] memory words, uint256 i) internal pure returns (bytes32 word) {
        assembly ("memory-safe") {
            word := mload(add(add(words, 32), shl(5, i)))
        }
    }

    function put(bytes32[] memory words, uint256 i, bytes32 word) internal pure {
        assembly ("memory-safe") {
            mstore(add(add(words, 32), shl(5, i)), word)
        }
    }

    /// @notice Of all of them, one after the other, where they stand.
    function hash(bytes32[] memory words) internal pure returns (bytes32 result) {
        assembly ("memory-safe") {
            result := keccak256(add(words, 32), shl(5, mload(words)))
        }
    }
    // slither-disable-end assembly (it is what this is for, as said above)
}
