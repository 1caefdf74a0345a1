// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lock} from "../../src/Stored.sol";
import {Batches} from "./Batches.sol";

/// @notice Looks at both grids before and after each thing that happens.
abstract contract Watched is Batches {
    struct Sight {
        Lock lock;
        bytes32 cut;
        uint256 clock;
        uint256[] units;
        bytes32 accumulator;
    }

    /// @notice Where nothing runs nothing falls, and the lock is the same within an epoch.
    modifier watched() {
        Sight[2] memory before = [_sight(0), _sight(1)];
        _;
        for (uint256 g; g < before.length; ++g) {
            _compare(g, before[g], _sight(g));
        }
    }

    function _sight(uint256 g) private view returns (Sight memory it) {
        it.lock = grids[g].lock();
        (it.cut, it.clock) = (grids[g].cut(), block.timestamp);
        it.accumulator = grids[g].accumulatorOf(it.lock.epoch);
        it.units = new uint256[]((accounts.length + 2) * ASSETS);
        uint256 place;
        for (uint32 asset = 1; asset <= ASSETS; ++asset) {
            for (uint256 i; i < accounts.length; ++i) {
                it.units[place++] = unitsOf(g, accounts[i], asset);
            }
            (uint64 vault, uint64 liabilities,) = grids[g].assetOf(asset);
            (it.units[place], it.units[place + 1]) = (vault, liabilities);
            place += 2;
        }
    }

    /// @notice Of what has entered, or was received.
    function unitsOf(uint256 g, bytes32 account, uint32 asset) internal view returns (uint256) {
        (, int256 available, uint64 held, uint64 received) = grids[g].balanceOf(account, asset);
        return uint256(available + int256(uint256(held))) + received;
    }

    function _compare(uint256 g, Sight memory before, Sight memory later) private {
        if (later.lock.epoch < before.lock.epoch) flaw(Flaw.LockChanged);
        if (later.lock.epoch != before.lock.epoch) return;
        bool same = later.lock.active == before.lock.active && later.lock.feeBps == before.lock.feeBps
            && later.lock.since == before.lock.since && later.cut == before.cut;
        if (!same) flaw(Flaw.LockChanged);
        bool ran = before.lock.active == chainOf(g) && before.clock >= before.lock.pausedUntil;
        if (ran) return;
        if (later.accumulator != before.accumulator) flaw(Flaw.MovedWhileStill);
        for (uint256 i; i < before.units.length; ++i) {
            if (later.units[i] < before.units[i]) flaw(Flaw.MovedWhileStill);
        }
    }
}
