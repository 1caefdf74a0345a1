// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Counter} from "../src/Counter.sol";
import {InvariantTest} from "./base/InvariantTest.sol";
import {Test} from "./base/Test.sol";

contract CounterTest is Test {
    Counter internal counter;

    function setUp() public {
        counter = new Counter(10);
    }

    function test_adds() public {
        counter.add(3);
        counter.add(4);
        assertEq(counter.count(), 7);
    }

    function test_refuses() public {
        vm.expectRevert(abi.encodeWithSelector(Counter.TooMuch.selector, 11, 10));
        counter.add(11);
    }

    function testFuzz_adds(uint256 more) public {
        more = bound(more, 0, 10);
        counter.add(more);
        assertEq(counter.count(), more);
    }
}

contract MistakenTest is CounterTest {
    function test_mistaken() public {
        counter.add(1);
        assertEq(counter.count(), 2, "one is two");
    }

    function testFuzz_mistaken(uint256 more) public {
        counter.add(more);
    }

    function test_skipped() public {
        vm.skip(true, "for no reason");
    }
}

contract BrokenTest is Test {
    function setUp() public pure {
        revert("no beginning");
    }

    function test_nothing() public pure {}
}

contract Actor {
    Counter public immutable counter = new Counter(10);
    uint256 public sum;

    function add(uint256 more) external {
        more %= 5;
        sum += more;
        counter.add(more);
    }

    function idle() external {
        counter.add(11);
    }
}

contract CounterInvariants is InvariantTest {
    Actor private actor;

    function setUp() public {
        actor = new Actor();
        targetContract(address(actor));
    }

    function invariant_sum() public view {
        assertEq(actor.counter().count(), actor.sum());
    }

    function invariant_mistaken() public view {
        assertLt(actor.counter().count(), 9);
    }
}
