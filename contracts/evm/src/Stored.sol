// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccountWord} from "./libraries/AccountWord.sol";
import {BalanceWord} from "./libraries/BalanceWord.sol";

// What the grid stores. Structs that name an epoch are dead in every later one, until they enter it.

/// @dev One slot, with what is needed of the guards wherever they sign.
struct Lock {
    uint64 epoch;
    uint64 version; // Of the guards.
    uint40 pausedUntil; // By this chain's clock.
    uint40 since; // When the epoch arrived, by this chain's clock.
    uint16 feeBps;
    uint8 active; // A chain; none before the first epoch.
    uint8 threshold;
    uint8 guards; // How many.
    bool empty; // The cut had no leaves: everybody is new.
}

/// @dev One slot. An epoch in which nothing was deposited yet has left no mark here: all deposits came before it.
struct Deposits {
    uint64 count;
    uint64 epoch; // Of the last.
    uint64 opening; // How many there were when that epoch began.
}

struct Account {
    AccountWord word;
    uint256 nonces;
}

struct Balance {
    BalanceWord word;
}

/// @dev One slot.
struct Asset {
    uint64 epoch;
    uint64 vault; // Not of an epoch: tokens do not move with it.
    uint64 liabilities; // What entered, was deposited and was credited, less what left.
    uint64 entered;
}

struct ListedAsset {
    address token; // None: not listed.
    uint8 tokenDecimals;
    uint8 gridDecimals;
    uint64 bridgeLimit; // In one window, in grid units.
    uint64 bridgeWindow; // How long one is, by this chain's clock.
    uint64 window; // The last in which something came over the bridge, and how much did.
    uint64 bridged;
}

struct Match {
    uint64 epoch;
    uint64 step;
    uint16 count;
    mapping(uint256 => bytes32) players; // `count` of them.
}

/// @dev Of a batch that was in doubt.
enum Resolution {
    Unknown,
    Void,
    Executed
}

/// @dev A transfer over the bridge.
struct Transfer {
    uint64 amount;
    bool done;
}
