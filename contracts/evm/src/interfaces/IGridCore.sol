// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../Types.sol" as T;

/// @title The operations of the grid whose cost counts: `PhantomGrid` itself has them
interface IGridCore {
    /// @notice Begins an epoch: which chain is active in it, and from which cut it starts. Any newer number is taken, however late.
    /// @param totals What may enter the epoch: 4 bytes of asset, 8 of amount, assets rising; whose hash was signed.
    function transition(T.LockTransition calldata signed, bytes calldata totals, bytes[] calldata signatures) external;

    // -- batches --------------------------------------------------------------------------------------------------------

    /// @notice Executes what the permit is for, wholly or not at all.
    /// @param actions Packed, see `Actions`.
    /// @param prices 4 bytes of asset, 8 of price, assets rising.
    /// @param absent Balances of which the cut has no leaf: 32 bytes of account, 4 of asset; under the number that no asset has, accounts.
    /// @param dead Nonces of what expired or was rejected, so that windows never jam: 32 bytes of account, 8 of nonce.
    /// @return outcome What is recorded of the batch: the hash of its actions and of what each intent bought, 8 bytes each.
    function execute(
        T.Permit calldata permit,
        bytes[] calldata signatures,
        bytes calldata actions,
        bytes calldata prices,
        bytes calldata absent,
        bytes calldata dead
    ) external returns (bytes32 outcome);

    // -- entering -------------------------------------------------------------------------------------------------------

    /// @notice An account and some of its balances.
    /// @param totals The list that the epoch's transition had, here and where balances and matches enter.
    function enter(
        T.AccountLeaf calldata account,
        bytes32[] calldata proof,
        T.BalanceLeaf[] calldata balances,
        bytes32[][] calldata proofs,
        bytes calldata totals
    ) external;

    /// @param totals The hash of that list.
    function enterAccount(T.AccountLeaf calldata leaf, bytes32[] calldata proof, bytes32 totals) external;

    function enterBalance(T.BalanceLeaf calldata leaf, bytes32[] calldata proof, bytes calldata totals) external;
}
