// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridGuards} from "./GridGuards.sol";
import {Account, Balance, Lock, Resolution} from "./Stored.sol";
import {Credit, HoldLeaf, NO_NONCE, Resolve} from "./Types.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {BalanceWord} from "./libraries/BalanceWord.sol";
import {Nonces} from "./libraries/Nonces.sol";
import {SnapshotTree} from "./libraries/SnapshotTree.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice How what was in doubt, or landed late, is settled.
abstract contract GridDoubt is IGridAnnex, GridGuards {
    function resolve(Resolve calldata signed, bytes[] calldata signatures) external nonReentrantView {
        Lock memory lock_ = _active();
        if (signed.origin == _chain) revert WrongChain(signed.origin);
        if (_resolutions[signed.origin][signed.epoch][signed.batch] != Resolution.Unknown) {
            revert AlreadyResolved(signed.origin, signed.epoch, signed.batch);
        }
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        _resolutions[signed.origin][signed.epoch][signed.batch] = signed.executed ? Resolution.Executed : Resolution.Void;
        emit Resolved(signed.origin, signed.epoch, signed.batch, signed.executed);
    }

    function settleHold(HoldLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external nonReentrantView {
        uint64 epoch = _active().epoch;
        bool executed = _executed(leaf, epoch);
        _checkReal(leaf.outAsset);
        _checkReal(leaf.inAsset);
        bytes32 hold = Typed.hash(leaf);
        if (_settled[hold] == epoch) revert AlreadySettled(hold);
        SnapshotTree.verify(_cut, hold, proof, totals);
        _settled[hold] = epoch;
        _release(leaf, epoch);
        if (executed) _post(leaf, epoch);
        else _move(leaf.account, leaf.outAsset, leaf.outAmount, epoch);
        emit HoldSettled(hold, leaf.account, executed, leaf.nonce, leaf.outAsset, leaf.outAmount, leaf.inAsset, leaf.inAmount);
    }

    function credit(Credit calldata signed, bytes[] calldata signatures) external nonReentrantView {
        Lock memory lock_ = _active();
        uint64 epoch = lock_.epoch;
        _checkReal(signed.asset);
        uint64 opening = _opening(epoch);
        if (signed.origin == _chain && signed.sequence > opening) revert NotLate(signed.sequence, opening);
        if (signed.epoch != epoch) revert WrongEpoch(signed.epoch, epoch);
        if (_credited[signed.origin][signed.sequence] == epoch) revert AlreadyCredited(signed.origin, signed.sequence);
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        _credited[signed.origin][signed.sequence] = epoch;
        _owe(signed.asset, int256(uint256(signed.amount)), 0, epoch);
        _move(signed.account, signed.asset, signed.amount, epoch);
        emit Credited(signed.origin, signed.sequence, signed.account, signed.asset, signed.amount);
    }

    /// @notice As the guards resolved it; of this chain's own older epochs its records say.
    function _executed(HoldLeaf calldata leaf, uint64 epoch) private view returns (bool) {
        if (leaf.origin == _chain) {
            if (leaf.epoch >= epoch) revert NotResolved(leaf.origin, leaf.epoch, leaf.batch);
            return _outcomes[leaf.epoch][leaf.batch] != 0;
        }
        Resolution resolution = _resolutions[leaf.origin][leaf.epoch][leaf.batch];
        if (resolution == Resolution.Unknown) revert NotResolved(leaf.origin, leaf.epoch, leaf.batch);
        return resolution == Resolution.Executed;
    }

    /// @notice Out of what is held.
    function _release(HoldLeaf calldata leaf, uint64 epoch) private {
        _checkEntered(_accounts[leaf.account].word, leaf.account, epoch);
        Balance storage balance = _balances[leaf.account][leaf.outAsset];
        BalanceWord word = balance.word.inEpoch(epoch);
        if (!word.isEntered()) revert NotEntered(leaf.account);
        uint64 held = word.heldOf();
        if (held < leaf.outAmount) {
            revert InsufficientBalance(leaf.account, leaf.outAsset, int256(uint256(held)), leaf.outAmount);
        }
        balance.word = word.withHeld(held - leaf.outAmount);
    }

    /// @notice It went out, and what it brought came in. Its nonce is used up, whatever the floor.
    function _post(HoldLeaf calldata leaf, uint64 epoch) private {
        _owe(leaf.outAsset, -int256(uint256(leaf.outAmount)), 0, epoch);
        _owe(leaf.inAsset, int256(uint256(leaf.inAmount)), 0, epoch);
        _move(leaf.account, leaf.inAsset, leaf.inAmount, epoch);
        if (leaf.nonce == NO_NONCE) return;
        Account storage account = _accounts[leaf.account];
        uint256 nonces = account.nonces;
        if (!Nonces.used(nonces, leaf.nonce)) account.nonces = Nonces.use(nonces, leaf.nonce);
    }

    function _move(bytes32 account, uint32 asset, uint64 amount, uint64 epoch) private {
        _change(_balances[account][asset], account, asset, int256(uint256(amount)), epoch);
    }
}
