// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {GridAnnex} from "./GridAnnex.sol";
import {GridEntry} from "./GridEntry.sol";
import {GridEpochs} from "./GridEpochs.sol";
import {GridExecution} from "./GridExecution.sol";
import {GridState} from "./GridState.sol";
import {Setup} from "./Types.sol";

/// @title The grid on an EVM chain
/// @notice Accounts, their nonces and balances, the escrow of matches, and the vault, as long as this chain is the active one. To be called
/// as `IPhantomGrid`.
/// @dev Nothing in it can be replaced: a new version is a new deployment that takes over by a transition. A contract may have 24,576 bytes,
/// so that the operations whose cost matters less are the code of a second one, made with this and for it, which runs on the state of this.
contract PhantomGrid is GridEpochs, GridExecution, GridEntry {
    address private immutable _annex;

    constructor(Setup memory setup) GridState(setup) {
        _checkGuards(setup.guards, setup.threshold);
        _setGuards(setup.guards, setup.threshold, setup.version);
        _annex = address(new GridAnnex(setup));
        _cut = NO_CUT;
    }

    /// @dev Whatever is not here is there, or nowhere.
    fallback() external {
        address annex = _annex;
        // slither-disable-next-line assembly (a call handed on as it came, and its answer)
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), annex, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
