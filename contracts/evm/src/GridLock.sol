// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridGuards} from "./GridGuards.sol";
import {Lock} from "./Stored.sol";
import {Rotation, Unpause} from "./Types.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice A pause that ends by itself, and new guards.
abstract contract GridLock is IGridAnnex, GridGuards {
    /// @dev The key that pauses is a hot one, of one person: it can annoy for a day at a time.
    uint256 public constant LONGEST_PAUSE = 1 days;

    function rotate(Rotation calldata signed, bytes[] calldata signatures) external nonReentrantView {
        Lock memory lock_ = _lock;
        if (signed.version != uint256(lock_.version) + 1) revert WrongVersion(signed.version, lock_.version);
        _checkGuards(signed.guards, signed.threshold);
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        _setGuards(signed.guards, signed.threshold, signed.version);
    }

    function pause(uint64 until) external nonReentrantView {
        if (msg.sender != _pauser) revert NotAuthorised(bytes32(uint256(uint160(msg.sender))));
        uint256 latest = block.timestamp + LONGEST_PAUSE;
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (until <= block.timestamp || until > latest) revert PauseTooLong(until, uint64(latest));
        _lock.pausedUntil = uint40(until);
        emit PausedUntil(until);
    }

    function unpause(Unpause calldata signed, bytes[] calldata signatures) external nonReentrantView {
        if (signed.chain != _chain) revert NoSuchChain(signed.chain);
        Lock memory lock_ = _lock;
        uint64 until = lock_.pausedUntil;
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (block.timestamp >= until || signed.until != until) revert NotPaused(until);
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        _lock.pausedUntil = 0;
        emit Unpaused();
    }
}
