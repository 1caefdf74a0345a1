// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IPhantomGrid} from "../../src/interfaces/IPhantomGrid.sol";
import {Test} from "../base/Test.sol";
import {Hashes} from "./Hashes.sol";
import {Token} from "./Token.sol";

/// @notice A grid on Arbitrum with three guards of whom two decide, two listed assets, and a few people with keys.
abstract contract GridTest is Test {
    using Hashes for *;

    uint8 internal constant HERE = T.ARBITRUM;
    uint8 internal constant THERE = T.SOLANA;
    bytes32 internal constant APPLICATION = keccak256("application");
    bytes32 internal constant EMPTY_ROOT = 0xcdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef;
    uint32 internal constant GOLD = 1; // Six decimals on the grid, of a token's eight.
    uint32 internal constant COIN = 2; // Six, of six.
    uint64 internal constant NOW = 1_800_000_000;
    uint40 internal constant LATER = uint40(NOW + 1 hours);

    IPhantomGrid internal grid;
    Token internal gold;
    Token internal coin;
    uint256[] internal guardKeys; // In the order of their addresses.
    address[] internal guardAddresses;
    address internal pauser;
    address internal bridge;
    address internal treasurer;
    uint256 internal treasurerKey;
    bytes32 internal treasury;

    function setUp() public virtual {
        vm.warp(NOW);
        for (uint256 i; i < 3; ++i) {
            _addGuard(string.concat("guard ", vm.toString(i)));
        }
        (treasurer, treasurerKey) = makeKey("treasurer");
        (treasury, pauser, bridge) = (id(treasurer), makeAddress("pauser"), makeAddress("bridge"));
        grid = make();
        (gold, coin) = (new Token(), new Token());
        list(GOLD, address(gold), 8);
        list(COIN, address(coin), 6);
    }

    function make() internal returns (IPhantomGrid made) {
        T.Setup memory setup = T.Setup(HERE, APPLICATION, guardAddresses, 2, 1, treasury, pauser, bridge);
        return IPhantomGrid(create(setup));
    }

    function create(T.Setup memory setup) internal returns (address made) {
        bytes memory code = abi.encodePacked(vm.getCode("PhantomGrid.sol:PhantomGrid"), abi.encode(setup));
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        if (made == address(0)) {
            assembly ("memory-safe") {
                returndatacopy(code, 0, returndatasize())
                revert(code, returndatasize())
            }
        }
    }

    function person(string memory name) internal returns (bytes32 account, uint256 key) {
        address address_;
        (address_, key) = makeKey(name);
        account = id(address_);
    }

    // -- signing --------------------------------------------------------------------------------------------------------

    function id(address account) internal pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }

    function digestOf(bytes32 content) internal pure returns (bytes32) {
        bytes32 typeHash = keccak256("EIP712Domain(string name,string version,bytes32 salt)");
        bytes32 domain = keccak256(abi.encode(typeHash, keccak256("Jurymast"), keccak256("1"), APPLICATION));
        return keccak256(abi.encodePacked(hex"1901", domain, content));
    }

    function sign(uint256 key, bytes32 content) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digestOf(content));
        return abi.encodePacked(r, s, v);
    }

    function signCompact(uint256 key, bytes32 content) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digestOf(content));
        return abi.encodePacked(r, vs);
    }

    /// @notice By the first two guards.
    function signed(bytes32 content) internal view returns (bytes[] memory signatures) {
        signatures = new bytes[](2);
        for (uint256 i; i < 2; ++i) {
            signatures[i] = sign(guardKeys[i], content);
        }
    }

    // -- the lock -------------------------------------------------------------------------------------------------------

    function transitionTo(uint64 epoch, uint8 active, bytes32 root, bytes memory totals, uint16 feeBps) internal {
        T.LockTransition memory it = T.LockTransition(epoch, active, root, keccak256(totals), 0, feeBps);
        grid.transition(it, totals, signed(it.content()));
    }

    function pauseUntil(uint64 until) internal {
        vm.prank(pauser);
        grid.pause(until);
    }

    /// @notice An epoch here, in which everybody is new.
    function begin(uint16 feeBps) internal {
        transitionTo(grid.lock().epoch + 1, HERE, EMPTY_ROOT, "", feeBps);
    }

    // -- tokens ---------------------------------------------------------------------------------------------------------

    function list(uint32 asset, address token, uint8 decimals) internal {
        T.Listing memory it = T.Listing(HERE, asset, id(token), decimals, 6, 1_000_000, 3600);
        grid.listAsset(it, signed(it.content()));
    }

    /// @notice So many grid units, of tokens made for it.
    function deposit(bytes32 account, uint32 asset, uint64 units) internal returns (uint64) {
        (Token token, uint256 tokens) = asset == GOLD ? (gold, uint256(units) * 100) : (coin, uint256(units));
        token.mint(address(this), tokens);
        token.approve(address(grid), tokens);
        return grid.deposit(account, asset, tokens);
    }

    function available(bytes32 account, uint32 asset) internal view returns (int256 units) {
        (, units,,) = grid.balanceOf(account, asset);
    }

    /// @notice Keeps them in the order of their addresses.
    function _addGuard(string memory name) private {
        (address guard, uint256 key) = makeKey(name);
        guardAddresses.push(guard);
        guardKeys.push(key);
        for (uint256 i = guardAddresses.length - 1; i > 0 && guardAddresses[i - 1] > guard; --i) {
            (guardAddresses[i], guardAddresses[i - 1]) = (guardAddresses[i - 1], guard);
            (guardKeys[i], guardKeys[i - 1]) = (guardKeys[i - 1], key);
        }
    }
}
