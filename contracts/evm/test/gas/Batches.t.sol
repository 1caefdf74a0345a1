// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {BatchTest} from "../kit/BatchTest.sol";

/// @notice What batches of intents cost. Everybody has traded before, and has both assets; two of three guards sign.
contract BatchesGasTest is BatchTest {
    uint256 internal constant TRADERS = 400;

    function setUp() public override {
        super.setUp();
        transitionTo(1, HERE, keccak256("a cut"), "", 10);
        for (uint256 i; i < TRADERS; ++i) {
            (bytes32 account,) = _trader(i);
            absent = abi.encodePacked(absent, account, T.NO_ASSET);
            deposit(account, GOLD, 1_000_000_000);
            deposit(account, COIN, 1_000_000_000);
        }
        absent = abi.encodePacked(absent, treasury, T.NO_ASSET);
        _settle(TRADERS, 0);
    }

    function test_Gas_settled_intent_of_50() public {
        Brought memory it = _batch(50, 1);
        execute(it);
        vm.snapshotValue("settled intent of 50", vm.snapshotGasLastCall("execute 50 intents") / 50);
        vm.snapshotValue("settled intent of 50, bytes of calldata", _bytes(it) / 50);
    }

    function test_Gas_400_intents() public {
        _settle(400, 1);
        vm.snapshotGasLastCall("execute 400 intents");
    }

    function test_Gas_single_intents() public {
        _settle(2, 1);
        vm.snapshotGasLastCall("execute 2 intents");
    }

    function _settle(uint256 count, uint64 nonce) private {
        execute(_batch(count, nonce));
    }

    /// @notice Every other one buys what the others sell.
    function _batch(uint256 count, uint64 nonce) private returns (Brought memory) {
        price(GOLD, 3_000_000);
        price(COIN, 1_500);
        for (uint256 i; i < count; ++i) {
            (bytes32 account, uint256 key) = _trader(i);
            bool sells = i % 2 == 0;
            (uint32 sold, uint32 bought) = sells ? (GOLD, COIN) : (COIN, GOLD);
            uint128 amount = sells ? 50_000 : 100_100_000;
            add(T.Intent(account, sold, bought, amount, amount / 3_000, nonce, LATER, 100), key);
        }
        return brought();
    }

    function _bytes(Brought memory it) private view returns (uint256) {
        return abi.encodeCall(grid.execute, (it.permit, it.signatures, it.actions, it.prices, it.absent, it.dead)).length;
    }

    function _trader(uint256 i) private pure returns (bytes32 account, uint256 key) {
        key = uint256(keccak256(abi.encode("trader", i)));
        account = id(vm.addr(key));
    }
}
