// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridState} from "./GridState.sol";
import {GuardSet} from "./Stored.sol";
import {Signatures} from "./libraries/Signatures.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice Those of whom a threshold together decide: more than half of them, so that any two quorums have a member in common.
abstract contract GridGuards is GridState {
    function _recover(bytes32 content, bytes calldata signature) internal view returns (address) {
        return Signatures.recover(Typed.digest(_separator, content), signature);
    }

    /// @notice That m of the n guards signed, and nobody else.
    function _checkQuorum(bytes32 content, bytes[] calldata signatures) internal view {
        GuardSet memory set = _guardSet;
        if (signatures.length > set.count) revert TooManySignatures(signatures.length, set.count);
        bytes32 digest = Typed.digest(_separator, content);
        (uint256 strangers, address before) = (0, address(0));
        for (uint256 i; i < signatures.length; ++i) {
            address signer = Signatures.recover(digest, signatures[i]);
            if (signer <= before) revert NotAscending(i, signer, before);
            if (_guardOf[signer] != uint256(set.version) + 1) ++strangers;
            before = signer;
        }
        if (strangers > 0 || signatures.length < set.threshold) {
            revert NoQuorum(signatures.length - strangers, strangers, set.threshold);
        }
    }

    function _checkGuards(address[] memory guards_, uint256 threshold) internal pure {
        address before;
        for (uint256 i; i < guards_.length; ++i) {
            if (guards_[i] <= before) revert BadGuards(guards_.length, threshold);
            before = guards_[i];
        }
        if (threshold > guards_.length || 2 * threshold <= guards_.length) revert BadGuards(guards_.length, threshold);
    }

    function _setGuards(address[] memory guards_, uint8 threshold, uint64 version) internal {
        _guards = guards_;
        for (uint256 i; i < guards_.length; ++i) {
            _guardOf[guards_[i]] = uint256(version) + 1;
        }
        _guardSet = GuardSet(version, uint16(guards_.length), threshold, _guardSet.deposits);
        emit GuardsRotated(version, guards_, threshold);
    }
}
