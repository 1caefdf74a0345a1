// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Whatever can be told to a contract or by one.
contract Shapes {
    struct Point {
        uint64 left;
        int64 upDown;
    }

    struct Shape {
        address owner;
        string name;
        Point[] corners;
    }

    uint256 private transient inside;

    event Drawn(string indexed name, address indexed owner, uint8 indexed kind, string drawnName, Shape[] shapes);

    error Refused(bytes32 maxName, Shape[2] shapes);

    function echo(Shape calldata shape) external pure returns (Shape calldata) {
        return shape;
    }

    function several(uint8 first, bool second) external pure returns (uint8 firstOne, bool) {
        return (first, second);
    }

    function named(uint8 first, bytes calldata second) external pure returns (uint8 firstOne, bytes calldata secondOne) {
        return (first, second);
    }

    function overloaded(uint8) external pure returns (string memory) {
        return "number";
    }

    function overloaded(address) external pure returns (string memory) {
        return "address";
    }

    function draw(Shape[] calldata shapes) external {
        emit Drawn("hashed", msg.sender, 7, "told", shapes);
    }

    function refuse(Shape calldata shape) external pure {
        revert Refused("max", [shape, shape]);
    }

    function enter() external returns (uint256) {
        return ++inside;
    }

    function time() external view returns (uint256) {
        return block.timestamp;
    }

    function say(string calldata reason) external pure {
        revert(reason);
    }

    function sayBytes(bytes calldata reason) external pure {
        assembly {
            calldatacopy(0, reason.offset, reason.length)
            revert(0, reason.length)
        }
    }

    function forever() external pure {
        while (true) {}
    }

    function overflow(uint8 more) external pure returns (uint8) {
        return more + 255;
    }

    function pass(Shapes other, Shape calldata shape) external pure {
        other.refuse(shape);
    }
}
