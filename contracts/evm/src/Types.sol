// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// What is signed, and what a cut says, with the members of its EIP-712 types in their order. An account is 32 bytes: a padded address,
// which signs for itself, or a Solana key. Amounts are grid units of their asset.

uint8 constant NO_CHAIN = 0;
uint8 constant SOLANA = 1;
uint8 constant ARBITRUM = 2;

/// @dev The number that no asset has. In a list of what is absent it says: the account has no leaf at all.
uint32 constant NO_ASSET = type(uint32).max;
/// @dev Of a hold that belongs to no action of the account: the treasury's share of a batch.
uint64 constant NO_NONCE = type(uint64).max;
/// @dev One whole, in basis points.
uint256 constant BPS = 10_000;

/// @dev What a grid is made with.
struct Setup {
    uint8 chain;
    bytes32 application; // The salt of the domain: signatures are for one application, on every chain.
    address[] guards;
    uint8 threshold;
    uint64 version; // Of the guards.
    bytes32 treasury;
    address pauser;
    address bridge;
}

// -- by owners ----------------------------------------------------------------------------------------------------------

struct Intent {
    bytes32 account;
    uint32 sellAsset;
    uint32 buyAsset;
    uint128 sellAmount;
    uint128 minBuyAmount;
    uint64 nonce;
    uint40 deadline;
    uint16 maxFeeBps;
}

struct Withdrawal {
    bytes32 account;
    uint32 asset;
    uint64 amount;
    uint8 chain;
    bytes32 recipient;
    uint64 nonce;
    uint40 deadline;
}

struct BridgeOut {
    bytes32 account;
    uint32 asset;
    uint64 amount;
    uint8 source;
    uint8 target;
    uint64 nonce;
    uint40 deadline;
}

struct Join {
    bytes32 account;
    bytes32 match_;
    uint32 asset;
    uint64 stake;
    uint64 nonce;
    uint40 deadline;
}

struct Cancel {
    bytes32 account;
    uint64 floor;
    uint8 chain;
}

struct Terms {
    uint32 asset;
    uint64 stake;
    uint16 players; // At most.
    address oracle;
    uint16 feeBps;
    uint16[] prizesBps;
    bytes32 salt;
}

// -- by the oracle of a match -------------------------------------------------------------------------------------------

struct Verdict {
    bytes32 match_;
    uint64 step;
    bytes32[] ranking; // Of those who get prizes; none for a draw or a cancelled match.
}

// -- by m of n guards ---------------------------------------------------------------------------------------------------

struct Permit {
    uint8 chain;
    uint64 epoch;
    uint64 batch;
    uint64 expiry;
    bytes32 actions;
    bytes32 prices;
    bytes32 absent;
    bytes32 dead;
}

struct LockTransition {
    uint64 epoch;
    uint8 active;
    bytes32 root;
    bytes32 totals;
    uint64 sourceHeight;
    uint16 feeBps;
}

struct Rotation {
    uint64 version;
    address[] guards;
    uint8 threshold;
}

struct Unpause {
    uint8 chain;
    uint64 until;
}

struct Listing {
    uint8 chain;
    uint32 asset;
    bytes32 token;
    uint8 tokenDecimals;
    uint8 gridDecimals;
    uint64 bridgeLimit;
    uint64 bridgeWindow;
}

struct Resolve {
    uint8 origin;
    uint64 epoch;
    uint64 batch;
    bool executed;
}

struct Credit {
    uint8 origin;
    uint64 sequence;
    uint64 epoch; // In an older one what was credited is dead, and not paid twice.
    bytes32 account;
    uint32 asset;
    uint64 amount;
}

struct BridgeIn {
    bytes32 id;
    uint8 chain;
    uint32 asset;
    uint64 amount;
    uint64 expiry;
}

// -- leaves of a cut ----------------------------------------------------------------------------------------------------

struct AccountLeaf {
    bytes32 account;
    address authority;
    uint256 nonces; // The word.
}

struct BalanceLeaf {
    bytes32 account;
    uint32 asset;
    int128 available; // Below zero where batches in doubt may take more than there is; with `held` it never is.
    uint64 held;
}

struct HoldLeaf {
    uint8 origin;
    uint64 epoch;
    uint64 batch;
    bytes32 account;
    uint64 nonce;
    uint32 outAsset;
    uint64 outAmount;
    uint32 inAsset;
    uint64 inAmount;
}

struct MatchLeaf {
    bytes32 terms; // Their hash, by which the match is known.
    uint64 step;
    bytes32[] players;
}

struct OrderLeaf {
    bytes32 id;
    bytes32 account;
    uint32 market;
    bool buy;
    uint64 price;
    uint64 quantity;
    uint64 sequence;
}
