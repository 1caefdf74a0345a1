// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

library Inside {
    function twice(uint256 value) internal pure returns (uint256) {
        return 2 * value;
    }
}

library Sums {
    function sum(uint256[] memory values) external pure returns (uint256 all) {
        for (uint256 i = 0; i < values.length; ++i) {
            all += values[i];
        }
    }
}

contract Linked {
    function twiceTheSum(uint256[] memory values) external pure returns (uint256) {
        return Inside.twice(Sums.sum(values));
    }
}
