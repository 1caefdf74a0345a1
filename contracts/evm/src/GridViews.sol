// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridState} from "./GridState.sol";
import {Account, Asset, ListedAsset, Lock, Match, Resolution} from "./Stored.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {BalanceWord} from "./libraries/BalanceWord.sol";

/// @notice What anybody can read, as it counts in the current epoch.
abstract contract GridViews is IGridAnnex, GridState {
    function chain() external view returns (uint8) {
        return _chain;
    }

    function domainSeparator() external view returns (bytes32) {
        return _separator;
    }

    function treasury() external view returns (bytes32) {
        return _treasury;
    }

    function pauser() external view returns (address) {
        return _pauser;
    }

    function bridge() external view returns (address) {
        return _bridge;
    }

    function lock() external view returns (Lock memory) {
        return _lock;
    }

    function cut() external view returns (bytes32) {
        return _cut == NO_CUT ? bytes32(0) : _cut;
    }

    function guards() external view returns (uint64 version, uint8 threshold, address[] memory addresses) {
        return (_lock.version, _lock.threshold, _guards);
    }

    function deposits() external view returns (uint64 count, uint64 opening) {
        return (_deposits.count, _opening(_lock.epoch));
    }

    function accountOf(bytes32 account) external view returns (bool entered, bool isNew, address authority, uint256 nonces) {
        Account storage found = _accounts[account];
        (entered, isNew) = _flags(found.word);
        return (entered, isNew, found.word.authorityOf(account), found.nonces);
    }

    function balanceOf(bytes32 account, uint32 asset)
        external
        view
        returns (bool entered, int256 available, uint64 held, uint64 received)
    {
        BalanceWord word = _balances[account][asset].word.inEpoch(_lock.epoch);
        if (word.isEntered()) return (true, word.amountOf(), word.heldOf(), 0);
        return (false, 0, 0, uint64(uint256(word.amountOf())));
    }

    function assetOf(uint32 asset) external view returns (uint64 vault, uint64 liabilities, uint64 entered) {
        Asset memory found = _asset(asset, _lock.epoch);
        return (found.vault, found.liabilities, found.entered);
    }

    function listingOf(uint32 asset) external view returns (ListedAsset memory) {
        return _listings[asset];
    }

    function matchOf(bytes32 terms) external view returns (uint64 epoch, uint64 step, bytes32[] memory players) {
        Match storage found = _matches[terms];
        players = new bytes32[](found.count);
        for (uint256 i; i < players.length; ++i) {
            players[i] = found.players[i];
        }
        return (found.epoch, found.step, players);
    }

    function orderOf(bytes32 id) external view returns (uint64 epoch) {
        return _orders[id];
    }

    function outcomeOf(uint64 epoch, uint64 batch) external view returns (bytes32) {
        return _outcomes[epoch][batch];
    }

    function accumulatorOf(uint64 epoch) external view returns (bytes32) {
        return _accumulators[epoch];
    }

    function resolutionOf(uint8 origin, uint64 epoch, uint64 batch) external view returns (Resolution) {
        return _resolutions[origin][epoch][batch];
    }

    function settledIn(bytes32 hold) external view returns (uint64 epoch) {
        return _settled[hold];
    }

    function creditedIn(uint8 origin, uint64 sequence) external view returns (uint64 epoch) {
        return _credited[origin][sequence];
    }

    function bridgedIn(bytes32 id) external view returns (bool done, uint64 amount) {
        return (_bridged[id].done, _bridged[id].amount);
    }

    function sentOut(bytes32 id) external view returns (bool done, uint64 amount) {
        return (_sent[id].done, _sent[id].amount);
    }
}
