// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lock} from "../../src/Stored.sol";
import "../../src/Types.sol" as T;
import {IPhantomGrid} from "../../src/interfaces/IPhantomGrid.sol";
import {Test} from "../base/Test.sol";
import {Svm} from "../base/Vm.sol";

/// @notice A grid of which nothing is known but its code and what it was made with: every slot may hold anything.
abstract contract Symbolic is Test {
    Svm internal constant svm = Svm(0xF3993A62377BCd56AE39D773740A5390411E8BC9);
    address internal constant PAUSER = address(0x55);
    // As the artifact's storage layout has it.
    bytes32 internal constant LOCK = bytes32(0);
    bytes32 internal constant CUT = bytes32(uint256(2));
    bytes32 internal constant BALANCES = bytes32(uint256(6));
    bytes32 internal constant ASSETS = bytes32(uint256(7));
    bytes32 internal constant OUTCOMES = bytes32(uint256(11));

    IPhantomGrid internal grid;

    function setUp() public {
        address[] memory guards = new address[](3);
        (guards[0], guards[1], guards[2]) = (address(0x11), address(0x22), address(0x33));
        T.Setup memory setup =
            T.Setup(T.ARBITRUM, keccak256("application"), guards, 2, 1, bytes32(uint256(0x44)), PAUSER, address(0x66));
        bytes memory code = abi.encodePacked(vm.getCode("PhantomGrid.sol:PhantomGrid"), abi.encode(setup));
        address made;
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        grid = IPhantomGrid(made);
    }

    /// @dev What the constructor wrote would stay as it was: but for who the guards are, that is freed too.
    function arbitrary() internal returns (Lock memory) {
        svm.enableSymbolicStorage(address(grid));
        vm.store(address(grid), LOCK, svm.createBytes32("lock"));
        vm.store(address(grid), CUT, svm.createBytes32("cut"));
        return grid.lock();
    }

    /// @return done Whether it was accepted.
    function call(address caller, bytes memory data) internal returns (bool done) {
        vm.prank(caller);
        (done,) = address(grid).call(data);
    }

    function slotOf(uint256 key, bytes32 mapping_) internal pure returns (bytes32) {
        return keccak256(abi.encode(key, mapping_));
    }

    function stored(bytes32 slot) internal view returns (bytes32) {
        return vm.load(address(grid), slot);
    }
}
