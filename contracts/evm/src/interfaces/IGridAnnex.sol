// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ListedAsset, Lock, Resolution} from "../Stored.sol";
import "../Types.sol" as T;

/// @title All other operations of the grid: they live in a second contract, as one may not be so long, and are called on the first
interface IGridAnnex {
    // -- the lock -------------------------------------------------------------------------------------------------------

    /// @notice A new set of guards, signed by the one before it.
    function rotate(T.Rotation calldata signed, bytes[] calldata signatures) external;

    /// @notice By the pauser, for a day at most. It ends by itself.
    function pause(uint64 until) external;

    /// @notice Ends the pause that lasts until then, and no later one.
    function unpause(T.Unpause calldata signed, bytes[] calldata signatures) external;

    // -- entering -------------------------------------------------------------------------------------------------------

    function enterMatch(T.MatchLeaf calldata leaf, T.Terms calldata terms, bytes32[] calldata proof, bytes calldata totals)
        external;

    /// @notice It is on record that the order stands; nothing else is known of orders here.
    /// @param totals The hash of the list that the epoch's transition had, here and below.
    function enterOrder(T.OrderLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external;

    // -- what was in doubt, or late -------------------------------------------------------------------------------------

    /// @notice What became of a batch of another chain, once and for ever.
    function resolve(T.Resolve calldata signed, bytes[] calldata signatures) external;

    /// @notice Posts or voids a hold, once in an epoch, as its batch was resolved; or, of a batch of this chain, as its record says.
    function settleHold(T.HoldLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external;

    /// @notice A deposit that the epoch's cut has not counted, once by its number on its chain.
    function credit(T.Credit calldata signed, bytes[] calldata signatures) external;

    // -- tokens ---------------------------------------------------------------------------------------------------------

    /// @notice What an asset is on this chain, once and for ever.
    function listAsset(T.Listing calldata signed, bytes[] calldata signatures) external;

    /// @notice What arrives of so many tokens, in whole grid units, for whatever account. What makes no whole one goes back.
    /// @return sequence The number of the deposit on this chain.
    function deposit(bytes32 account, uint32 asset, uint256 tokens) external returns (uint64 sequence);

    /// @notice Float for withdrawals, which belongs to nobody in particular, from whoever brings it.
    function bridgeIn(T.BridgeIn calldata signed, bytes[] calldata signatures) external;

    // -- owners ---------------------------------------------------------------------------------------------------------

    /// @notice Raises the floor of an account's nonces: nothing that was signed below it will execute here.
    function cancel(T.Cancel calldata signed, bytes calldata signature) external;

    /// @notice A way in when nobody else takes an intent: an event, and nothing else.
    function submit(T.Intent calldata intent, bytes calldata signature) external;

    // -- reading --------------------------------------------------------------------------------------------------------

    function chain() external view returns (uint8);
    function domainSeparator() external view returns (bytes32);
    /// @notice The account that gets the fees.
    function treasury() external view returns (bytes32);
    function pauser() external view returns (address);
    /// @notice Where tokens go that leave over the bridge.
    function bridge() external view returns (address);
    function lock() external view returns (Lock memory);
    /// @notice What the epoch started from: the hash of the root of its leaves and of the hash of the list of totals.
    function cut() external view returns (bytes32);
    function guards() external view returns (uint64 version, uint8 threshold, address[] memory addresses);
    /// @notice How many there were, and how many of them before the epoch began.
    function deposits() external view returns (uint64 count, uint64 opening);
    /// @notice Whether it may act; whether the cut has no leaf of it, so that its balances need not enter; who signs for it; and its nonces,
    /// a floor of 64 bits above a window of 192.
    function accountOf(bytes32 account) external view returns (bool entered, bool isNew, address authority, uint256 nonces);
    function balanceOf(bytes32 account, uint32 asset)
        external
        view
        returns (bool entered, int256 available, uint64 held, uint64 received);
    function assetOf(uint32 asset) external view returns (uint64 vault, uint64 liabilities, uint64 entered);
    function listingOf(uint32 asset) external view returns (ListedAsset memory);
    /// @notice As it was last known, in whichever epoch.
    function matchOf(bytes32 terms) external view returns (uint64 epoch, uint64 step, bytes32[] memory players);
    function orderOf(bytes32 id) external view returns (uint64 epoch);
    function outcomeOf(uint64 epoch, uint64 batch) external view returns (bytes32);
    function accumulatorOf(uint64 epoch) external view returns (bytes32);
    function resolutionOf(uint8 origin, uint64 epoch, uint64 batch) external view returns (Resolution);
    function settledIn(bytes32 hold) external view returns (uint64 epoch);
    function creditedIn(uint8 origin, uint64 sequence) external view returns (uint64 epoch);
    function bridgedIn(bytes32 id) external view returns (bool done, uint64 amount);
    function sentOut(bytes32 id) external view returns (bool done, uint64 amount);
}
