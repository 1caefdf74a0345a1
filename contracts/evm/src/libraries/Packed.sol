// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Reads of packed calldata, by place in the whole of it. Assembly, as Solidity's slices check bounds that the caller has checked
/// for many values at once, and cost ten times as much.
library Packed {
    // slither-disable-start assembly (it is what this is for, as said above)
    function word(uint256 place) internal pure returns (bytes32 value) {
        assembly ("memory-safe") {
            value := calldataload(place)
        }
    }

    function address_(uint256 place) internal pure returns (address value) {
        assembly ("memory-safe") {
            value := shr(96, calldataload(place))
        }
    }

    function u128(uint256 place) internal pure returns (uint128 value) {
        assembly ("memory-safe") {
            value := shr(128, calldataload(place))
        }
    }

    function u64(uint256 place) internal pure returns (uint64 value) {
        assembly ("memory-safe") {
            value := shr(192, calldataload(place))
        }
    }

    function u40(uint256 place) internal pure returns (uint40 value) {
        assembly ("memory-safe") {
            value := shr(216, calldataload(place))
        }
    }

    function u32(uint256 place) internal pure returns (uint32 value) {
        assembly ("memory-safe") {
            value := shr(224, calldataload(place))
        }
    }

    function u16(uint256 place) internal pure returns (uint16 value) {
        assembly ("memory-safe") {
            value := shr(240, calldataload(place))
        }
    }

    function u8(uint256 place) internal pure returns (uint8 value) {
        assembly ("memory-safe") {
            value := shr(248, calldataload(place))
        }
    }

    /// @notice Where bytes begin and end.
    function range(bytes calldata data) internal pure returns (uint256 from, uint256 to) {
        assembly ("memory-safe") {
            from := data.offset
            to := add(data.offset, data.length)
        }
    }
    // slither-disable-end assembly (it is what this is for, as said above)
}
