// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {Lock} from "../../src/Stored.sol";
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {IPhantomGrid} from "../../src/interfaces/IPhantomGrid.sol";
import {GridTest} from "../kit/GridTest.sol";
import {Hashes} from "../kit/Hashes.sol";

contract LockTest is GridTest {
    using Hashes for *;

    uint256 internal constant ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141;

    // -- epochs ---------------------------------------------------------------------------------------------------------

    function test_Before_the_first_epoch_no_chain_is_active() public view {
        Lock memory lock = grid.lock();
        assertEq(lock.epoch, 0);
        assertEq(lock.active, T.NO_CHAIN);
        assertEq(lock.since, 0);
        assertEq(grid.cut(), bytes32(0));
    }

    function test_A_transition_begins_an_epoch_whatever_numbers_were_left_out() public {
        bytes memory totals = abi.encodePacked(GOLD, uint64(5));
        transitionTo(7, HERE, keccak256("a cut"), totals, 25);
        Lock memory lock = grid.lock();
        assertEq(lock.epoch, 7);
        assertEq(lock.active, HERE);
        assertEq(lock.feeBps, 25);
        assertEq(lock.since, NOW);
        assertFalse(lock.empty);
        assertEq(grid.cut(), keccak256(abi.encode(keccak256("a cut"), keccak256(totals))));
        vm.warp(NOW + 5);
        transitionTo(type(uint64).max, THERE, EMPTY_ROOT, "", 0);
        lock = grid.lock();
        assertEq(lock.epoch, type(uint64).max);
        assertEq(lock.active, THERE);
        assertEq(lock.since, NOW + 5);
        assertTrue(lock.empty);
    }

    function test_A_transition_is_taken_while_paused_and_the_pause_goes_on() public {
        pauseUntil(NOW + 10);
        begin(0);
        assertEq(grid.lock().pausedUntil, NOW + 10);
    }

    function test_What_the_epoch_opened_with() public {
        begin(0);
        (bytes32 ann,) = person("ann");
        assertEq(deposit(ann, GOLD, 1), 1);
        _deposits(1, 0);
        begin(0);
        _deposits(1, 1);
        assertEq(deposit(ann, GOLD, 1), 2);
        assertEq(deposit(ann, GOLD, 1), 3);
        _deposits(3, 1);
    }

    function test_Refused_epoch_not_newer() public {
        begin(0);
        for (uint64 epoch; epoch < 2; ++epoch) {
            _refused(_transition(epoch), abi.encodeWithSelector(E.EpochNotNewer.selector, epoch, 1));
        }
    }

    function test_Refused_no_such_chain() public {
        T.LockTransition memory it = _transition(1);
        it.active = 0;
        _refused(it, abi.encodeWithSelector(E.NoSuchChain.selector, 0));
        it.active = 3;
        _refused(it, abi.encodeWithSelector(E.NoSuchChain.selector, 3));
    }

    function test_Refused_bad_fee() public {
        T.LockTransition memory it = _transition(1);
        it.feeBps = 10_001;
        _refused(it, abi.encodeWithSelector(E.BadFee.selector, 10_001));
    }

    function test_Refused_wrong_totals() public {
        T.LockTransition memory it = _transition(1);
        it.totals = keccak256("others");
        _refused(it, abi.encodeWithSelector(E.WrongTotals.selector, it.totals));
    }

    function test_Refused_totals_that_are_no_list() public {
        bytes memory totals = abi.encodePacked(COIN, uint64(1), GOLD, uint64(1));
        T.LockTransition memory it = _transition(1);
        it.totals = keccak256(totals);
        bytes[] memory signatures = signed(it.content());
        vm.expectPartialRevert(E.BadEncoding.selector);
        grid.transition(it, totals, signatures);
    }

    // -- quorums --------------------------------------------------------------------------------------------------------

    function test_Any_two_or_all_three_guards_are_a_quorum_in_either_form_of_signatures() public {
        T.LockTransition memory it = _transition(1);
        bytes[] memory some = new bytes[](2);
        (some[0], some[1]) = (sign(guardKeys[0], it.content()), signCompact(guardKeys[2], it.content()));
        grid.transition(it, "", some);
        it.epoch = 2;
        bytes[] memory all = new bytes[](3);
        for (uint256 i; i < 3; ++i) {
            all[i] = sign(guardKeys[i], it.content());
        }
        grid.transition(it, "", all);
    }

    function test_Refused_no_quorum() public {
        T.LockTransition memory it = _transition(1);
        _refusedBy(it, new bytes[](0), abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        bytes[] memory one = new bytes[](1);
        one[0] = sign(guardKeys[1], it.content());
        _refusedBy(it, one, abi.encodeWithSelector(E.NoQuorum.selector, 1, 0, 2));
    }

    function test_Refused_a_stranger_beside_a_quorum() public {
        T.LockTransition memory it = _transition(1);
        (, uint256 key) = person("stranger");
        _refusedBy(it, _ascending(it, key), abi.encodeWithSelector(E.NoQuorum.selector, 2, 1, 2));
    }

    function test_Refused_too_many_signatures() public {
        T.LockTransition memory it = _transition(1);
        _refusedBy(it, new bytes[](4), abi.encodeWithSelector(E.TooManySignatures.selector, 4, 3));
    }

    function test_Refused_not_ascending_or_twice() public {
        T.LockTransition memory it = _transition(1);
        bytes[] memory two = new bytes[](2);
        (two[0], two[1]) = (sign(guardKeys[1], it.content()), sign(guardKeys[0], it.content()));
        _refusedBy(it, two, abi.encodeWithSelector(E.NotAscending.selector, 1, guardAddresses[0], guardAddresses[1]));
        two[1] = signCompact(guardKeys[1], it.content());
        _refusedBy(it, two, abi.encodeWithSelector(E.NotAscending.selector, 1, guardAddresses[1], guardAddresses[1]));
    }

    function test_Refused_bad_signature() public {
        T.LockTransition memory it = _transition(1);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(guardKeys[0], digestOf(it.content()));
        bytes32 twin = bytes32(ORDER - uint256(s));
        bytes[] memory bad = new bytes[](9);
        bad[0] = abi.encodePacked(r, twin, v == 27 ? 28 : 27); // The same signer, in the other form.
        bad[1] = abi.encodePacked(r, s, v - 27);
        bad[2] = abi.encodePacked(r, s, uint8(29));
        bad[3] = abi.encodePacked(bytes32(0), s, v);
        bad[4] = abi.encodePacked(r, bytes32(0), v);
        bad[5] = abi.encodePacked(bytes32(ORDER), s, v);
        bad[6] = abi.encodePacked(r, s);
        bad[6] = _short(bad[6]);
        bad[7] = abi.encodePacked(r, s, v, v);
        bad[8] = "";
        bytes[] memory one = new bytes[](1);
        for (uint256 i; i < bad.length; ++i) {
            one[0] = bad[i];
            _refusedBy(it, one, abi.encodeWithSelector(E.BadSignature.selector));
        }
    }

    // -- rotation -------------------------------------------------------------------------------------------------------

    function test_A_rotation_replaces_the_guards() public {
        (T.Rotation memory it, uint256[] memory keys) = _rotation(2);
        grid.rotate(it, signed(it.content()));
        (uint64 version, uint8 threshold, address[] memory addresses) = grid.guards();
        assertEq(version, 2);
        assertEq(threshold, 1);
        assertEq(addresses.length, 1);
        assertEq(addresses[0], it.guards[0]);
        T.LockTransition memory next = _transition(1);
        _refused(next, abi.encodeWithSelector(E.TooManySignatures.selector, 2, 1));
        bytes[] memory one = new bytes[](1);
        one[0] = sign(guardKeys[0], next.content());
        _refusedBy(next, one, abi.encodeWithSelector(E.NoQuorum.selector, 0, 1, 1));
        one[0] = sign(keys[0], next.content());
        grid.transition(next, "", one);
    }

    function test_Refused_wrong_version() public {
        (T.Rotation memory it,) = _rotation(3);
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(abi.encodeWithSelector(E.WrongVersion.selector, 3, 1));
        grid.rotate(it, signatures);
        it.version = 2;
        grid.rotate(it, signed(it.content()));
        signatures = signed(it.content());
        vm.expectRevert(abi.encodeWithSelector(E.WrongVersion.selector, 2, 2));
        grid.rotate(it, signatures);
    }

    function test_Refused_bad_guards() public {
        T.Rotation memory it = T.Rotation(2, guardAddresses, 1);
        _badGuards(it); // Two quorums could contradict each other.
        it.threshold = 4;
        _badGuards(it);
        it.threshold = 2;
        (it.guards[0], it.guards[1]) = (it.guards[1], it.guards[0]);
        _badGuards(it);
        it.guards[0] = it.guards[1];
        _badGuards(it);
        it.guards[0] = address(0);
        _badGuards(it);
        it.guards = new address[](0);
        it.threshold = 0;
        _badGuards(it);
        it.guards = new address[](256);
        for (uint160 i; i < 256; ++i) {
            it.guards[i] = address(i + 1);
        }
        it.threshold = 200;
        _badGuards(it);
    }

    function test_Refused_to_be_made_with_bad_guards() public {
        vm.expectRevert(abi.encodeWithSelector(E.BadGuards.selector, 3, 1));
        this.createWith(1);
    }

    function createWith(uint8 threshold) external {
        create(T.Setup(HERE, APPLICATION, guardAddresses, threshold, 1, treasury, pauser, bridge));
    }

    // -- pausing --------------------------------------------------------------------------------------------------------

    function test_A_pause_ends_by_itself() public {
        begin(0);
        pauseUntil(NOW + 1 days);
        assertEq(grid.lock().pausedUntil, NOW + 1 days);
        vm.warp(NOW + 1 days);
        (bytes32 ann,) = person("ann");
        deposit(ann, GOLD, 1);
    }

    function test_Guards_end_the_pause_that_they_mean() public {
        pauseUntil(NOW + 10);
        _refusedUnpause(T.Unpause(HERE, NOW + 9), abi.encodeWithSelector(E.NotPaused.selector, NOW + 10));
        _refusedUnpause(T.Unpause(THERE, NOW + 10), abi.encodeWithSelector(E.NoSuchChain.selector, THERE));
        T.Unpause memory it = T.Unpause(HERE, NOW + 10);
        grid.unpause(it, signed(it.content()));
        assertEq(grid.lock().pausedUntil, 0);
        _refusedUnpause(it, abi.encodeWithSelector(E.NotPaused.selector, 0));
    }

    function test_Refused_to_end_a_pause_that_has_ended() public {
        pauseUntil(NOW + 10);
        vm.warp(NOW + 10);
        _refusedUnpause(T.Unpause(HERE, NOW + 10), abi.encodeWithSelector(E.NotPaused.selector, NOW + 10));
    }

    function test_Refused_to_unpause_without_a_quorum() public {
        pauseUntil(NOW + 10);
        vm.expectRevert(abi.encodeWithSelector(E.NoQuorum.selector, 0, 0, 2));
        grid.unpause(T.Unpause(HERE, NOW + 10), new bytes[](0));
    }

    function test_Refused_to_pause() public {
        vm.expectRevert(abi.encodeWithSelector(E.NotAuthorised.selector, id(address(this))));
        grid.pause(NOW + 10);
        vm.startPrank(pauser);
        vm.expectRevert(abi.encodeWithSelector(E.PauseTooLong.selector, NOW + 1 days + 1, NOW + 1 days));
        grid.pause(NOW + 1 days + 1);
        vm.expectRevert(abi.encodeWithSelector(E.PauseTooLong.selector, NOW, NOW + 1 days));
        grid.pause(NOW);
        vm.stopPrank();
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    function _transition(uint64 epoch) private pure returns (T.LockTransition memory) {
        return T.LockTransition(epoch, HERE, EMPTY_ROOT, keccak256(""), 0, 0);
    }

    function _rotation(uint64 version) private returns (T.Rotation memory it, uint256[] memory keys) {
        (it.guards, keys) = (new address[](1), new uint256[](1));
        (it.guards[0], keys[0]) = makeKey("new guard");
        (it.version, it.threshold) = (version, 1);
    }

    function _deposits(uint64 count, uint64 opening) private view {
        (uint64 counted, uint64 opened) = grid.deposits();
        assertEq(counted, count);
        assertEq(opened, opening);
    }

    /// @notice Signed by the first two guards and by somebody else.
    function _ascending(T.LockTransition memory it, uint256 key) private view returns (bytes[] memory signatures) {
        signatures = new bytes[](3);
        uint256[3] memory keys = [guardKeys[0], guardKeys[1], key];
        for (uint256 i = 2; i > 0 && vm.addr(keys[i]) < vm.addr(keys[i - 1]); --i) {
            (keys[i], keys[i - 1]) = (keys[i - 1], keys[i]);
        }
        for (uint256 i; i < 3; ++i) {
            signatures[i] = sign(keys[i], it.content());
        }
    }

    function _short(bytes memory data) private pure returns (bytes memory part) {
        part = new bytes(data.length - 1);
        for (uint256 i; i < part.length; ++i) {
            part[i] = data[i];
        }
    }

    function _refused(T.LockTransition memory it, bytes memory reason) private {
        _refusedBy(it, signed(it.content()), reason);
    }

    function _refusedBy(T.LockTransition memory it, bytes[] memory signatures, bytes memory reason) private {
        vm.expectRevert(reason);
        grid.transition(it, "", signatures);
    }

    function _refusedUnpause(T.Unpause memory it, bytes memory reason) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(reason);
        grid.unpause(it, signatures);
    }

    function _badGuards(T.Rotation memory it) private {
        bytes[] memory signatures = signed(it.content());
        vm.expectRevert(abi.encodeWithSelector(E.BadGuards.selector, it.guards.length, it.threshold));
        grid.rotate(it, signatures);
    }

    function test_Whoever_likes_is_a_guard_of_the_second_contract_and_of_nothing_else() public {
        IPhantomGrid annex = IPhantomGrid(vm.computeCreateAddress(address(grid), 1));
        address[] memory stranger = new address[](1);
        stranger[0] = makeAddress("stranger");
        T.Rotation memory it = T.Rotation(1, stranger, 1);
        annex.rotate(it, new bytes[](0));
        (,, address[] memory there) = annex.guards();
        assertEq(there[0], stranger[0]);
        (uint64 version,, address[] memory here) = grid.guards();
        assertEq(version, 1);
        assertEq(here.length, 3);
        T.LockTransition memory transition = T.LockTransition(1, HERE, EMPTY_ROOT, keccak256(""), 0, 0);
        vm.expectRevert();
        annex.transition(transition, "", new bytes[](0));
        assertEq(annex.lock().active, T.NO_CHAIN);
    }
}
