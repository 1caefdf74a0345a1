// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {NO_ASSET} from "../Types.sol";
import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Amounts} from "./Amounts.sol";
import {Lists} from "./Lists.sol";
import {Packed} from "./Packed.sol";

/// @notice What a fill asks for. It is filled wholly or not at all: its nonce is used once, so a rest could never be sold.
struct Fill {
    uint32 sellAsset;
    uint32 buyAsset;
    uint128 sell;
    uint128 minBuy;
    uint16 maxFeeBps;
}

/// @notice The prices of a batch, whole numbers of any common unit, and what of each asset was sold and bought at them.
struct Market {
    uint256[] lines; // Asset and price, in rising order of assets: 64 bits of price below the asset.
    uint256[] moved; // 128 bits sold above 128 bits bought, of the asset in the line with this number.
}

/// @notice Netting at uniform prices. Rounding is always against the taker, so that a batch moves value and never makes any.
library Settlement {
    uint256 private constant SOLD = 1 << 128;

    function open(bytes calldata prices) internal pure returns (Market memory market) {
        (uint256 from, uint256 to) = Packed.range(prices);
        uint256 count = (to - from) / Lists.AMOUNT_BYTES;
        (market.lines, market.moved) = (new uint256[](count), new uint256[](count));
        for (uint256 i; i < count; ++i) {
            uint256 place = from + i * Lists.AMOUNT_BYTES;
            market.lines[i] = uint256(Packed.u32(place)) << 64 | Packed.u64(place + 4);
        }
    }

    /// @return net What the fill buys, after the fee.
    function buy(Market memory market, uint256 number, Fill memory fill, uint16 feeBps) internal pure returns (uint64 net) {
        if (fill.sellAsset == fill.buyAsset) revert IGridErrors.SameAsset(number, fill.sellAsset);
        if (Amounts.amount(uint256(fill.sell)) == 0) revert IGridErrors.NothingSold(number);
        if (feeBps > fill.maxFeeBps) revert IGridErrors.FeeTooHigh(number, feeBps, fill.maxFeeBps);
        (uint256 sellLine, uint256 sellPrice) = _line(market, fill.sellAsset);
        (uint256 buyLine, uint256 buyPrice) = _line(market, fill.buyAsset);
        unchecked {
            uint256 gross = Amounts.amount(fill.sell * sellPrice / buyPrice); // Of two numbers of 64 bits.
            net = uint64(gross - Amounts.shareUp(gross, feeBps)); // The fee is a share: at most all.
            if (net < fill.minBuy) revert IGridErrors.LimitNotMet(number, net, fill.minBuy);
            market.moved[sellLine] += fill.sell * SOLD;
            market.moved[buyLine] += net;
        }
    }

    /// @notice Of this line: its asset, what was sold, and what was bought.
    function movedIn(Market memory market, uint256 line) internal pure returns (uint32 asset, uint256 sold, uint256 bought) {
        return (uint32(market.lines[line] >> 64), market.moved[line] / SOLD, uint128(market.moved[line]));
    }

    function isConserved(Market memory market) internal pure returns (bool) {
        for (uint256 line; line < market.lines.length; ++line) {
            (, uint256 sold, uint256 bought) = movedIn(market, line);
            if (bought > sold) return false;
        }
        return true;
    }

    /// @notice That no more of it is bought than sold.
    function checkConserved(Market memory market, uint32 asset) internal pure {
        (uint256 line,) = _line(market, asset);
        (, uint256 sold, uint256 bought) = movedIn(market, line);
        if (bought > sold) revert IGridErrors.NotConserved(asset, sold, bought);
    }

    function _line(Market memory market, uint32 asset) private pure returns (uint256 line, uint256 price) {
        uint256[] memory lines = market.lines;
        uint256 high = lines.length;
        unchecked {
            while (line < high) {
                uint256 middle = (line + high) / 2;
                if (lines[middle] >> 64 < asset) line = middle + 1;
                else high = middle;
            }
        }
        if (line == lines.length || lines[line] >> 64 != asset || asset == NO_ASSET) revert IGridErrors.NoPrice(asset);
        price = uint64(lines[line]);
        if (price == 0) revert IGridErrors.NoPrice(asset);
    }
}
