// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridGuards} from "./GridGuards.sol";
import {Rotation, Unpause} from "./Types.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice A pause that ends by itself, and new guards.
abstract contract GridLock is IGridAnnex, GridGuards {
    /// @dev The key that pauses is a hot one, of one person: it can annoy for a day.
    uint256 public constant LONGEST_PAUSE = 1 days;

    function rotate(Rotation calldata signed, bytes[] calldata signatures) external nonReentrant {
        uint64 current = _guardSet.version;
        if (signed.version != uint256(current) + 1) revert WrongVersion(signed.version, current);
        _checkGuards(signed.guards, signed.threshold);
        _checkQuorum(Typed.hash(signed), signatures);
        _setGuards(signed.guards, signed.threshold, signed.version);
    }

    function pause(uint64 until) external nonReentrant {
        if (msg.sender != _pauser) revert NotAuthorised(bytes32(uint256(uint160(msg.sender))));
        uint256 latest = block.timestamp + LONGEST_PAUSE;
        if (until <= block.timestamp || until > latest) revert PauseTooLong(until, uint64(latest));
        _lock.pausedUntil = uint40(until);
        emit PausedUntil(until);
    }

    function unpause(Unpause calldata signed, bytes[] calldata signatures) external nonReentrant {
        if (signed.chain != _chain) revert NoSuchChain(signed.chain);
        uint64 until = _lock.pausedUntil;
        if (block.timestamp >= until || signed.until != until) revert NotPaused(until);
        _checkQuorum(Typed.hash(signed), signatures);
        _lock.pausedUntil = 0;
        emit Unpaused();
    }
}
