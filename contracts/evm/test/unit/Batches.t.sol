// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {IGridEvents} from "../../src/interfaces/IGridEvents.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Packing} from "../kit/Packing.sol";

contract BatchesTest is BatchTest {
    using Hashes for *;

    bytes32 internal ann;
    bytes32 internal bob;
    uint256 internal annKey;
    uint256 internal bobKey;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
        (bob, bobKey) = person("bob");
        begin(10);
        deposit(ann, GOLD, 10_000);
        deposit(bob, COIN, 10_000_000);
    }

    // -- settling -------------------------------------------------------------------------------------------------------

    function test_Intents_are_settled_at_uniform_prices_and_fees_and_rests_are_the_treasurys() public {
        _pair();
        execute();
        // 1,000 of gold are 2,000,000 of coin, of which a thousandth is the fee; 2,002,001 of coin are 1,001 of gold and a half.
        assertEq(available(ann, GOLD), 9_000);
        assertEq(available(ann, COIN), 1_998_000);
        assertEq(available(bob, GOLD), 999);
        assertEq(available(bob, COIN), 10_000_000 - 2_002_001);
        assertEq(available(treasury, GOLD), 1);
        assertEq(available(treasury, COIN), 2_002_001 - 1_998_000);
    }

    function test_What_comes_in_pays_for_what_goes_out_in_whatever_order() public {
        _prices();
        add(_intent(ann, COIN, GOLD, 2_000_000, 0), annKey); // Of which she has none yet.
        add(_intent(ann, GOLD, COIN, 3_000, 1), annKey);
        add(_intent(bob, COIN, GOLD, 4_000_000, 0), bobKey);
        execute();
        assertEq(available(ann, GOLD), 10_000 - 3_000 + 999);
        assertEq(available(ann, COIN), 6_000_000 - 6_000 - 2_000_000);
    }

    function test_The_outcome_is_recorded_and_chained() public {
        _pair();
        Brought memory it = brought();
        bytes32 outcome = execute(it);
        bytes32 expected = keccak256(abi.encodePacked(it.permit.actions, uint64(1_998_000), uint64(999)));
        assertEq(outcome, expected);
        assertEq(grid.outcomeOf(1, it.permit.batch), expected);
        assertEq(grid.accumulatorOf(1), keccak256(abi.encodePacked(bytes32(0), it.permit.batch, expected)));
        bytes32 before = grid.accumulatorOf(1);
        outcome = execute();
        assertEq(outcome, keccak256(abi.encodePacked(keccak256(""))));
        assertEq(grid.accumulatorOf(1), keccak256(abi.encodePacked(before, nextBatch, outcome)));
    }

    function test_The_event_tells_of_each_fill() public {
        _pair();
        Brought memory it = brought();
        bytes memory fills = abi.encodePacked(ann, uint64(0), GOLD, COIN, uint64(1_000), uint64(1_998_000));
        fills = abi.encodePacked(fills, bob, uint64(0), COIN, GOLD, uint64(2_002_001), uint64(999));
        bytes32 outcome = keccak256(abi.encodePacked(it.permit.actions, uint64(1_998_000), uint64(999)));
        vm.expectEmit(address(grid));
        emit IGridEvents.Executed(1, it.permit.batch, outcome, fills);
        execute(it);
    }

    function test_Long_signatures_are_as_good_as_compact_ones() public {
        _prices();
        T.Intent memory it = _intent(ann, GOLD, COIN, 1_000, 0);
        packed.push(Packing.intent(it, sign(annKey, it.content())));
        digests.push(digestOf(it.content()));
        add(_intent(bob, COIN, GOLD, 2_002_001, 0), bobKey);
        execute();
        assertEq(available(ann, COIN), 1_998_000);
    }

    function test_A_batch_of_nothing_is_a_batch() public {
        assertNotEq(execute(), bytes32(0));
    }

    function test_Refused_same_asset() public {
        _prices();
        add(_intent(ann, GOLD, GOLD, 1, 0), annKey);
        refused(abi.encodeWithSelector(E.SameAsset.selector, 0, GOLD));
    }

    function test_Refused_nothing_sold() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 5, 0), annKey);
        add(_intent(ann, GOLD, COIN, 0, 1), annKey);
        refused(abi.encodeWithSelector(E.NothingSold.selector, 1));
    }

    function test_Refused_amount_too_large_sold() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 1 << 64, 0), annKey);
        refused(abi.encodeWithSelector(E.AmountTooLarge.selector, int256(1 << 64)));
    }

    function test_Refused_amount_too_large_bought() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 1 << 63, 0), annKey);
        refused(abi.encodeWithSelector(E.AmountTooLarge.selector, int256(2_000 << 63)));
    }

    function test_Refused_fee_too_high() public {
        _prices();
        T.Intent memory it = _intent(ann, GOLD, COIN, 1, 0);
        it.maxFeeBps = 9;
        add(it, annKey);
        refused(abi.encodeWithSelector(E.FeeTooHigh.selector, 0, 10, 9));
    }

    function test_Refused_no_price() public {
        price(GOLD, 1);
        add(_intent(ann, GOLD, COIN, 1, 0), annKey);
        refused(abi.encodeWithSelector(E.NoPrice.selector, COIN));
    }

    function test_Refused_a_price_of_zero() public {
        price(GOLD, 0);
        price(COIN, 1);
        add(_intent(ann, GOLD, COIN, 1, 0), annKey);
        refused(abi.encodeWithSelector(E.NoPrice.selector, GOLD));
    }

    function test_Refused_a_price_of_no_asset() public {
        price(GOLD, 1);
        price(T.NO_ASSET, 1);
        add(_intent(ann, GOLD, T.NO_ASSET, 1, 0), annKey);
        refused(abi.encodeWithSelector(E.NoPrice.selector, T.NO_ASSET));
    }

    function test_Refused_limit_not_met() public {
        _prices();
        T.Intent memory it = _intent(ann, GOLD, COIN, 1_000, 0);
        it.minBuyAmount = 1_998_001;
        add(it, annKey);
        refused(abi.encodeWithSelector(E.LimitNotMet.selector, 0, 1_998_000, 1_998_001));
    }

    function test_Refused_not_conserved_with_the_first_asset_in_the_order_of_fills() public {
        _prices();
        price(9, 3_000_000);
        deposit(ann, COIN, 1);
        add(_intent(ann, GOLD, 9, 1_000, 0), annKey);
        add(_intent(ann, GOLD, COIN, 1_000, 1), annKey);
        refused(abi.encodeWithSelector(E.NotConserved.selector, 9, 0, 999));
    }

    function test_Refused_insufficient_balance() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 10_001, 0), annKey);
        add(_intent(bob, COIN, GOLD, 9_999_999, 0), bobKey);
        add(_intent(bob, COIN, GOLD, 9_990_000, 1), bobKey); // Who is short as well.
        refused(abi.encodeWithSelector(E.InsufficientBalance.selector, ann, GOLD, 10_000, 10_001));
    }

    // -- owners ---------------------------------------------------------------------------------------------------------

    function test_Refused_not_authorised() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 1_000, 0), bobKey);
        add(_intent(bob, COIN, GOLD, 2_002_001, 0), bobKey);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, ann));
    }

    function test_Refused_bad_signature() public {
        _prices();
        T.Intent memory it = _intent(ann, GOLD, COIN, 1_000, 0);
        bytes memory signature = sign(annKey, it.content());
        signature[64] = 0x1d;
        packed.push(Packing.intent(it, signature));
        digests.push(digestOf(it.content()));
        add(_intent(bob, COIN, GOLD, 2_002_001, 0), bobKey);
        refused(abi.encodeWithSelector(E.BadSignature.selector));
    }

    function test_Refused_expired() public {
        _pair();
        Brought memory it = brought();
        it.permit.expiry = LATER + 2;
        it.signatures = signed(it.permit.content());
        vm.warp(LATER + 1);
        vm.expectRevert(abi.encodeWithSelector(E.Expired.selector, LATER));
        execute(it);
        vm.warp(LATER); // The last second is one of it.
        execute(it);
    }

    function test_Refused_nonce_used() public {
        _pair();
        execute();
        _pair();
        refused(abi.encodeWithSelector(E.NonceUsed.selector, 0));
    }

    function test_Refused_nonce_used_twice_in_one_batch() public {
        _prices();
        deposit(ann, COIN, 1_000_000);
        add(_intent(ann, GOLD, COIN, 100, 7), annKey);
        add(_intent(ann, COIN, GOLD, 200_000, 7), annKey);
        refused(abi.encodeWithSelector(E.NonceUsed.selector, 7));
    }

    function test_Refused_nonce_too_far() public {
        _prices();
        add(_intent(ann, GOLD, COIN, 1_000, 192), annKey);
        add(_intent(bob, COIN, GOLD, 2_002_001, 0), bobKey);
        refused(abi.encodeWithSelector(E.NonceTooFar.selector, 192, 0));
    }

    function test_Refused_not_entered() public {
        transitionTo(2, HERE, keccak256("a cut"), "", 10);
        _pair();
        refused(abi.encodeWithSelector(E.NotEntered.selector, ann));
    }

    // -- permits --------------------------------------------------------------------------------------------------------

    function test_Refused_paused() public {
        pauseUntil(NOW + 10);
        refused(abi.encodeWithSelector(E.Paused.selector, NOW + 10));
    }

    function test_Refused_not_active() public {
        transitionTo(2, THERE, EMPTY_ROOT, "", 10);
        refused(abi.encodeWithSelector(E.NotActive.selector, 2, THERE));
    }

    function test_Refused_wrong_chain() public {
        Brought memory it = brought();
        it.permit.chain = THERE;
        _refused(it, abi.encodeWithSelector(E.WrongChain.selector, THERE));
    }

    function test_Refused_wrong_epoch() public {
        Brought memory it = brought();
        it.permit.epoch = 2;
        _refused(it, abi.encodeWithSelector(E.WrongEpoch.selector, 2, 1));
    }

    function test_Refused_batch_used() public {
        Brought memory it = brought();
        execute(it);
        vm.expectRevert(abi.encodeWithSelector(E.BatchUsed.selector, it.permit.batch));
        execute(it);
    }

    function test_Refused_permit_expired() public {
        Brought memory it = brought();
        vm.warp(it.permit.expiry);
        _refused(it, abi.encodeWithSelector(E.PermitExpired.selector, it.permit.expiry));
    }

    function test_Refused_wrong_batch_for_each_list() public {
        _pair();
        Brought memory it = brought();
        bytes memory reason = abi.encodeWithSelector(E.WrongBatch.selector, it.permit.batch);
        (bytes memory actions, bytes memory prices_) = (it.actions, it.prices);
        it.actions = hex"0000";
        _refused(it, reason);
        (it.actions, it.prices) = (actions, abi.encodePacked(GOLD, uint64(1), COIN, uint64(1)));
        _refused(it, reason);
        (it.prices, it.absent) = (prices_, abi.encodePacked(ann, GOLD));
        _refused(it, reason);
        (it.absent, it.dead) = ("", abi.encodePacked(ann, uint64(0)));
        _refused(it, reason);
    }

    function test_Refused_no_quorum() public {
        Brought memory it = brought();
        bytes[] memory one = new bytes[](1);
        one[0] = it.signatures[0];
        it.signatures = one;
        _refused(it, abi.encodeWithSelector(E.NoQuorum.selector, 1, 0, 2));
    }

    function test_Refused_batch_too_large() public {
        Brought memory it = brought();
        it.actions = abi.encodePacked(uint16(401));
        pauseUntil(NOW + 10); // Which would be told of next.
        _refused(it, abi.encodeWithSelector(E.BatchTooLarge.selector, 401, 400));
    }

    // -- calldata -------------------------------------------------------------------------------------------------------

    function test_Refused_bad_encoding() public {
        _pair();
        Brought memory it = brought();
        bytes memory good = it.actions;
        it.actions = "";
        _badlyEncoded(it);
        it.actions = abi.encodePacked(good, hex"00"); // Something after the last.
        _badlyEncoded(it);
        it.actions = _cut(good, good.length - 1);
        _badlyEncoded(it);
        it.actions = abi.encodePacked(uint16(3), _from(good, 2)); // More than there are.
        _badlyEncoded(it);
        it.actions = abi.encodePacked(uint16(1), _from(good, 2)); // Fewer.
        _badlyEncoded(it);
        for (uint256 kind; kind < 256; ++kind) {
            if (kind == 1) continue;
            it.actions = good;
            it.actions[2] = bytes1(uint8(kind));
            vm.expectRevert();
            execute(it);
        }
    }

    function test_Refused_prices_that_do_not_rise() public {
        price(COIN, 1);
        price(GOLD, 1);
        _badlyEncoded(brought());
        price(COIN, 1);
        price(COIN, 1);
        _badlyEncoded(brought());
        prices = hex"00";
        _badlyEncoded(brought());
    }

    function test_Refused_lists_of_odd_lengths() public {
        absent = hex"00";
        _badlyEncoded(brought());
        dead = hex"00";
        _badlyEncoded(brought());
    }

    // -- what is absent, and dead ---------------------------------------------------------------------------------------

    function test_An_account_without_a_leaf_enters_by_a_permit_with_what_it_received() public {
        transitionTo(2, HERE, keccak256("a cut"), "", 10);
        deposit(ann, GOLD, 500);
        deposit(bob, COIN, 10_000_000);
        (bool entered,,, uint64 received) = grid.balanceOf(ann, GOLD);
        assertFalse(entered);
        assertEq(received, 500);
        absent = abi.encodePacked(ann, T.NO_ASSET, bob, T.NO_ASSET);
        _prices();
        add(_intent(ann, GOLD, COIN, 500, 0), annKey);
        add(_intent(bob, COIN, GOLD, 1_002_000, 0), bobKey);
        execute();
        bool isNew;
        (entered, isNew,,) = grid.accountOf(ann);
        assertTrue(entered && isNew);
        assertEq(available(ann, GOLD), 0);
        assertEq(available(ann, COIN), 999_000);
    }

    function test_A_balance_without_a_leaf_enters_by_a_permit_and_may_be_named_again() public {
        transitionTo(2, HERE, keccak256("a cut"), "", 10);
        deposit(ann, GOLD, 500);
        for (uint256 i; i < 2; ++i) {
            absent = abi.encodePacked(ann, GOLD, ann, GOLD);
            execute();
            (bool entered, int256 units,, uint64 received) = grid.balanceOf(ann, GOLD);
            assertTrue(entered);
            assertEq(units, 500);
            assertEq(received, 0);
        }
    }

    function test_Dead_nonces_are_used_and_may_be_named_again() public {
        dead = abi.encodePacked(ann, uint64(0), ann, uint64(2), ann, uint64(0));
        execute();
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 1 << 192 | 2);
        _pair();
        refused(abi.encodeWithSelector(E.NonceUsed.selector, 0));
    }

    function test_Refused_dead_nonces_of_who_has_not_entered() public {
        transitionTo(2, HERE, keccak256("a cut"), "", 10);
        dead = abi.encodePacked(ann, uint64(0));
        refused(abi.encodeWithSelector(E.NotEntered.selector, ann));
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    function _prices() private {
        price(GOLD, 3_000_000);
        price(COIN, 1_500);
    }

    function _pair() private {
        _prices();
        add(_intent(ann, GOLD, COIN, 1_000, 0), annKey);
        add(_intent(bob, COIN, GOLD, 2_002_001, 0), bobKey);
    }

    function _intent(bytes32 account, uint32 sold, uint32 bought, uint128 amount, uint64 nonce)
        private
        pure
        returns (T.Intent memory)
    {
        return T.Intent(account, sold, bought, amount, 0, nonce, LATER, 10_000);
    }

    function _refused(Brought memory it, bytes memory reason) private {
        vm.expectRevert(reason);
        execute(it);
    }

    function _badlyEncoded(Brought memory it) private {
        vm.expectPartialRevert(E.BadEncoding.selector);
        execute(it);
    }

    function _cut(bytes memory data, uint256 length) private pure returns (bytes memory part) {
        part = new bytes(length);
        for (uint256 i; i < length; ++i) {
            part[i] = data[i];
        }
    }

    function _from(bytes memory data, uint256 start) private pure returns (bytes memory part) {
        part = new bytes(data.length - start);
        for (uint256 i; i < part.length; ++i) {
            part[i] = data[start + i];
        }
    }
}
