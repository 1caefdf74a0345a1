// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountWord, packAccount} from "../../src/libraries/AccountWord.sol";
import {BalanceWord, packBalance} from "../../src/libraries/BalanceWord.sol";
import {Test} from "../base/Test.sol";

/// @notice What is packed into a word comes out of it again, and nothing touches its neighbours.
contract WordsFuzzTest is Test {
    function testFuzz_Balances(int72 amount, uint64 held, uint64 epoch, bool entered) public pure {
        _same(packBalance(amount, held, epoch, entered), amount, held, epoch, entered);
    }

    function testFuzz_Balances_change(int72 amount, uint64 held, uint64 epoch, bool entered, int72 then, uint64 thenHeld)
        public
        pure
    {
        BalanceWord word = packBalance(amount, held, epoch, entered);
        _same(word.withAmount(then), then, held, epoch, entered);
        _same(word.withHeld(thenHeld), amount, thenHeld, epoch, entered);
        _same(word.entering(), amount, held, epoch, true);
        _same(word.inEpoch(epoch), amount, held, epoch, entered);
    }

    function testFuzz_Balances_of_another_epoch_are_dead(uint256 word, uint64 epoch) public pure {
        vm.assume(uint64(word >> 136) != epoch);
        _same(BalanceWord.wrap(word).inEpoch(epoch), 0, 0, epoch, false);
    }

    function testFuzz_Accounts(address authority, uint64 epoch, bool isNew, bytes32 account) public pure {
        AccountWord word = packAccount(authority, epoch, isNew);
        assertEq(word.epochOf(), epoch);
        assertTrue(word.isEntered());
        assertEq(word.isNew(), isNew);
        if (authority != address(0)) assertEq(word.authorityOf(account), authority);
    }

    function testFuzz_A_padded_address_signs_for_itself_and_a_key_for_nobody(address account, bytes32 key) public pure {
        AccountWord none = AccountWord.wrap(0);
        assertEq(none.authorityOf(bytes32(uint256(uint160(account)))), account);
        vm.assume(bytes12(key) != 0);
        assertEq(none.authorityOf(key), address(0));
    }

    function _same(BalanceWord word, int256 amount, uint256 held, uint256 epoch, bool entered) private pure {
        assertEq(word.amountOf(), amount);
        assertEq(word.heldOf(), held);
        assertEq(word.epochOf(), epoch);
        assertEq(word.isEntered(), entered);
        assertEq(BalanceWord.unwrap(word) >> 201, 0);
    }
}
