// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {Resolution} from "../../src/Stored.sol";
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Tree} from "../kit/Tree.sol";

contract DoubtTest is BatchTest {
    using Hashes for *;

    bytes32[] internal leaves;
    bytes internal totals;
    bytes32 internal ann;
    uint256 internal annKey;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
        totals = abi.encodePacked(GOLD, uint64(1_000), COIN, uint64(1_000));
    }

    // -- resolving ------------------------------------------------------------------------------------------------------

    function test_What_became_of_a_batch_is_recorded_for_ever() public {
        begin(0);
        _resolve(T.Resolve(THERE, 1, 7, true));
        _resolve(T.Resolve(THERE, 1, 8, false));
        begin(0);
        assertEq(uint8(grid.resolutionOf(THERE, 1, 7)), uint8(Resolution.Executed));
        assertEq(uint8(grid.resolutionOf(THERE, 1, 8)), uint8(Resolution.Void));
        assertEq(uint8(grid.resolutionOf(THERE, 1, 9)), uint8(Resolution.Unknown));
        bytes memory reason = abi.encodeWithSelector(E.AlreadyResolved.selector, THERE, 1, 8);
        _refusedResolve(T.Resolve(THERE, 1, 8, true), reason);
    }

    function test_Refused_to_resolve() public {
        _refusedResolve(T.Resolve(THERE, 1, 7, true), abi.encodeWithSelector(E.NotActive.selector, 0, 0));
        begin(0);
        _refusedResolve(T.Resolve(HERE, 1, 7, true), abi.encodeWithSelector(E.WrongChain.selector, HERE));
        vm.expectRevert(abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        grid.resolve(T.Resolve(THERE, 1, 7, true), new bytes[](0));
    }

    // -- holds ----------------------------------------------------------------------------------------------------------

    function test_A_hold_of_a_batch_that_executed_posts() public {
        T.HoldLeaf memory hold = _held(THERE, 3);
        _resolve(T.Resolve(THERE, 1, 7, true));
        _settle(hold);
        assertEq(_held(GOLD), 0);
        assertEq(available(ann, GOLD), 200);
        assertEq(available(ann, COIN), 50); // Received, and entered in the same word: she has no leaf of it.
        (, uint64 liabilities,) = grid.assetOf(GOLD);
        assertEq(liabilities, 200);
        (, liabilities,) = grid.assetOf(COIN);
        assertEq(liabilities, 50);
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 1 << 3);
        assertEq(grid.settledIn(hold.content()), 2);
    }

    function test_A_hold_of_a_batch_that_did_not_execute_is_void() public {
        T.HoldLeaf memory hold = _held(THERE, 3);
        _resolve(T.Resolve(THERE, 1, 7, false));
        _settle(hold);
        assertEq(_held(GOLD), 0);
        assertEq(available(ann, GOLD), 300);
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 0);
    }

    function test_A_hold_of_the_treasury_uses_no_nonce_and_one_of_a_used_nonce_posts() public {
        T.HoldLeaf memory hold = _held(THERE, T.NO_NONCE);
        _resolve(T.Resolve(THERE, 1, 7, true));
        _settle(hold);
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 0);
        T.Cancel memory cancel = T.Cancel(ann, 5, HERE);
        grid.cancel(cancel, sign(annKey, cancel.content()));
        hold = _held(THERE, 3);
        _settle(hold);
        (,,, nonces) = grid.accountOf(ann);
        assertEq(nonces, 5 << 192);
    }

    function test_Holds_of_this_chain_go_by_its_own_records() public {
        begin(0);
        execute(); // Batch 1 of epoch 1.
        T.HoldLeaf memory hold = _held(HERE, 3);
        hold.batch = 1;
        _cutWith(hold);
        _settle(hold);
        assertEq(available(ann, GOLD), 200);
        hold.batch = 2;
        _cutWith(hold);
        _settle(hold);
        assertEq(available(ann, GOLD), 300);
        hold.epoch = grid.lock().epoch;
        _refusedHold(hold, abi.encodeWithSelector(E.NotResolved.selector, HERE, hold.epoch, 2));
    }

    function test_A_hold_settles_once_in_an_epoch() public {
        T.HoldLeaf memory hold = _held(THERE, 3);
        _resolve(T.Resolve(THERE, 1, 7, true));
        _settle(hold);
        _refusedHold(hold, abi.encodeWithSelector(E.AlreadySettled.selector, hold.content()));
        _cutWith(hold);
        _settle(hold); // What it did in the last epoch is dead.
        assertEq(available(ann, GOLD), 200);
    }

    function test_Refused_holds() public {
        T.HoldLeaf memory hold = _held(THERE, 3);
        _refusedHold(hold, abi.encodeWithSelector(E.NotResolved.selector, THERE, 1, 7));
        _resolve(T.Resolve(THERE, 1, 7, true));
        hold.outAmount = 99;
        vm.expectPartialRevert(E.BadProof.selector);
        this.settle(hold);
        hold.inAsset = T.NO_ASSET;
        _refusedHold(hold, abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
        (hold.inAsset, hold.outAsset) = (COIN, T.NO_ASSET);
        _refusedHold(hold, abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
    }

    function test_Refused_holds_of_what_has_not_entered_or_does_not_hold() public {
        T.HoldLeaf memory hold = T.HoldLeaf(THERE, 1, 7, ann, 3, GOLD, 100, COIN, 50);
        T.AccountLeaf memory account = T.AccountLeaf(ann, address(0), 0);
        T.BalanceLeaf memory balance = T.BalanceLeaf(ann, GOLD, 200, 99);
        leaves = [hold.content(), account.content(), balance.content()];
        transitionTo(2, HERE, Tree.root(leaves), totals, 0);
        _resolve(T.Resolve(THERE, 1, 7, true));
        _refusedHold(hold, abi.encodeWithSelector(E.NotEntered.selector, ann));
        grid.enterAccount(account, Tree.proof(leaves, 1), keccak256(totals));
        _refusedHold(hold, abi.encodeWithSelector(E.NotEntered.selector, ann));
        grid.enterBalance(balance, Tree.proof(leaves, 2), totals);
        _refusedHold(hold, abi.encodeWithSelector(E.InsufficientBalance.selector, ann, GOLD, 99, 100));
    }

    // -- late deposits --------------------------------------------------------------------------------------------------

    function test_A_late_deposit_is_credited_once_in_an_epoch() public {
        begin(0);
        T.Credit memory it = T.Credit(THERE, 5, 1, ann, GOLD, 70);
        grid.credit(it, signed(it.content()));
        assertEq(available(ann, GOLD), 70);
        (uint64 vault, uint64 liabilities,) = grid.assetOf(GOLD);
        assertEq(vault, 0);
        assertEq(liabilities, 70);
        assertEq(grid.creditedIn(THERE, 5), 1);
        _refusedCredit(it, abi.encodeWithSelector(E.AlreadyCredited.selector, THERE, 5));
        begin(0);
        _refusedCredit(it, abi.encodeWithSelector(E.WrongEpoch.selector, 1, 2));
        it.epoch = 2;
        grid.credit(it, signed(it.content()));
        assertEq(grid.creditedIn(THERE, 5), 2);
    }

    function test_Deposits_of_this_chain_are_late_if_its_epoch_began_after_them() public {
        begin(0);
        deposit(ann, GOLD, 5);
        begin(0);
        deposit(ann, GOLD, 6);
        T.Credit memory it = T.Credit(HERE, 2, 2, ann, GOLD, 6);
        _refusedCredit(it, abi.encodeWithSelector(E.NotLate.selector, 2, 1));
        (it.sequence, it.amount) = (1, 5);
        grid.credit(it, signed(it.content()));
        assertEq(available(ann, GOLD), 11);
    }

    function test_Refused_credits() public {
        T.Credit memory it = T.Credit(THERE, 5, 1, ann, GOLD, 70);
        _refusedCredit(it, abi.encodeWithSelector(E.NotActive.selector, 0, 0));
        begin(0);
        it.asset = T.NO_ASSET;
        _refusedCredit(it, abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
        it.asset = GOLD;
        vm.expectRevert(abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        grid.credit(it, new bytes[](0));
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    /// @notice Ann has 200 and holds 100 of gold for a batch of epoch 1, which would bring her 50 of coin, of which she has nothing.
    function _held(uint8 origin, uint64 nonce) private returns (T.HoldLeaf memory hold) {
        hold = T.HoldLeaf(origin, 1, 7, ann, nonce, GOLD, 100, COIN, 50);
        _cutWith(hold);
    }

    function _cutWith(T.HoldLeaf memory hold) private {
        T.AccountLeaf memory account = T.AccountLeaf(ann, address(0), 0);
        T.BalanceLeaf memory balance = T.BalanceLeaf(ann, GOLD, 200, 100);
        leaves = [hold.content(), account.content(), balance.content()];
        uint64 epoch = grid.lock().epoch;
        transitionTo(epoch < 2 ? 2 : epoch + 1, HERE, Tree.root(leaves), totals, 0);
        grid.enterAccount(account, Tree.proof(leaves, 1), keccak256(totals));
        grid.enterBalance(balance, Tree.proof(leaves, 2), totals);
        absent = abi.encodePacked(ann, COIN);
        execute();
    }

    function _held(uint32 asset) private view returns (uint64 units) {
        (,, units,) = grid.balanceOf(ann, asset);
    }

    function _settle(T.HoldLeaf memory hold) private {
        grid.settleHold(hold, Tree.proof(leaves, 0), keccak256(totals));
    }

    function settle(T.HoldLeaf memory hold) external {
        _settle(hold);
    }

    function _refusedHold(T.HoldLeaf memory hold, bytes memory reason) private {
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.expectRevert(reason);
        grid.settleHold(hold, proof, keccak256(totals));
    }

    function _resolve(T.Resolve memory it) private {
        grid.resolve(it, signed(it.content()));
    }

    function _refusedResolve(T.Resolve memory it, bytes memory reason) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(reason);
        grid.resolve(it, signatures);
    }

    function _refusedCredit(T.Credit memory it, bytes memory reason) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(reason);
        grid.credit(it, signatures);
    }
}
