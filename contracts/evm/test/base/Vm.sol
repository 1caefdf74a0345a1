// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice What tests ask of the machine that runs them: forge, and of the part that it knows, halmos.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    // Time, callers, state
    function warp(uint256 timestamp) external;
    function roll(uint256 number) external;
    function chainId(uint256 id) external;
    function prank(address caller) external;
    function startPrank(address caller) external;
    function stopPrank() external;
    function deal(address account, uint256 wei_) external;
    function etch(address account, bytes calldata code) external;
    function store(address account, bytes32 slot, bytes32 value) external;
    function load(address account, bytes32 slot) external view returns (bytes32);
    function snapshotState() external returns (uint256 id);
    function revertToState(uint256 id) external returns (bool);
    function mockCall(address account, bytes calldata data, bytes calldata answer) external;
    function mockCallRevert(address account, bytes calldata data, bytes calldata answer) external;
    function clearMockedCalls() external;
    function record() external;
    function accesses(address account) external returns (bytes32[] memory reads, bytes32[] memory writes);

    // What the next call does. `expectRevert(bytes4)` is exact: an error with parameters needs its bytes, or `expectPartialRevert`.
    function expectRevert() external;
    function expectRevert(bytes4 selector) external;
    function expectRevert(bytes calldata data) external;
    function expectPartialRevert(bytes4 selector) external;
    function expectEmit() external;
    function expectEmit(address emitter) external;
    function expectEmit(bool topic1, bool topic2, bool topic3, bool data) external;
    function expectCall(address account, bytes calldata data) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);

    // Code, by the name of its file and its own: "PhantomGrid.sol:PhantomGrid"
    function getCode(string calldata artifact) external view returns (bytes memory);

    // Keys
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function signCompact(uint256 key, bytes32 digest) external pure returns (bytes32 r, bytes32 vs);
    function computeCreateAddress(address deployer, uint256 nonce) external pure returns (address);

    // Gas. What is written under a name is a line of the snapshot.
    function cool(address account) external;
    function snapshotGasLastCall(string calldata name) external returns (uint256);
    function snapshotValue(string calldata name, uint256 value) external;
    function startSnapshotGas(string calldata name) external;
    function stopSnapshotGas() external returns (uint256);

    // Files, and what stands in them
    function projectRoot() external view returns (string memory);
    function readFile(string calldata path) external view returns (string memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJson(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonKeys(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonBool(string calldata json, string calldata key) external pure returns (bool);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonUintArray(string calldata json, string calldata key) external pure returns (uint256[] memory);
    function parseJsonInt(string calldata json, string calldata key) external pure returns (int256);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonAddressArray(string calldata json, string calldata key) external pure returns (address[] memory);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonStringArray(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytesArray(string calldata json, string calldata key) external pure returns (bytes[] memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonBytes32Array(string calldata json, string calldata key) external pure returns (bytes32[] memory);
    function parseBytes(string calldata text) external pure returns (bytes memory);
    function parseBytes32(string calldata text) external pure returns (bytes32);
    function parseAddress(string calldata text) external pure returns (address);
    function parseUint(string calldata text) external pure returns (uint256);
    function toString(uint256 value) external pure returns (string memory);
    function toString(int256 value) external pure returns (string memory);
    function toString(address value) external pure returns (string memory);
    function toString(bytes32 value) external pure returns (string memory);
    function toString(bytes calldata value) external pure returns (string memory);
    function label(address account, string calldata name) external;

    // Cases and claims
    function assume(bool holds) external pure;
    function skip(bool skips, string calldata reason) external;
    function assertTrue(bool holds, string calldata claim) external pure;
    function assertEq(bool left, bool right, string calldata claim) external pure;
    function assertEq(uint256 left, uint256 right, string calldata claim) external pure;
    function assertEq(int256 left, int256 right, string calldata claim) external pure;
    function assertEq(address left, address right, string calldata claim) external pure;
    function assertEq(bytes32 left, bytes32 right, string calldata claim) external pure;
    function assertEq(string calldata left, string calldata right, string calldata claim) external pure;
    function assertEq(bytes calldata left, bytes calldata right, string calldata claim) external pure;
    function assertNotEq(uint256 left, uint256 right, string calldata claim) external pure;
    function assertNotEq(address left, address right, string calldata claim) external pure;
    function assertNotEq(bytes32 left, bytes32 right, string calldata claim) external pure;
    function assertLt(uint256 left, uint256 right, string calldata claim) external pure;
    function assertLt(int256 left, int256 right, string calldata claim) external pure;
    function assertLe(uint256 left, uint256 right, string calldata claim) external pure;
    function assertLe(int256 left, int256 right, string calldata claim) external pure;
    function assertGt(uint256 left, uint256 right, string calldata claim) external pure;
    function assertGt(int256 left, int256 right, string calldata claim) external pure;
    function assertGe(uint256 left, uint256 right, string calldata claim) external pure;
    function assertGe(int256 left, int256 right, string calldata claim) external pure;
    function assertApproxEqAbs(uint256 left, uint256 right, uint256 most, string calldata claim) external pure;
}

/// @notice What only halmos knows: values that stand for all values.
interface Svm {
    function createBool(string calldata name) external pure returns (bool);
    function createUint(uint256 bits, string calldata name) external pure returns (uint256);
    function createUint256(string calldata name) external pure returns (uint256);
    function createBytes32(string calldata name) external pure returns (bytes32);
    function createBytes4(string calldata name) external pure returns (bytes4);
    function createAddress(string calldata name) external pure returns (address);
    function createBytes(uint256 length, string calldata name) external pure returns (bytes memory);
    function createCalldata(string calldata contractName) external pure returns (bytes memory);
    function createCalldata(string calldata contractName, bool viewsToo) external pure returns (bytes memory);
    function createCalldata(string calldata file, string calldata contractName) external pure returns (bytes memory);
    function enableSymbolicStorage(address account) external;
    function snapshotStorage(address account) external returns (uint256);
}
