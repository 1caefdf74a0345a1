// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Why the grid refuses
/// @notice Nothing has changed then. Names and fields are those of the reference and of the program on Solana.
interface IGridErrors {
    // -- calldata and amounts -------------------------------------------------------------------------------------------

    /// @notice Bytes that are no list of what they should list, from this place in the calldata on.
    error BadEncoding(uint256 place);
    /// @notice An amount does not fit into 64 bits of grid units.
    error AmountTooLarge(int256 amount);
    error InsufficientBalance(bytes32 account, uint32 asset, int256 available, uint256 needed);

    // -- signatures and proofs ------------------------------------------------------------------------------------------

    /// @notice Nobody made this signature over what it is for, in the one form that is accepted: 64 or 65 bytes with the low s.
    error BadSignature();
    /// @notice Signatures come in the order of their signers' addresses, each once.
    error NotAscending(uint256 position, address signer, address before);
    /// @notice Guards are 1 to 255, in ascending order, none the zero address, and the threshold is a majority of them.
    error BadGuards(uint256 guards, uint256 threshold);
    error TooManySignatures(uint256 count, uint256 guards);
    /// @notice Too few guards signed, or somebody who is none.
    error NoQuorum(uint256 guards, uint256 strangers, uint256 threshold);
    /// @notice The proof does not show that this content is under this root.
    error BadProof(bytes32 root, bytes32 content, uint256 length);

    // -- nonces ---------------------------------------------------------------------------------------------------------

    error NonceUsed(uint64 nonce);
    /// @notice Above the window: earlier ones must be used or cancelled first.
    error NonceTooFar(uint64 nonce, uint64 floor);
    /// @notice A floor only rises.
    error FloorTooLow(uint64 floor, uint64 wanted);

    // -- settlement -----------------------------------------------------------------------------------------------------

    error SameAsset(uint256 fill, uint32 asset);
    error NothingSold(uint256 fill);
    error NoPrice(uint32 asset);
    error FeeTooHigh(uint256 fill, uint16 feeBps, uint16 most);
    error LimitNotMet(uint256 fill, uint64 bought, uint128 minimum);
    /// @notice More of an asset is bought than sold.
    error NotConserved(uint32 asset, uint256 sold, uint256 bought);

    // -- matches --------------------------------------------------------------------------------------------------------

    /// @notice A match is known by the hash of its terms, and these are others.
    error UnlikeTerms(bytes32 match_);
    /// @notice None that is at this step and has room.
    error NoSuchMatch(bytes32 match_, uint64 step);
    /// @notice More players than a match may have.
    error BadPlayers(uint256 players, uint256 most);
    /// @notice A ranking names one player for each prize, and nobody twice.
    error BadRanking(bytes32 match_);
    /// @notice Prizes are basis points of the pot: one or more, in falling order, together 10,000, and no more than there are players.
    error BadPrizes(uint256 totalBps, uint256 prizes, uint256 players);
    error BadFee(uint16 feeBps);

    // -- the lock -------------------------------------------------------------------------------------------------------

    error EpochNotNewer(uint64 epoch, uint64 current);
    error NoSuchChain(uint8 chain);
    /// @notice The totals that were brought are not those that were signed.
    error WrongTotals(bytes32 signed);
    /// @notice Guards are rotated one version after the other.
    error WrongVersion(uint64 version, uint64 current);
    error NotActive(uint64 epoch, uint8 active);
    error Paused(uint64 until);
    error PauseTooLong(uint64 until, uint64 latest);
    /// @notice There is no pause, or another one than what was signed about.
    error NotPaused(uint64 until);

    // -- batches --------------------------------------------------------------------------------------------------------

    /// @notice The account's leaf has not entered this epoch, and no permit said that there is none.
    error NotEntered(bytes32 account);
    /// @notice Not by the account's authority, the match's oracle or the pauser; or not the treasury's account.
    error NotAuthorised(bytes32 byWhom);
    error Expired(uint40 deadline);
    error WrongChain(uint8 chain);
    error WrongEpoch(uint64 epoch, uint64 current);
    error BatchUsed(uint64 batch);
    error PermitExpired(uint64 expiry);
    /// @notice More actions than a transaction could execute.
    error BatchTooLarge(uint256 actions, uint256 most);
    /// @notice What was brought is not what the guards permitted.
    error WrongBatch(uint64 batch);
    /// @notice It belongs to the account, but the tokens are on the other chain.
    error InsufficientFloat(uint32 asset, uint64 vault, uint64 needed);
    /// @notice Tokens go to an address of this chain.
    error BadRecipient(bytes32 recipient);

    // -- entering and settling ------------------------------------------------------------------------------------------

    /// @notice The leaf with this content has, or there can be none.
    error AlreadyEntered(bytes32 content);
    error TotalsExceeded(uint32 asset, uint64 entered, uint64 total);
    /// @notice Nobody has said yet what became of the batch, or it is of this chain and its epoch goes on.
    error NotResolved(uint8 origin, uint64 epoch, uint64 batch);
    error AlreadyResolved(uint8 origin, uint64 epoch, uint64 batch);
    error AlreadySettled(bytes32 hold);
    error AlreadyCredited(uint8 origin, uint64 sequence);
    /// @notice A deposit of this chain in this epoch needs no credit: those up to `opening` came before it.
    error NotLate(uint64 sequence, uint64 opening);

    // -- assets and the bridge ------------------------------------------------------------------------------------------

    /// @notice Not listed on this chain, or the number that is no asset's.
    error NoSuchAsset(uint32 asset);
    error AssetListed(uint32 asset);
    /// @notice An asset has a number, an address as token, at most 18 decimals fewer on the grid than its token has and never more;
    /// a window has a length.
    error BadListing(uint32 asset);
    error NothingMoved(uint32 asset);
    /// @notice Fewer tokens arrived than were said to.
    error TokensMissing(uint32 asset, uint256 arrived, uint256 needed);
    error AlreadyBridged(bytes32 id);
    /// @notice So much would come over the bridge in this window of the chain's clock.
    error RateLimited(uint32 asset, uint256 amount, uint64 limit);
}
