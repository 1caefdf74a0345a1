// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {ListedAsset} from "../../src/Stored.sol";
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {CallingToken, FeeToken, QuietToken, RefusingToken, Token} from "../kit/Token.sol";

contract VaultTest is BatchTest {
    using Hashes for *;

    uint32 internal constant ODD = 3;

    bytes32 internal ann;
    uint256 internal annKey;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
        begin(0);
    }

    // -- listing --------------------------------------------------------------------------------------------------------

    function test_An_asset_is_listed_once_whatever_else_happens() public {
        transitionTo(2, THERE, EMPTY_ROOT, "", 0);
        pauseUntil(NOW + 5);
        T.Listing memory it = T.Listing(HERE, ODD, id(address(gold)), 18, 0, 5, 6);
        grid.listAsset(it, signed(it.content()));
        ListedAsset memory listed = grid.listingOf(ODD);
        assertEq(listed.token, address(gold));
        assertEq(listed.tokenDecimals, 18);
        assertEq(listed.gridDecimals, 0);
        assertEq(listed.bridgeLimit, 5);
        assertEq(listed.bridgeWindow, 6);
        it.bridgeLimit = 9;
        _refusedListing(it, abi.encodeWithSelector(E.AssetListed.selector, ODD));
    }

    function test_Refused_listings() public {
        T.Listing memory it = T.Listing(THERE, ODD, id(address(gold)), 8, 6, 5, 6);
        _refusedListing(it, abi.encodeWithSelector(E.WrongChain.selector, THERE));
        it.chain = HERE;
        bytes memory bad = abi.encodeWithSelector(E.BadListing.selector, ODD);
        it.gridDecimals = 9;
        _refusedListing(it, bad);
        (it.tokenDecimals, it.gridDecimals) = (25, 6);
        _refusedListing(it, bad);
        (it.tokenDecimals, it.bridgeWindow) = (24, 0);
        _refusedListing(it, bad);
        (it.bridgeWindow, it.token) = (1, 0);
        _refusedListing(it, bad);
        it.token = bytes32(uint256(1 << 160));
        _refusedListing(it, bad);
        (it.token, it.asset) = (id(address(gold)), T.NO_ASSET);
        _refusedListing(it, abi.encodeWithSelector(E.BadListing.selector, T.NO_ASSET));
        it.asset = ODD;
        vm.expectRevert(abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        grid.listAsset(it, new bytes[](0));
    }

    // -- deposits -------------------------------------------------------------------------------------------------------

    function test_A_deposit_counts_whole_units_and_the_dust_goes_back() public {
        gold.mint(address(this), 12_345);
        gold.approve(address(grid), 12_345);
        assertEq(grid.deposit(ann, GOLD, 12_345), 1);
        assertEq(available(ann, GOLD), 123);
        assertEq(gold.balanceOf(address(this)), 45);
        assertEq(gold.balanceOf(address(grid)), 12_300);
        (uint64 vault, uint64 liabilities, uint64 entered) = grid.assetOf(GOLD);
        assertEq(vault, 123);
        assertEq(liabilities, 123);
        assertEq(entered, 0);
    }

    function test_Refused_deposits() public {
        vm.expectRevert(abi.encodeWithSelector(E.NoSuchAsset.selector, ODD));
        grid.deposit(ann, ODD, 1);
        vm.expectRevert(abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
        grid.deposit(ann, T.NO_ASSET, 1);
        gold.mint(address(this), type(uint128).max);
        gold.approve(address(grid), type(uint128).max);
        vm.expectRevert(abi.encodeWithSelector(E.NothingMoved.selector, GOLD));
        grid.deposit(ann, GOLD, 99);
        vm.expectRevert(abi.encodeWithSelector(E.AmountTooLarge.selector, int256(1 << 64)));
        grid.deposit(ann, GOLD, 100 << 64);
        grid.deposit(ann, GOLD, (100 << 64) - 100);
        vm.expectRevert(abi.encodeWithSelector(E.AmountTooLarge.selector, int256(1 << 64)));
        grid.deposit(id(bridge), GOLD, 100); // More could not be owed.
        pauseUntil(NOW + 5);
        vm.expectRevert(abi.encodeWithSelector(E.Paused.selector, NOW + 5));
        grid.deposit(ann, GOLD, 100);
        transitionTo(2, THERE, EMPTY_ROOT, "", 0);
        vm.warp(NOW + 5);
        vm.expectRevert(abi.encodeWithSelector(E.NotActive.selector, 2, THERE));
        grid.deposit(ann, GOLD, 100);
    }

    function test_Of_a_token_that_keeps_a_part_counts_what_arrives() public {
        FeeToken token = new FeeToken();
        list(ODD, address(token), 8);
        token.mint(address(this), 10_000);
        token.approve(address(grid), 10_000);
        grid.deposit(ann, ODD, 10_000);
        assertEq(available(ann, ODD), 99);
        assertEq(token.balanceOf(address(grid)), 9_900);
    }

    function test_A_token_that_returns_nothing_is_one() public {
        QuietToken token = new QuietToken();
        list(ODD, address(token), 6);
        token.mint(address(this), 100);
        grid.deposit(ann, ODD, 100);
        _withdraw(ODD, 40, id(bridge));
        execute();
        assertEq(token.balanceOf(bridge), 40);
    }

    // -- withdrawals ----------------------------------------------------------------------------------------------------

    function test_A_withdrawal_pays_tokens() public {
        deposit(ann, GOLD, 100);
        _withdraw(GOLD, 60, id(bridge));
        execute();
        assertEq(gold.balanceOf(bridge), 6_000);
        assertEq(available(ann, GOLD), 40);
        (uint64 vault, uint64 liabilities,) = grid.assetOf(GOLD);
        assertEq(vault, 40);
        assertEq(liabilities, 40);
    }

    function test_Refused_withdrawals() public {
        deposit(ann, GOLD, 100);
        add(T.Withdrawal(ann, GOLD, 1, THERE, id(bridge), 0, LATER), annKey);
        refused(abi.encodeWithSelector(E.WrongChain.selector, THERE));
        _withdraw(ODD, 1, id(bridge));
        refused(abi.encodeWithSelector(E.NoSuchAsset.selector, ODD));
        _withdraw(GOLD, 1, 0);
        refused(abi.encodeWithSelector(E.BadRecipient.selector, bytes32(0)));
        _withdraw(GOLD, 1, bytes32(uint256(1) << 160));
        refused(abi.encodeWithSelector(E.BadRecipient.selector, bytes32(uint256(1) << 160)));
        _withdraw(GOLD, 101, id(bridge));
        refused(abi.encodeWithSelector(E.InsufficientBalance.selector, ann, GOLD, 100, 101));
        add(T.Withdrawal(ann, GOLD, 1, HERE, id(bridge), 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, ann));
        T.Credit memory it = T.Credit(THERE, 1, 1, ann, GOLD, 100);
        grid.credit(it, signed(it.content()));
        _withdraw(GOLD, 150, id(bridge));
        refused(abi.encodeWithSelector(E.InsufficientFloat.selector, GOLD, 100, 150));
    }

    function test_A_token_that_fails_takes_the_whole_batch_with_it() public {
        RefusingToken token = new RefusingToken();
        list(ODD, address(token), 6);
        token.mint(address(this), 100);
        token.approve(address(grid), 100);
        grid.deposit(ann, ODD, 100);
        _withdraw(ODD, 40, id(bridge));
        Brought memory it = brought();
        vm.expectRevert();
        execute(it);
        assertEq(available(ann, ODD), 100);
        assertEq(grid.outcomeOf(1, it.permit.batch), bytes32(0));
    }

    function test_A_token_that_calls_back_finds_the_door_shut() public {
        CallingToken token = new CallingToken();
        list(ODD, address(token), 6);
        token.mint(address(this), 200);
        token.approve(address(grid), 200);
        grid.deposit(ann, ODD, 100);
        _withdraw(ODD, 40, id(bridge));
        Brought memory it = brought();
        bytes[] memory calls = new bytes[](4);
        calls[0] = abi.encodeCall(grid.deposit, (ann, GOLD, 1));
        calls[1] = abi.encodeCall(grid.execute, (it.permit, it.signatures, it.actions, it.prices, it.absent, it.dead));
        T.LockTransition memory next = T.LockTransition(2, HERE, EMPTY_ROOT, keccak256(""), 0, 0);
        calls[2] = abi.encodeCall(grid.transition, (next, "", signed(next.content())));
        T.Cancel memory cancel = T.Cancel(ann, 9, HERE);
        calls[3] = abi.encodeCall(grid.cancel, (cancel, sign(annKey, cancel.content())));
        for (uint256 i; i < calls.length; ++i) {
            token.willCall(address(grid), calls[i]);
            grid.deposit(ann, ODD, 1);
            _shut(token);
        }
        token.willCall(address(grid), calls[0]);
        execute(it);
        _shut(token);
        assertEq(token.balanceOf(bridge), 40);
    }

    // -- the bridge -----------------------------------------------------------------------------------------------------

    function test_Float_comes_in_for_nobody_in_particular() public {
        transitionTo(2, THERE, EMPTY_ROOT, "", 0);
        _fund(30);
        T.BridgeIn memory it = _bridgeIn(30);
        grid.bridgeIn(it, signed(it.content()));
        (uint64 vault, uint64 liabilities,) = grid.assetOf(GOLD);
        assertEq(vault, 30);
        assertEq(liabilities, 0);
        (bool done, uint64 amount) = grid.bridgedIn(it.id);
        assertTrue(done);
        assertEq(amount, 30);
    }

    function test_Refused_float() public {
        _fund(1_000);
        T.BridgeIn memory it = _bridgeIn(30);
        it.chain = THERE;
        _refusedFloat(it, abi.encodeWithSelector(E.WrongChain.selector, THERE));
        (it.chain, it.asset) = (HERE, ODD);
        _refusedFloat(it, abi.encodeWithSelector(E.NoSuchAsset.selector, ODD));
        (it.asset, it.expiry) = (GOLD, NOW);
        _refusedFloat(it, abi.encodeWithSelector(E.PermitExpired.selector, NOW));
        it.expiry = NOW + 1;
        vm.expectRevert(abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        grid.bridgeIn(it, new bytes[](0));
        grid.bridgeIn(it, signed(it.content()));
        _refusedFloat(it, abi.encodeWithSelector(E.AlreadyBridged.selector, it.id));
        pauseUntil(NOW + 5);
        _refusedFloat(it, abi.encodeWithSelector(E.Paused.selector, NOW + 5));
    }

    function test_A_transfer_of_nothing_counts_once_too() public {
        T.BridgeIn memory it = _bridgeIn(0);
        grid.bridgeIn(it, signed(it.content()));
        _refusedFloat(it, abi.encodeWithSelector(E.AlreadyBridged.selector, it.id));
    }

    function test_Float_is_limited_in_each_window() public {
        _fund(3_000_000);
        T.BridgeIn memory it = _bridgeIn(600_000);
        grid.bridgeIn(it, signed(it.content()));
        it = _bridgeIn(400_001);
        it.id = keccak256("another transfer");
        _refusedFloat(it, abi.encodeWithSelector(E.RateLimited.selector, GOLD, 1_000_001, 1_000_000));
        it.amount = 400_000;
        grid.bridgeIn(it, signed(it.content()));
        it.id = keccak256("one more transfer");
        vm.warp(NOW - NOW % 3600 + 3599);
        _refusedFloat(it, abi.encodeWithSelector(E.RateLimited.selector, GOLD, 1_400_000, 1_000_000));
        vm.warp(NOW - NOW % 3600 + 3600);
        grid.bridgeIn(it, signed(it.content()));
    }

    function test_Refused_float_that_does_not_arrive() public {
        FeeToken token = new FeeToken();
        list(ODD, address(token), 6);
        token.mint(address(this), 1_000);
        token.approve(address(grid), 1_000);
        T.BridgeIn memory it = _bridgeIn(1_000);
        it.asset = ODD;
        _refusedFloat(it, abi.encodeWithSelector(E.TokensMissing.selector, ODD, 990, 1_000));
    }

    function test_Float_goes_out_by_the_treasury() public {
        deposit(ann, GOLD, 100);
        T.BridgeOut memory it = T.BridgeOut(treasury, GOLD, 70, HERE, THERE, 0, LATER);
        add(it, treasurerKey);
        execute();
        assertEq(gold.balanceOf(bridge), 7_000);
        (uint64 vault, uint64 liabilities,) = grid.assetOf(GOLD);
        assertEq(vault, 30);
        assertEq(liabilities, 100);
        (bool done, uint64 amount) = grid.sentOut(it.content());
        assertTrue(done);
        assertEq(amount, 70);
    }

    function test_Refused_float_out() public {
        deposit(ann, GOLD, 100);
        add(T.BridgeOut(ann, GOLD, 1, HERE, THERE, 0, LATER), annKey);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, ann));
        add(T.BridgeOut(treasury, GOLD, 1, HERE, THERE, 0, LATER), annKey);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, treasury));
        add(T.BridgeOut(treasury, GOLD, 1, THERE, HERE, 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.WrongChain.selector, THERE));
        add(T.BridgeOut(treasury, GOLD, 1, HERE, HERE, 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.NoSuchChain.selector, HERE));
        add(T.BridgeOut(treasury, GOLD, 1, HERE, 3, 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.NoSuchChain.selector, 3));
        add(T.BridgeOut(treasury, ODD, 1, HERE, THERE, 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.NoSuchAsset.selector, ODD));
        add(T.BridgeOut(treasury, GOLD, 101, HERE, THERE, 0, LATER), treasurerKey);
        refused(abi.encodeWithSelector(E.InsufficientFloat.selector, GOLD, 100, 101));
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    function _withdraw(uint32 asset, uint64 amount, bytes32 recipient) private {
        add(T.Withdrawal(ann, asset, amount, HERE, recipient, 0, LATER), annKey);
    }

    function _fund(uint256 units) private {
        gold.mint(address(this), units * 100);
        gold.approve(address(grid), units * 100);
    }

    function _bridgeIn(uint64 amount) private pure returns (T.BridgeIn memory) {
        return T.BridgeIn(keccak256("a transfer"), HERE, GOLD, amount, NOW + 2 hours);
    }

    function _refusedListing(T.Listing memory it, bytes memory reason) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(reason);
        grid.listAsset(it, signatures);
    }

    function _refusedFloat(T.BridgeIn memory it, bytes memory reason) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(reason);
        grid.bridgeIn(it, signatures);
    }

    function _shut(CallingToken token) private view {
        assertFalse(token.done());
        assertEq(bytes32(token.answer()), bytes32(bytes4(keccak256("ReentrancyGuardReentrantCall()"))));
    }
}
