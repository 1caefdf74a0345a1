// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Resolution} from "../../src/Stored.sol";
import "../../src/Types.sol" as T;
import {IGridAnnex} from "../../src/interfaces/IGridAnnex.sol";
import {IGridCore} from "../../src/interfaces/IGridCore.sol";
import {Hashes} from "../kit/Hashes.sol";
import {People} from "./People.sol";

/// @notice What guards and whoever carries their word do: they switch chains with a batch in doubt or without, settle what is in doubt, credit
/// what was late, pause, and move float over the bridge.
abstract contract Switch is People {
    using Hashes for *;

    /// @notice A batch that was permitted, and of which nobody knew when the epoch ended.
    struct Doubt {
        uint256 origin;
        uint64 epoch;
        uint64 batch;
        bytes data;
        bytes again; // To be permitted once more, if it never executed.
        uint256 firstHold;
        uint256 lastHold;
        uint32 leaves; // This asset: it is a withdrawal.
        uint64 amount;
        bool done;
    }

    struct Crossing {
        T.BridgeOut out;
        bool arrived;
    }

    Doubt[] internal doubts;
    Crossing[] internal crossings;
    mapping(bytes32 => uint256) internal inWindow;
    bytes private _transition;

    // -- switching ------------------------------------------------------------------------------------------------------

    /// @notice The other chain takes over: at once, and whether or not this one hears of it.
    function failOver(uint256 seed) public watched {
        _switch(new T.HoldLeaf[](0), 1 - active, seed);
    }

    /// @notice The same chain goes on in another epoch: after a false alarm.
    function goOn(uint256 seed) external watched {
        if (seed % 4 != 0) revert NothingToDo();
        _switch(new T.HoldLeaf[](0), active, seed);
    }

    function failOverInDoubtOfTrade(uint256 one, uint256 other, uint256 amount, uint64 goldPrice, uint64 coinPrice)
        external
        watched
    {
        Swap memory swap = swapOf(one, other, amount, goldPrice, coinPrice);
        Batch memory it = batchOf(swap);
        ensure(accounts[TREASURER], GOLD);
        ensure(accounts[TREASURER], COIN);
        (uint256 goldFee, uint256 coinFee) = (swap.gold.sellAmount - swap.toCoin, swap.coin.sellAmount - swap.toGold);
        T.HoldLeaf[] memory doubted = new T.HoldLeaf[](2 + (goldFee > 0 ? 1 : 0) + (coinFee > 0 ? 1 : 0));
        T.Permit memory permit = permitOf(it, active);
        doubted[0] = _hold(permit, swap.gold.account, swap.gold.nonce, GOLD, swap.gold.sellAmount, COIN, swap.toGold);
        doubted[1] = _hold(permit, swap.coin.account, swap.coin.nonce, COIN, swap.coin.sellAmount, GOLD, swap.toCoin);
        bytes32 treasury = accounts[TREASURER];
        if (goldFee > 0) doubted[2] = _hold(permit, treasury, T.NO_NONCE, GOLD, 0, GOLD, goldFee);
        if (coinFee > 0) doubted[doubted.length - 1] = _hold(permit, treasury, T.NO_NONCE, COIN, 0, COIN, coinFee);
        _doubt(it, permit, doubted.length);
        _switch(doubted, 1 - active, amount);
    }

    function failOverInDoubtOfWithdrawal(uint256 who, uint32 asset, uint64 amount) external watched {
        Batch memory it;
        T.Withdrawal memory what = _withdrawal(it, who, asset, amount);
        T.HoldLeaf[] memory doubted = new T.HoldLeaf[](1);
        T.Permit memory permit = permitOf(it, active);
        doubted[0] = _hold(permit, what.account, what.nonce, what.asset, what.amount, what.asset, 0);
        _doubt(it, permit, 1);
        (doubts[doubts.length - 1].leaves, doubts[doubts.length - 1].amount) = (what.asset, what.amount);
        _switch(doubted, 1 - active, amount);
    }

    /// @notice The chain that was left hears of it, and goes on no more.
    function fence(uint256 g) external watched {
        g %= grids.length;
        if (epochOf(g) >= epoch) revert NothingToDo();
        _begin(g);
    }

    function _switch(T.HoldLeaf[] memory doubted, uint256 to, uint256 seed) private {
        uint64 next = epoch + 1 + uint64(seed % 3 / 2); // Numbers may be burnt.
        bytes32 root = cut(next, doubted);
        (epoch, active) = (next, to);
        _transition = abi.encode(
            T.LockTransition(next, chainOf(to), root, keccak256(totals), uint64(block.timestamp), uint16(seed % 30)), totals
        );
        _begin(to);
    }

    function _begin(uint256 g) private {
        (T.LockTransition memory it, bytes memory list) = abi.decode(_transition, (T.LockTransition, bytes));
        once(g, abi.encodeCall(IGridCore.transition, (it, list, signed(g, it.content()))));
    }

    // -- what is in doubt -----------------------------------------------------------------------------------------------

    /// @notice It lands after all, before the fence.
    function executeLate(uint256 seed) external watched {
        Doubt storage it = doubts[_some(seed, doubts.length)];
        once(it.origin, it.data);
        Batch memory batch = abi.decode(it.again, (Batch));
        noteExecuted(batch.identities);
        if (it.leaves != 0) flows[it.origin][it.epoch][it.leaves] -= int256(uint256(it.amount));
    }

    /// @notice All holds of a batch, by anyone, once it is known what became of it.
    function settle(uint256 seed) external watched {
        uint256 first = _some(seed, doubts.length);
        for (uint256 i = first; i < doubts.length; ++i) {
            Doubt storage it = doubts[i];
            if (holds[it.firstHold].settled) continue;
            if (epochOf(it.origin) <= it.epoch) _begin(it.origin); // Until then nobody knows.
            for (uint256 j = it.firstHold; j <= it.lastHold; ++j) {
                _settle(holds[j]);
            }
            return;
        }
        revert NothingToDo();
    }

    function _settle(Hold storage hold) private {
        T.HoldLeaf memory leaf = hold.leaf;
        bool executed = grids[hold.origin].outcomeOf(leaf.epoch, leaf.batch) != 0;
        if (hold.origin != active) _resolve(T.Resolve(leaf.origin, leaf.epoch, leaf.batch, executed));
        ensure(leaf.account, leaf.outAsset);
        bytes32[] memory proof = proofOf(leaf.content());
        once(active, abi.encodeCall(IGridAnnex.settleHold, (leaf, proof, keccak256(totals))));
        hold.settled = true;
        if (!executed) return;
        flows[active][epoch][leaf.outAsset] -= int256(uint256(leaf.outAmount));
        flows[active][epoch][leaf.inAsset] += int256(uint256(leaf.inAmount));
    }

    function _resolve(T.Resolve memory it) private {
        if (grids[active].resolutionOf(it.origin, it.epoch, it.batch) != Resolution.Unknown) return;
        once(active, abi.encodeCall(IGridAnnex.resolve, (it, signed(active, it.content()))));
    }

    /// @notice What never executed may be permitted once more, for whichever chain.
    function permitAgain(uint256 seed) external watched {
        uint256 first = _some(seed, doubts.length);
        for (uint256 i = first; i < doubts.length; ++i) {
            if (_isFree(doubts[i])) return _permitAgain(doubts[i]);
        }
        revert NothingToDo();
    }

    function _isFree(Doubt storage it) private view returns (bool) {
        bool known = !it.done && it.leaves == 0 && holds[it.firstHold].settled;
        return known && grids[it.origin].outcomeOf(it.epoch, it.batch) == 0;
    }

    function _permitAgain(Doubt storage it) private {
        Batch memory batch = abi.decode(it.again, (Batch));
        batch.absent = "";
        for (uint256 i = it.firstHold; i < it.firstHold + 2; ++i) {
            ensure(holds[i].leaf.account, GOLD);
            ensure(holds[i].leaf.account, COIN);
        }
        execute(batch);
        it.done = true;
        spent.push(abi.encode(batch));
    }

    function _hold(
        T.Permit memory permit,
        bytes32 account,
        uint64 nonce,
        uint32 outAsset,
        uint256 outAmount,
        uint32 inAsset,
        uint256 inAmount
    ) private pure returns (T.HoldLeaf memory leaf) {
        (leaf.origin, leaf.epoch, leaf.batch) = (permit.chain, permit.epoch, permit.batch);
        (leaf.account, leaf.nonce, leaf.outAsset, leaf.inAsset) = (account, nonce, outAsset, inAsset);
        (leaf.outAmount, leaf.inAmount) = (uint64(outAmount), uint64(inAmount));
    }

    function _doubt(Batch memory it, T.Permit memory permit, uint256 count) private {
        Doubt storage made = doubts.push();
        (made.origin, made.epoch, made.batch) = (active, permit.epoch, permit.batch);
        made.data = dataOf(it, permit, signed(active, permit.content()));
        made.again = abi.encode(it);
        (made.firstHold, made.lastHold) = (holds.length, holds.length + count - 1);
    }

    // -- what was late --------------------------------------------------------------------------------------------------

    function credit(uint256 seed) external watched {
        uint256 first = _some(seed, late.length);
        for (uint256 i = first; i < late.length; ++i) {
            if (!late[i].counted) return _credit(late[i]);
        }
        revert NothingToDo();
    }

    function _credit(Late storage deposit_) private {
        deposit_.credit.epoch = epoch;
        T.Credit memory it = deposit_.credit;
        once(active, abi.encodeCall(IGridAnnex.credit, (it, signed(active, it.content()))));
        deposit_.counted = true;
        flows[active][epoch][it.asset] += int256(uint256(it.amount));
    }

    function _some(uint256 seed, uint256 count) internal pure returns (uint256) {
        if (count == 0) revert NothingToDo();
        return seed % count;
    }

    // -- guards, time and pauses ----------------------------------------------------------------------------------------

    function rotate(uint256 g) external watched {
        g %= grids.length;
        uint64 version = grids[g].lock().version + 1;
        T.Rotation memory it = T.Rotation(version, guardsOf(version).addresses, 2);
        once(g, abi.encodeCall(IGridAnnex.rotate, (it, signed(g, it.content()))));
    }

    function pause(uint256 g, uint256 minutes_) external watched {
        vm.prank(pauser);
        grids[g % grids.length].pause(uint64(block.timestamp + (1 + minutes_ % 10) * 1 minutes));
    }

    function unpause(uint256 g) external watched {
        g %= grids.length;
        T.Unpause memory it = T.Unpause(chainOf(g), grids[g].lock().pausedUntil);
        send(g, abi.encodeCall(IGridAnnex.unpause, (it, signed(g, it.content()))));
    }

    function wait_(uint256 minutes_) external {
        vm.warp(block.timestamp + (1 + minutes_ % 40) * 1 minutes);
    }

    // -- the bridge -----------------------------------------------------------------------------------------------------

    function bridgeOut(uint32 asset, uint64 amount) external watched {
        (bytes32 treasury, uint256 to) = (accounts[TREASURER], 1 - active);
        asset = assetOf(asset);
        (uint64 vault,,) = grids[active].assetOf(asset);
        if (vault == 0) revert NothingToDo();
        Batch memory it;
        it.absent = ready(treasury, T.NO_ASSET);
        amount = uint64(bound(amount, 1, vault < BRIDGE_LIMIT ? vault : BRIDGE_LIMIT));
        uint64 nonce = nextNonce(treasury);
        T.BridgeOut memory out = T.BridgeOut(treasury, asset, amount, chainOf(active), chainOf(to), nonce, deadline());
        add(it, out);
        execute(it);
        spent.push(abi.encode(it));
        crossings.push(Crossing(out, false));
    }

    function bridgeIn(uint256 seed) external watched {
        uint256 first = _some(seed, crossings.length);
        for (uint256 i = first; i < crossings.length; ++i) {
            if (!crossings[i].arrived) return _bridgeIn(crossings[i]);
        }
        revert NothingToDo();
    }

    function _bridgeIn(Crossing storage it) private {
        uint256 g = it.out.target - 1;
        T.BridgeIn memory in_ =
            T.BridgeIn(it.out.content(), it.out.target, it.out.asset, it.out.amount, uint64(block.timestamp + 1 hours));
        bytes memory data = abi.encodeCall(IGridAnnex.bridgeIn, (in_, signed(g, in_.content())));
        vm.prank(bridge);
        tokens[in_.asset].approve(address(grids[g]), in_.amount * scaleOf(in_.asset));
        vm.prank(bridge);
        once(g, data);
        it.arrived = true;
        _checkBridged(g, in_);
    }

    function _checkBridged(uint256 g, T.BridgeIn memory it) private {
        bytes32 window = keccak256(abi.encode(g, it.asset, block.timestamp / BRIDGE_WINDOW));
        inWindow[window] += it.amount;
        (bool sent, uint64 locked) = grids[1 - g].sentOut(it.id);
        (bool done, uint64 released) = grids[g].bridgedIn(it.id);
        if (!sent || !done || released > locked || inWindow[window] > BRIDGE_LIMIT) flaw(Flaw.Bridged);
    }
}
