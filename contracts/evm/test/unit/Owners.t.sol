// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {IGridEvents} from "../../src/interfaces/IGridEvents.sol";
import {GridTest} from "../kit/GridTest.sol";
import {Hashes} from "../kit/Hashes.sol";

contract OwnersTest is GridTest {
    using Hashes for *;

    bytes32 internal ann;
    uint256 internal annKey;

    function setUp() public override {
        super.setUp();
        (ann, annKey) = person("ann");
    }

    function test_An_owner_cancels_whatever_else_happens() public {
        pauseUntil(NOW + 5);
        T.Cancel memory it = T.Cancel(ann, 9, HERE);
        grid.cancel(it, sign(annKey, it.content()));
        (,,, uint256 nonces) = grid.accountOf(ann);
        assertEq(nonces, 9 << 192);
        it.floor = type(uint64).max;
        grid.cancel(it, signCompact(annKey, it.content()));
        (,,, nonces) = grid.accountOf(ann);
        assertEq(nonces, uint256(type(uint64).max) << 192);
    }

    function test_Refused_to_cancel() public {
        T.Cancel memory it = T.Cancel(ann, 9, THERE);
        _refused(it, annKey, abi.encodeWithSelector(E.WrongChain.selector, THERE));
        it.chain = HERE;
        _refused(it, treasurerKey, abi.encodeWithSelector(E.NotAuthorised.selector, ann));
        grid.cancel(it, sign(annKey, it.content()));
        _refused(it, annKey, abi.encodeWithSelector(E.FloorTooLow.selector, 9, 9));
        it.account = keccak256("a key for which nobody signs");
        _refused(it, annKey, abi.encodeWithSelector(E.NotAuthorised.selector, it.account));
        bytes memory signature = "short";
        vm.expectRevert(abi.encodeWithSelector(E.BadSignature.selector));
        grid.cancel(it, signature);
    }

    function test_An_intent_is_submitted_by_an_event() public {
        begin(0);
        T.Intent memory it = T.Intent(ann, GOLD, COIN, 5, 6, 7, LATER, 8);
        bytes memory signature = sign(annKey, it.content());
        vm.expectEmit(address(grid));
        emit IGridEvents.Submitted(ann, 7, GOLD, COIN, 5, 6, LATER, 8, signature);
        grid.submit(it, signature);
    }

    function test_Refused_to_submit() public {
        T.Intent memory it = T.Intent(ann, GOLD, COIN, 5, 6, 7, LATER, 8);
        bytes memory signature = sign(annKey, it.content());
        vm.expectRevert(abi.encodeWithSelector(E.NotActive.selector, 0, 0));
        grid.submit(it, signature);
        begin(0);
        signature = sign(treasurerKey, it.content());
        vm.expectRevert(abi.encodeWithSelector(E.NotAuthorised.selector, ann));
        grid.submit(it, signature);
    }

    function test_Nothing_else_answers() public {
        (bool done,) = address(grid).call(hex"12345678");
        assertFalse(done);
        (done,) = address(grid).call("");
        assertFalse(done);
        vm.deal(address(this), 1);
        (done,) = address(grid).call{value: 1}("");
        assertFalse(done);
    }

    function test_What_the_grid_was_made_with() public view {
        assertEq(uint256(grid.chain()), HERE);
        assertEq(grid.treasury(), treasury);
        assertEq(grid.pauser(), pauser);
        assertEq(grid.bridge(), bridge);
        (uint64 version, uint8 threshold, address[] memory addresses) = grid.guards();
        assertEq(version, 1);
        assertEq(threshold, 2);
        assertEq(keccak256(abi.encode(addresses)), keccak256(abi.encode(guardAddresses)));
    }

    function _refused(T.Cancel memory it, uint256 key, bytes memory reason) private {
        bytes memory signature = sign(key, it.content());
        vm.expectRevert(reason);
        grid.cancel(it, signature);
    }
}
