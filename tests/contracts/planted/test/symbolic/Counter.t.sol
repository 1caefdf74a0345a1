// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Counter} from "../../src/Counter.sol";
import {Test} from "../base/Test.sol";
import {Svm} from "../base/Vm.sol";

contract CounterProofs is Test {
    Svm internal constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);

    Counter internal counter;

    function setUp() public {
        counter = new Counter(10);
    }

    function check_the_count_never_falls(address caller, uint256 before) public {
        vm.assume(before < 1 << 128);
        vm.store(address(counter), bytes32(0), bytes32(before));
        vm.prank(caller);
        (bool done,) = address(counter).call(svm.createCalldata("Counter"));
        done;
        assert(counter.count() >= before);
    }

    function check_reaches_a_higher_count(uint256 more) public {
        counter.add(more);
        assert(counter.count() == 0);
    }
}

contract MistakenProofs is Test {
    Counter internal counter;

    function setUp() public {
        counter = new Counter(10);
    }

    function check_mistaken(uint256 more) public {
        counter.add(more);
        assert(counter.count() < 10);
    }

    function check_reaches_nothing(uint256 more) public {
        vm.assume(more > 10);
        counter.add(more);
        assert(false);
    }
}

contract LoopProofs is Test {
    function check_many_rounds(uint256 rounds) public pure {
        uint256 turned = 0;
        for (uint256 i = 0; i < rounds; ++i) {
            ++turned;
        }
        assert(turned == rounds);
    }
}

contract BrokenProofs is Test {
    function setUp() public pure {
        revert("no beginning");
    }

    function check_without_a_beginning() public pure {}
}
