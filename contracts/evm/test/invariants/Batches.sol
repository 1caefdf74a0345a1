// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridCore} from "../../src/interfaces/IGridCore.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Packing} from "../kit/Packing.sol";
import {Ledger} from "./Ledger.sol";

/// @notice Batches as they are signed, permitted and brought; and what of them may execute only once.
abstract contract Batches is Ledger {
    using Hashes for *;

    struct Batch {
        bytes32[] digests;
        bytes actions; // Without their number.
        bytes prices;
        bytes absent;
        bytes dead;
        bytes32[] identities; // What each has of account and nonce.
    }

    /// @notice Two who swap at prices at which the one gets all that the other sells, but for the fee.
    struct Swap {
        T.Intent gold; // Who sells it.
        T.Intent coin;
        uint64 goldPrice;
        uint64 coinPrice;
        uint256 toCoin; // What who sells coin gets, of gold.
        uint256 toGold;
    }

    mapping(bytes32 identity => uint256) private _executed;
    uint64 private _batches;

    // -- making ---------------------------------------------------------------------------------------------------------

    function add(Batch memory it, T.Intent memory intent) internal view {
        it.actions = bytes.concat(it.actions, Packing.intent(intent, signCompact(intent.account, intent.content())));
        _signed(it, intent.content(), intent.account, intent.nonce);
    }

    function add(Batch memory it, T.Withdrawal memory withdrawal) internal view {
        bytes memory signature = sign(keys[withdrawal.account], withdrawal.content());
        it.actions = bytes.concat(it.actions, Packing.withdrawal(withdrawal, signature));
        _signed(it, withdrawal.content(), withdrawal.account, withdrawal.nonce);
    }

    function add(Batch memory it, T.BridgeOut memory out) internal view {
        it.actions = bytes.concat(it.actions, Packing.bridgeOut(out, signCompact(out.account, out.content())));
        _signed(it, out.content(), out.account, out.nonce);
    }

    function add(Batch memory it, T.Join memory join, T.Terms memory terms) internal view {
        it.actions = bytes.concat(it.actions, Packing.join(join, signCompact(join.account, join.content()), terms));
        _signed(it, join.content(), join.account, join.nonce);
    }

    function add(Batch memory it, T.Verdict memory verdict, uint256 key, T.Terms memory terms) internal pure {
        it.actions = bytes.concat(it.actions, Packing.verdict(verdict, sign(key, verdict.content()), terms));
        _signed(it, verdict.content(), verdict.match_, verdict.step);
    }

    function _signed(Batch memory it, bytes32 content, bytes32 account, uint64 nonce) private pure {
        it.digests = _with(it.digests, digestOf(content));
        it.identities = _with(it.identities, keccak256(abi.encode(account, nonce)));
    }

    function _with(bytes32[] memory list, bytes32 last) private pure returns (bytes32[] memory longer) {
        longer = new bytes32[](list.length + 1);
        for (uint256 i; i < list.length; ++i) {
            longer[i] = list[i];
        }
        longer[list.length] = last;
    }

    // -- permitting and bringing ----------------------------------------------------------------------------------------

    function permitOf(Batch memory it, uint256 g) internal returns (T.Permit memory) {
        return T.Permit({
            chain: chainOf(g),
            epoch: epochOf(g),
            batch: ++_batches,
            expiry: uint64(block.timestamp + 2 hours),
            actions: keccak256(abi.encodePacked(it.digests)),
            prices: keccak256(it.prices),
            absent: keccak256(it.absent),
            dead: keccak256(it.dead)
        });
    }

    function dataOf(Batch memory it, T.Permit memory permit, bytes[] memory signatures) internal pure returns (bytes memory) {
        bytes memory actions = bytes.concat(bytes2(uint16(it.digests.length)), it.actions);
        return abi.encodeCall(IGridCore.execute, (permit, signatures, actions, it.prices, it.absent, it.dead));
    }

    /// @notice What the guards permit there now.
    function permitted(Batch memory it, uint256 g) internal returns (bytes memory) {
        T.Permit memory permit = permitOf(it, g);
        return dataOf(it, permit, signed(g, permit.content()));
    }

    function execute(Batch memory it) internal {
        once(active, permitted(it, active));
        noteExecuted(it.identities);
    }

    function noteExecuted(bytes32[] memory identities) internal {
        for (uint256 i; i < identities.length; ++i) {
            if (++_executed[identities[i]] > 1) flaw(Flaw.ExecutedTwice);
        }
    }

    /// @notice That an account has entered for what comes; if it has no leaf, by a batch of nothing else.
    function ensure(bytes32 account, uint32 asset) internal {
        Batch memory it;
        it.absent = ready(account, asset);
        if (it.absent.length > 0) once(active, permitted(it, active));
    }

    // -- swaps ----------------------------------------------------------------------------------------------------------

    function swapOf(uint256 one, uint256 other, uint256 amount, uint64 goldPrice, uint64 coinPrice)
        internal
        returns (Swap memory it)
    {
        (one, other) = (one % PEOPLE, other % (PEOPLE - 1));
        if (other >= one) ++other;
        (it.goldPrice, it.coinPrice) = (uint64(bound(goldPrice, 1, 1_000_000)), uint64(bound(coinPrice, 1, 1_000_000)));
        uint256 most = spendable(accounts[other], COIN) * it.coinPrice / it.goldPrice;
        if (most > spendable(accounts[one], GOLD)) most = spendable(accounts[one], GOLD);
        if (most == 0) revert NothingToDo();
        uint256 gold = bound(amount, 1, most);
        uint256 coin = gold * it.goldPrice / it.coinPrice;
        if (coin == 0) revert NothingToDo();
        uint256 feeBps = grids[active].lock().feeBps;
        it.toGold = _afterFee(coin, feeBps);
        it.toCoin = _afterFee(coin * it.coinPrice / it.goldPrice, feeBps);
        it.gold = _intent(accounts[one], GOLD, gold, it.toGold, feeBps + amount % 3);
        it.coin = _intent(accounts[other], COIN, coin, it.toCoin - it.toCoin * (amount % 2) / 10, feeBps);
    }

    function batchOf(Swap memory it) internal returns (Batch memory batch) {
        add(batch, it.gold);
        add(batch, it.coin);
        batch.prices = abi.encodePacked(GOLD, it.goldPrice, COIN, it.coinPrice);
        for (uint32 asset = 1; asset <= ASSETS; ++asset) {
            batch.absent = bytes.concat(batch.absent, ready(it.gold.account, asset), ready(it.coin.account, asset));
        }
    }

    function nextNonce(bytes32 account) internal returns (uint64) {
        return nonces[account]++;
    }

    function deadline() internal view returns (uint40) {
        return uint40(block.timestamp + 30 days);
    }

    function _intent(bytes32 account, uint32 sells, uint256 amount, uint256 minBuy, uint256 maxFee)
        private
        returns (T.Intent memory)
    {
        uint32 buys = sells == GOLD ? COIN : GOLD;
        return T.Intent(account, sells, buys, uint128(amount), uint128(minBuy), nextNonce(account), deadline(), uint16(maxFee));
    }

    function _afterFee(uint256 gross, uint256 feeBps) private pure returns (uint256) {
        return gross - (gross * feeBps + T.BPS - 1) / T.BPS;
    }
}
