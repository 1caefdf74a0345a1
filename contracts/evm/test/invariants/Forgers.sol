// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridAnnex} from "../../src/interfaces/IGridAnnex.sol";
import {IGridCore} from "../../src/interfaces/IGridCore.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Switch} from "./Switch.sol";

/// @notice What must never be accepted: what was accepted before, what too few guards signed, and what quorums signed by mistake. Each of
/// these functions succeeds by being refused.
abstract contract Forgers is Switch {
    using Hashes for *;

    // -- once more ------------------------------------------------------------------------------------------------------

    /// @notice Word for word, where it was accepted.
    function replay(uint256 seed) external watched {
        Call memory it = heard[_some(seed, heard.length)];
        _forged(it.to, it.data, Flaw.Replayed);
    }

    /// @notice A permit of the one chain on the other.
    function replayElsewhere(uint256 seed) external watched {
        uint256 first = _some(seed, heard.length);
        for (uint256 i = first; i < heard.length; ++i) {
            if (bytes4(heard[i].data) == IGridCore.execute.selector) {
                return _forged(1 - heard[i].to, heard[i].data, Flaw.Replayed);
            }
        }
        revert NothingToDo();
    }

    /// @notice The same actions under a new permit.
    function permitSpent(uint256 seed) external watched {
        Batch memory it = abi.decode(spent[_some(seed, spent.length)], (Batch));
        _forged(active, permitted(it, active), Flaw.ExecutedTwice);
    }

    function enterAgain(uint256 who, uint256 what) external watched {
        T.BalanceLeaf memory leaf = balanceLeaves[epoch][accounts[who % accounts.length]][assetOf(what)];
        T.AccountLeaf memory account = accountLeaves[epoch][accounts[who % accounts.length]];
        bytes32 content = what % 3 == 0 ? account.content() : leaf.content();
        bytes32[] memory proof = proofOf(content);
        bytes memory data = abi.encodeCall(IGridCore.enterBalance, (leaf, proof, totals));
        if (what % 3 == 0) data = abi.encodeCall(IGridCore.enterAccount, (account, proof, keccak256(totals)));
        if (accepted(active, data)) noteEntered(content);
        _forged(active, data, Flaw.EnteredTwice);
    }

    /// @notice More than the leaf says, or somebody else's.
    function enterMore(uint256 who, uint32 asset, uint128 more, uint256 whose) external watched {
        T.BalanceLeaf memory leaf = balanceLeaves[epoch][accounts[who % accounts.length]][assetOf(asset)];
        bytes32[] memory proof = proofOf(leaf.content());
        leaf.available += int128(uint128(bound(more, 1, 1_000_000)));
        leaf.account = accounts[whose % accounts.length];
        _forged(active, abi.encodeCall(IGridCore.enterBalance, (leaf, proof, totals)), Flaw.Forged);
    }

    // -- without a quorum -----------------------------------------------------------------------------------------------

    /// @notice By one guard, one twice, one and a stranger, guards of before, two in the wrong order, or nobody.
    function signAlone(uint256 what, uint256 g, uint64 number, bytes32 id, uint256 how) external watched {
        (what, g) = (what % 5, g % grids.length);
        if (what == 0) _transitionAlone(g, number, id, how);
        else if (what == 1) _creditAlone(g, number, how);
        else if (what == 2) _bridgeAlone(g, uint64(bound(number, 1, BRIDGE_LIMIT)), id, how);
        else if (what == 3) _rotateAlone(g, how);
        else _resolveAlone(g, number, how);
    }

    function _transitionAlone(uint256 g, uint64 more, bytes32 root, uint256 how) private {
        T.LockTransition memory it = T.LockTransition(epochOf(g) + 1 + more % 9, chainOf(g), root, keccak256(""), 0, 0);
        _forged(g, abi.encodeCall(IGridCore.transition, (it, "", _few(g, it.content(), how))), Flaw.Forged);
    }

    function _creditAlone(uint256 g, uint64 amount, uint256 how) private {
        T.Credit memory it = T.Credit(chainOf(1 - g), amount, epoch, accounts[how % PEOPLE], GOLD, amount);
        _forged(g, abi.encodeCall(IGridAnnex.credit, (it, _few(g, it.content(), how))), Flaw.Forged);
    }

    function _bridgeAlone(uint256 g, uint64 amount, bytes32 id, uint256 how) private {
        T.BridgeIn memory it = T.BridgeIn(id, chainOf(g), GOLD, amount, uint64(block.timestamp + 1));
        tokens[GOLD].mint(address(this), amount * scaleOf(GOLD));
        tokens[GOLD].approve(address(grids[g]), amount * scaleOf(GOLD));
        _forged(g, abi.encodeCall(IGridAnnex.bridgeIn, (it, _few(g, it.content(), how))), Flaw.Forged);
    }

    function _rotateAlone(uint256 g, uint256 how) private {
        T.Rotation memory it = T.Rotation(grids[g].lock().version + 1, guardsOf(0).addresses, 2);
        _forged(g, abi.encodeCall(IGridAnnex.rotate, (it, _few(g, it.content(), how))), Flaw.Forged);
    }

    function _resolveAlone(uint256 g, uint64 batch, uint256 how) private {
        T.Resolve memory it = T.Resolve(chainOf(1 - g), epoch, batch, how % 2 == 0);
        _forged(g, abi.encodeCall(IGridAnnex.resolve, (it, _few(g, it.content(), how))), Flaw.Forged);
    }

    function withdrawAlone(uint256 who, uint32 asset, uint64 amount, uint256 how) external watched {
        Batch memory it;
        _withdrawal(it, who, asset, amount);
        T.Permit memory permit = permitOf(it, active);
        _forged(active, dataOf(it, permit, _few(active, permit.content(), how)), Flaw.Forged);
    }

    /// @notice Who is neither pauser nor owner.
    function meddle(uint256 g, uint256 who, uint256 whose) external watched {
        g %= grids.length;
        _forged(g, abi.encodeCall(IGridAnnex.pause, (uint64(block.timestamp + 60))), Flaw.Forged);
        (bytes32 one, bytes32 other) = (accounts[who % PEOPLE], accounts[whose % PEOPLE]);
        if (one == other) return;
        T.Cancel memory it = T.Cancel(one, nonces[one] + 1, chainOf(g));
        _forged(g, abi.encodeCall(IGridAnnex.cancel, (it, signCompact(other, it.content()))), Flaw.Forged);
    }

    // -- by mistake -----------------------------------------------------------------------------------------------------

    /// @notice A permit for elsewhere, another time, or something else.
    function permitWrongly(uint256 who, uint32 asset, uint64 amount, uint256 how) external watched {
        Batch memory it;
        _withdrawal(it, who, asset, amount);
        T.Permit memory permit = permitOf(it, active);
        bytes memory prices = it.prices;
        how %= 6;
        if (how == 0) permit.chain = chainOf(1 - active);
        else if (how == 1) permit.epoch -= 1;
        else if (how == 2) permit.epoch += 1;
        else if (how == 3) permit.expiry = uint64(block.timestamp);
        else if (how == 4) it.prices = bytes.concat(prices, abi.encodePacked(GOLD, uint64(1)));
        else permit.actions = keccak256(abi.encode(permit.actions));
        _forged(active, dataOf(it, permit, signed(active, permit.content())), Flaw.Forged);
    }

    /// @notice Fills that somebody has not agreed to, or that do not add up.
    function settleUnfairly(uint256 one, uint256 other, uint256 amount, uint64 goldPrice, uint64 coinPrice, uint256 how)
        external
        watched
    {
        Swap memory swap = swapOf(one, other, amount, goldPrice, coinPrice);
        uint256 feeBps = grids[active].lock().feeBps;
        how %= 7;
        if (how == 0) swap.gold.minBuyAmount = uint128(swap.toGold + 1);
        else if (how == 1) swap.coin.minBuyAmount = uint128(swap.toCoin + 1);
        else if (how == 2) swap.gold.maxFeeBps = uint16(feeBps) - 1; // Without a fee there is nothing to do.
        else if (how == 3) swap.coin.deadline = uint40(block.timestamp - 1);
        else if (how == 4) swap.gold.buyAsset = GOLD;
        else if (how == 5) swap.gold.sellAmount = uint128(spendable(swap.gold.account, GOLD) + 1);
        else (swap.coin.sellAmount, swap.coin.minBuyAmount) = (uint128(swap.toGold) - 1, 0);
        _forged(active, permitted(batchOf(swap), active), Flaw.Unfair);
    }

    /// @notice By somebody else's key.
    function sellOthers(uint256 one, uint256 other, uint256 amount, uint64 goldPrice, uint64 coinPrice) external watched {
        Swap memory swap = swapOf(one, other, amount, goldPrice, coinPrice);
        bytes32 owner = swap.gold.account;
        uint256 key = keys[owner];
        keys[owner] = keys[swap.coin.account];
        bytes memory data = permitted(batchOf(swap), active);
        keys[owner] = key;
        _forged(active, data, Flaw.Forged);
    }

    // -- how ------------------------------------------------------------------------------------------------------------

    function _forged(uint256 g, bytes memory data, Flaw what) private {
        if (accepted(g, data)) flaw(what);
    }

    function _few(uint256 g, bytes32 content, uint256 how) private returns (bytes[] memory signatures) {
        uint64 version = grids[g].lock().version;
        uint256[] memory known = guardsOf(version).keys;
        how %= 6;
        signatures = new bytes[](how == 0 ? 1 : how == 5 ? 0 : 2);
        if (how == 5) return signatures;
        signatures[0] = sign(known[0], content);
        if (how == 1) signatures[1] = signatures[0];
        if (how == 2) (signatures[0], signatures[1]) = _ascending(known[0], keys[accounts[0]], content);
        if (how == 3) {
            uint256[] memory others = guardsOf(version == 1 ? 0 : version - 1).keys;
            (signatures[0], signatures[1]) = (sign(others[0], content), sign(others[1], content));
        }
        if (how == 4) (signatures[1], signatures[0]) = _ascending(known[0], known[1], content);
    }

    function _ascending(uint256 one, uint256 other, bytes32 content) private pure returns (bytes memory, bytes memory) {
        if (vm.addr(one) > vm.addr(other)) (one, other) = (other, one);
        return (sign(one, content), sign(other, content));
    }
}
