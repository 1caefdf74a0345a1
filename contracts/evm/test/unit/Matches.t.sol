// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridErrors as E} from "../../src/interfaces/IGridErrors.sol";
import {BatchTest} from "../kit/BatchTest.sol";
import {Hashes} from "../kit/Hashes.sol";

contract MatchesTest is BatchTest {
    using Hashes for *;

    uint256 internal constant PEOPLE = 4;
    uint64 internal constant STAKE = 333;

    bytes32[] internal people;
    uint256[] internal keys;
    address internal oracle;
    uint256 internal oracleKey;
    T.Terms internal terms;

    function setUp() public override {
        super.setUp();
        (oracle, oracleKey) = makeKey("oracle");
        begin(0);
        for (uint256 i; i < PEOPLE; ++i) {
            (bytes32 account, uint256 key) = person(string.concat("player ", vm.toString(i)));
            people.push(account);
            keys.push(key);
            deposit(account, COIN, 1_000);
        }
        terms = T.Terms(COIN, STAKE, 3, oracle, 500, new uint16[](0), keccak256("salt"));
        terms.prizesBps.push(7_000);
        terms.prizesBps.push(3_000);
    }

    function test_Who_joins_pays_his_stake_into_the_escrow() public {
        _joined(2);
        assertEq(available(people[0], COIN), 1_000 - int64(STAKE));
        (uint64 epoch, uint64 step, bytes32[] memory players) = grid.matchOf(terms.content());
        assertEq(epoch, 1);
        assertEq(step, 0);
        assertEq(players.length, 2);
        assertEq(players[1], people[1]);
        (, uint64 liabilities,) = grid.assetOf(COIN);
        assertEq(liabilities, PEOPLE * 1_000);
    }

    function test_Prizes_are_paid_down_the_ranking_and_rounding_goes_to_the_first() public {
        _joined(3);
        _verdict(_ranking(2, 0), oracleKey);
        execute();
        // Of 999 the fee is 49; of 950 the second gets 285, the first 665.
        assertEq(available(treasury, COIN), 49);
        assertEq(available(people[2], COIN), 1_000 - 333 + 665);
        assertEq(available(people[0], COIN), 1_000 - 333 + 285);
        assertEq(available(people[1], COIN), 1_000 - 333);
        (, uint64 step,) = grid.matchOf(terms.content());
        assertEq(step, 1);
    }

    function test_A_draw_gives_every_stake_back() public {
        _joined(3);
        _verdict(new bytes32[](0), oracleKey);
        execute();
        for (uint256 i; i < PEOPLE; ++i) {
            assertEq(available(people[i], COIN), 1_000);
        }
        assertEq(available(treasury, COIN), 0);
    }

    function test_Joins_and_the_verdict_may_be_of_one_batch() public {
        for (uint256 i; i < 2; ++i) {
            _join(i, keys[i]);
        }
        _verdict(_ranking(1, 0), oracleKey);
        execute();
        assertEq(available(people[1], COIN), 1_000 - 333 + 444);
    }

    function test_Refused_joins() public {
        _joined(3);
        bytes memory full = abi.encodeWithSelector(E.NoSuchMatch.selector, terms.content(), 0);
        _join(3, keys[3]);
        refused(full);
        terms.salt = "another";
        _joined(2);
        add(_joining(1, 2), keys[1], terms); // In it already.
        refused(abi.encodeWithSelector(E.NoSuchMatch.selector, terms.content(), 0));
        _verdict(new bytes32[](0), oracleKey);
        execute();
        add(_joining(3, 2), keys[3], terms);
        refused(abi.encodeWithSelector(E.NoSuchMatch.selector, terms.content(), 1));
    }

    function test_Refused_joins_of_other_terms() public {
        T.Join memory it = _joining(0, 0);
        it.stake = 1;
        add(it, keys[0], terms);
        refused(abi.encodeWithSelector(E.UnlikeTerms.selector, it.match_));
        it = _joining(0, 0);
        it.asset = GOLD;
        add(it, keys[0], terms);
        refused(abi.encodeWithSelector(E.UnlikeTerms.selector, it.match_));
        it = _joining(0, 0);
        it.match_ = keccak256("another match");
        add(it, keys[0], terms);
        refused(abi.encodeWithSelector(E.UnlikeTerms.selector, it.match_));
    }

    function test_Refused_joins_that_no_match_can_take() public {
        terms.players = 65;
        _join(0, keys[0]);
        refused(abi.encodeWithSelector(E.BadPlayers.selector, 65, 64));
        terms.players = 3;
        terms.asset = T.NO_ASSET;
        _join(0, keys[0]);
        refused(abi.encodeWithSelector(E.NoSuchAsset.selector, T.NO_ASSET));
        terms.asset = COIN;
        terms.stake = 1_001;
        _join(0, keys[0]);
        refused(abi.encodeWithSelector(E.InsufficientBalance.selector, people[0], COIN, 1_000, 1_001));
        _join(0, keys[1]);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, people[0]));
    }

    function test_Refused_matches_of_an_older_epoch() public {
        _joined(2);
        begin(0);
        bytes memory reason = abi.encodeWithSelector(E.NoSuchMatch.selector, terms.content(), 0);
        _join(2, keys[2]);
        refused(reason);
        _verdict(new bytes32[](0), oracleKey);
        refused(reason);
    }

    function test_Refused_verdicts() public {
        bytes32 id_ = terms.content();
        bytes memory none = abi.encodeWithSelector(E.NoSuchMatch.selector, id_, 0);
        _verdict(new bytes32[](0), oracleKey);
        refused(none);
        _joined(3);
        _verdict(new bytes32[](0), keys[0]);
        refused(abi.encodeWithSelector(E.NotAuthorised.selector, id_));
        add(T.Verdict(id_, 2, new bytes32[](0)), oracleKey, terms);
        refused(none);
        T.Terms memory others = terms;
        others.stake = 1;
        add(T.Verdict(id_, 1, new bytes32[](0)), oracleKey, others);
        refused(abi.encodeWithSelector(E.UnlikeTerms.selector, id_));
        _verdict(new bytes32[](0), oracleKey);
        execute();
        _verdict(new bytes32[](0), oracleKey);
        refused(abi.encodeWithSelector(E.NoSuchMatch.selector, id_, 1));
    }

    function test_Refused_bad_rankings() public {
        _joined(3);
        bytes memory reason = abi.encodeWithSelector(E.BadRanking.selector, terms.content());
        _verdict(_ranking(1, 1), oracleKey);
        refused(reason);
        _verdict(_ranking(1, 3), oracleKey);
        refused(reason);
        bytes32[] memory ranking = new bytes32[](1);
        ranking[0] = people[0];
        _verdict(ranking, oracleKey);
        refused(reason);
    }

    function test_Refused_bad_prizes_and_fees() public {
        _badPrizes(6_999, 3_000);
        _badPrizes(3_000, 7_000);
        (terms.prizesBps[0], terms.prizesBps[1], terms.feeBps) = (7_000, 3_000, 10_001);
        _rejoined();
        refused(abi.encodeWithSelector(E.BadFee.selector, 10_001));
    }

    // -- helpers --------------------------------------------------------------------------------------------------------

    function _joining(uint256 who, uint64 nonce) private view returns (T.Join memory) {
        return T.Join(people[who], terms.content(), terms.asset, terms.stake, nonce, LATER);
    }

    function _join(uint256 who, uint256 key) private {
        (,,, uint256 nonces) = grid.accountOf(people[who]);
        add(_joining(who, uint64(nonces >> 192)), key, terms);
    }

    function _joined(uint256 count) private {
        for (uint256 i; i < count; ++i) {
            _join(i, keys[i]);
        }
        execute();
    }

    function _verdict(bytes32[] memory ranking, uint256 key) private {
        add(T.Verdict(terms.content(), 1, ranking), key, terms);
    }

    function _ranking(uint256 first, uint256 second) private view returns (bytes32[] memory ranking) {
        ranking = new bytes32[](2);
        (ranking[0], ranking[1]) = (people[first], people[second]);
    }

    function _rejoined() private {
        terms.stake = 1;
        _joined(2);
        _verdict(_ranking(0, 1), oracleKey);
    }

    function _badPrizes(uint16 first, uint16 second) private {
        (terms.prizesBps[0], terms.prizesBps[1]) = (first, second);
        _rejoined();
        refused(abi.encodeWithSelector(E.BadPrizes.selector, uint256(first) + second, 2, 2));
    }
}
