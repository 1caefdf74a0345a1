// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridState} from "./GridState.sol";
import {Asset} from "./Stored.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {Lists} from "./libraries/Lists.sol";

/// @notice What may enter an epoch.
abstract contract GridTotals is GridState {
    /// @notice Even a wrong root cannot bring in more than the guards signed.
    /// @param totals As the proof of what enters has shown them to be.
    function _countIn(uint32 number, int256 value, bytes calldata totals, uint64 epoch) internal {
        Asset memory asset = _asset(number, epoch);
        uint64 total = Lists.amountOf(totals, number);
        uint256 units = Amounts.amount(value);
        asset.entered = Amounts.amount(asset.entered + units);
        if (asset.entered > total) revert TotalsExceeded(number, asset.entered, total);
        asset.liabilities = Amounts.amount(asset.liabilities + units);
        _assets[number] = asset;
    }
}
