// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Lock} from "../../src/Stored.sol";
import "../../src/Types.sol" as T;
import {Symbolic} from "./Symbolic.sol";

/// @notice An epoch begins by a transition, with a higher number than any before; so each number is accepted once.
/// @custom:halmos --array-lengths totals={0,24},signatures={0,2} --default-bytes-lengths 65
contract EpochProofs is Symbolic {
    function check_a_transition_is_to_a_higher_epoch(
        address caller,
        T.LockTransition calldata signed,
        bytes calldata totals,
        bytes[] calldata signatures
    ) public {
        Lock memory before = arbitrary();
        bool done = call(caller, abi.encodeCall(grid.transition, (signed, totals, signatures)));
        Lock memory later = grid.lock();
        if (done) assert(later.epoch > before.epoch && later.epoch == signed.epoch && later.active == signed.active);
        else assert(later.epoch == before.epoch && later.active == before.active);
        assert(later.pausedUntil == before.pausedUntil);
    }

    function check_an_epoch_is_accepted_once(
        T.LockTransition calldata signed,
        T.LockTransition calldata other,
        bytes[] calldata signatures
    ) public {
        arbitrary();
        vm.assume(signed.epoch == other.epoch);
        bool first = call(address(this), abi.encodeCall(grid.transition, (signed, "", signatures)));
        bool second = call(address(this), abi.encodeCall(grid.transition, (other, "", signatures)));
        assert(!(first && second));
    }

    function check_reaches_a_new_epoch(
        address caller,
        T.LockTransition calldata signed,
        bytes calldata totals,
        bytes[] calldata signatures
    ) public {
        arbitrary();
        assert(!call(caller, abi.encodeCall(grid.transition, (signed, totals, signatures))));
    }
}

/// @notice Nothing but a transition touches the epoch, or who is active in it. Left out is what halmos cannot do in a minute: `execute` and
/// `credit`, what is proved to be under a root of 24 levels, `cancel` (192 nonces, one by one), and `deposit` and `bridgeIn`, which call a
/// token whose code would have to be known. The random histories have all of them.
/// @custom:halmos --default-array-lengths 0,2 --default-bytes-lengths 65
contract OthersProofs is Symbolic {
    function check_rotate(T.Rotation calldata signed, bytes[] calldata signatures) public {
        _keepsTheEpoch(abi.encodeCall(grid.rotate, (signed, signatures)));
    }

    function check_pause(uint64 until) public {
        _keepsTheEpoch(abi.encodeCall(grid.pause, (until)));
    }

    function check_unpause(T.Unpause calldata signed, bytes[] calldata signatures) public {
        _keepsTheEpoch(abi.encodeCall(grid.unpause, (signed, signatures)));
    }

    function check_listAsset(T.Listing calldata signed, bytes[] calldata signatures) public {
        _keepsTheEpoch(abi.encodeCall(grid.listAsset, (signed, signatures)));
    }

    function check_submit(T.Intent calldata signed, bytes calldata signature) public {
        _keepsTheEpoch(abi.encodeCall(grid.submit, (signed, signature)));
    }

    function check_resolve(T.Resolve calldata signed, bytes[] calldata signatures) public {
        _keepsTheEpoch(abi.encodeCall(grid.resolve, (signed, signatures)));
    }

    function check_reaches_a_resolution(T.Resolve calldata signed, bytes[] calldata signatures) public {
        arbitrary();
        assert(!call(address(this), abi.encodeCall(grid.resolve, (signed, signatures))));
    }

    function _keepsTheEpoch(bytes memory data) private {
        Lock memory before = arbitrary();
        call(svm.createAddress("caller"), data);
        Lock memory later = grid.lock();
        assert(later.epoch == before.epoch && later.active == before.active && later.since == before.since);
    }
}
