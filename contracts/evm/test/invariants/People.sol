// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;
import {IGridAnnex} from "../../src/interfaces/IGridAnnex.sol";
import {Hashes} from "../kit/Hashes.sol";
import {Watched} from "./Watched.sol";

/// @notice What people do: they bring tokens, trade, play, withdraw and cancel.
abstract contract People is Watched {
    using Hashes for *;

    bytes[] internal spent; // Batches whose nonces are used, as they can be permitted again.
    uint256 internal immutable oracleKey;

    constructor() {
        (, oracleKey) = makeKey("oracle");
    }

    // -- tokens ---------------------------------------------------------------------------------------------------------

    function deposit(uint256 who, uint32 asset, uint64 units) external watched {
        _deposit(active, who % PEOPLE, assetOf(asset), units);
    }

    /// @notice On a grid that has not heard of the switch.
    function depositLate(uint256 who, uint32 asset, uint64 units) external watched {
        uint256 g = 1 - active;
        (T.Credit memory it, uint64 in_) = (_deposit(g, who % PEOPLE, assetOf(asset), units), epochOf(g));
        if (in_ == epoch) flaw(Flaw.MovedWhileStill);
        late.push(Late(it, false));
    }

    function _deposit(uint256 g, uint256 who, uint32 asset, uint64 units) private returns (T.Credit memory) {
        units = uint64(bound(units, 1, 1_000_000));
        uint256 dust = units % scaleOf(asset);
        tokens[asset].mint(address(this), units * scaleOf(asset) + dust);
        tokens[asset].approve(address(grids[g]), units * scaleOf(asset) + dust);
        uint64 sequence = grids[g].deposit(accounts[who], asset, units * scaleOf(asset) + dust);
        flows[g][epochOf(g)][asset] += int256(uint256(units));
        return T.Credit(chainOf(g), sequence, 0, accounts[who], asset, units);
    }

    function withdraw(uint256 who, uint32 asset, uint64 amount) external watched {
        Batch memory it;
        T.Withdrawal memory what = _withdrawal(it, who, asset, amount);
        execute(it);
        spent.push(abi.encode(it));
        flows[active][epoch][what.asset] -= int256(uint256(what.amount));
    }

    // -- trading --------------------------------------------------------------------------------------------------------

    function trade(uint256 one, uint256 other, uint256 amount, uint64 goldPrice, uint64 coinPrice) external watched {
        Swap memory swap = swapOf(one, other, amount, goldPrice, coinPrice);
        Batch memory it = batchOf(swap);
        if (amount % 4 == 0) it.dead = _burnt(swap.gold.account);
        int256[6] memory before = _purses(swap);
        execute(it);
        spent.push(abi.encode(it));
        _checkFair(swap, before, _purses(swap));
    }

    /// @notice Both get no less than they asked for, and pay no more than the prices and their ceiling; what they do not get is the treasury's.
    function _checkFair(Swap memory it, int256[6] memory before, int256[6] memory later) private {
        uint256[6] memory by; // Gold and coin of who sells gold, of who sells coin, and of the treasury.
        for (uint256 i; i < 6; ++i) {
            int256 change = i == 0 || i == 3 ? before[i] - later[i] : later[i] - before[i];
            if (change < 0) return flaw(Flaw.Unfair);
            by[i] = uint256(change);
        }
        bool fair = by[0] == it.gold.sellAmount && by[3] == it.coin.sellAmount;
        fair = fair && by[0] == by[2] + by[4] && by[3] == by[1] + by[5];
        fair = fair && _fair(it.gold, by[1], it.goldPrice, it.coinPrice) && _fair(it.coin, by[2], it.coinPrice, it.goldPrice);
        if (!fair) flaw(Flaw.Unfair);
    }

    function _fair(T.Intent memory it, uint256 bought, uint256 sellPrice, uint256 buyPrice) private pure returns (bool) {
        uint256 gross = it.sellAmount * sellPrice / buyPrice;
        bool neverGains = bought * buyPrice <= it.sellAmount * sellPrice;
        return neverGains && bought >= it.minBuyAmount && bought + (gross * it.maxFeeBps + 9_999) / 10_000 >= gross;
    }

    function _purses(Swap memory it) private view returns (int256[6] memory units) {
        bytes32[3] memory whose = [it.gold.account, it.coin.account, accounts[TREASURER]];
        for (uint256 i; i < 6; ++i) {
            (units[i],) = has(whose[i / 2], i % 2 == 0 ? GOLD : COIN);
        }
    }

    /// @notice A nonce of what has expired.
    function _burnt(bytes32 account) private returns (bytes memory) {
        Batch memory never;
        uint64 nonce = nextNonce(account);
        T.Intent memory it = T.Intent(account, GOLD, COIN, 1, 0, nonce, deadline(), 10_000);
        add(never, it);
        never.prices = abi.encodePacked(GOLD, uint64(1), COIN, uint64(1_000_000));
        spent.push(abi.encode(never));
        return abi.encodePacked(account, nonce);
    }

    // -- playing --------------------------------------------------------------------------------------------------------

    function join(uint256 who, uint256 seed) external watched {
        bytes32 account = accounts[who % PEOPLE];
        T.Terms memory terms = _match(seed);
        Batch memory it;
        it.absent = ready(account, terms.asset);
        if (spendable(account, terms.asset) < terms.stake) revert NothingToDo();
        add(it, T.Join(account, terms.content(), terms.asset, terms.stake, nextNonce(account), deadline()), terms);
        execute(it);
    }

    function end(uint256 seed) external watched {
        T.Terms memory terms = _match(seed);
        bytes32[] memory players = playersOf(terms);
        if (players.length == 0) revert NothingToDo();
        bytes32[] memory ranking = new bytes32[](players.length == 2 ? seed % 2 : 0);
        if (ranking.length == 1) ranking[0] = players[seed / 2 % 2];
        Batch memory it;
        add(it, T.Verdict(terms.content(), 1, ranking), oracleKey, terms);
        execute(it);
    }

    /// @notice The last one, in this epoch; the next, if that is over.
    function _match(uint256 seed) private returns (T.Terms memory terms) {
        if (matches.length > 0) {
            terms = matches[matches.length - 1];
            (uint64 in_, uint64 step,) = grids[active].matchOf(terms.content());
            if (in_ != epoch && matchLeaves[epoch][terms.content()].terms != 0) enterMatch(terms);
            else if (in_ != epoch || step != 0) delete terms;
        }
        if (terms.stake > 0) return terms;
        (terms.asset, terms.stake, terms.players) = (assetOf(seed), 1 + uint64(seed % 1_000), 2);
        (terms.oracle, terms.feeBps, terms.salt) = (vm.addr(oracleKey), uint16(seed % 500), bytes32(matches.length));
        terms.prizesBps = new uint16[](1);
        terms.prizesBps[0] = 10_000;
        matches.push(terms);
    }

    // -- cancelling -----------------------------------------------------------------------------------------------------

    function cancel(uint256 g, uint256 who, uint64 more) external watched {
        g %= grids.length;
        bytes32 account = accounts[who % PEOPLE];
        (,,, uint256 word) = grids[g].accountOf(account);
        uint64 floor = uint64(word >> 192) + 1 + more % 3;
        T.Cancel memory it = T.Cancel(account, floor, chainOf(g));
        once(g, abi.encodeCall(IGridAnnex.cancel, (it, signCompact(account, it.content()))));
        if (nonces[account] < floor) nonces[account] = floor;
    }

    function _withdrawal(Batch memory it, uint256 who, uint32 asset, uint64 amount) internal returns (T.Withdrawal memory what) {
        bytes32 account = accounts[who % accounts.length];
        asset = assetOf(asset);
        it.absent = ready(account, asset);
        (uint64 vault,,) = grids[active].assetOf(asset);
        uint256 most = spendable(account, asset) < vault ? spendable(account, asset) : vault;
        if (most == 0) revert NothingToDo();
        amount = uint64(bound(amount, 1, most));
        uint40 until = deadline();
        what = T.Withdrawal(account, asset, amount, chainOf(active), account, nextNonce(account), until);
        add(it, what);
    }
}
