// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridGuards} from "./GridGuards.sol";
import {Lock} from "./Stored.sol";
import {ARBITRUM, BPS, LockTransition, SOLANA} from "./Types.sol";
import {IGridCore} from "./interfaces/IGridCore.sol";
import {Lists} from "./libraries/Lists.sol";
import {SnapshotTree} from "./libraries/SnapshotTree.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice Which chain may execute: an epoch that only grows.
abstract contract GridEpochs is IGridCore, GridGuards {
    function transition(LockTransition calldata signed, bytes calldata totals, bytes[] calldata signatures)
        external
        nonReentrantView
    {
        Lock memory lock_ = _lock;
        if (signed.epoch <= lock_.epoch) revert EpochNotNewer(signed.epoch, lock_.epoch);
        if (signed.active != SOLANA && signed.active != ARBITRUM) revert NoSuchChain(signed.active);
        if (signed.feeBps > BPS) revert BadFee(signed.feeBps);
        if (Lists.hash(totals) != signed.totals) revert WrongTotals(signed.totals);
        Lists.checkAmounts(totals);
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        (_lock.epoch, _lock.active, _lock.feeBps) = (signed.epoch, signed.active, signed.feeBps);
        (_lock.since, _lock.empty) = (uint40(block.timestamp), signed.root == SnapshotTree.EMPTY_ROOT);
        _cut = SnapshotTree.cutOf(signed.root, signed.totals);
        emit Transitioned(signed.epoch, signed.active, signed.feeBps, signed.root, totals);
    }
}
