// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BridgeOut, Join, Terms, Verdict, Withdrawal} from "../Types.sol";
import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Matches} from "./Matches.sol";
import {Packed} from "./Packed.sol";
import {Fill} from "./Settlement.sol";
import {Signatures} from "./Signatures.sol";
import {Typed} from "./Typed.sol";

/// @notice One action in packed calldata: where its body begins, its kind, and the length of the signature before it.
type Action is uint256;

using {kindOf, bodyOf, signerOf} for Action global;

function kindOf(Action action) pure returns (uint256) {
    return Action.unwrap(action) >> 64;
}

function bodyOf(Action action) pure returns (uint256) {
    return uint32(Action.unwrap(action));
}

function signerOf(Action action, bytes32 digest) view returns (address) {
    unchecked {
        uint256 length = uint32(Action.unwrap(action) >> 32);
        return Signatures.recoverAt(digest, action.bodyOf() - length, length);
    }
}

/// @notice The actions of a batch, packed. All numbers are big-endian, of the widths of their EIP-712 types:
///
///     list         how many 2, then each action, and nothing after them
///     action       kind 1, signature 64, body; or kind + 0x80 1, signature 65, body
///     intent     1 account 32, nonce 8, deadline 5, sellAsset 4, buyAsset 4, sellAmount 16, minBuyAmount 16, maxFeeBps 2
///     withdrawal 2 account 32, nonce 8, deadline 5, asset 4, amount 8, chain 1, recipient 32
///     bridge out 3 account 32, nonce 8, deadline 5, asset 4, amount 8, source 1, target 1
///     join       4 account 32, nonce 8, deadline 5, match 32, asset 4, stake 8, terms
///     verdict    5 match 32, step 8, how many 2, ranking 32 each, terms
///     terms        asset 4, stake 8, players 2, oracle 20, feeBps 2, salt 32, how many 2, prizesBps 2 each
library Actions {
    uint256 internal constant INTENT = 1;
    uint256 internal constant WITHDRAWAL = 2;
    uint256 internal constant BRIDGE_OUT = 3;
    uint256 internal constant JOIN = 4;
    uint256 internal constant VERDICT = 5;
    uint256 internal constant LONG_SIGNATURE = 0x80;

    uint256 internal constant COUNT_BYTES = 2;
    uint256 private constant INTENT_BYTES = 87;
    uint256 private constant WITHDRAWAL_BYTES = 90;
    uint256 private constant BRIDGE_OUT_BYTES = 59;
    uint256 private constant JOIN_BYTES = 89; // And terms.
    uint256 private constant VERDICT_BYTES = 42; // And the ranking, and terms.
    uint256 private constant TERMS_BYTES = 70; // And the prizes.

    // -- walking the list -----------------------------------------------------------------------------------------------

    function count(bytes calldata list) internal pure returns (uint256) {
        (uint256 place, uint256 to) = Packed.range(list);
        if (to < place + COUNT_BYTES) revert IGridErrors.BadEncoding(place);
        return Packed.u16(place);
    }

    /// @notice The one that begins at this place of the calldata, in a list that lasts so far: its kind, its body, and where it ends.
    function next(uint256 place, uint256 to) internal pure returns (uint256 kind, uint256 body, uint256 end) {
        unchecked {
            (kind, body) = (Packed.u8(place), place + 1 + Signatures.COMPACT);
            if (kind & LONG_SIGNATURE != 0) (kind, body) = (kind ^ LONG_SIGNATURE, body + 1);
            end = body + (kind == INTENT ? INTENT_BYTES : _sizeOf(kind, body));
            // Counts within may have been read from beyond the end; with them the action ends there too.
            if (end == body || end > to) revert IGridErrors.BadEncoding(place);
        }
    }

    /// @return 0 for no kind.
    function _sizeOf(uint256 kind, uint256 body) private pure returns (uint256) {
        if (kind == WITHDRAWAL) return WITHDRAWAL_BYTES;
        if (kind == BRIDGE_OUT) return BRIDGE_OUT_BYTES;
        if (kind == JOIN) return JOIN_BYTES + _sizeOfTerms(body + JOIN_BYTES);
        if (kind != VERDICT) return 0;
        uint256 size = _rankingEnd(body) - body;
        return size + _sizeOfTerms(body + size);
    }

    function _sizeOfTerms(uint256 place) private pure returns (uint256) {
        return TERMS_BYTES + 2 * uint256(Packed.u16(place + TERMS_BYTES - COUNT_BYTES));
    }

    function _rankingEnd(uint256 body) private pure returns (uint256) {
        return body + VERDICT_BYTES + 32 * uint256(Packed.u16(body + VERDICT_BYTES - COUNT_BYTES));
    }

    /// @notice At most so many balances do these touch, of which so many are intents; without the treasury's by their fees.
    function touched(Action[] memory actions, uint256 intents) internal pure returns (uint256 most) {
        most = 2 * intents + actions.length - intents;
        if (intents == actions.length) return most;
        for (uint256 i; i < actions.length; ++i) {
            if (actions[i].kindOf() == VERDICT) most += Matches.MOST_PLAYERS; // And the treasury.
        }
    }

    // -- what stands in them --------------------------------------------------------------------------------------------

    /// @dev Assembly: without the check of the index, which is that of a loop over all of them.
    function get(Action[] memory actions, uint256 i) internal pure returns (Action action) {
        // slither-disable-next-line assembly (why, and what it relies on, is said above)
        assembly ("memory-safe") {
            action := mload(add(add(actions, 32), shl(5, i)))
        }
    }

    function put(Action[] memory actions, uint256 i, uint256 kind, uint256 length, uint256 body) internal pure {
        // slither-disable-next-line assembly (without the check of the index, like reading)
        assembly ("memory-safe") {
            mstore(add(add(actions, 32), shl(5, i)), or(or(shl(64, kind), shl(32, length)), body))
        }
    }

    function contentOf(uint256 kind, uint256 body) internal pure returns (bytes32) {
        if (kind == INTENT) return intentHash(body);
        if (kind == WITHDRAWAL) return Typed.hash(withdrawal(body));
        if (kind == BRIDGE_OUT) return Typed.hash(bridgeOut(body));
        if (kind == JOIN) return Typed.hash(join(body));
        return Typed.hash(verdict(body));
    }

    // Whatever has an owner begins with these.

    function accountOf(uint256 body) internal pure returns (bytes32) {
        return Packed.word(body);
    }

    function nonceOf(uint256 body) internal pure returns (uint64) {
        unchecked {
            return Packed.u64(body + 32);
        }
    }

    function deadlineOf(uint256 body) internal pure returns (uint40) {
        unchecked {
            return Packed.u40(body + 40);
        }
    }

    /// @dev Assembly, in memory that is free and stays so: nothing else comes by the hundred.
    function intentHash(uint256 body) internal pure returns (bytes32 result) {
        bytes32 typeHash = Typed.INTENT;
        // slither-disable-next-line assembly (why, and what it relies on, is said above)
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, typeHash)
            mstore(add(free, 32), calldataload(body)) // account
            mstore(add(free, 64), shr(224, calldataload(add(body, 45)))) // sellAsset
            mstore(add(free, 96), shr(224, calldataload(add(body, 49)))) // buyAsset
            mstore(add(free, 128), shr(128, calldataload(add(body, 53)))) // sellAmount
            mstore(add(free, 160), shr(128, calldataload(add(body, 69)))) // minBuyAmount
            mstore(add(free, 192), shr(192, calldataload(add(body, 32)))) // nonce
            mstore(add(free, 224), shr(216, calldataload(add(body, 40)))) // deadline
            mstore(add(free, 256), shr(240, calldataload(add(body, 85)))) // maxFeeBps
            result := keccak256(free, 288)
        }
    }

    function readFill(uint256 body, Fill memory into) internal pure {
        unchecked {
            (into.sellAsset, into.buyAsset) = (Packed.u32(body + 45), Packed.u32(body + 49));
            (into.sell, into.minBuy) = (Packed.u128(body + 53), Packed.u128(body + 69));
            into.maxFeeBps = Packed.u16(body + 85);
        }
    }

    function withdrawal(uint256 body) internal pure returns (Withdrawal memory it) {
        (it.account, it.nonce, it.deadline) = (accountOf(body), nonceOf(body), deadlineOf(body));
        (it.asset, it.amount) = (Packed.u32(body + 45), Packed.u64(body + 49));
        (it.chain, it.recipient) = (Packed.u8(body + 57), Packed.word(body + 58));
    }

    function bridgeOut(uint256 body) internal pure returns (BridgeOut memory it) {
        (it.account, it.nonce, it.deadline) = (accountOf(body), nonceOf(body), deadlineOf(body));
        (it.asset, it.amount) = (Packed.u32(body + 45), Packed.u64(body + 49));
        (it.source, it.target) = (Packed.u8(body + 57), Packed.u8(body + 58));
    }

    function join(uint256 body) internal pure returns (Join memory it) {
        (it.account, it.nonce, it.deadline) = (accountOf(body), nonceOf(body), deadlineOf(body));
        (it.match_, it.asset, it.stake) = (Packed.word(body + 45), Packed.u32(body + 77), Packed.u64(body + 81));
    }

    function verdict(uint256 body) internal pure returns (Verdict memory it) {
        (it.match_, it.step) = (Packed.word(body), Packed.u64(body + 32));
        it.ranking = new bytes32[](Packed.u16(body + 40));
        for (uint256 i; i < it.ranking.length; ++i) {
            it.ranking[i] = Packed.word(body + VERDICT_BYTES + 32 * i);
        }
    }

    /// @notice Of the match that a join or a verdict is about.
    function terms(Action action) internal pure returns (Terms memory it) {
        uint256 body = action.bodyOf();
        uint256 place = action.kindOf() == JOIN ? body + JOIN_BYTES : _rankingEnd(body);
        (it.asset, it.stake, it.players) = (Packed.u32(place), Packed.u64(place + 4), Packed.u16(place + 12));
        (it.oracle, it.feeBps, it.salt) = (Packed.address_(place + 14), Packed.u16(place + 34), Packed.word(place + 36));
        it.prizesBps = new uint16[](Packed.u16(place + 68));
        for (uint256 i; i < it.prizesBps.length; ++i) {
            it.prizesBps[i] = Packed.u16(place + TERMS_BYTES + 2 * i);
        }
    }
}
