// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {Vm} from "../base/Vm.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Mirror} from "../kit/Mirror.sol";
import {Tree} from "../kit/Tree.sol";

/// @notice Whatever the grid stores can be rebuilt from what it told: after every step each slot that it ever wrote is compared.
contract RebuildTest is BatchTest {
    using Hashes for *;

    bytes32 internal constant KEY = keccak256("a key of Solana");

    Mirror internal mirror;
    bytes32[] internal leaves;
    bytes32 internal ann;
    bytes32 internal bob;
    uint256 internal annKey;
    uint256 internal bobKey;
    bytes internal totals;
    T.Terms internal terms;

    function setUp() public override {
        vm.record();
        vm.recordLogs();
        super.setUp();
        mirror = new Mirror(T.Setup(HERE, APPLICATION, guardAddresses, 2, 1, treasury, pauser, bridge));
        _compare();
        (ann, annKey) = person("ann");
        (bob, bobKey) = person("bob");
        totals = abi.encodePacked(GOLD, uint64(1_000_000), COIN, uint64(1_000_000));
        terms = T.Terms(COIN, 100, 3, treasurer, 500, new uint16[](0), 0);
        terms.prizesBps.push(10_000);
    }

    function test_The_state_is_what_the_events_tell() public {
        _begin();
        _settleAndWithdraw();
        _play();
        _failOver();
        _settleDoubt();
        _bridge();
    }

    function _begin() private {
        pauseUntil(NOW + 10);
        _compare();
        T.Unpause memory unpause = T.Unpause(HERE, NOW + 10);
        grid.unpause(unpause, signed(unpause.content()));
        _compare();
        begin(10);
        _compare();
        deposit(ann, GOLD, 10_000);
        deposit(bob, COIN, 10_000_000);
        deposit(bob, COIN, 1);
        _compare();
    }

    function _settleAndWithdraw() private {
        price(GOLD, 2_000);
        price(COIN, 1);
        dead = abi.encodePacked(ann, uint64(1));
        add(T.Intent(ann, GOLD, COIN, 1_000, 0, 0, LATER, 10), annKey);
        add(T.Intent(bob, COIN, GOLD, 2_006_000, 0, 0, LATER, 10), bobKey);
        add(T.Intent(bob, GOLD, COIN, 3, 0, 2, LATER, 10), bobKey);
        add(T.Withdrawal(ann, COIN, 1_000, HERE, bob, 5, LATER), annKey);
        add(T.BridgeOut(treasury, GOLD, 7, HERE, THERE, 0, LATER), treasurerKey);
        execute();
        _compare();
        T.Cancel memory cancel = T.Cancel(ann, 4, HERE);
        grid.cancel(cancel, sign(annKey, cancel.content()));
        _compare();
    }

    function _play() private {
        T.Join memory join = T.Join(ann, terms.content(), COIN, 100, 4, LATER);
        add(join, annKey, terms);
        (join.account, join.nonce) = (bob, 3);
        add(join, bobKey, terms);
        execute();
        _compare();
        bytes32[] memory ranking = new bytes32[](1);
        ranking[0] = bob;
        add(T.Verdict(terms.content(), 1, ranking), treasurerKey, terms);
        execute();
        _compare();
    }

    function _failOver() private {
        vm.warp(NOW + 100);
        bytes32[] memory players = new bytes32[](2);
        (players[0], players[1]) = (ann, KEY);
        terms.salt = "another";
        T.MatchLeaf memory match_ = T.MatchLeaf(terms.content(), 0, players);
        T.AccountLeaf memory account = T.AccountLeaf(KEY, treasurer, 9 << 192 | 2);
        T.BalanceLeaf memory balance = T.BalanceLeaf(KEY, GOLD, -50, 300);
        T.HoldLeaf memory post = T.HoldLeaf(THERE, 1, 7, KEY, 9, GOLD, 100, COIN, 50);
        T.HoldLeaf memory void = T.HoldLeaf(THERE, 1, 8, KEY, 12, GOLD, 200, COIN, 60);
        T.OrderLeaf memory order = T.OrderLeaf(KEY, ann, 1, true, 2, 3, 4);
        leaves = [match_.content(), account.content(), balance.content(), post.content(), void.content(), order.content()];
        transitionTo(2, HERE, Tree.root(leaves), totals, 25);
        _compare();
        deposit(KEY, GOLD, 11);
        grid.enterMatch(match_, terms, Tree.proof(leaves, 0), totals);
        grid.enterAccount(account, Tree.proof(leaves, 1), keccak256(totals));
        grid.enterBalance(balance, Tree.proof(leaves, 2), totals);
        grid.enterOrder(order, Tree.proof(leaves, 5), keccak256(totals));
        _compare();
        absent = abi.encodePacked(bob, T.NO_ASSET, KEY, COIN, KEY, T.NO_ASSET);
        execute();
        _compare();
    }

    function _settleDoubt() private {
        T.Resolve memory resolve = T.Resolve(THERE, 1, 7, true);
        grid.resolve(resolve, signed(resolve.content()));
        resolve = T.Resolve(THERE, 1, 8, false);
        grid.resolve(resolve, signed(resolve.content()));
        _compare();
        grid.settleHold(T.HoldLeaf(THERE, 1, 7, KEY, 9, GOLD, 100, COIN, 50), Tree.proof(leaves, 3), keccak256(totals));
        grid.settleHold(T.HoldLeaf(THERE, 1, 8, KEY, 12, GOLD, 200, COIN, 60), Tree.proof(leaves, 4), keccak256(totals));
        _compare();
        T.Credit memory credit = T.Credit(THERE, 3, 2, ann, COIN, 77);
        grid.credit(credit, signed(credit.content()));
        credit = T.Credit(HERE, 2, 2, bob, COIN, 77);
        grid.credit(credit, signed(credit.content()));
        _compare();
    }

    function _bridge() private {
        coin.mint(address(this), 1_000);
        coin.approve(address(grid), 1_000);
        T.BridgeIn memory it = T.BridgeIn("one", HERE, COIN, 10, NOW + 3 hours);
        grid.bridgeIn(it, signed(it.content()));
        it.id = "two";
        grid.bridgeIn(it, signed(it.content()));
        _compare();
        vm.warp(NOW + 2 hours);
        it.id = "three";
        grid.bridgeIn(it, signed(it.content()));
        _compare();
        address[] memory one = new address[](1);
        one[0] = bridge;
        T.Rotation memory rotation = T.Rotation(2, one, 1);
        grid.rotate(rotation, signed(rotation.content()));
        _compare();
    }

    /// @notice Tells the mirror what was told since the last time, and compares.
    function _compare() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].emitter == address(grid)) mirror.fold(logs[i]);
        }
        vm.getRecordedLogs(); // What the mirror itself told.
        (, bytes32[] memory slots) = vm.accesses(address(grid));
        assertGt(slots.length, 0);
        for (uint256 i; i < slots.length; ++i) {
            assertEq(vm.load(address(mirror), slots[i]), vm.load(address(grid), slots[i]), vm.toString(slots[i]));
        }
    }
}
