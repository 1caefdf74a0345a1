// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridAnnex} from "../../src/interfaces/IGridAnnex.sol";
import {IPhantomGrid} from "../../src/interfaces/IPhantomGrid.sol";
import {Test} from "../base/Test.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Token} from "../kit/Token.sol";

/// @notice Two grids that stand for the two chains, who has keys, and what is noted of all that happens. Which chain is active is known
/// here at once; a grid that has not heard of it goes on as before.
abstract contract World is Test {
    using Hashes for *;

    bytes32 internal constant APPLICATION = keccak256("application");
    bytes32 internal constant EMPTY_ROOT = 0xcdc72595f74c7b1043d0e1ffbab734648c838dfb0527d971b602bc216c9619ef;
    uint64 internal constant NOW = 1_800_000_000;
    uint256 internal constant ASSETS = 2;
    uint32 internal constant GOLD = 1; // Six decimals on the grid, of a token's eight.
    uint32 internal constant COIN = 2; // Six, of six.
    uint256 internal constant PEOPLE = 4;
    uint256 internal constant TREASURER = PEOPLE; // The account after theirs.
    uint64 internal constant BRIDGE_LIMIT = 1_000_000;
    uint64 internal constant BRIDGE_WINDOW = 1 hours;

    /// @notice What must never be noted. The actors cannot fail themselves: what fails in a campaign is forgotten with its call.
    enum Flaw {
        ExecutedTwice,
        EnteredTwice,
        Replayed,
        Forged,
        MovedWhileStill,
        LockChanged,
        Unfair,
        Bridged
    }

    struct Guards {
        address[] addresses;
        uint256[] keys;
    }

    struct Call {
        uint256 to;
        bytes data;
    }

    error NothingToDo();

    IPhantomGrid[2] internal grids;
    mapping(uint32 => Token) internal tokens;
    bytes32[] internal accounts; // The people's, then the treasury's.
    mapping(bytes32 => uint256) internal keys;
    mapping(bytes32 => uint64) internal nonces; // The next that each signs.
    address internal immutable pauser;
    address internal immutable bridge;

    uint256 internal active; // The number of the grid, as all others are.
    uint64 internal epoch;
    mapping(Flaw => uint256) public flaws;
    Call[] internal heard; // What was accepted, and must never be again.
    /// @notice What came to belong to accounts by other ways than leaves, by grid, epoch and asset.
    mapping(uint256 => mapping(uint64 => mapping(uint32 => int256))) internal flows;

    mapping(uint64 version => Guards) private _guards;

    constructor() {
        vm.warp(NOW);
        (pauser, bridge) = (makeAddress("pauser"), makeAddress("bridge"));
        for (uint256 i; i <= PEOPLE; ++i) {
            (address person, uint256 key) = makeKey(string.concat("person ", vm.toString(i)));
            accounts.push(bytes32(uint256(uint160(person))));
            keys[accounts[i]] = key;
        }
        for (uint32 asset = 1; asset <= ASSETS; ++asset) {
            tokens[asset] = new Token();
        }
        for (uint256 g; g < grids.length; ++g) {
            grids[g] = _made(chainOf(g));
            for (uint32 asset = 1; asset <= ASSETS; ++asset) {
                _list(g, asset);
            }
        }
    }

    // -- what is so -----------------------------------------------------------------------------------------------------

    function chainOf(uint256 g) internal pure returns (uint8) {
        return uint8(g) + 1;
    }

    function epochOf(uint256 g) internal view returns (uint64) {
        return grids[g].lock().epoch;
    }

    /// @notice As the grid itself knows it.
    function runs(uint256 g) internal view returns (bool) {
        return grids[g].lock().active == chainOf(g) && block.timestamp >= grids[g].lock().pausedUntil;
    }

    function scaleOf(uint32 asset) internal pure returns (uint256) {
        return asset == GOLD ? 100 : 1;
    }

    function assetOf(uint256 seed) internal pure returns (uint32) {
        return uint32(seed % ASSETS) + 1;
    }

    function flaw(Flaw what) internal {
        ++flaws[what];
    }

    // -- signing --------------------------------------------------------------------------------------------------------

    function guardsOf(uint64 version) internal returns (Guards memory) {
        Guards storage found = _guards[version];
        for (uint256 i = found.keys.length; i < 3; ++i) {
            (address guard, uint256 key) = makeKey(string.concat("guard ", vm.toString(i), " of ", vm.toString(version)));
            found.addresses.push(guard);
            found.keys.push(key);
            for (uint256 j = i; j > 0 && found.addresses[j - 1] > guard; --j) {
                (found.addresses[j], found.addresses[j - 1]) = (found.addresses[j - 1], guard);
                (found.keys[j], found.keys[j - 1]) = (found.keys[j - 1], key);
            }
        }
        return found;
    }

    /// @notice By two of the guards that the grid knows.
    function signed(uint256 g, bytes32 content) internal returns (bytes[] memory signatures) {
        Guards memory guards = guardsOf(grids[g].lock().version);
        signatures = new bytes[](2);
        uint256 absentee = uint256(content) % 3;
        for (uint256 i; i < 2; ++i) {
            signatures[i] = sign(guards.keys[i < absentee ? i : i + 1], content);
        }
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

    function signCompact(bytes32 account, bytes32 content) internal view returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(keys[account], digestOf(content));
        return abi.encodePacked(r, vs);
    }

    // -- calling --------------------------------------------------------------------------------------------------------

    /// @notice Something that is accepted once and never again.
    function once(uint256 g, bytes memory data) internal {
        send(g, data);
        heard.push(Call(g, data));
    }

    function send(uint256 g, bytes memory data) internal {
        (bool done, bytes memory answer) = address(grids[g]).call(data);
        if (done) return;
        assembly ("memory-safe") {
            revert(add(answer, 32), mload(answer))
        }
    }

    function accepted(uint256 g, bytes memory data) internal returns (bool done) {
        (done,) = address(grids[g]).call(data);
    }

    // -- beginning ------------------------------------------------------------------------------------------------------

    function _made(uint8 chain) private returns (IPhantomGrid) {
        T.Setup memory setup = T.Setup(chain, APPLICATION, guardsOf(1).addresses, 2, 1, accounts[TREASURER], pauser, bridge);
        bytes memory code = abi.encodePacked(vm.getCode("PhantomGrid.sol:PhantomGrid"), abi.encode(setup));
        address made;
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        assertTrue(made != address(0), "no grid");
        return IPhantomGrid(made);
    }

    function _list(uint256 g, uint32 asset) private {
        bytes32 token = bytes32(uint256(uint160(address(tokens[asset]))));
        uint8 decimals = asset == GOLD ? 8 : 6;
        T.Listing memory it = T.Listing(chainOf(g), asset, token, decimals, 6, BRIDGE_LIMIT, BRIDGE_WINDOW);
        once(g, abi.encodeCall(IGridAnnex.listAsset, (it, signed(g, it.content()))));
    }
}
