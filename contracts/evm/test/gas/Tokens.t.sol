// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {BatchTest} from "../kit/BatchTest.sol";

/// @notice What it costs to bring tokens and to take them away, which a trade does not do. The token is as cheap as a token can be.
contract TokensGasTest is BatchTest {
    uint256 internal constant PEOPLE = 50;

    function setUp() public override {
        super.setUp();
        transitionTo(1, HERE, keccak256("a cut"), "", 10);
        deposit(treasury, COIN, 1);
    }

    function test_Gas_deposits() public {
        (bytes32 account,) = person("ann");
        deposit(account, COIN, 1_000);
        vm.snapshotGasLastCall("deposit, first of an account");
        deposit(account, COIN, 1_000);
        vm.snapshotGasLastCall("deposit, later");
    }

    function test_Gas_withdrawals() public {
        for (uint256 i; i < PEOPLE; ++i) {
            (bytes32 account,) = person(vm.toString(i));
            absent = abi.encodePacked(absent, account, T.NO_ASSET);
            deposit(account, COIN, 1_000);
            coin.mint(address(uint160(uint256(account))), 1);
        }
        execute(_withdrawals(PEOPLE, 0));
        execute(_withdrawals(1, 1));
        vm.snapshotGasLastCall("execute 1 withdrawal");
        execute(_withdrawals(PEOPLE, 2));
        vm.snapshotValue("withdrawal of 50", vm.snapshotGasLastCall("execute 50 withdrawals") / PEOPLE);
    }

    function _withdrawals(uint256 count, uint64 nonce) private returns (Brought memory) {
        for (uint256 i; i < count; ++i) {
            (bytes32 account, uint256 key) = person(vm.toString(i));
            add(T.Withdrawal(account, COIN, 10, HERE, account, nonce, LATER), key);
        }
        return brought();
    }
}
