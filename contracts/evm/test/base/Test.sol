// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Vm} from "./Vm.sol";

/// @notice What every test starts from. Claims that fail show both sides.
abstract contract Test {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function makeKey(string memory name) internal returns (address account, uint256 key) {
        key = uint256(keccak256(bytes(name)));
        account = vm.addr(key);
        vm.label(account, name);
    }

    function makeAddress(string memory name) internal returns (address account) {
        (account,) = makeKey(name);
    }

    /// @notice `value` if it lies in [low, high], else some value that does: fuzzed arguments keep their own edge cases.
    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        require(low <= high, "bound: low > high");
        if (low <= value && value <= high) return value;
        uint256 size = high - low + 1; // Not 0: then every value would lie in it.
        return low + value % size;
    }

    function fail(string memory claim) internal pure {
        vm.assertTrue(false, claim);
    }

    function assertTrue(bool holds) internal pure {
        vm.assertTrue(holds, "");
    }

    function assertTrue(bool holds, string memory claim) internal pure {
        vm.assertTrue(holds, claim);
    }

    function assertFalse(bool holds) internal pure {
        vm.assertTrue(!holds, "");
    }

    function assertFalse(bool holds, string memory claim) internal pure {
        vm.assertTrue(!holds, claim);
    }

    function assertEq(bool left, bool right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(bool left, bool right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(uint256 left, uint256 right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(int256 left, int256 right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(int256 left, int256 right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(address left, address right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(address left, address right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(bytes32 left, bytes32 right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(bytes32 left, bytes32 right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(string memory left, string memory right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(string memory left, string memory right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertEq(bytes memory left, bytes memory right) internal pure {
        vm.assertEq(left, right, "");
    }

    function assertEq(bytes memory left, bytes memory right, string memory claim) internal pure {
        vm.assertEq(left, right, claim);
    }

    function assertNotEq(uint256 left, uint256 right) internal pure {
        vm.assertNotEq(left, right, "");
    }

    function assertNotEq(address left, address right) internal pure {
        vm.assertNotEq(left, right, "");
    }

    function assertNotEq(bytes32 left, bytes32 right) internal pure {
        vm.assertNotEq(left, right, "");
    }

    function assertLt(uint256 left, uint256 right) internal pure {
        vm.assertLt(left, right, "");
    }

    function assertLt(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertLt(left, right, claim);
    }

    function assertLe(uint256 left, uint256 right) internal pure {
        vm.assertLe(left, right, "");
    }

    function assertLe(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertLe(left, right, claim);
    }

    function assertGt(uint256 left, uint256 right) internal pure {
        vm.assertGt(left, right, "");
    }

    function assertGt(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertGt(left, right, claim);
    }

    function assertGe(uint256 left, uint256 right) internal pure {
        vm.assertGe(left, right, "");
    }

    function assertGe(uint256 left, uint256 right, string memory claim) internal pure {
        vm.assertGe(left, right, claim);
    }

    function assertApproxEqAbs(uint256 left, uint256 right, uint256 most) internal pure {
        vm.assertApproxEqAbs(left, right, most, "");
    }
}
