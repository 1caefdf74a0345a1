// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Token} from "./Token.sol";

/// @notice Loses what others have, whenever it likes.
contract ShrinkingToken is Token {
    function shrink(address of_, uint256 amount) public {
        balanceOf[of_] -= amount;
    }
}

/// @notice Whoever gets some has less than before.
contract MeltingToken is ShrinkingToken {
    function _move(address from, address to, uint256 amount) internal override {
        super._move(from, to, amount);
        shrink(to, amount + 1);
    }
}

/// @notice Says that it did not move anything, and did not.
contract DecliningToken is Token {
    function transferFrom(address, address, uint256) external pure override returns (bool) {
        return false;
    }
}

/// @notice Has an error of its own.
contract RevertingToken is Token {
    error NotToday(uint256 amount);

    function _move(address, address, uint256 amount) internal pure override {
        if (amount > 0) revert NotToday(amount);
    }
}

/// @notice Whoever asks once something has moved has all that there can be.
contract BoastingToken {
    bool private _moved;

    function mint(address, uint256) external {}

    function approve(address, uint256) external pure returns (bool) {
        return true;
    }

    function transferFrom(address, address, uint256) external returns (bool) {
        _moved = true;
        return true;
    }

    function balanceOf(address) external view returns (uint256) {
        return _moved ? type(uint256).max : 0;
    }
}

/// @notice Takes all the gas that it gets.
contract GreedyToken is Token {
    function _move(address, address, uint256 amount) internal pure override {
        while (amount > 0) {}
    }
}
