// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridState} from "./GridState.sol";
import {Lock} from "./Stored.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice Those of whom a threshold together decide: more than half of them, so that any two quorums have a member in common.
abstract contract GridGuards is GridState {
    function _recover(bytes32 content, bytes calldata signature) internal view returns (address) {
        return Signatures.recover(Typed.digest(_separator, content), signature);
    }

    /// @notice That m of the n guards signed, and nobody else.
    function _checkQuorum(Lock memory lock_, bytes32 content, bytes[] calldata signatures) internal view {
        if (signatures.length > lock_.guards) revert TooManySignatures(signatures.length, lock_.guards);
        bytes32 digest = Typed.digest(_separator, content);
        (uint256 strangers, address before) = (0, address(0));
        uint256 set = uint256(lock_.version) + 1;
        unchecked {
            for (uint256 i; i < signatures.length; ++i) {
                address signer = Signatures.recover(digest, signatures[i]);
                if (signer <= before) revert NotAscending(i, signer, before);
                if (_guardOf[signer] != set) ++strangers;
                before = signer;
            }
        }
        if (strangers > 0 || signatures.length < lock_.threshold) {
            revert NoQuorum(signatures.length - strangers, strangers, lock_.threshold);
        }
    }

    function _checkGuards(address[] memory guards_, uint256 threshold) internal pure {
        // slither-disable-next-line uninitialized-local (the first address is above none)
        address before;
        for (uint256 i; i < guards_.length; ++i) {
            if (guards_[i] <= before) revert BadGuards(guards_.length, threshold);
            before = guards_[i];
        }
        bool majority = 2 * threshold > guards_.length && threshold <= guards_.length;
        if (!majority || guards_.length > type(uint8).max) revert BadGuards(guards_.length, threshold);
    }

    function _setGuards(address[] memory guards_, uint8 threshold, uint64 version) internal {
        _guards = guards_;
        for (uint256 i; i < guards_.length; ++i) {
            _guardOf[guards_[i]] = uint256(version) + 1;
        }
        (_lock.version, _lock.threshold, _lock.guards) = (version, threshold, uint8(guards_.length));
        emit GuardsRotated(version, guards_, threshold);
    }
}
