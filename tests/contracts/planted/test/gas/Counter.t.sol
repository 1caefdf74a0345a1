// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Counter} from "../../src/Counter.sol";
import {Test} from "../base/Test.sol";

contract CounterGas is Test {
    Counter internal counter;

    function setUp() public {
        counter = new Counter(10);
    }

    function test_add() public {
        counter.add(3);
        vm.snapshotGasLastCall("first add");
        counter.add(4);
        vm.snapshotGasLastCall("later add");
    }
}
