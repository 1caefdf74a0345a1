// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {GridState} from "./GridState.sol";
import {ListedAsset} from "./Stored.sol";

/// @notice Tokens that come into the vault, and leave it.
abstract contract GridTokens is GridState {
    using SafeERC20 for IERC20;

    /// @notice So many of the token's units are one on the grid.
    function _scale(ListedAsset storage listing) internal view returns (uint256) {
        return 10 ** uint256(listing.tokenDecimals - listing.gridDecimals);
    }

    /// @return What arrived: some tokens keep a part to themselves. Of one that took something away nothing did.
    function _pull(IERC20 token, uint256 tokens) internal returns (uint256) {
        uint256 before = token.balanceOf(address(this));
        token.safeTransferFrom(msg.sender, address(this), tokens);
        uint256 later = token.balanceOf(address(this));
        return later > before ? later - before : 0;
    }

    /// @notice Tokens for units that have left the vault already.
    function _push(uint32 asset, uint64 units, address to) internal {
        ListedAsset storage listing = _listings[asset];
        IERC20(listing.token).safeTransfer(to, units * _scale(listing));
    }
}
