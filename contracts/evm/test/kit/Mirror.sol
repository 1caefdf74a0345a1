// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridGuards} from "../../src/GridGuards.sol";
import {GridState} from "../../src/GridState.sol";
import {Account, Asset, Balance, Deposits, ListedAsset, Match, Resolution, Transfer} from "../../src/Stored.sol";
import {NO_ASSET, NO_NONCE, Setup} from "../../src/Types.sol";
import {packAccount} from "../../src/libraries/AccountWord.sol";
import {BalanceWord, packBalance} from "../../src/libraries/BalanceWord.sol";
import {Nonces} from "../../src/libraries/Nonces.sol";
import {SnapshotTree} from "../../src/libraries/SnapshotTree.sol";
import {Vm} from "../base/Vm.sol";

/// @notice The state of a grid, rebuilt from its events and the clock of their blocks alone. It lies where the grid has it, so that the two can
/// be compared slot by slot.
contract Mirror is GridGuards {
    struct Moved {
        bytes32 account;
        uint32 asset;
        int256 by;
    }

    error Unheard(bytes32 topic);

    /// @dev Behind all that the grid stores.
    Moved[] private _moved;
    bytes private _log;

    constructor(Setup memory setup) GridState(setup) {
        _cut = NO_CUT;
    }

    function fold(Vm.Log calldata log) external {
        bytes32[] calldata topics = log.topics;
        (bytes32 topic, bytes calldata data) = (topics[0], log.data);
        if (topic == GuardsRotated.selector) _rotated(topics, data);
        else if (topic == Transitioned.selector) _transitioned(topics, data);
        else if (topic == PausedUntil.selector) _lock.pausedUntil = uint40(abi.decode(data, (uint64)));
        else if (topic == Unpaused.selector) _lock.pausedUntil = 0;
        else if (topic == Admitted.selector) _admitted(data);
        else if (topic == Withdrawn.selector) _withdrawn(topics, data);
        else if (topic == BridgedOut.selector) _bridgedOut(topics, data);
        else if (topic == Joined.selector) _joined(topics, data);
        else if (topic == Ended.selector) _ended(topics, data);
        else if (topic == Executed.selector) _executed(topics, data);
        else if (topic == AccountEntered.selector) _accountEntered(topics, data);
        else if (topic == BalanceEntered.selector) _balanceEntered(topics, data);
        else if (topic == MatchEntered.selector) _matchEntered(topics, data);
        else if (topic == OrderEntered.selector) _orders[topics[1]] = _lock.epoch;
        else if (topic == Resolved.selector) _resolved(topics, data);
        else if (topic == HoldSettled.selector) _holdSettled(topics, data);
        else if (topic == Credited.selector) _creditedBy(topics, data);
        else if (topic == Listed.selector) _listedBy(topics, data);
        else if (topic == Deposited.selector) _deposited(topics, data);
        else if (topic == BridgedIn.selector) _bridgedInBy(topics, data);
        else if (topic == Cancelled.selector) _cancelled(topics, data);
        else if (topic != Submitted.selector) revert Unheard(topic);
    }

    // -- the lock -------------------------------------------------------------------------------------------------------

    function _rotated(bytes32[] calldata topics, bytes calldata data) private {
        (address[] memory guards, uint8 threshold) = abi.decode(data, (address[], uint8));
        _setGuards(guards, threshold, _u64(topics[1]));
    }

    function _transitioned(bytes32[] calldata topics, bytes calldata data) private {
        (uint8 active, uint16 feeBps, bytes32 root, bytes memory totals) = abi.decode(data, (uint8, uint16, bytes32, bytes));
        (_lock.epoch, _lock.active, _lock.feeBps) = (_u64(topics[1]), active, feeBps);
        (_lock.since, _lock.empty) = (uint40(block.timestamp), root == SnapshotTree.EMPTY_ROOT);
        _cut = SnapshotTree.cutOf(root, keccak256(totals));
    }

    // -- batches --------------------------------------------------------------------------------------------------------

    function _admitted(bytes calldata data) private {
        (bytes memory absent, bytes memory dead) = abi.decode(data, (bytes, bytes));
        for (uint256 i; i < absent.length; i += 36) {
            (bytes32 account, uint256 asset) = (bytes32(_word(absent, i)), _word(absent, i + 32) >> 224);
            if (asset == NO_ASSET) {
                (bool entered,) = _flags(_accounts[account].word);
                address authority = _accounts[account].word.authorityOf(account);
                if (!entered) _accounts[account].word = packAccount(authority, _lock.epoch, true);
            } else {
                Balance storage balance = _balances[account][uint32(asset)];
                balance.word = balance.word.inEpoch(_lock.epoch).entering();
            }
        }
        for (uint256 i; i < dead.length; i += 40) {
            _use(bytes32(_word(dead, i)), uint64(_word(dead, i + 32) >> 192));
        }
    }

    function _withdrawn(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 amount,, uint64 nonce) = abi.decode(data, (uint64, address, uint64));
        _move(topics[1], _u32(topics[2]), -int64(amount));
        _owe(_u32(topics[2]), -int64(amount), -int64(amount), _lock.epoch);
        _use(topics[1], nonce);
    }

    function _bridgedOut(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 amount,, bytes32 account, uint64 nonce) = abi.decode(data, (uint64, uint8, bytes32, uint64));
        _sent[topics[1]] = Transfer(amount, true);
        _owe(_u32(topics[2]), 0, -int64(amount), _lock.epoch);
        _use(account, nonce);
    }

    function _joined(bytes32[] calldata topics, bytes calldata data) private {
        (uint32 asset, uint64 stake, uint64 nonce) = abi.decode(data, (uint32, uint64, uint64));
        Match storage running = _matches[topics[1]];
        running.epoch = _lock.epoch;
        running.players[running.count++] = topics[2];
        _move(topics[2], asset, -int64(stake));
        _use(topics[2], nonce);
    }

    function _ended(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 step, uint32 asset, bytes32[] memory accounts, uint64[] memory amounts) =
            abi.decode(data, (uint64, uint32, bytes32[], uint64[]));
        _matches[topics[1]].step = step;
        for (uint256 i; i < accounts.length; ++i) {
            _move(accounts[i], asset, int64(amounts[i]));
        }
    }

    function _executed(bytes32[] calldata topics, bytes calldata data) private {
        (bytes32 outcome, bytes memory fills) = abi.decode(data, (bytes32, bytes));
        for (uint256 i; i < fills.length; i += 64) {
            _fill(bytes32(_word(fills, i)), _word(fills, i + 32));
        }
        for (uint256 i; i < _moved.length; ++i) {
            Moved memory it = _moved[i];
            if (it.by != 0) _change(_balances[it.account][it.asset], it.account, it.asset, it.by, _lock.epoch);
        }
        delete _moved;
        (uint64 epoch, uint64 batch) = (_u64(topics[1]), _u64(topics[2]));
        _outcomes[epoch][batch] = outcome;
        _accumulators[epoch] = keccak256(abi.encodePacked(_accumulators[epoch], batch, outcome));
    }

    function _fill(bytes32 account, uint256 what) private {
        (uint32 sold, uint32 bought) = (uint32(what >> 160), uint32(what >> 128));
        int256 sell = int256(uint256(uint64(what >> 64)));
        int256 buy = int256(uint256(uint64(what)));
        _use(account, uint64(what >> 192));
        _move(account, sold, -sell);
        _move(account, bought, buy);
        _move(_treasury, sold, sell);
        _move(_treasury, bought, -buy);
    }

    /// @notice Adds it up until the batch has executed.
    function _move(bytes32 account, uint32 asset, int256 by) private {
        for (uint256 i; i < _moved.length; ++i) {
            if (_moved[i].account == account && _moved[i].asset == asset) {
                _moved[i].by += by;
                return;
            }
        }
        _moved.push(Moved(account, asset, by));
    }

    function _use(bytes32 account, uint64 nonce) private {
        uint256 nonces = _accounts[account].nonces;
        if (!Nonces.used(nonces, nonce)) _accounts[account].nonces = Nonces.use(nonces, nonce);
    }

    // -- entering and settling ------------------------------------------------------------------------------------------

    function _accountEntered(bytes32[] calldata topics, bytes calldata data) private {
        (address authority, uint256 nonces) = abi.decode(data, (address, uint256));
        _accounts[topics[1]] = Account(packAccount(authority, _lock.epoch, false), nonces);
    }

    function _balanceEntered(bytes32[] calldata topics, bytes calldata data) private {
        (int128 available, uint64 held) = abi.decode(data, (int128, uint64));
        Balance storage balance = _balances[topics[1]][_u32(topics[2])];
        int256 received = balance.word.inEpoch(_lock.epoch).amountOf();
        balance.word = packBalance(received + available, held, _lock.epoch, true);
        _enter(_u32(topics[2]), uint64(uint128(available + int128(uint128(held)))));
    }

    function _matchEntered(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 stake, uint64 step, bytes32[] memory players) = abi.decode(data, (uint64, uint64, bytes32[]));
        Match storage known = _matches[topics[1]];
        (known.epoch, known.step, known.count) = (_lock.epoch, step, uint16(players.length));
        for (uint256 i; i < players.length; ++i) {
            known.players[i] = players[i];
        }
        _enter(_u32(topics[2]), uint64(stake * players.length));
    }

    function _enter(uint32 number, uint64 units) private {
        Asset memory asset = _asset(number, _lock.epoch);
        asset.entered += units;
        asset.liabilities += units;
        _assets[number] = asset;
    }

    function _resolved(bytes32[] calldata topics, bytes calldata data) private {
        Resolution resolution = abi.decode(data, (bool)) ? Resolution.Executed : Resolution.Void;
        _resolutions[uint8(uint256(topics[1]))][_u64(topics[2])][_u64(topics[3])] = resolution;
    }

    function _holdSettled(bytes32[] calldata topics, bytes calldata data) private {
        (bool executed, uint64 nonce, uint32 outAsset, uint64 outAmount, uint32 inAsset, uint64 inAmount) =
            abi.decode(data, (bool, uint64, uint32, uint64, uint32, uint64));
        (bytes32 account, uint64 epoch) = (topics[2], _lock.epoch);
        _settled[topics[1]] = epoch;
        BalanceWord word = _balances[account][outAsset].word;
        _balances[account][outAsset].word = word.withHeld(word.heldOf() - outAmount);
        if (!executed) return _change(_balances[account][outAsset], account, outAsset, int64(outAmount), epoch);
        _owe(outAsset, -int64(outAmount), 0, epoch);
        _owe(inAsset, int64(inAmount), 0, epoch);
        _change(_balances[account][inAsset], account, inAsset, int64(inAmount), epoch);
        if (nonce != NO_NONCE) _use(account, nonce);
    }

    function _creditedBy(bytes32[] calldata topics, bytes calldata data) private {
        (uint32 asset, uint64 amount) = abi.decode(data, (uint32, uint64));
        _credited[uint8(uint256(topics[1]))][_u64(topics[2])] = _lock.epoch;
        _owe(asset, int64(amount), 0, _lock.epoch);
        _change(_balances[topics[3]][asset], topics[3], asset, int64(amount), _lock.epoch);
    }

    // -- accounts and tokens --------------------------------------------------------------------------------------------

    function _listedBy(bytes32[] calldata topics, bytes calldata data) private {
        ListedAsset storage listing = _listings[_u32(topics[1])];
        listing.token = address(uint160(uint256(topics[2])));
        (listing.tokenDecimals, listing.gridDecimals, listing.bridgeLimit, listing.bridgeWindow) =
            abi.decode(data, (uint8, uint8, uint64, uint64));
    }

    function _deposited(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 amount, uint64 epoch) = (abi.decode(data, (uint64)), _lock.epoch);
        (bytes32 account, uint32 asset) = (topics[2], _u32(topics[3]));
        Deposits memory before = _deposits;
        _deposits = Deposits(_u64(topics[1]), epoch, before.epoch == epoch ? before.opening : before.count);
        _owe(asset, int64(amount), int64(amount), epoch);
        _change(_balances[account][asset], account, asset, int64(amount), epoch);
    }

    function _bridgedInBy(bytes32[] calldata topics, bytes calldata data) private {
        (uint64 amount, ListedAsset storage listing) = (abi.decode(data, (uint64)), _listings[_u32(topics[2])]);
        uint64 window = uint64(block.timestamp / listing.bridgeWindow);
        (listing.window, listing.bridged) = (window, (listing.window == window ? listing.bridged : 0) + amount);
        _bridged[topics[1]] = Transfer(amount, true);
        _owe(_u32(topics[2]), 0, int64(amount), _lock.epoch);
    }

    function _cancelled(bytes32[] calldata topics, bytes calldata data) private {
        Account storage account = _accounts[topics[1]];
        account.nonces = Nonces.cancelBelow(account.nonces, abi.decode(data, (uint64)));
    }

    // -- words ----------------------------------------------------------------------------------------------------------

    function _u64(bytes32 topic) private pure returns (uint64) {
        return uint64(uint256(topic));
    }

    function _u32(bytes32 topic) private pure returns (uint32) {
        return uint32(uint256(topic));
    }

    function _word(bytes memory data, uint256 place) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(data, 32), place))
        }
    }
}
