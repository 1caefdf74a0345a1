// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

import {GridGuards} from "./GridGuards.sol";
import {GridTokens} from "./GridTokens.sol";
import {Deposits, ListedAsset, Lock, Transfer} from "./Stored.sol";
import {BridgeIn, Cancel, Intent, Listing, NO_ASSET} from "./Types.sol";
import {IGridAnnex} from "./interfaces/IGridAnnex.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {Nonces} from "./libraries/Nonces.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice Tokens that come in, and what an owner may do by himself.
abstract contract GridVault is IGridAnnex, GridGuards, GridTokens {
    using SafeERC20 for IERC20;

    /// @dev A unit of the grid is then still less than 2^60 of the token's.
    uint256 public constant MOST_DECIMALS_LESS = 18;

    // -- assets ---------------------------------------------------------------------------------------------------------

    function listAsset(Listing calldata signed, bytes[] calldata signatures) external nonReentrantView {
        if (signed.chain != _chain) revert WrongChain(signed.chain);
        if (_listings[signed.asset].token != address(0)) revert AssetListed(signed.asset);
        _checkListing(signed);
        _checkQuorum(_lock, Typed.hash(signed), signatures);
        address token = address(uint160(uint256(signed.token)));
        ListedAsset storage listing = _listings[signed.asset];
        (listing.token, listing.tokenDecimals, listing.gridDecimals) = (token, signed.tokenDecimals, signed.gridDecimals);
        (listing.bridgeLimit, listing.bridgeWindow) = (signed.bridgeLimit, signed.bridgeWindow);
        emit Listed(signed.asset, token, signed.tokenDecimals, signed.gridDecimals, signed.bridgeLimit, signed.bridgeWindow);
    }

    function _checkListing(Listing calldata signed) private pure {
        bool token = signed.token != 0 && uint256(signed.token) >> 160 == 0;
        bool decimals =
            signed.gridDecimals <= signed.tokenDecimals && signed.tokenDecimals - signed.gridDecimals <= MOST_DECIMALS_LESS;
        if (!token || !decimals || signed.asset == NO_ASSET || signed.bridgeWindow == 0) revert BadListing(signed.asset);
    }

    // -- tokens in ------------------------------------------------------------------------------------------------------

    function deposit(bytes32 account, uint32 asset, uint256 tokens) external nonReentrant returns (uint64 sequence) {
        uint64 epoch = _active().epoch;
        ListedAsset storage listing = _listed(asset);
        uint256 arrived = _pull(IERC20(listing.token), tokens);
        uint256 scale = _scale(listing);
        uint64 units = Amounts.amount(arrived / scale);
        // slither-disable-next-line incorrect-equality (nothing is nothing, and no other amount is meant)
        if (units == 0) revert NothingMoved(asset);
        _owe(asset, int256(uint256(units)), int256(uint256(units)), epoch);
        _change(_balances[account][asset], account, asset, int256(uint256(units)), epoch);
        sequence = _count(epoch);
        emit Deposited(sequence, account, asset, units);
        uint256 dust = arrived % scale;
        if (dust > 0) IERC20(listing.token).safeTransfer(msg.sender, dust);
    }

    /// @return The number of a deposit in this epoch.
    function _count(uint64 epoch) private returns (uint64) {
        Deposits memory deposits_ = _deposits;
        if (deposits_.epoch != epoch) (deposits_.epoch, deposits_.opening) = (epoch, deposits_.count);
        ++deposits_.count;
        _deposits = deposits_;
        return deposits_.count;
    }

    function bridgeIn(BridgeIn calldata signed, bytes[] calldata signatures) external nonReentrant {
        Lock memory lock_ = _lock;
        _checkRunning(lock_);
        if (signed.chain != _chain) revert WrongChain(signed.chain);
        ListedAsset storage listing = _listed(signed.asset);
        if (_bridged[signed.id].done) revert AlreadyBridged(signed.id);
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (block.timestamp >= signed.expiry) revert PermitExpired(signed.expiry);
        uint64 window = uint64(block.timestamp / listing.bridgeWindow);
        // slither-disable-next-line incorrect-equality (windows have numbers, and this is one or another)
        uint256 inWindow = uint256(signed.amount) + (listing.window == window ? listing.bridged : 0);
        if (inWindow > listing.bridgeLimit) revert RateLimited(signed.asset, inWindow, listing.bridgeLimit);
        _checkQuorum(lock_, Typed.hash(signed), signatures);
        (listing.window, listing.bridged) = (window, uint64(inWindow));
        _bridged[signed.id] = Transfer(signed.amount, true);
        _owe(signed.asset, 0, int256(uint256(signed.amount)), lock_.epoch);
        emit BridgedIn(signed.id, signed.asset, signed.amount);
        uint256 needed = signed.amount * _scale(listing);
        uint256 arrived = _pull(IERC20(listing.token), needed);
        if (arrived < needed) revert TokensMissing(signed.asset, arrived, needed);
    }

    // -- owners ---------------------------------------------------------------------------------------------------------

    function cancel(Cancel calldata signed, bytes calldata signature) external nonReentrantView {
        if (signed.chain != _chain) revert WrongChain(signed.chain);
        address authority = _accounts[signed.account].word.authorityOf(signed.account);
        if (_recover(Typed.hash(signed), signature) != authority) revert NotAuthorised(signed.account);
        uint256 nonces = Nonces.cancelBelow(_accounts[signed.account].nonces, signed.floor);
        _accounts[signed.account].nonces = nonces;
        emit Cancelled(signed.account, signed.floor);
    }

    function submit(Intent calldata intent, bytes calldata signature) external nonReentrantView {
        _active();
        address authority = _accounts[intent.account].word.authorityOf(intent.account);
        if (_recover(Typed.hash(intent), signature) != authority) revert NotAuthorised(intent.account);
        emit Submitted(
            intent.account,
            intent.nonce,
            intent.sellAsset,
            intent.buyAsset,
            intent.sellAmount,
            intent.minBuyAmount,
            intent.deadline,
            intent.maxFeeBps,
            signature
        );
    }
}
