// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lock} from "../../src/Stored.sol";
import "../../src/Types.sol" as T;
import {Symbolic} from "./Symbolic.sol";

/// @notice Where another chain is active, or none, and while this one is paused, no balance changes and no batch executes, whoever calls
/// with whatever. A transition is no exception: what it leaves behind stays, and is dead. Left out is what halmos cannot do in a minute:
/// `cancel` (192 nonces, one by one), and `bridgeIn` on a grid that is not paused, which calls a token whose code would have to be known.
/// The random histories have both.
/// @custom:halmos --default-array-lengths 2 --default-bytes-lengths 65
contract StillProofs is Symbolic {
    function check_execute(
        T.Permit calldata permit,
        bytes[] calldata signatures,
        bytes calldata actions,
        bytes calldata prices,
        bytes calldata absent,
        bytes calldata dead
    ) public {
        _refused(abi.encodeCall(grid.execute, (permit, signatures, actions, prices, absent, dead)));
    }

    function check_enter(
        T.AccountLeaf calldata account,
        bytes32[] calldata proof,
        T.BalanceLeaf[] calldata balances,
        bytes calldata totals
    ) public {
        bytes32[][] memory proofs = new bytes32[][](balances.length);
        for (uint256 i; i < proofs.length; ++i) {
            proofs[i] = proof;
        }
        _refused(abi.encodeCall(grid.enter, (account, proof, balances, proofs, totals)));
    }

    function check_enterAccount(T.AccountLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) public {
        _refused(abi.encodeCall(grid.enterAccount, (leaf, proof, totals)));
    }

    function check_enterBalance(T.BalanceLeaf calldata leaf, bytes32[] calldata proof, bytes calldata totals) public {
        _refused(abi.encodeCall(grid.enterBalance, (leaf, proof, totals)));
    }

    function check_enterMatch(T.MatchLeaf calldata leaf, T.Terms calldata terms, bytes32[] calldata proof, bytes calldata totals)
        public
    {
        _refused(abi.encodeCall(grid.enterMatch, (leaf, terms, proof, totals)));
    }

    function check_enterOrder(T.OrderLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) public {
        _refused(abi.encodeCall(grid.enterOrder, (leaf, proof, totals)));
    }

    function check_resolve(T.Resolve calldata signed, bytes[] calldata signatures) public {
        _refused(abi.encodeCall(grid.resolve, (signed, signatures)));
    }

    function check_settleHold(T.HoldLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) public {
        _refused(abi.encodeCall(grid.settleHold, (leaf, proof, totals)));
    }

    function check_credit(T.Credit calldata signed, bytes[] calldata signatures) public {
        _refused(abi.encodeCall(grid.credit, (signed, signatures)));
    }

    function check_deposit(bytes32 account, uint32 asset, uint256 tokens) public {
        _refused(abi.encodeCall(grid.deposit, (account, asset, tokens)));
    }

    function check_submit(T.Intent calldata intent, bytes calldata signature) public {
        _refused(abi.encodeCall(grid.submit, (intent, signature)));
    }

    function check_bridgeIn_while_paused(T.BridgeIn calldata signed, bytes[] calldata signatures) public {
        Lock memory lock = arbitrary();
        vm.assume(block.timestamp < lock.pausedUntil);
        assert(!call(svm.createAddress("caller"), abi.encodeCall(grid.bridgeIn, (signed, signatures))));
    }

    function check_listAsset(T.Listing calldata signed, bytes[] calldata signatures) public {
        _still();
        _movesNothing(abi.encodeCall(grid.listAsset, (signed, signatures)));
    }

    function check_rotate(T.Rotation calldata signed, bytes[] calldata signatures) public {
        _still();
        _movesNothing(abi.encodeCall(grid.rotate, (signed, signatures)));
    }

    function check_pause(uint64 until) public {
        _still();
        _movesNothing(abi.encodeCall(grid.pause, (until)));
    }

    function check_unpause(T.Unpause calldata signed, bytes[] calldata signatures) public {
        _still();
        _movesNothing(abi.encodeCall(grid.unpause, (signed, signatures)));
    }

    /// @custom:halmos --array-lengths totals={0,24},signatures=2 --default-bytes-lengths 65
    function check_transition(T.LockTransition calldata signed, bytes calldata totals, bytes[] calldata signatures) public {
        _still();
        _movesNothing(abi.encodeCall(grid.transition, (signed, totals, signatures)));
    }

    function check_reaches_a_still_grid_that_takes_a_call(T.Rotation calldata signed, bytes[] calldata signatures) public {
        _still();
        assert(!call(address(this), abi.encodeCall(grid.rotate, (signed, signatures))));
    }

    function check_the_slots_are_those_that_are_read(uint32 asset, uint64 epoch, uint64 batch) public {
        arbitrary();
        (uint64 vault,,) = grid.assetOf(asset);
        assert(uint64(uint256(stored(slotOf(asset, ASSETS))) >> 64) == vault);
        assert(stored(slotOf(batch, slotOf(epoch, OUTCOMES))) == grid.outcomeOf(epoch, batch));
    }

    /// @dev On a grid that runs.
    function check_reaches_a_balance_that_moves(uint64 epoch, bytes[] calldata signatures) public {
        vm.assume(arbitrary().epoch == epoch);
        T.Credit memory signed = T.Credit(T.SOLANA, 1, epoch, bytes32(uint256(0x77)), 1, 5);
        _movesNothing(abi.encodeCall(grid.credit, (signed, signatures)));
    }

    function _still() private {
        Lock memory lock = arbitrary();
        vm.assume(lock.active != T.ARBITRUM || block.timestamp < lock.pausedUntil);
    }

    function _refused(bytes memory data) private {
        _still();
        assert(!call(svm.createAddress("caller"), data));
    }

    function _movesNothing(bytes memory data) private {
        uint256 number = svm.createUint(32, "asset");
        bytes32 balance = slotOf(number, slotOf(uint256(svm.createBytes32("account")), BALANCES));
        bytes32 asset = slotOf(number, ASSETS);
        bytes32 outcome = slotOf(svm.createUint(64, "batch"), slotOf(svm.createUint(64, "epoch"), OUTCOMES));
        bytes32[3] memory before = [stored(balance), stored(asset), stored(outcome)];
        call(svm.createAddress("caller"), data);
        assert(stored(balance) == before[0] && stored(asset) == before[1] && stored(outcome) == before[2]);
    }
}
