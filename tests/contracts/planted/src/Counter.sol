// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Counts, up to a limit for each time.
contract Counter {
    struct Last {
        uint64 time;
        uint128 more;
    }

    uint256 public immutable limit;
    uint256 public count;
    mapping(address caller => Last) public lastOf;

    event Added(address indexed caller, uint256 more, Last last);

    error TooMuch(uint256 more, uint256 limit);
    error Never();

    constructor(uint256 limit_) {
        if (limit_ == 0) revert Never();
        limit = limit_;
    }

    function add(uint256 more) external returns (uint256 sum) {
        if (more > limit) revert TooMuch(more, limit);
        sum = count + more;
        count = sum;
        Last memory last = Last(uint64(block.timestamp), uint128(more));
        lastOf[msg.sender] = last;
        emit Added(msg.sender, more, last);
    }

    function addAll(Last[] calldata lasts) external payable {
        for (uint256 i = 0; i < lasts.length; ++i) {
            count += lasts[i].more;
        }
    }

    function refuse() external pure {
        revert Never();
    }
}
