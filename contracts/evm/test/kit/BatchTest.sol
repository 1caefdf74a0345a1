// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {GridTest} from "./GridTest.sol";
import {Hashes} from "./Hashes.sol";
import {Packing} from "./Packing.sol";

/// @notice Batches: actions are added, then all is permitted and executed.
abstract contract BatchTest is GridTest {
    using Hashes for *;

    bytes[] internal packed;
    bytes32[] internal digests;
    bytes internal prices;
    bytes internal absent;
    bytes internal dead;
    uint64 internal nextBatch;

    struct Brought {
        T.Permit permit;
        bytes[] signatures;
        bytes actions;
        bytes prices;
        bytes absent;
        bytes dead;
    }

    function add(T.Intent memory it, uint256 key) internal {
        packed.push(Packing.intent(it, signCompact(key, it.content())));
        digests.push(digestOf(it.content()));
    }

    function add(T.Withdrawal memory it, uint256 key) internal {
        packed.push(Packing.withdrawal(it, signCompact(key, it.content())));
        digests.push(digestOf(it.content()));
    }

    function add(T.BridgeOut memory it, uint256 key) internal {
        packed.push(Packing.bridgeOut(it, signCompact(key, it.content())));
        digests.push(digestOf(it.content()));
    }

    function add(T.Join memory it, uint256 key, T.Terms memory terms) internal {
        packed.push(Packing.join(it, signCompact(key, it.content()), terms));
        digests.push(digestOf(it.content()));
    }

    function add(T.Verdict memory it, uint256 key, T.Terms memory terms) internal {
        packed.push(Packing.verdict(it, signCompact(key, it.content()), terms));
        digests.push(digestOf(it.content()));
    }

    function price(uint32 asset, uint64 value) internal {
        prices = abi.encodePacked(prices, asset, value);
    }

    /// @notice What was added, under a permit of the first two guards; nothing is left over for the next batch.
    function brought() internal returns (Brought memory it) {
        it.actions = abi.encodePacked(uint16(packed.length));
        for (uint256 i; i < packed.length; ++i) {
            it.actions = bytes.concat(it.actions, packed[i]);
        }
        (it.prices, it.absent, it.dead) = (prices, absent, dead);
        it.permit = T.Permit({
            chain: HERE,
            epoch: grid.lock().epoch,
            batch: ++nextBatch,
            expiry: LATER,
            actions: keccak256(abi.encodePacked(digests)),
            prices: keccak256(prices),
            absent: keccak256(absent),
            dead: keccak256(dead)
        });
        it.signatures = signed(it.permit.content());
        delete packed;
        delete digests;
        (prices, absent, dead) = ("", "", "");
    }

    function execute(Brought memory it) internal returns (bytes32) {
        return grid.execute(it.permit, it.signatures, it.actions, it.prices, it.absent, it.dead);
    }

    function execute() internal returns (bytes32) {
        return execute(brought());
    }

    /// @notice That the batch is refused like this, and that nothing has changed by it that one could see in the outcome.
    function refused(bytes memory reason) internal {
        Brought memory it = brought();
        vm.expectRevert(reason);
        execute(it);
        assertEq(grid.outcomeOf(it.permit.epoch, it.permit.batch), bytes32(0));
    }
}
