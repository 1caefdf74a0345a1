// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NO_ASSET} from "../Types.sol";
import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Amounts} from "./Amounts.sol";
import {Lists} from "./Lists.sol";
import {Packed} from "./Packed.sol";

/// @notice What a fill asks for. It is filled wholly or not at all: its nonce is used once, so a rest could never be sold.
/// @dev Whole words: narrower ones would be cut to their width again at each use.
struct Fill {
    uint256 sellAsset;
    uint256 buyAsset;
    uint256 sell;
    uint256 minBuy;
    uint256 maxFeeBps;
    uint256 bought; // What it gets for it, after the fee.
}

/// @notice The prices of a batch, whole numbers of any common unit, and what of each asset was sold and bought at them.
/// @dev Two words for each, in rising order of assets: the asset above 64 bits of price, and what was sold above 128 bits of what was bought.
struct Market {
    uint256 lines; // Where they lie.
    uint256 assets; // How many there are.
}

/// @notice Netting at uniform prices. Rounding is always against the taker, so that a batch moves value and never makes any.
library Settlement {
    using Settlement for Market;

    uint256 private constant LINE_BYTES = 64;
    uint256 private constant SOLD_AT = 128;

    function open(bytes calldata prices) internal pure returns (Market memory market) {
        (uint256 from, uint256 to) = Packed.range(prices);
        uint256 count = (to - from) / Lists.AMOUNT_BYTES;
        // slither-disable-next-line divide-before-multiply (a number of entries, each of two words)
        uint256[] memory lines = new uint256[](2 * count + 1);
        for (uint256 i; i < count; ++i) {
            uint256 place = from + i * Lists.AMOUNT_BYTES;
            uint256 asset = Packed.u32(place);
            lines[2 * i] = asset << 64 | (asset == NO_ASSET ? 0 : Packed.u64(place + 4));
        }
        // slither-disable-next-line divide-before-multiply (a number of entries, each of two words)
        lines[2 * count] = type(uint256).max; // An asset above all: every search ends here.
        // slither-disable-next-line assembly (a reference to where the lines begin, as a number)
        assembly ("memory-safe") {
            mstore(market, add(lines, 32))
        }
        market.assets = count;
    }

    /// @notice What a fill buys.
    function buy(Market memory market, uint256 number, Fill memory fill, uint256 feeBps) internal pure {
        (uint256 sellAsset, uint256 buyAsset, uint256 sell) = (fill.sellAsset, fill.buyAsset, fill.sell);
        if (sellAsset == buyAsset) revert IGridErrors.SameAsset(number, uint32(sellAsset));
        // slither-disable-next-line unused-return (it is called for its error)
        if (sell > Amounts.MOST) Amounts.amount(sell);
        if (sell == 0) revert IGridErrors.NothingSold(number);
        if (feeBps > fill.maxFeeBps) revert IGridErrors.FeeTooHigh(number, uint16(feeBps), uint16(fill.maxFeeBps));
        (uint256 sellLine, uint256 sellPrice) = _line(market, sellAsset);
        (uint256 buyLine, uint256 buyPrice) = _line(market, buyAsset);
        unchecked {
            uint256 gross = sell * sellPrice / buyPrice; // Of two numbers of 64 bits.
            // slither-disable-next-line unused-return (it is called for its error)
            if (gross > Amounts.MOST) Amounts.amount(gross);
            fill.bought = gross - Amounts.shareUp(gross, feeBps); // A share: at most all of it.
            if (fill.bought < fill.minBuy) {
                revert IGridErrors.LimitNotMet(number, uint64(fill.bought), uint128(fill.minBuy));
            }
            _move(sellLine, sell << SOLD_AT);
            _move(buyLine, fill.bought);
        }
    }

    /// @notice Of the line with this number: its asset, what was sold, and what was bought.
    function movedIn(Market memory market, uint256 number) internal pure returns (uint32 asset, uint256 sold, uint256 bought) {
        uint256 line = market.lines + number * LINE_BYTES;
        // slither-disable-next-line assembly (a line is two words, of which the sentinel is only one)
        assembly ("memory-safe") {
            asset := shr(64, mload(line))
            bought := mload(add(line, 32))
        }
        return (asset, bought >> SOLD_AT, uint128(bought));
    }

    function isConserved(Market memory market) internal pure returns (bool) {
        for (uint256 number; number < market.assets; ++number) {
            (, uint256 sold, uint256 bought) = movedIn(market, number);
            if (bought > sold) return false;
        }
        return true;
    }

    /// @notice That no more of it is bought than sold.
    function checkConserved(Market memory market, uint256 asset) internal pure {
        (uint256 line,) = _line(market, asset);
        (, uint256 sold, uint256 bought) = movedIn(market, (line - market.lines) / LINE_BYTES);
        if (bought > sold) revert IGridErrors.NotConserved(uint32(asset), sold, bought);
    }

    function _move(uint256 line, uint256 by) private pure {
        // slither-disable-next-line assembly (a line that was found, whose sums stay within their halves)
        assembly ("memory-safe") {
            mstore(add(line, 32), add(mload(add(line, 32)), by))
        }
    }

    /// @dev Assembly: every intent comes through here twice. One line after the other, as batches are about few assets: below thirty or so
    /// a search that halves costs more.
    function _line(Market memory market, uint256 asset) private pure returns (uint256 line, uint256 price) {
        // slither-disable-next-line assembly (why, and what it relies on, is said above)
        assembly ("memory-safe") {
            line := mload(market)
            for {} lt(shr(64, mload(line)), asset) {} { line := add(line, LINE_BYTES) }
            if eq(shr(64, mload(line)), asset) { price := and(mload(line), 0xFFFFFFFFFFFFFFFF) }
        }
        if (price == 0) revert IGridErrors.NoPrice(uint32(asset));
    }
}
