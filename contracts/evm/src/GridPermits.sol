// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch} from "./Batch.sol";
import {GridGuards} from "./GridGuards.sol";
import {Account, Balance, Lock} from "./Stored.sol";
import {NO_ASSET, Permit} from "./Types.sol";
import {AccountWord, packAccount} from "./libraries/AccountWord.sol";
import {Action, Actions} from "./libraries/Actions.sol";
import {Lists} from "./libraries/Lists.sol";
import {Nonces} from "./libraries/Nonces.sol";
import {Packed} from "./libraries/Packed.sol";
import {Typed} from "./libraries/Typed.sol";
import {Words} from "./libraries/Words.sol";

/// @notice Who lets a batch execute: the guards all of it, and its owner each action.
abstract contract GridPermits is GridGuards {
    using Words for bytes32[];

    uint256 public constant MOST_ACTIONS = 400;

    /// @notice The batch, if it is of here and now.
    function _opened(Permit calldata permit, bytes calldata actions) internal view returns (Batch memory batch) {
        uint256 count = Actions.count(actions);
        if (count > MOST_ACTIONS) revert BatchTooLarge(count, MOST_ACTIONS);
        Lock memory lock_ = _active();
        if (permit.chain != _chain) revert WrongChain(permit.chain);
        if (permit.epoch != lock_.epoch) revert WrongEpoch(permit.epoch, lock_.epoch);
        if (_outcomes[permit.epoch][permit.batch] != 0) revert BatchUsed(permit.batch);
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (block.timestamp >= permit.expiry) revert PermitExpired(permit.expiry);
        batch.lock = lock_;
        (batch.actions, batch.digests) = (new Action[](count), new bytes32[](count));
        _read(batch, actions);
    }

    /// @notice That the guards permitted just this.
    function _checkPermitted(
        Permit calldata permit,
        bytes[] calldata signatures,
        Batch memory batch,
        bytes calldata prices,
        bytes calldata absent,
        bytes calldata dead
    ) internal view {
        bool same = batch.digests.hash() == permit.actions && Lists.hash(prices) == permit.prices
            && Lists.hash(absent) == permit.absent && Lists.hash(dead) == permit.dead;
        if (!same) revert WrongBatch(permit.batch);
        Lists.checkAmounts(prices);
        _checkQuorum(batch.lock, Typed.hash(permit), signatures);
    }

    /// @notice What has no leaf enters, and nonces of what expired or was rejected are used. Either may be said again.
    function _admit(bytes calldata absent, bytes calldata dead, uint64 epoch) internal {
        if (absent.length == 0 && dead.length == 0) return;
        (uint256 place, uint256 to) = Lists.range(absent, Lists.ABSENT_BYTES);
        for (; place < to; place += Lists.ABSENT_BYTES) {
            _admitAbsent(Packed.word(place), Packed.u32(place + 32), epoch);
        }
        (place, to) = Lists.range(dead, Lists.DEAD_BYTES);
        for (; place < to; place += Lists.DEAD_BYTES) {
            _admitDead(Packed.word(place), Packed.u64(place + 32), epoch);
        }
        emit Admitted(absent, dead);
    }

    /// @notice By the owner, in time, and for the first time.
    function _authorise(Action action, bytes32 digest, uint256 epoch) internal {
        uint256 body = action.bodyOf();
        bytes32 id = Actions.accountOf(body);
        Account storage account = _accounts[id];
        AccountWord word = account.word;
        _checkEntered(word, id, epoch);
        if (action.signerOf(digest) != word.authorityOf(id)) revert NotAuthorised(id);
        uint40 deadline = Actions.deadlineOf(body);
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (block.timestamp > deadline) revert Expired(deadline);
        account.nonces = Nonces.use(account.nonces, Actions.nonceOf(body));
    }

    /// @notice Each action, within the list, which ends with the last; and what was signed of it.
    function _read(Batch memory batch, bytes calldata list) private view {
        (Action[] memory actions, bytes32[] memory digests) = (batch.actions, batch.digests);
        (uint256 place, uint256 to) = Packed.range(list);
        place += Actions.COUNT_BYTES;
        // slither-disable-next-line uninitialized-local (it begins as nothing)
        uint256 fills;
        unchecked {
            for (uint256 i; i < actions.length; ++i) {
                (uint256 kind, uint256 body, uint256 end) = Actions.next(place, to);
                Actions.put(actions, i, kind, body - place - 1, body);
                digests.put(i, Typed.digest(_separator, Actions.contentOf(kind, body)));
                if (kind == Actions.INTENT) ++fills;
                place = end;
            }
        }
        if (place != to) revert BadEncoding(place);
        batch.fills = fills;
    }

    function _admitAbsent(bytes32 id, uint32 asset, uint64 epoch) private {
        if (asset != NO_ASSET) {
            Balance storage balance = _balances[id][asset];
            balance.word = balance.word.inEpoch(epoch).entering();
            return;
        }
        Account storage account = _accounts[id];
        (bool entered,) = _flags(account.word);
        if (!entered) account.word = packAccount(account.word.authorityOf(id), epoch, true);
    }

    function _admitDead(bytes32 id, uint64 nonce, uint64 epoch) private {
        Account storage account = _accounts[id];
        _checkEntered(account.word, id, epoch);
        if (!Nonces.used(account.nonces, nonce)) account.nonces = Nonces.use(account.nonces, nonce);
    }
}
