// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridAnnex} from "./IGridAnnex.sol";
import {IGridCore} from "./IGridCore.sol";
import {IGridErrors} from "./IGridErrors.sol";
import {IGridEvents} from "./IGridEvents.sol";

/// @title The grid on an EVM chain
/// @notice The same machine as the reference and the program on Solana: what one accepts the others accept, and all reach the same balances.
/// Whoever calls, what counts is who signed. Only while this chain is active, and not paused, does anything happen but in `transition`,
/// `rotate`, `listAsset`, `cancel`, `pause` and `unpause`, and float come in by `bridgeIn`. Signatures of guards are a set: m of n, in
/// ascending order of their addresses. Proofs go from a leaf to the root of the epoch's cut.
interface IPhantomGrid is IGridCore, IGridAnnex, IGridErrors, IGridEvents {}
