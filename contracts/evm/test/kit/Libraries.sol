// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors} from "../../src/interfaces/IGridErrors.sol";
import {Nonces} from "../../src/libraries/Nonces.sol";
import {Signatures} from "../../src/libraries/Signatures.sol";
import {SnapshotTree} from "../../src/libraries/SnapshotTree.sol";
import {Typed} from "../../src/libraries/Typed.sol";

/// @notice Functions of libraries, so that they can be called from outside and held to the golden cases.
contract Libraries is IGridErrors {
    // -- struct hashes --------------------------------------------------------------------------------------------------

    function hashIntent(T.Intent calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashWithdrawal(T.Withdrawal calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashBridgeOut(T.BridgeOut calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashJoin(T.Join calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashCancel(T.Cancel calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashTerms(T.Terms calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashVerdict(T.Verdict calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashPermit(T.Permit calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashLockTransition(T.LockTransition calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashRotation(T.Rotation calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashUnpause(T.Unpause calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashListing(T.Listing calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashResolve(T.Resolve calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashCredit(T.Credit calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashBridgeIn(T.BridgeIn calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashAccountLeaf(T.AccountLeaf calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashBalanceLeaf(T.BalanceLeaf calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashHoldLeaf(T.HoldLeaf calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashMatchLeaf(T.MatchLeaf calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function hashOrderLeaf(T.OrderLeaf calldata it) external pure returns (bytes32) {
        return Typed.hash(it);
    }

    function digest(bytes32 application, bytes32 content) external pure returns (bytes32) {
        return Typed.digest(Typed.domain(application), content);
    }

    // -- signatures and proofs ------------------------------------------------------------------------------------------

    function recover(bytes32 digest_, bytes calldata signature) external view returns (address) {
        return Signatures.recover(digest_, signature);
    }

    function verify(bytes32 root, bytes32 content, bytes32[] calldata proof, bytes32 totals) external pure {
        SnapshotTree.verify(SnapshotTree.cutOf(root, totals), content, proof, totals);
    }

    function leaf(bytes32 content) external pure returns (bytes32) {
        return SnapshotTree.leaf(content);
    }

    // -- nonces ---------------------------------------------------------------------------------------------------------

    function use(uint256 word, uint64 nonce) external pure returns (uint256) {
        return Nonces.use(word, nonce);
    }

    function cancelBelow(uint256 word, uint64 floor) external pure returns (uint256) {
        return Nonces.cancelBelow(word, floor);
    }

    function merged(uint256 word, uint256 other) external pure returns (uint256) {
        return Nonces.merged(word, other);
    }
}
