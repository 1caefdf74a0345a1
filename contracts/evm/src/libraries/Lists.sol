// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Packed} from "./Packed.sol";

/// @notice The lists that guards sign by the hash of their bytes, and that are brought as these bytes:
///
///     prices, totals   asset 4, amount 8     assets rise
///     absent           account 32, asset 4
///     dead             account 32, nonce 8
library Lists {
    uint256 internal constant AMOUNT_BYTES = 12;
    uint256 internal constant ABSENT_BYTES = 36;
    uint256 internal constant DEAD_BYTES = 40;

    /// @notice Where a list of entries of this size begins and ends.
    function range(bytes calldata list, uint256 size) internal pure returns (uint256 from, uint256 to) {
        (from, to) = Packed.range(list);
        if (list.length % size != 0) revert IGridErrors.BadEncoding(to);
    }

    /// @notice That a list of amounts has each asset once, in rising order.
    function checkAmounts(bytes calldata list) internal pure {
        (uint256 from, uint256 to) = range(list, AMOUNT_BYTES);
        unchecked {
            for (uint256 place = from + AMOUNT_BYTES; place < to; place += AMOUNT_BYTES) {
                if (Packed.u32(place) <= Packed.u32(place - AMOUNT_BYTES)) revert IGridErrors.BadEncoding(place);
            }
        }
    }

    /// @notice Of an asset in a list that was checked; of another nothing.
    function amountOf(bytes calldata list, uint32 asset) internal pure returns (uint64) {
        (uint256 from, uint256 to) = Packed.range(list);
        for (uint256 place = from; place < to; place += AMOUNT_BYTES) {
            if (Packed.u32(place) == asset) return Packed.u64(place + 4);
        }
        return 0;
    }

    function hash(bytes calldata list) internal pure returns (bytes32) {
        return keccak256(list);
    }
}
