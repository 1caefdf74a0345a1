// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {Nonces} from "../../src/libraries/Nonces.sol";
import {Test} from "../base/Test.sol";

/// @notice Nonce words beside a plain table of what is used.
contract NoncesFuzzTest is Test {
    uint64 internal constant SPAN = 300;

    mapping(uint64 => bool) internal usedBefore;

    function use(uint256 word, uint64 nonce) external pure returns (uint256) {
        return Nonces.use(word, nonce);
    }

    function cancelBelow(uint256 word, uint64 floor) external pure returns (uint256) {
        return Nonces.cancelBelow(word, floor);
    }

    /// @dev Steps are uses, or with the highest bit set raised floors.
    function testFuzz_A_word_remembers_all_that_was_used(uint16[40] calldata steps) public {
        uint256 word;
        for (uint256 i; i < steps.length; ++i) {
            uint64 nonce = steps[i] % SPAN;
            word = steps[i] >> 15 == 1 ? _cancelled(word, nonce) : _used(word, nonce);
        }
        _agrees(word);
    }

    function testFuzz_Merged_words_remember_what_either_did(uint16[20] calldata one, uint16[20] calldata other) public {
        (uint256 mine, uint256 theirs) = (_all(one), _all(other));
        _agrees(Nonces.merged(mine, theirs));
        assertEq(Nonces.merged(mine, theirs), Nonces.merged(theirs, mine));
    }

    function testFuzz_Whatever_a_leaf_says_no_nonce_becomes_unused(uint256 word, uint256 leaf, uint64 nonce) public pure {
        word = Nonces.slid(word >> 192, word & type(uint192).max);
        uint256 merged = Nonces.merged(word, leaf);
        if (Nonces.used(word, nonce) || _says(leaf, nonce)) assertTrue(Nonces.used(merged, nonce));
        assertEq(merged & 1, 0);
        assertGe(merged >> 192, word >> 192);
    }

    function test_The_edges_of_the_window() public {
        uint256 word = Nonces.use(0, 191);
        vm.expectRevert(abi.encodeWithSelector(E.NonceTooFar.selector, 192, 0));
        this.use(word, 192);
        for (uint64 nonce; nonce < 191; ++nonce) {
            word = Nonces.use(word, nonce);
        }
        assertEq(word, uint256(192) << 192);
    }

    function test_The_last_nonces_of_all() public {
        uint64 last = type(uint64).max - 1;
        uint256 word = Nonces.use(uint256(last) << 192, last);
        assertEq(word, uint256(type(uint64).max) << 192);
        vm.expectRevert(abi.encodeWithSelector(E.NonceTooFar.selector, type(uint64).max, type(uint64).max));
        this.use(word, type(uint64).max);
        vm.expectRevert(abi.encodeWithSelector(E.NonceTooFar.selector, type(uint64).max, last));
        this.use(uint256(last) << 192, type(uint64).max);
        // A leaf that says more than there is says that all are used, and not that none is.
        assertEq(Nonces.merged(0, word | 7), word);
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    function _used(uint256 word, uint64 nonce) private returns (uint256) {
        uint64 floor = uint64(word >> 192);
        if (usedBefore[nonce]) vm.expectRevert(abi.encodeWithSelector(E.NonceUsed.selector, nonce));
        else if (nonce >= floor + 192) vm.expectRevert(abi.encodeWithSelector(E.NonceTooFar.selector, nonce, floor));
        else usedBefore[nonce] = true;
        return _orSame(word, nonce, true);
    }

    function _cancelled(uint256 word, uint64 nonce) private returns (uint256) {
        uint64 floor = uint64(word >> 192);
        if (nonce <= floor) vm.expectRevert(abi.encodeWithSelector(E.FloorTooLow.selector, floor, nonce));
        for (uint64 i = floor; i < nonce; ++i) {
            usedBefore[i] = true;
        }
        return _orSame(word, nonce, false);
    }

    /// @notice What comes of it, or the same word where it is refused.
    function _orSame(uint256 word, uint64 nonce, bool use_) private view returns (uint256 after_) {
        after_ = use_ ? this.use(word, nonce) : this.cancelBelow(word, nonce);
        if (after_ == 0) after_ = word; // An expected refusal gives nothing back.
    }

    function _all(uint16[20] calldata nonces) private returns (uint256 word) {
        for (uint256 i; i < nonces.length; ++i) {
            uint64 nonce = nonces[i] % 192;
            if (Nonces.used(word, nonce)) continue;
            word = Nonces.use(word, nonce);
            usedBefore[nonce] = true;
        }
    }

    function _agrees(uint256 word) private view {
        for (uint64 nonce; nonce < SPAN + 200; ++nonce) {
            assertEq(Nonces.used(word, nonce), usedBefore[nonce]);
        }
        assertEq(word & 1, 0);
    }

    function _says(uint256 leaf, uint64 nonce) private pure returns (bool) {
        uint256 floor = leaf >> 192;
        return nonce < floor || (nonce - floor < 192 && leaf >> (nonce - floor) & 1 == 1);
    }
}
