// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridErrors} from "../interfaces/IGridErrors.sol";

/// @notice Proofs that fold like OpenZeppelin's: a node is the hash of its children, the smaller one first.
/// @dev A leaf is the hash of its content, an EIP-712 struct hash: of 32 bytes, where a node's is of 64. So neither passes for the other,
/// and who calls the root of a subtree a leaf would have to know its preimage. A proof is what the leaf's bucket needs, often nothing,
/// and then exactly 24 nodes.
library SnapshotTree {
    uint256 internal constant DEPTH = 24;
    /// @dev With 2^32 leaves in a single bucket: a bound that no tree reaches.
    uint256 internal constant LONGEST = DEPTH + 32;
    /// @dev The root of a tree without leaves.
    bytes32 internal constant EMPTY_ROOT = 0xcdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef;

    /// @notice What an epoch starts from, in one word: the root of a cut, and the hash of the list of totals.
    function cutOf(bytes32 root, bytes32 totals) internal pure returns (bytes32 cut) {
        // slither-disable-next-line assembly (two words of scratch space)
        assembly ("memory-safe") {
            mstore(0, root)
            mstore(32, totals)
            cut := keccak256(0, 64)
        }
    }

    /// @notice That a leaf with this content is in the cut.
    function verify(bytes32 cut, bytes32 content, bytes32[] calldata proof, bytes32 totals) internal pure {
        bytes32 root = fold(leaf(content), proof);
        if (proof.length < DEPTH || proof.length > LONGEST || cutOf(root, totals) != cut) {
            revert IGridErrors.BadProof(root, content, proof.length);
        }
    }

    function leaf(bytes32 content) internal pure returns (bytes32 node) {
        // slither-disable-next-line assembly (one word of scratch space)
        assembly ("memory-safe") {
            mstore(0, content)
            node := keccak256(0, 32)
        }
    }

    /// @dev Assembly: a proof is two dozen hashes, and of each most would go into copying the pair to fresh memory.
    function fold(bytes32 node, bytes32[] calldata proof) internal pure returns (bytes32 root) {
        // slither-disable-next-line assembly (why, and what it relies on, is said above)
        assembly ("memory-safe") {
            root := node
            let end := add(proof.offset, shl(5, proof.length))
            for { let place := proof.offset } lt(place, end) { place := add(place, 32) } {
                let sibling := calldataload(place)
                let right := shl(5, lt(root, sibling)) // Where the sibling goes: behind the smaller one.
                mstore(sub(32, right), root)
                mstore(right, sibling)
                root := keccak256(0, 64)
            }
        }
    }
}
