// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice Who signs for an account, and whether it may act, in the word that is stored: authority 160 bits, epoch 64, flags 2.
/// @dev What was written in an older epoch is dead but for the authority. A word without one is of an account that signs for itself, or of
/// a Solana key for which nobody signs yet.
type AccountWord is uint256;

using {authorityOf, epochOf, isEntered, isNew} for AccountWord global;

uint256 constant ENTERED = 1 << 224;
uint256 constant NEW = 1 << 225;

function packAccount(address authority, uint64 epoch, bool new_) pure returns (AccountWord) {
    return AccountWord.wrap(uint160(authority) | uint256(epoch) << 160 | ENTERED | (new_ ? NEW : 0));
}

function authorityOf(AccountWord word, bytes32 account) pure returns (address authority) {
    authority = address(uint160(AccountWord.unwrap(word)));
    if (authority == address(0) && uint256(account) >> 160 == 0) authority = address(uint160(uint256(account)));
}

function epochOf(AccountWord word) pure returns (uint256) {
    return AccountWord.unwrap(word) >> 160 & type(uint64).max;
}

function isEntered(AccountWord word) pure returns (bool) {
    return AccountWord.unwrap(word) & ENTERED != 0;
}

/// @dev The cut has no leaf of it: its balances need not enter.
function isNew(AccountWord word) pure returns (bool) {
    return AccountWord.unwrap(word) & NEW != 0;
}
