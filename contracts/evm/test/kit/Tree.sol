// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A tree of 24 levels of some leaves, by their contents: like a cut's to whoever checks proofs. No node of a proof is zero.
library Tree {
    uint256 internal constant DEPTH = 24;

    function root(bytes32[] memory contents) internal pure returns (bytes32 node) {
        bytes32[] memory nodes = _leaves(contents);
        for (uint256 level; level < DEPTH; ++level) {
            nodes = _above(nodes, level);
        }
        return nodes[0];
    }

    function proof(bytes32[] memory contents, uint256 place) internal pure returns (bytes32[] memory siblings) {
        siblings = new bytes32[](DEPTH);
        bytes32[] memory nodes = _leaves(contents);
        for (uint256 level; level < DEPTH; ++level) {
            siblings[level] = (place ^ 1) < nodes.length ? nodes[place ^ 1] : _nothing(level);
            (nodes, place) = (_above(nodes, level), place >> 1);
        }
    }

    function _leaves(bytes32[] memory contents) private pure returns (bytes32[] memory nodes) {
        nodes = new bytes32[](contents.length);
        for (uint256 i; i < contents.length; ++i) {
            nodes[i] = keccak256(abi.encode(contents[i]));
        }
    }

    function _above(bytes32[] memory nodes, uint256 level) private pure returns (bytes32[] memory above) {
        above = new bytes32[]((nodes.length + 1) / 2);
        for (uint256 i; i < above.length; ++i) {
            above[i] = _pair(nodes[2 * i], 2 * i + 1 < nodes.length ? nodes[2 * i + 1] : _nothing(level));
        }
    }

    function _nothing(uint256 level) private pure returns (bytes32) {
        return keccak256(abi.encode("nothing", level));
    }

    function _pair(bytes32 one, bytes32 other) private pure returns (bytes32) {
        return one < other ? keccak256(abi.encode(one, other)) : keccak256(abi.encode(other, one));
    }
}
