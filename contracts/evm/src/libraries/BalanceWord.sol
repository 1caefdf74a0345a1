// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice A balance in the word that is stored: amount 72 bits signed, held 64, epoch 64, entered 1.
/// @dev The amount is what is available once the balance has entered, and what was received before that: there are never both. It is below
/// zero where batches in doubt may take more than there is. What was written in an older epoch is dead.
type BalanceWord is uint256;

using {amountOf, heldOf, epochOf, isEntered, inEpoch, entering, withAmount, withHeld} for BalanceWord global;

uint256 constant AMOUNT_BITS = 72;
uint256 constant AMOUNT = (1 << AMOUNT_BITS) - 1;
uint256 constant HELD_AT = AMOUNT_BITS;
uint256 constant EPOCH_AT = HELD_AT + 64;
uint256 constant ENTERED = 1 << (EPOCH_AT + 64);

function packBalance(int256 amount, uint256 held, uint256 epoch, bool entered) pure returns (BalanceWord) {
    return BalanceWord.wrap(uint256(amount) & AMOUNT | held << HELD_AT | epoch << EPOCH_AT | (entered ? ENTERED : 0));
}

function amountOf(BalanceWord word) pure returns (int256) {
    return int72(uint72(BalanceWord.unwrap(word)));
}

function heldOf(BalanceWord word) pure returns (uint64) {
    return uint64(BalanceWord.unwrap(word) >> HELD_AT);
}

function epochOf(BalanceWord word) pure returns (uint256) {
    return BalanceWord.unwrap(word) >> EPOCH_AT & type(uint64).max;
}

function isEntered(BalanceWord word) pure returns (bool) {
    return BalanceWord.unwrap(word) & ENTERED != 0;
}

/// @notice As it is read in this epoch.
function inEpoch(BalanceWord word, uint256 epoch) pure returns (BalanceWord) {
    return word.epochOf() == epoch ? word : packBalance(0, 0, epoch, false);
}

/// @notice It enters with what it received: there is nothing more to come.
function entering(BalanceWord word) pure returns (BalanceWord) {
    return BalanceWord.wrap(BalanceWord.unwrap(word) | ENTERED);
}

function withAmount(BalanceWord word, int256 amount) pure returns (BalanceWord) {
    return BalanceWord.wrap(BalanceWord.unwrap(word) & ~AMOUNT | uint256(amount) & AMOUNT);
}

function withHeld(BalanceWord word, uint64 held) pure returns (BalanceWord) {
    return BalanceWord.wrap(BalanceWord.unwrap(word) & ~(uint256(type(uint64).max) << HELD_AT) | uint256(held) << HELD_AT);
}
