// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch} from "./Batch.sol";
import {GridMatches} from "./GridMatches.sol";
import {GridTokens} from "./GridTokens.sol";
import {Asset, Balance, Transfer} from "./Stored.sol";
import {ARBITRUM, BridgeOut, Permit, SOLANA, Withdrawal} from "./Types.sol";
import {IGridCore} from "./interfaces/IGridCore.sol";
import {Action, Actions} from "./libraries/Actions.sol";
import {Changes, noChanges} from "./libraries/Changes.sol";
import {noFills} from "./libraries/Journal.sol";
import {Fill, Market, Settlement} from "./libraries/Settlement.sol";
import {Typed} from "./libraries/Typed.sol";
import {Words} from "./libraries/Words.sol";

/// @notice A batch under its permit: checked, netted, applied, recorded; or refused without a trace.
abstract contract GridExecution is IGridCore, GridTokens, GridMatches {
    using Settlement for Market;
    using Words for bytes32[];

    function execute(
        Permit calldata permit,
        bytes[] calldata signatures,
        bytes calldata actions,
        bytes calldata prices,
        bytes calldata absent,
        bytes calldata dead
    ) external nonReentrant returns (bytes32 outcome) {
        Batch memory batch = _opened(permit, actions);
        _checkPermitted(permit, signatures, batch, prices, absent, dead);
        _admit(absent, dead, batch.lock.epoch);
        _settle(batch, permit.actions, prices);
        _act(batch);
        _apply(batch.changes, batch.lock.epoch);
        _leave(batch);
        outcome = _record(permit, batch);
        _pay(batch);
    }

    // -- settling -------------------------------------------------------------------------------------------------------

    /// @notice What the fills change, and what each buys, at uniform prices.
    function _settle(Batch memory batch, bytes32 actions, bytes calldata prices) private view {
        Market memory market = Settlement.open(prices);
        batch.changes = noChanges(Actions.touched(batch.actions, batch.fills) + market.assets);
        batch.journal = noFills(batch.fills, actions);
        // slither-disable-next-line uninitialized-local (each intent is read into it)
        Fill memory fill;
        (Action[] memory all, uint256 fills, uint256 feeBps) = (batch.actions, batch.fills, batch.lock.feeBps);
        unchecked {
            // slither-disable-next-line uninitialized-local (it begins as nothing)
            uint256 number;
            for (uint256 i; number < fills; ++i) {
                Action action = Actions.get(all, i);
                if (action.kindOf() != Actions.INTENT) continue;
                Actions.readFill(action.bodyOf(), fill);
                market.buy(number, fill, feeBps);
                _fill(batch, action.bodyOf(), number++, fill);
            }
        }
        _checkConserved(batch, market);
        if (batch.fills < batch.actions.length) batch.changes.forgetZeros();
        _takeFees(batch.changes, market);
    }

    function _fill(Batch memory batch, uint256 body, uint256 number, Fill memory fill) private view {
        bytes32 account = Actions.accountOf(body);
        batch.journal.note(number, account, Actions.nonceOf(body), fill);
        mapping(uint32 => Balance) storage balances = _balances[account];
        Changes memory changes = batch.changes;
        unchecked {
            changes.add(balances[uint32(fill.sellAsset)], account, fill.sellAsset, -int256(fill.sell));
            changes.add(balances[uint32(fill.buyAsset)], account, fill.buyAsset, int256(fill.bought));
        }
    }

    /// @notice The first asset that is not is told of, in the order of the fills.
    function _checkConserved(Batch memory batch, Market memory market) private pure {
        if (market.isConserved()) return;
        // slither-disable-next-line uninitialized-local (each intent is read into it)
        Fill memory fill;
        for (uint256 i; i < batch.actions.length; ++i) {
            if (batch.actions[i].kindOf() != Actions.INTENT) continue;
            Actions.readFill(batch.actions[i].bodyOf(), fill);
            market.checkConserved(fill.sellAsset);
            market.checkConserved(fill.buyAsset);
        }
    }

    /// @notice With what rounding left: all that was sold and not bought.
    function _takeFees(Changes memory changes, Market memory market) private view {
        mapping(uint32 => Balance) storage balances = _balances[_treasury];
        for (uint256 i; i < market.assets; ++i) {
            (uint32 asset, uint256 sold, uint256 bought) = market.movedIn(i);
            if (sold > bought) changes.add(balances[asset], _treasury, asset, int256(sold - bought));
        }
    }

    // -- acting ---------------------------------------------------------------------------------------------------------

    function _act(Batch memory batch) private {
        (Action[] memory actions, bytes32[] memory digests, uint256 epoch) = (batch.actions, batch.digests, batch.lock.epoch);
        unchecked {
            for (uint256 i; i < actions.length; ++i) {
                (Action action, bytes32 digest) = (Actions.get(actions, i), digests.get(i));
                if (action.kindOf() == Actions.INTENT) _authorise(action, digest, epoch);
                else _actOther(batch, action, digest);
            }
        }
    }

    function _actOther(Batch memory batch, Action action, bytes32 digest) private {
        uint256 kind = action.kindOf();
        if (kind == Actions.WITHDRAWAL) _withdraw(batch, action, digest);
        else if (kind == Actions.BRIDGE_OUT) _bridgeOut(batch, action, digest);
        else if (kind == Actions.JOIN) _join(batch, action, digest);
        else _end(batch, action, digest);
    }

    function _withdraw(Batch memory batch, Action action, bytes32 digest) private {
        _authorise(action, digest, batch.lock.epoch);
        Withdrawal memory it = Actions.withdrawal(action.bodyOf());
        if (it.chain != _chain) revert WrongChain(it.chain);
        _listed(it.asset);
        if (it.recipient == 0 || uint256(it.recipient) >> 160 != 0) revert BadRecipient(it.recipient);
        batch.changes.add(_balances[it.account][it.asset], it.account, it.asset, -int256(uint256(it.amount)));
    }

    function _bridgeOut(Batch memory batch, Action action, bytes32 digest) private {
        BridgeOut memory it = Actions.bridgeOut(action.bodyOf());
        if (it.account != _treasury) revert NotAuthorised(it.account);
        _authorise(action, digest, batch.lock.epoch);
        if (it.source != _chain) revert WrongChain(it.source);
        if (it.target == _chain || (it.target != SOLANA && it.target != ARBITRUM)) revert NoSuchChain(it.target);
        _listed(it.asset);
    }

    function _apply(Changes memory changes, uint256 epoch) private {
        uint256 count = changes.count();
        unchecked {
            for (uint256 i; i < count; ++i) {
                (Balance storage balance, bytes32 account, uint32 asset, int256 by) = changes.change(i);
                if (by != 0) _change(balance, account, asset, by, epoch);
            }
        }
    }

    // -- tokens out -----------------------------------------------------------------------------------------------------

    /// @notice Units of what leaves are taken from the vault.
    function _leave(Batch memory batch) private {
        if (batch.fills == batch.actions.length) return;
        for (uint256 i; i < batch.actions.length; ++i) {
            (uint256 kind, uint256 body) = (batch.actions[i].kindOf(), batch.actions[i].bodyOf());
            if (kind == Actions.WITHDRAWAL) {
                Withdrawal memory it = Actions.withdrawal(body);
                _takeFloat(it.asset, it.amount, it.amount, batch.lock.epoch);
                emit Withdrawn(it.account, it.asset, it.amount, address(uint160(uint256(it.recipient))), it.nonce);
            } else if (kind == Actions.BRIDGE_OUT) {
                BridgeOut memory it = Actions.bridgeOut(body);
                bytes32 id = Typed.hash(it);
                _takeFloat(it.asset, it.amount, 0, batch.lock.epoch);
                _sent[id] = Transfer(it.amount, true);
                emit BridgedOut(id, it.asset, it.amount, it.target, it.account, it.nonce);
            }
        }
    }

    function _takeFloat(uint32 asset, uint64 amount, uint64 owed, uint64 epoch) private {
        uint64 vault = _assets[asset].vault;
        if (vault < amount) revert InsufficientFloat(asset, vault, amount);
        _owe(asset, -int256(uint256(owed)), -int256(uint256(amount)), epoch);
    }

    /// @notice The tokens themselves, once everything has changed that changes.
    function _pay(Batch memory batch) private {
        if (batch.fills == batch.actions.length) return;
        for (uint256 i; i < batch.actions.length; ++i) {
            (uint256 kind, uint256 body) = (batch.actions[i].kindOf(), batch.actions[i].bodyOf());
            if (kind == Actions.WITHDRAWAL) {
                Withdrawal memory it = Actions.withdrawal(body);
                _push(it.asset, it.amount, address(uint160(uint256(it.recipient))));
            } else if (kind == Actions.BRIDGE_OUT) {
                BridgeOut memory it = Actions.bridgeOut(body);
                _push(it.asset, it.amount, _bridge);
            }
        }
    }

    // -- the record -----------------------------------------------------------------------------------------------------

    function _record(Permit calldata permit, Batch memory batch) private returns (bytes32 outcome) {
        outcome = batch.journal.outcome();
        _outcomes[permit.epoch][permit.batch] = outcome;
        bytes32 before = _accumulators[permit.epoch];
        _accumulators[permit.epoch] = keccak256(abi.encodePacked(before, permit.batch, outcome));
        emit Executed(permit.epoch, permit.batch, outcome, batch.journal.fills);
    }
}
