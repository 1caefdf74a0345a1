// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Batch} from "./Batch.sol";
import {GridPermits} from "./GridPermits.sol";
import {Join, Terms, Verdict} from "./Types.sol";
import {Action, Actions} from "./libraries/Actions.sol";
import {Matches} from "./libraries/Matches.sol";

/// @notice The escrow of matches. What is in it belongs to nobody's balance, and is owed all the same.
abstract contract GridMatches is GridPermits {
    function _join(Batch memory batch, Action action, bytes32 digest) internal {
        _authorise(action, digest, batch.lock.epoch);
        Join memory join = Actions.join(action.bodyOf());
        Terms memory terms = Actions.terms(action);
        Matches.checkAgreed(terms, join.match_);
        if (join.asset != terms.asset || join.stake != terms.stake) revert UnlikeTerms(join.match_);
        _checkReal(terms.asset);
        Matches.join(_matches[join.match_], join.match_, join.account, terms, batch.lock.epoch);
        batch.changes.add(_balances[join.account][join.asset], join.account, join.asset, -int256(uint256(join.stake)));
        emit Joined(join.match_, join.account, join.asset, join.stake, join.nonce);
    }

    function _end(Batch memory batch, Action action, bytes32 digest) internal {
        Verdict memory verdict = Actions.verdict(action.bodyOf());
        Terms memory terms = Actions.terms(action);
        Matches.checkAgreed(terms, verdict.match_);
        if (action.signerOf(digest) != terms.oracle) revert NotAuthorised(verdict.match_);
        (bytes32[] memory accounts, uint64[] memory amounts) =
            Matches.end(_matches[verdict.match_], verdict, terms, _treasury, batch.lock.epoch);
        for (uint256 i; i < accounts.length; ++i) {
            bytes32 account = accounts[i];
            batch.changes.add(_balances[account][terms.asset], account, terms.asset, int256(uint256(amounts[i])));
        }
        emit Ended(verdict.match_, verdict.step, terms.asset, accounts, amounts);
    }
}
