// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Match} from "../Stored.sol";
import {BPS, Terms, Verdict} from "../Types.sol";
import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Amounts} from "./Amounts.sol";
import {Typed} from "./Typed.sol";

/// @notice A paid match: who may pay in, and who gets what of the stakes. Rounding leaves nothing over.
library Matches {
    /// @dev So that a verdict fits into a transaction.
    uint256 internal constant MOST_PLAYERS = 64;
    uint64 private constant VERDICT_STEP = 1;

    /// @notice That these are the terms that the match is known by.
    function checkAgreed(Terms memory terms, bytes32 id) internal pure {
        if (Typed.hash(terms) != id) revert IGridErrors.UnlikeTerms(id);
    }

    /// @notice One more player, of a match that is in this epoch or has not been before.
    function join(Match storage running, bytes32 id, bytes32 account, Terms memory terms, uint64 epoch) internal {
        (uint64 in_, uint64 step, uint256 count) = (running.epoch, running.step, running.count);
        if (in_ != 0 && in_ != epoch) revert IGridErrors.NoSuchMatch(id, step);
        if (terms.players > MOST_PLAYERS) revert IGridErrors.BadPlayers(terms.players, MOST_PLAYERS);
        if (step != 0 || count >= terms.players) revert IGridErrors.NoSuchMatch(id, step);
        for (uint256 i; i < count; ++i) {
            if (running.players[i] == account) revert IGridErrors.NoSuchMatch(id, step);
        }
        running.players[count] = account;
        (running.epoch, running.count) = (epoch, uint16(count + 1));
    }

    /// @notice It is over: prizes and the fee for the treasury, or every stake back.
    function end(Match storage running, Verdict memory verdict, Terms memory terms, bytes32 treasury, uint64 epoch)
        internal
        returns (bytes32[] memory accounts, uint64[] memory amounts)
    {
        (bytes32 id, uint64 step) = (verdict.match_, running.step);
        if (running.epoch != epoch || step != 0 || verdict.step != VERDICT_STEP) revert IGridErrors.NoSuchMatch(id, step);
        running.step = VERDICT_STEP;
        bytes32[] memory players = new bytes32[](running.count);
        for (uint256 i; i < players.length; ++i) {
            players[i] = running.players[i];
        }
        if (verdict.ranking.length == 0) return (players, _equal(players.length, terms.stake));
        _checkRanking(verdict, players, terms.prizesBps.length);
        return _won(verdict.ranking, payout(terms.stake, players.length, terms.feeBps, terms.prizesBps), treasury);
    }

    function _equal(uint256 count, uint64 stake) private pure returns (uint64[] memory amounts) {
        amounts = new uint64[](count);
        for (uint256 i; i < count; ++i) {
            amounts[i] = stake;
        }
    }

    function _won(bytes32[] memory ranking, uint64[] memory paid, bytes32 treasury)
        private
        pure
        returns (bytes32[] memory accounts, uint64[] memory)
    {
        accounts = new bytes32[](paid.length);
        accounts[0] = treasury;
        for (uint256 i; i < ranking.length; ++i) {
            accounts[i + 1] = ranking[i];
        }
        return (accounts, paid);
    }

    function _checkRanking(Verdict memory verdict, bytes32[] memory players, uint256 prizes) private pure {
        bytes32[] memory ranking = verdict.ranking;
        if (ranking.length != prizes || prizes > players.length) revert IGridErrors.BadRanking(verdict.match_);
        // slither-disable-next-line uninitialized-local (it begins as nothing)
        uint256 seen; // A bit for each player: there are at most 64.
        for (uint256 i; i < ranking.length; ++i) {
            uint256 place;
            while (place < players.length && players[place] != ranking[i]) ++place;
            if (place == players.length || seen >> place & 1 == 1) revert IGridErrors.BadRanking(verdict.match_);
            seen |= 1 << place;
        }
    }

    /// @return paid The fee, then the prizes from the first place on.
    function payout(uint64 stake, uint256 players, uint16 feeBps, uint16[] memory prizesBps)
        internal
        pure
        returns (uint64[] memory paid)
    {
        if (feeBps > BPS) revert IGridErrors.BadFee(feeBps);
        _checkPrizes(prizesBps, players);
        uint256 total = Amounts.amount(stake * players);
        uint256 fee = Amounts.shareDown(total, feeBps);
        uint256 pot = total - fee;
        paid = new uint64[](prizesBps.length + 1);
        paid[0] = uint64(fee);
        uint256 rest = pot;
        for (uint256 i; i < prizesBps.length; ++i) {
            uint256 prize = Amounts.shareDown(pot, prizesBps[i]);
            paid[i + 1] = uint64(prize);
            rest -= prize;
        }
        paid[1] += uint64(rest); // What rounding left goes to the first.
    }

    function _checkPrizes(uint16[] memory prizesBps, uint256 players) private pure {
        // slither-disable-next-line uninitialized-local (it begins as nothing)
        uint256 total;
        bool falling = true;
        for (uint256 i; i < prizesBps.length; ++i) {
            total += prizesBps[i];
            if (i > 0 && prizesBps[i] > prizesBps[i - 1]) falling = false;
        }
        if (total != BPS || !falling || prizesBps.length > players) {
            revert IGridErrors.BadPrizes(total, prizesBps.length, players);
        }
    }
}
