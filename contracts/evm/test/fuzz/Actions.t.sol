// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {Action, Actions} from "../../src/libraries/Actions.sol";
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {Packed} from "../../src/libraries/Packed.sol";
import {Fill} from "../../src/libraries/Settlement.sol";
import {Typed} from "../../src/libraries/Typed.sol";
import {Test} from "../base/Test.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Packing} from "../kit/Packing.sol";

/// @notice What is packed is read as it was, and hashed like it; and bytes that are cut short anywhere are no action.
contract ActionsFuzzTest is Test {
    using Hashes for *;

    function testFuzz_Intents(T.Intent memory it, bool long) public view {
        bytes memory packed = Packing.intent(it, _signature(long));
        assertEq(this.contentOf(packed), it.content());
        Fill memory fill = this.fillOf(packed);
        assertEq(fill.sellAsset, it.sellAsset);
        assertEq(fill.buyAsset, it.buyAsset);
        assertEq(fill.sell, it.sellAmount);
        assertEq(fill.minBuy, it.minBuyAmount);
        assertEq(fill.maxFeeBps, it.maxFeeBps);
    }

    function testFuzz_Withdrawals(T.Withdrawal memory it, bool long) public view {
        assertEq(this.contentOf(Packing.withdrawal(it, _signature(long))), it.content());
    }

    function testFuzz_BridgeOuts(T.BridgeOut memory it, bool long) public view {
        assertEq(this.contentOf(Packing.bridgeOut(it, _signature(long))), it.content());
    }

    function testFuzz_Joins(T.Join memory it, T.Terms memory terms, bool long) public view {
        bytes memory packed = Packing.join(it, _signature(long), terms);
        assertEq(this.contentOf(packed), it.content());
        assertEq(this.termsOf(packed), terms.content());
    }

    function testFuzz_Verdicts(T.Verdict memory it, T.Terms memory terms, bool long) public view {
        bytes memory packed = Packing.verdict(it, _signature(long), terms);
        assertEq(this.contentOf(packed), it.content());
        assertEq(this.termsOf(packed), terms.content());
    }

    function testFuzz_Cut_short_it_is_no_action(T.Verdict memory it, T.Terms memory terms, uint256 length) public {
        bytes memory packed = Packing.verdict(it, _signature(false), terms);
        length = bound(length, 0, packed.length - 1);
        assembly ("memory-safe") {
            mstore(packed, length)
        }
        vm.expectPartialRevert(E.BadEncoding.selector);
        this.contentOf(packed);
    }

    function testFuzz_Whatever_bytes_come_an_action_lies_within_them(bytes memory packed) public view {
        try this.contentOf(packed) {}
        catch (bytes memory reason) {
            assertEq(bytes32(bytes4(reason)), bytes32(E.BadEncoding.selector));
        }
    }

    function contentOf(bytes calldata packed) external pure returns (bytes32) {
        (uint256 kind, uint256 body,) = _next(packed);
        return Actions.contentOf(kind, body);
    }

    function fillOf(bytes calldata packed) external pure returns (Fill memory fill) {
        (, uint256 body,) = _next(packed);
        Actions.readFill(body, fill);
    }

    function termsOf(bytes calldata packed) external pure returns (bytes32) {
        (uint256 kind, uint256 body, uint256 end) = _next(packed);
        (uint256 place,) = Packed.range(packed);
        require(end == place + packed.length, "it ends where it ends");
        Action[] memory actions = new Action[](1);
        Actions.put(actions, 0, kind, 64, body);
        return Typed.hash(Actions.terms(Actions.get(actions, 0)));
    }

    function _next(bytes calldata packed) private pure returns (uint256 kind, uint256 body, uint256 end) {
        (uint256 place, uint256 to) = Packed.range(packed);
        return Actions.next(place, to);
    }

    function _signature(bool long) private pure returns (bytes memory) {
        return new bytes(long ? 65 : 64);
    }
}
