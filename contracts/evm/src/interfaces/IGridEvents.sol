// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What happened on the grid
/// @notice The whole state can be rebuilt from these, with the clock of their blocks, by the rules that the grid itself goes by. In a batch
/// amounts are what each action moves: per account and asset they are added up before anything changes, when `Executed` comes.
interface IGridEvents {
    // -- the lock -------------------------------------------------------------------------------------------------------

    event GuardsRotated(uint64 indexed version, address[] guards, uint8 threshold);
    /// @param totals As it was brought: 4 bytes of asset, 8 of amount.
    event Transitioned(uint64 indexed epoch, uint8 active, uint16 feeBps, bytes32 root, bytes totals);
    event PausedUntil(uint64 until);
    event Unpaused();

    // -- batches --------------------------------------------------------------------------------------------------------

    /// @notice What the permit of the batch says first. Entries that have entered, and nonces that are used, are passed over.
    /// @param absent 32 bytes of account, 4 of asset.
    /// @param dead 32 bytes of account, 8 of nonce.
    event Admitted(bytes absent, bytes dead);
    event Withdrawn(bytes32 indexed account, uint32 indexed asset, uint64 amount, address recipient, uint64 nonce);
    event BridgedOut(bytes32 indexed id, uint32 indexed asset, uint64 amount, uint8 target, bytes32 account, uint64 nonce);
    event Joined(bytes32 indexed match_, bytes32 indexed account, uint32 asset, uint64 stake, uint64 nonce);
    /// @notice With a prize for each account in its place, the treasury's fee first; or with every player's stake.
    event Ended(bytes32 indexed match_, uint64 step, uint32 asset, bytes32[] accounts, uint64[] amounts);
    /// @param fills 32 bytes of account, 8 of nonce, 4 of asset sold, 4 of asset bought, 8 of amount sold, 8 of amount bought. The treasury
    /// gets what is sold and not bought.
    event Executed(uint64 indexed epoch, uint64 indexed batch, bytes32 outcome, bytes fills);

    // -- entering and settling ------------------------------------------------------------------------------------------

    /// @param nonces The word here, after the merge.
    event AccountEntered(bytes32 indexed account, address authority, uint256 nonces);
    /// @notice With what the leaf says, to which what was received is added.
    event BalanceEntered(bytes32 indexed account, uint32 indexed asset, int128 available, uint64 held);
    event MatchEntered(bytes32 indexed match_, uint32 indexed asset, uint64 stake, uint64 step, bytes32[] players);
    event OrderEntered(bytes32 indexed id);
    event Resolved(uint8 indexed origin, uint64 indexed epoch, uint64 indexed batch, bool executed);
    event HoldSettled(
        bytes32 indexed hold,
        bytes32 indexed account,
        bool executed,
        uint64 nonce,
        uint32 outAsset,
        uint64 outAmount,
        uint32 inAsset,
        uint64 inAmount
    );
    event Credited(uint8 indexed origin, uint64 indexed sequence, bytes32 indexed account, uint32 asset, uint64 amount);

    // -- accounts and tokens --------------------------------------------------------------------------------------------

    event Listed(
        uint32 indexed asset,
        address indexed token,
        uint8 tokenDecimals,
        uint8 gridDecimals,
        uint64 bridgeLimit,
        uint64 bridgeWindow
    );
    event Deposited(uint64 indexed sequence, bytes32 indexed account, uint32 indexed asset, uint64 amount);
    event BridgedIn(bytes32 indexed id, uint32 indexed asset, uint64 amount);
    event Cancelled(bytes32 indexed account, uint64 floor);
    event Submitted(
        bytes32 indexed account,
        uint64 indexed nonce,
        uint32 sellAsset,
        uint32 buyAsset,
        uint128 sellAmount,
        uint128 minBuyAmount,
        uint40 deadline,
        uint16 maxFeeBps,
        bytes signature
    );
}
