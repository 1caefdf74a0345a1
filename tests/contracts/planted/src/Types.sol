// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

uint256 constant MOST = 7;

function atMost(uint256 value) pure returns (uint256) {
    return value < MOST ? value : MOST;
}
