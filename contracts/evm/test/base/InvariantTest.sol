// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Test} from "./Test.sol";

/// @notice A test whose `invariant_` functions hold between random calls to the targets. Forge asks for them by these names.
abstract contract InvariantTest is Test {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    address[] private contracts;
    address[] private senders;
    FuzzSelector[] private chosen;

    function targetContract(address target) internal {
        contracts.push(target);
    }

    function targetSender(address sender) internal {
        senders.push(sender);
    }

    /// @notice Of this target only these functions.
    function targetSelectors(address target, bytes4[] memory selectors) internal {
        chosen.push(FuzzSelector(target, selectors));
    }

    function targetContracts() public view returns (address[] memory) {
        return contracts;
    }

    function targetSenders() public view returns (address[] memory) {
        return senders;
    }

    function targetSelectors() public view returns (FuzzSelector[] memory) {
        return chosen;
    }
}
