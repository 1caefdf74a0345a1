// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridTotals} from "./GridTotals.sol";
import {Account, Balance} from "./Stored.sol";
import {AccountLeaf, BalanceLeaf} from "./Types.sol";
import {IGridCore} from "./interfaces/IGridCore.sol";
import {packAccount} from "./libraries/AccountWord.sol";
import {BalanceWord, packBalance} from "./libraries/BalanceWord.sol";
import {Lists} from "./libraries/Lists.sol";
import {Nonces} from "./libraries/Nonces.sol";
import {SnapshotTree} from "./libraries/SnapshotTree.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice How accounts and balances enter an epoch, each once.
abstract contract GridEntry is IGridCore, GridTotals {
    function enter(
        AccountLeaf calldata account,
        bytes32[] calldata proof,
        BalanceLeaf[] calldata balances,
        bytes32[][] calldata proofs,
        bytes calldata totals
    ) external nonReentrantView {
        uint64 epoch = _active().epoch;
        if (balances.length != proofs.length) revert BadEncoding(proofs.length);
        _enterAccount(account, proof, Lists.hash(totals), epoch);
        for (uint256 i; i < balances.length; ++i) {
            _enterBalance(balances[i], proofs[i], totals, epoch);
        }
    }

    function enterAccount(AccountLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external nonReentrantView {
        _enterAccount(leaf, proof, totals, _active().epoch);
    }

    function enterBalance(BalanceLeaf calldata leaf, bytes32[] calldata proof, bytes calldata totals) external nonReentrantView {
        _enterBalance(leaf, proof, totals, _active().epoch);
    }

    /// @notice Who signs for it, if the cut knew, and never fewer used nonces than here or there.
    function _enterAccount(AccountLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals, uint64 epoch) private {
        Account storage account = _accounts[leaf.account];
        bytes32 content = Typed.hash(leaf);
        (bool entered,) = _flags(account.word);
        if (entered) revert AlreadyEntered(content);
        SnapshotTree.verify(_cut, content, proof, totals);
        address authority = leaf.authority == address(0) ? account.word.authorityOf(leaf.account) : leaf.authority;
        uint256 before = account.nonces;
        uint256 nonces = Nonces.merged(before, leaf.nonces);
        account.word = packAccount(authority, epoch, false);
        if (nonces != before) account.nonces = nonces;
        emit AccountEntered(leaf.account, authority, nonces);
    }

    function _enterBalance(BalanceLeaf calldata leaf, bytes32[] calldata proof, bytes calldata totals, uint64 epoch) private {
        _checkReal(leaf.asset);
        Balance storage balance = _balances[leaf.account][leaf.asset];
        BalanceWord word = balance.word.inEpoch(epoch);
        bytes32 content = Typed.hash(leaf);
        (, bool new_) = _flags(_accounts[leaf.account].word);
        if (word.isEntered() || new_) revert AlreadyEntered(content);
        SnapshotTree.verify(_cut, content, proof, Lists.hash(totals));
        _countIn(leaf.asset, int256(leaf.available) + int256(uint256(leaf.held)), totals, epoch);
        balance.word = packBalance(word.amountOf() + leaf.available, leaf.held, epoch, true);
        emit BalanceEntered(leaf.account, leaf.asset, leaf.available, leaf.held);
    }
}
