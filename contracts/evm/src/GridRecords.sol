// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridTotals} from "./GridTotals.sol";
import {Match} from "./Stored.sol";
import {MatchLeaf, OrderLeaf, Terms} from "./Types.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {Lists} from "./libraries/Lists.sol";
import {Matches} from "./libraries/Matches.sol";
import {SnapshotTree} from "./libraries/SnapshotTree.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice How matches and orders enter an epoch, each once.
abstract contract GridRecords is IGridAnnex, GridTotals {
    function enterMatch(MatchLeaf calldata leaf, Terms calldata terms, bytes32[] calldata proof, bytes calldata totals)
        external
        nonReentrantView
    {
        uint64 epoch = _active().epoch;
        if (Typed.hashCalldata(terms) != leaf.terms) revert UnlikeTerms(leaf.terms);
        _checkReal(terms.asset);
        Match storage known = _matches[leaf.terms];
        bytes32 content = Typed.hash(leaf);
        if (known.epoch == epoch) revert AlreadyEntered(content);
        SnapshotTree.verify(_cut, content, proof, Lists.hash(totals));
        uint256 players = leaf.players.length;
        if (players > Matches.MOST_PLAYERS) revert BadPlayers(players, Matches.MOST_PLAYERS);
        _countIn(terms.asset, int256(terms.stake * players), totals, epoch);
        (known.epoch, known.step, known.count) = (epoch, leaf.step, uint16(players));
        for (uint256 i; i < players; ++i) {
            known.players[i] = leaf.players[i];
        }
        emit MatchEntered(leaf.terms, terms.asset, terms.stake, leaf.step, leaf.players);
    }

    function enterOrder(OrderLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external nonReentrantView {
        uint64 epoch = _active().epoch;
        bytes32 content = Typed.hash(leaf);
        if (_orders[leaf.id] == epoch) revert AlreadyEntered(content);
        SnapshotTree.verify(_cut, content, proof, totals);
        _orders[leaf.id] = epoch;
        emit OrderEntered(leaf.id);
    }
}
