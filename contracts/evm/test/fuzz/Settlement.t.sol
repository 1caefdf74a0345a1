// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Balance} from "../../src/Stored.sol";
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {Changes, noChanges} from "../../src/libraries/Changes.sol";
import {Matches} from "../../src/libraries/Matches.sol";
import {Fill, Market, Settlement} from "../../src/libraries/Settlement.sol";
import {Test} from "../base/Test.sol";

/// @notice Rounding, netting and prizes: no unit comes from nowhere, and none gets lost.
contract SettlementFuzzTest is Test {
    using Settlement for Market;

    mapping(bytes32 => mapping(uint32 => Balance)) internal balances;
    mapping(bytes32 => mapping(uint32 => int256)) internal expected;

    /// @dev In exact arithmetic, by cross-multiplication: what is bought is the largest whole number that the price and the fee allow.
    function testFuzz_A_fill_buys_what_price_and_fee_allow(uint64 sell, uint64 sellPrice, uint64 buyPrice, uint16 feeBps)
        public
        view
    {
        sell = uint64(bound(sell, 1, type(uint64).max));
        (sellPrice, buyPrice) = (uint64(bound(sellPrice, 1, type(uint64).max)), uint64(bound(buyPrice, 1, type(uint64).max)));
        feeBps = uint16(bound(feeBps, 0, 10_000));
        uint256 value = uint256(sell) * sellPrice;
        vm.assume(value / buyPrice <= type(uint64).max);
        uint256 net = this.bought(sell, sellPrice, buyPrice, feeBps);
        uint256 gross = value / buyPrice;
        assertLe(net * 10_000, gross * (10_000 - feeBps));
        assertGt((net + 1) * 10_000, gross * (10_000 - feeBps));
        assertLe(net * buyPrice, value);
    }

    /// @dev There and back again gains nobody anything.
    function testFuzz_No_way_round_gains_a_unit(uint64 sell, uint64 one, uint64 other, uint16 feeBps) public view {
        sell = uint64(bound(sell, 1, type(uint32).max));
        (one, other) = (uint64(bound(one, 1, type(uint32).max)), uint64(bound(other, 1, type(uint32).max)));
        feeBps = uint16(bound(feeBps, 0, 10_000));
        vm.assume(uint256(sell) * one / other <= type(uint64).max);
        uint256 there = this.bought(sell, one, other, feeBps);
        if (there == 0) return;
        assertLe(this.bought(uint64(there), other, one, feeBps), sell);
    }

    function testFuzz_More_than_an_amount_is_refused(uint64 sell, uint64 sellPrice, uint64 buyPrice) public {
        buyPrice = uint64(bound(buyPrice, 1, type(uint64).max));
        uint256 gross = uint256(sell) * sellPrice / buyPrice;
        vm.assume(gross > type(uint64).max);
        vm.expectRevert(abi.encodeWithSelector(E.AmountTooLarge.selector, gross));
        this.bought(sell, sellPrice, buyPrice, 0);
    }

    /// @dev Sums beside a plain table, whatever is touched how often.
    function testFuzz_Changes_add_up(uint8[60] calldata who, int64[60] calldata by) public {
        Changes memory changes = noChanges(60);
        for (uint256 i; i < who.length; ++i) {
            (bytes32 account, uint32 asset) = (bytes32(uint256(who[i] % 16)), who[i] / 64);
            changes.add(balances[account][asset], account, asset, by[i]);
            expected[account][asset] += by[i];
            if (i == 30) changes.forgetZeros();
        }
        for (uint256 i; i < changes.count(); ++i) {
            (Balance storage balance, bytes32 account, uint32 asset, int256 change) = changes.change(i);
            uint256 slot;
            assembly ("memory-safe") {
                slot := balance.slot
            }
            if (slot != 0) assertEq(bytes32(slot), _slotOf(account, asset));
            expected[account][asset] -= change;
        }
        for (uint256 i; i < who.length; ++i) {
            assertEq(expected[bytes32(uint256(who[i] % 16))][who[i] / 64], 0);
        }
    }

    function testFuzz_A_payout_leaves_nothing_over(uint64 stake, uint8 players, uint16 feeBps, uint16[5] calldata parts)
        public
        pure
    {
        uint256 count = bound(players, 5, Matches.MOST_PLAYERS);
        stake = uint64(bound(stake, 0, type(uint64).max / count));
        uint16[] memory prizesBps = _falling(parts);
        uint64[] memory paid = Matches.payout(stake, count, uint16(bound(feeBps, 0, 10_000)), prizesBps);
        uint256 sum;
        for (uint256 i; i < paid.length; ++i) {
            sum += paid[i];
        }
        assertEq(sum, stake * count);
        for (uint256 i = 2; i < paid.length; ++i) {
            assertLe(paid[i], paid[i - 1]);
        }
    }

    function bought(uint64 sell, uint64 sellPrice, uint64 buyPrice, uint16 feeBps) external view returns (uint256) {
        return this.boughtAt(abi.encodePacked(uint32(1), sellPrice, uint32(2), buyPrice), sell, feeBps);
    }

    function boughtAt(bytes calldata prices, uint64 sell, uint16 feeBps) external pure returns (uint256) {
        Fill memory fill = Fill(1, 2, sell, 0, 10_000, 0);
        Settlement.open(prices).buy(0, fill, feeBps);
        return fill.bought;
    }

    function _slotOf(bytes32 account, uint32 asset) private view returns (bytes32 slot) {
        Balance storage balance = balances[account][asset];
        assembly ("memory-safe") {
            slot := balance.slot
        }
    }

    /// @notice Five prizes that fall, and are a whole together.
    function _falling(uint16[5] calldata parts) private pure returns (uint16[] memory prizes) {
        prizes = new uint16[](5);
        uint256 rest = 10_000;
        for (uint256 i = 4; i > 0; --i) {
            uint256 low = i == 4 ? 0 : prizes[i + 1];
            prizes[i] = uint16(bound(parts[i], low, rest / (i + 1)));
            rest -= prizes[i];
        }
        prizes[0] = uint16(rest);
    }
}
