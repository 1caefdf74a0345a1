// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Account, Asset, Balance, Deposits, ListedAsset, Lock, Match, Resolution, Transfer} from "./Stored.sol";
import {NO_ASSET, Setup} from "./Types.sol";
import {IGridErrors} from "./interfaces/IGridErrors.sol";
import {IGridEvents} from "./interfaces/IGridEvents.sol";
import {AccountWord} from "./libraries/AccountWord.sol";
import {Amounts} from "./libraries/Amounts.sol";
import {BalanceWord} from "./libraries/BalanceWord.sol";
import {Typed} from "./libraries/Typed.sol";

/// @notice What the grid stores, how it is read in the current epoch, and the few ways in which value moves.
abstract contract GridState is IGridErrors, IGridEvents, ReentrancyGuardTransient {
    /// @dev Stands for none, so that the first epoch finds a slot that is in use.
    bytes32 internal constant NO_CUT = bytes32(uint256(1));

    uint8 internal immutable _chain;
    bytes32 internal immutable _separator;
    bytes32 internal immutable _treasury;
    address internal immutable _pauser;
    address internal immutable _bridge;

    // slither-disable-start uninitialized-state,unused-state,constable-states (two contracts work on the first one's storage, each on a part)
    Lock internal _lock;
    Deposits internal _deposits;
    bytes32 internal _cut; // What the epoch starts from, see `SnapshotTree`.
    address[] internal _guards;
    mapping(address guard => uint256) internal _guardOf; // The version of the set that it is in, and one more.
    mapping(bytes32 account => Account) internal _accounts;
    mapping(bytes32 account => mapping(uint32 asset => Balance)) internal _balances;
    mapping(uint32 asset => Asset) internal _assets;
    mapping(uint32 asset => ListedAsset) internal _listings;
    mapping(bytes32 terms => Match) internal _matches;
    mapping(bytes32 order => uint64 epoch) internal _orders;
    mapping(uint64 epoch => mapping(uint64 batch => bytes32)) internal _outcomes;
    mapping(uint64 epoch => bytes32) internal _accumulators;
    mapping(uint8 origin => mapping(uint64 epoch => mapping(uint64 batch => Resolution))) internal _resolutions;
    mapping(bytes32 hold => uint64 epoch) internal _settled;
    mapping(uint8 origin => mapping(uint64 sequence => uint64 epoch)) internal _credited;
    mapping(bytes32 id => Transfer) internal _bridged;
    mapping(bytes32 id => Transfer) internal _sent;
    // slither-disable-end uninitialized-state,unused-state,constable-states (two contracts work on the first one's storage, each on a part)

    constructor(Setup memory setup) {
        _chain = setup.chain;
        _separator = Typed.domain(setup.application);
        _treasury = setup.treasury;
        _pauser = setup.pauser;
        _bridge = setup.bridge;
    }

    // -- reading --------------------------------------------------------------------------------------------------------

    function _checkRunning(Lock memory lock_) internal view {
        // slither-disable-next-line timestamp (by the chain's clock: whoever orders blocks moves an end by seconds)
        if (block.timestamp < lock_.pausedUntil) revert Paused(lock_.pausedUntil);
    }

    /// @return lock_ Of the epoch in which this chain is active.
    function _active() internal view returns (Lock memory lock_) {
        lock_ = _lock;
        _checkRunning(lock_);
        if (lock_.active != _chain) revert NotActive(lock_.epoch, lock_.active);
    }

    /// @notice As the word is read in the current epoch.
    function _flags(AccountWord word) internal view returns (bool entered, bool new_) {
        Lock storage lock_ = _lock;
        if (word.epochOf() != lock_.epoch) return (lock_.empty, lock_.empty);
        return (word.isEntered(), word.isNew());
    }

    /// @notice That it may act.
    function _checkEntered(AccountWord word, bytes32 account, uint256 epoch) internal view {
        if (word.epochOf() == epoch ? !word.isEntered() : !_lock.empty) revert NotEntered(account);
    }

    function _asset(uint32 number, uint64 epoch) internal view returns (Asset memory asset) {
        asset = _assets[number];
        if (asset.epoch != epoch) asset = Asset(epoch, asset.vault, 0, 0);
    }

    function _listed(uint32 number) internal view returns (ListedAsset storage listing) {
        listing = _listings[number];
        if (listing.token == address(0)) revert NoSuchAsset(number);
    }

    /// @notice Whatever a cut or a guard says: nothing is ever owned under the number that no asset has.
    function _checkReal(uint32 asset) internal pure {
        if (asset == NO_ASSET) revert NoSuchAsset(asset);
    }

    /// @notice How many deposits there were when the epoch began: those are not of it.
    function _opening(uint64 epoch) internal view returns (uint64) {
        Deposits memory deposits_ = _deposits;
        return deposits_.epoch == epoch ? deposits_.opening : deposits_.count;
    }

    // -- value ----------------------------------------------------------------------------------------------------------

    /// @notice Pays, or takes what is available. Before its leaf has entered a balance receives: that is kept apart, and never taken.
    function _change(Balance storage balance, bytes32 account, uint32 asset, int256 by, uint256 epoch) internal {
        BalanceWord word = balance.word.inEpoch(epoch);
        if (!word.isEntered()) {
            (, bool new_) = _flags(_accounts[account].word);
            if (new_) word = word.entering();
        }
        unchecked {
            int256 amount = word.amountOf() + by; // Far from where it could overflow.
            if (by < 0 && (amount < 0 || !word.isEntered())) {
                revert InsufficientBalance(account, asset, word.isEntered() ? amount - by : int256(0), uint256(-by));
            }
            balance.word = word.withAmount(Amounts.signed(amount));
        }
    }

    /// @notice More, or less, belongs to accounts and matches; and so many tokens came into the vault, or left it.
    function _owe(uint32 number, int256 by, int256 vault, uint64 epoch) internal {
        Asset memory asset = _asset(number, epoch);
        asset.liabilities = Amounts.amount(int256(uint256(asset.liabilities)) + by);
        asset.vault = Amounts.amount(int256(uint256(asset.vault)) + vault);
        _assets[number] = asset;
    }
}
