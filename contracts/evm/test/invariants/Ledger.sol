// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridAnnex} from "../../src/interfaces/IGridAnnex.sol";
import {IGridCore} from "../../src/interfaces/IGridCore.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Tree} from "../kit/Tree.sol";
import {World} from "./World.sol";

/// @notice What guards know: what everybody has on the active chain, whether it has entered or not; the cut that an epoch starts from; what
/// is in doubt, and what landed late.
abstract contract Ledger is World {
    using Hashes for *;

    struct Hold {
        T.HoldLeaf leaf;
        uint256 origin;
        bool settled;
    }

    struct Late {
        T.Credit credit;
        bool counted;
    }

    Hold[] internal holds;
    Late[] internal late;
    T.Terms[] internal matches; // All that there ever were.
    bytes internal totals;
    mapping(uint64 => mapping(uint32 => uint64)) internal totalsOf;
    mapping(uint64 => mapping(bytes32 => T.AccountLeaf)) internal accountLeaves;
    mapping(uint64 => mapping(bytes32 => mapping(uint32 => T.BalanceLeaf))) internal balanceLeaves;
    mapping(uint64 => mapping(bytes32 => T.MatchLeaf)) internal matchLeaves;

    bytes32[] private _leaves; // Contents.
    mapping(uint64 => mapping(bytes32 content => uint256)) private _placeOf; // And one more.
    mapping(bytes32 => bool) private _entered;

    // -- what everybody has ---------------------------------------------------------------------------------------------

    function has(bytes32 account, uint32 asset) internal view returns (int256 available, uint64 held) {
        (bool entered, int256 here, uint64 heldHere, uint64 received) = grids[active].balanceOf(account, asset);
        if (entered) return (here, heldHere);
        T.BalanceLeaf storage leaf = balanceLeaves[epoch][account][asset];
        return (leaf.available + int256(uint256(received)), leaf.held);
    }

    function spendable(bytes32 account, uint32 asset) internal view returns (uint256) {
        (int256 available,) = has(account, asset);
        return available > 0 ? uint256(available) : 0;
    }

    /// @notice In a match that goes on.
    function escrowOf(T.Terms memory terms) internal view returns (uint256) {
        return terms.stake * playersOf(terms).length;
    }

    /// @return players None of a match that is over.
    function playersOf(T.Terms memory terms) internal view returns (bytes32[] memory players) {
        uint64 step;
        uint64 in_;
        (in_, step, players) = grids[active].matchOf(terms.content());
        if (in_ != epoch) players = matchLeaves[epoch][terms.content()].players;
        else if (step != 0) players = new bytes32[](0);
    }

    // -- the cut --------------------------------------------------------------------------------------------------------

    /// @notice What the epoch with this number starts from, without what is in doubt.
    function cut(uint64 next, T.HoldLeaf[] memory doubted) internal returns (bytes32 root) {
        delete _leaves;
        uint256[] memory sums = new uint256[](ASSETS + 1);
        for (uint256 i; i < accounts.length; ++i) {
            _cutAccount(next, accounts[i], doubted, sums);
        }
        for (uint256 i; i < matches.length; ++i) {
            _cutMatch(next, matches[i], sums);
        }
        for (uint256 i; i < holds.length; ++i) {
            if (!holds[i].settled) _leaf(next, holds[i].leaf.content());
        }
        for (uint256 i; i < doubted.length; ++i) {
            _leaf(next, doubted[i].content());
            holds.push(Hold(doubted[i], active, false));
        }
        totals = "";
        for (uint32 asset = 1; asset <= ASSETS; ++asset) {
            totalsOf[next][asset] = uint64(sums[asset]);
            totals = abi.encodePacked(totals, asset, uint64(sums[asset]));
        }
        return _leaves.length == 0 ? EMPTY_ROOT : Tree.root(_leaves);
    }

    function _cutAccount(uint64 next, bytes32 account, T.HoldLeaf[] memory doubted, uint256[] memory sums) private {
        bool any;
        for (uint32 asset = 1; asset <= ASSETS; ++asset) {
            (int256 available, uint64 held) = has(account, asset);
            for (uint256 i; i < doubted.length; ++i) {
                if (doubted[i].account != account || doubted[i].outAsset != asset) continue;
                (available, held) = (available - int256(uint256(doubted[i].outAmount)), held + doubted[i].outAmount);
            }
            if (available == 0 && held == 0) continue;
            any = true;
            T.BalanceLeaf memory leaf = T.BalanceLeaf(account, asset, int128(available), held);
            balanceLeaves[next][account][asset] = leaf;
            _leaf(next, leaf.content());
            sums[asset] += uint256(available + int256(uint256(held)));
        }
        (bool entered,, address authority, uint256 word) = grids[active].accountOf(account);
        if (!entered) word = accountLeaves[epoch][account].nonces;
        if (!any && word == 0) return;
        accountLeaves[next][account] = T.AccountLeaf(account, authority, word);
        _leaf(next, accountLeaves[next][account].content());
    }

    function _cutMatch(uint64 next, T.Terms memory terms, uint256[] memory sums) private {
        bytes32[] memory players = playersOf(terms);
        if (players.length == 0) return;
        matchLeaves[next][terms.content()] = T.MatchLeaf(terms.content(), 0, players);
        _leaf(next, matchLeaves[next][terms.content()].content());
        sums[terms.asset] += terms.stake * players.length;
    }

    function _leaf(uint64 next, bytes32 content) private {
        _leaves.push(content);
        _placeOf[next][content] = _leaves.length;
    }

    // -- entering -------------------------------------------------------------------------------------------------------

    function proofOf(bytes32 content) internal view returns (bytes32[] memory) {
        uint256 place = _placeOf[epoch][content];
        if (place == 0) revert NothingToDo();
        return Tree.proof(_leaves, place - 1);
    }

    function enterAccount(bytes32 account) internal {
        T.AccountLeaf memory leaf = accountLeaves[epoch][account];
        bytes32[] memory proof = proofOf(leaf.content());
        send(active, abi.encodeCall(IGridCore.enterAccount, (leaf, proof, keccak256(totals))));
        noteEntered(leaf.content());
    }

    function enterBalance(bytes32 account, uint32 asset) internal {
        T.BalanceLeaf memory leaf = balanceLeaves[epoch][account][asset];
        bytes32[] memory proof = proofOf(leaf.content());
        send(active, abi.encodeCall(IGridCore.enterBalance, (leaf, proof, totals)));
        noteEntered(leaf.content());
    }

    function enterMatch(T.Terms memory terms) internal {
        T.MatchLeaf memory leaf = matchLeaves[epoch][terms.content()];
        bytes32[] memory proof = proofOf(leaf.content());
        send(active, abi.encodeCall(IGridAnnex.enterMatch, (leaf, terms, proof, totals)));
        noteEntered(leaf.content());
    }

    /// @notice Enters what has leaves and is needed, in either asset, or none.
    /// @return absent What has none: a permit has to say so.
    function ready(bytes32 account, uint32 asset) internal returns (bytes memory absent) {
        (bool entered, bool isNew,,) = grids[active].accountOf(account);
        if (!entered) {
            if (accountLeaves[epoch][account].account == 0) return abi.encodePacked(account, T.NO_ASSET);
            enterAccount(account);
        }
        if (isNew || asset == T.NO_ASSET) return "";
        (entered,,,) = grids[active].balanceOf(account, asset);
        if (entered) return "";
        if (balanceLeaves[epoch][account][asset].account == 0) return abi.encodePacked(account, asset);
        enterBalance(account, asset);
    }

    function noteEntered(bytes32 content) internal {
        bytes32 key = keccak256(abi.encode(active, epoch, content));
        if (_entered[key]) flaw(Flaw.EnteredTwice);
        _entered[key] = true;
    }
}
