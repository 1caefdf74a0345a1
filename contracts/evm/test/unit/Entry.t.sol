// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {GridTest} from "../kit/GridTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Tree} from "../kit/Tree.sol";

contract EntryTest is GridTest {
    using Hashes for *;

    bytes32 internal constant KEY = keccak256("a key of Solana");

    bytes32[] internal leaves;
    bytes32 internal ann;
    uint256 internal annKey;
    bytes internal totals;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
        totals = abi.encodePacked(GOLD, uint64(1_000), COIN, type(uint64).max);
    }

    // -- accounts -------------------------------------------------------------------------------------------------------

    function test_An_account_enters_with_its_authority_and_nonces() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(KEY, treasurer, 5 << 192 | 2);
        _cutOf(leaf.content());
        (bool entered,, address authority,) = grid.accountOf(KEY);
        assertFalse(entered);
        assertEq(authority, address(0));
        _enter(leaf, 0);
        bool isNew;
        uint256 nonces;
        (entered, isNew, authority, nonces) = grid.accountOf(KEY);
        assertTrue(entered);
        assertFalse(isNew);
        assertEq(authority, treasurer);
        assertEq(nonces, 5 << 192 | 2);
        transitionTo(2, HERE, keccak256("another"), "", 0);
        (entered,, authority, nonces) = grid.accountOf(KEY);
        assertFalse(entered);
        assertEq(authority, treasurer);
        assertEq(nonces, 5 << 192 | 2);
    }

    function test_A_leaf_of_nobody_leaves_the_authority_as_it_is() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(ann, address(0), 0);
        _cutOf(leaf.content());
        _enter(leaf, 0);
        (,, address authority,) = grid.accountOf(ann);
        assertEq(id(authority), ann);
    }

    function test_Nonces_used_here_or_there_are_used() public {
        begin(0);
        T.Cancel memory it = T.Cancel(ann, 10, HERE);
        grid.cancel(it, sign(annKey, it.content()));
        T.AccountLeaf memory leaf = T.AccountLeaf(ann, address(uint160(uint256(ann))), 8 << 192 | 0xF6); // 9, 10, 12 to 15.
        _cutOf(leaf.content());
        _enter(leaf, 0);
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 11 << 192 | 0x1E);
    }

    function test_Refused_to_enter_twice() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(KEY, treasurer, 0);
        _cutOf(leaf.content());
        _enter(leaf, 0);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(E.AlreadyEntered.selector, leaf.content()));
        grid.enterAccount(leaf, proof, keccak256(totals));
    }

    function test_Refused_bad_proof() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(KEY, treasurer, 0);
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        _badProof(leaf, proof, keccak256("other totals"));
        proof[3] ^= bytes32(uint256(1));
        _badProof(leaf, proof, keccak256(totals));
        proof[3] ^= bytes32(uint256(1));
        leaf.nonces = 1;
        _badProof(leaf, proof, keccak256(totals));
        leaf.nonces = 0;
        _badProof(leaf, new bytes32[](0), keccak256(totals));
        _badProof(leaf, new bytes32[](57), keccak256(totals));
    }

    function test_Refused_the_root_of_a_subtree_as_a_leaf_or_a_leaf_of_another_depth() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(KEY, treasurer, 0);
        transitionTo(1, HERE, keccak256(abi.encode(leaf.content())), totals, 0);
        bytes32 root = keccak256(abi.encode(leaf.content()));
        vm.expectRevert(abi.encodeWithSelector(E.BadProof.selector, root, leaf.content(), 0));
        grid.enterAccount(leaf, new bytes32[](0), keccak256(totals));
    }

    function test_Refused_while_not_active_or_paused() public {
        T.AccountLeaf memory leaf = T.AccountLeaf(KEY, treasurer, 0);
        bytes memory inactive = abi.encodeWithSelector(E.NotActive.selector, 0, 0);
        bytes32[] memory proof;
        bytes32[][] memory proofs;
        T.BalanceLeaf[] memory balances;
        vm.expectRevert(inactive);
        grid.enterAccount(leaf, proof, 0);
        vm.expectRevert(inactive);
        grid.enter(leaf, proof, balances, proofs, "");
        vm.expectRevert(inactive);
        grid.enterBalance(T.BalanceLeaf(KEY, GOLD, 1, 0), proof, "");
        vm.expectRevert(inactive);
        grid.enterMatch(_matchLeaf(1), _terms(), proof, "");
        vm.expectRevert(inactive);
        grid.enterOrder(T.OrderLeaf(KEY, ann, 1, true, 1, 1, 1), proof, 0);
        pauseUntil(NOW + 5);
        vm.expectRevert(abi.encodeWithSelector(E.Paused.selector, NOW + 5));
        grid.enterAccount(leaf, proof, 0);
    }

    // -- balances -------------------------------------------------------------------------------------------------------

    function test_A_balance_enters_beside_what_it_received() public {
        T.BalanceLeaf memory leaf = T.BalanceLeaf(ann, GOLD, 700, 300);
        _cutOf(leaf.content());
        deposit(ann, GOLD, 50);
        _balance(false, 0, 0, 50);
        grid.enterBalance(leaf, Tree.proof(leaves, 0), totals);
        _balance(true, 750, 300, 0);
        (uint64 vault, uint64 liabilities, uint64 entered) = grid.assetOf(GOLD);
        assertEq(vault, 50);
        assertEq(liabilities, 1_050);
        assertEq(entered, 1_000);
    }

    function test_A_balance_below_zero_enters() public {
        T.BalanceLeaf memory leaf = T.BalanceLeaf(ann, GOLD, -300, 900);
        _cutOf(leaf.content());
        deposit(ann, GOLD, 50);
        grid.enterBalance(leaf, Tree.proof(leaves, 0), totals);
        _balance(true, -250, 900, 0);
    }

    function test_In_the_next_epoch_what_has_not_entered_is_dead() public {
        T.BalanceLeaf memory leaf = T.BalanceLeaf(ann, GOLD, 700, 300);
        _cutOf(leaf.content());
        grid.enterBalance(leaf, Tree.proof(leaves, 0), totals);
        transitionTo(2, HERE, keccak256("another"), "", 0);
        _balance(false, 0, 0, 0);
        (uint64 vault, uint64 liabilities, uint64 entered) = grid.assetOf(GOLD);
        assertEq(vault + liabilities + entered, 0);
    }

    function test_An_account_and_its_balances_enter_together() public {
        T.AccountLeaf memory account = T.AccountLeaf(KEY, treasurer, 7 << 192);
        T.BalanceLeaf[] memory balances = new T.BalanceLeaf[](2);
        balances[0] = T.BalanceLeaf(KEY, GOLD, 1, 2);
        balances[1] = T.BalanceLeaf(KEY, COIN, 3, 4);
        leaves = [account.content(), balances[0].content(), balances[1].content()];
        transitionTo(1, HERE, Tree.root(leaves), totals, 0);
        bytes32[][] memory proofs = new bytes32[][](2);
        (proofs[0], proofs[1]) = (Tree.proof(leaves, 1), Tree.proof(leaves, 2));
        grid.enter(account, Tree.proof(leaves, 0), balances, proofs, totals);
        (bool entered,,,) = grid.accountOf(KEY);
        assertTrue(entered);
        assertEq(available(KEY, GOLD), 1);
        assertEq(available(KEY, COIN), 3);
    }

    function test_Refused_other_proofs_than_balances() public {
        begin(0);
        bytes32[][] memory proofs = new bytes32[][](1);
        vm.expectRevert(abi.encodeWithSelector(E.BadEncoding.selector, 1));
        grid.enter(T.AccountLeaf(KEY, treasurer, 0), proofs[0], new T.BalanceLeaf[](0), proofs, "");
    }

    function test_Refused_a_balance_twice_or_of_who_is_new() public {
        T.BalanceLeaf memory leaf = T.BalanceLeaf(ann, GOLD, 1, 0);
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        grid.enterBalance(leaf, proof, totals);
        vm.expectRevert(abi.encodeWithSelector(E.AlreadyEntered.selector, leaf.content()));
        grid.enterBalance(leaf, proof, totals);
        begin(0);
        vm.expectRevert(abi.encodeWithSelector(E.AlreadyEntered.selector, leaf.content()));
        grid.enterBalance(leaf, proof, totals);
    }

    function test_Refused_totals_exceeded() public {
        T.BalanceLeaf memory one = T.BalanceLeaf(ann, GOLD, 900, 100);
        T.BalanceLeaf memory other = T.BalanceLeaf(KEY, GOLD, 1, 0);
        leaves = [one.content(), other.content()];
        transitionTo(1, HERE, Tree.root(leaves), totals, 0);
        grid.enterBalance(one, Tree.proof(leaves, 0), totals);
        bytes32[] memory proof = Tree.proof(leaves, 1);
        vm.expectRevert(abi.encodeWithSelector(E.TotalsExceeded.selector, GOLD, 1_001, 1_000));
        grid.enterBalance(other, proof, totals);
    }

    function test_Refused_an_asset_without_a_total() public {
        T.BalanceLeaf memory leaf = T.BalanceLeaf(ann, 77, 1, 0);
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.expectRevert(abi.encodeWithSelector(E.TotalsExceeded.selector, 77, 1, 0));
        grid.enterBalance(leaf, proof, totals);
    }

    function test_Refused_balances_that_are_no_amounts() public {
        _refusedBalance(T.BalanceLeaf(ann, COIN, -2, 1), abi.encodeWithSelector(E.AmountTooLarge.selector, -1));
        _refusedBalance(T.BalanceLeaf(ann, COIN, 1, type(uint64).max), abi.encodeWithSelector(E.AmountTooLarge.selector, 1 << 64));
        _refusedBalance(T.BalanceLeaf(ann, T.NO_ASSET, 1, 0), abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
    }

    // -- matches and orders ---------------------------------------------------------------------------------------------

    function test_A_match_enters_with_its_escrow() public {
        T.MatchLeaf memory leaf = _matchLeaf(3);
        _cutOf(leaf.content());
        grid.enterMatch(leaf, _terms(), Tree.proof(leaves, 0), totals);
        (uint64 epoch, uint64 step, bytes32[] memory players) = grid.matchOf(leaf.terms);
        assertEq(epoch, 1);
        assertEq(step, 0);
        assertEq(keccak256(abi.encode(players)), keccak256(abi.encode(leaf.players)));
        (, uint64 liabilities, uint64 entered) = grid.assetOf(GOLD);
        assertEq(liabilities, 300);
        assertEq(entered, 300);
    }

    function test_Refused_matches() public {
        T.MatchLeaf memory leaf = _matchLeaf(3);
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        T.Terms memory terms = _terms();
        terms.stake = 99;
        _refusedMatch(leaf, terms, proof, abi.encodeWithSelector(E.UnlikeTerms.selector, leaf.terms));
        terms.stake = 100;
        grid.enterMatch(leaf, terms, proof, totals);
        _refusedMatch(leaf, terms, proof, abi.encodeWithSelector(E.AlreadyEntered.selector, leaf.content()));
        leaf = _matchLeaf(65);
        leaves = [leaf.content()];
        transitionTo(2, HERE, Tree.root(leaves), totals, 0);
        _refusedMatch(leaf, terms, Tree.proof(leaves, 0), abi.encodeWithSelector(E.BadPlayers.selector, 65, 64));
        leaf = _matchLeaf(11);
        leaves = [leaf.content()];
        transitionTo(3, HERE, Tree.root(leaves), totals, 0);
        bytes memory reason = abi.encodeWithSelector(E.TotalsExceeded.selector, GOLD, 1_100, 1_000);
        _refusedMatch(leaf, terms, Tree.proof(leaves, 0), reason);
        terms.asset = T.NO_ASSET;
        leaf.terms = terms.content();
        _refusedMatch(leaf, terms, proof, abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
    }

    function test_An_order_enters_once_in_an_epoch() public {
        T.OrderLeaf memory leaf = T.OrderLeaf(KEY, ann, 3, true, 4, 5, 6);
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        grid.enterOrder(leaf, proof, keccak256(totals));
        assertEq(grid.orderOf(KEY), 1);
        vm.expectRevert(abi.encodeWithSelector(E.AlreadyEntered.selector, leaf.content()));
        grid.enterOrder(leaf, proof, keccak256(totals));
        transitionTo(2, HERE, Tree.root(leaves), totals, 0);
        grid.enterOrder(leaf, proof, keccak256(totals));
        assertEq(grid.orderOf(KEY), 2);
        leaf.quantity = 6;
        leaf.id = ann;
        vm.expectPartialRevert(E.BadProof.selector);
        grid.enterOrder(leaf, proof, keccak256(totals));
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    /// @notice Begins an epoch from this leaf, beside another one.
    function _cutOf(bytes32 content) private {
        leaves = [content, keccak256("another leaf")];
        transitionTo(grid.lock().epoch + 1, HERE, Tree.root(leaves), totals, 0);
    }

    function _enter(T.AccountLeaf memory leaf, uint256 place) private {
        grid.enterAccount(leaf, Tree.proof(leaves, place), keccak256(totals));
    }

    function _badProof(T.AccountLeaf memory leaf, bytes32[] memory proof, bytes32 totals_) private {
        vm.expectPartialRevert(E.BadProof.selector);
        grid.enterAccount(leaf, proof, totals_);
    }

    function _refusedBalance(T.BalanceLeaf memory leaf, bytes memory reason) private {
        _cutOf(leaf.content());
        bytes32[] memory proof = Tree.proof(leaves, 0);
        vm.expectRevert(reason);
        grid.enterBalance(leaf, proof, totals);
    }

    function _refusedMatch(T.MatchLeaf memory leaf, T.Terms memory terms, bytes32[] memory proof, bytes memory reason) private {
        vm.expectRevert(reason);
        grid.enterMatch(leaf, terms, proof, totals);
    }

    function _balance(bool entered, int256 available_, uint64 held, uint64 received) private view {
        (bool entered_, int256 units, uint64 held_, uint64 received_) = grid.balanceOf(ann, GOLD);
        assertEq(entered_, entered);
        assertEq(units, available_);
        assertEq(held_, held);
        assertEq(received_, received);
    }

    function _terms() private view returns (T.Terms memory) {
        return T.Terms(GOLD, 100, 10, treasurer, 500, new uint16[](0), keccak256("salt"));
    }

    function _matchLeaf(uint256 count) private view returns (T.MatchLeaf memory leaf) {
        leaf = T.MatchLeaf(_terms().content(), 0, new bytes32[](count));
        for (uint256 i; i < count; ++i) {
            leaf.players[i] = keccak256(abi.encode("player", i));
        }
    }
}
