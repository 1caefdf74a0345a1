// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BPS} from "../Types.sol";
import {IGridErrors} from "../interfaces/IGridErrors.sol";

/// @notice Amounts are whole grid units in 64 bits, rates are basis points.
library Amounts {
    uint256 internal constant MOST = type(uint64).max;

    function amount(uint256 value) internal pure returns (uint64) {
        // A value that the error could not hold is no amount either: it shows the largest that it can.
        if (value > MOST) {
            revert IGridErrors.AmountTooLarge(value > uint256(type(int256).max) ? type(int256).max : int256(value));
        }
        return uint64(value);
    }

    function amount(int256 value) internal pure returns (uint64) {
        if (value < 0 || uint256(value) > MOST) revert IGridErrors.AmountTooLarge(value);
        return uint64(uint256(value));
    }

    /// @notice The value, if it or its opposite is an amount.
    function signed(int256 value) internal pure returns (int256) {
        unchecked {
            if (uint256(value + int256(MOST)) > 2 * MOST) revert IGridErrors.AmountTooLarge(value < 0 ? -value : value);
        }
        return value;
    }

    function shareDown(uint256 whole, uint256 bps) internal pure returns (uint256) {
        return whole * bps / BPS;
    }

    /// @dev Of amounts.
    function shareUp(uint256 whole, uint256 bps) internal pure returns (uint256) {
        unchecked {
            return (whole * bps + BPS - 1) / BPS;
        }
    }
}
