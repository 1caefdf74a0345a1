// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../Types.sol" as T;

/// @notice EIP-712: struct hashes of everything that is signed or stands in a cut, and what is signed.
library Typed {
    bytes32 private constant DOMAIN = keccak256("EIP712Domain(string name,string version,bytes32 salt)");
    bytes32 internal constant INTENT = keccak256(
        "Intent(bytes32 account,uint32 sellAsset,uint32 buyAsset,uint128 sellAmount,uint128 minBuyAmount,uint64 nonce,uint40 deadline,uint16 maxFeeBps)"
    );
    bytes32 private constant WITHDRAWAL = keccak256(
        "Withdrawal(bytes32 account,uint32 asset,uint64 amount,uint8 chain,bytes32 recipient,uint64 nonce,uint40 deadline)"
    );
    bytes32 private constant BRIDGE_OUT =
        keccak256("BridgeOut(bytes32 account,uint32 asset,uint64 amount,uint8 source,uint8 target,uint64 nonce,uint40 deadline)");
    bytes32 private constant JOIN =
        keccak256("Join(bytes32 account,bytes32 match,uint32 asset,uint64 stake,uint64 nonce,uint40 deadline)");
    bytes32 private constant VERDICT = keccak256("Verdict(bytes32 match,uint64 step,bytes32[] ranking)");
    bytes32 private constant CANCEL = keccak256("Cancel(bytes32 account,uint64 floor,uint8 chain)");
    bytes32 private constant TERMS =
        keccak256("Terms(uint32 asset,uint64 stake,uint16 players,address oracle,uint16 feeBps,uint16[] prizesBps,bytes32 salt)");
    bytes32 private constant PERMIT = keccak256(
        "Permit(uint8 chain,uint64 epoch,uint64 batch,uint64 expiry,bytes32 actions,bytes32 prices,bytes32 absent,bytes32 dead)"
    );
    bytes32 private constant TRANSITION =
        keccak256("LockTransition(uint64 epoch,uint8 active,bytes32 root,bytes32 totals,uint64 sourceHeight,uint16 feeBps)");
    bytes32 private constant ROTATION = keccak256("Rotation(uint64 version,address[] guards,uint8 threshold)");
    bytes32 private constant UNPAUSE = keccak256("Unpause(uint8 chain,uint64 until)");
    bytes32 private constant LISTING = keccak256(
        "Listing(uint8 chain,uint32 asset,bytes32 token,uint8 tokenDecimals,uint8 gridDecimals,uint64 bridgeLimit,uint64 bridgeWindow)"
    );
    bytes32 private constant RESOLVE = keccak256("Resolve(uint8 origin,uint64 epoch,uint64 batch,bool executed)");
    bytes32 private constant CREDIT =
        keccak256("Credit(uint8 origin,uint64 sequence,uint64 epoch,bytes32 account,uint32 asset,uint64 amount)");
    bytes32 private constant BRIDGE_IN = keccak256("BridgeIn(bytes32 id,uint8 chain,uint32 asset,uint64 amount,uint64 expiry)");
    bytes32 private constant ACCOUNT = keccak256("Account(bytes32 account,address authority,bytes32 nonces)");
    bytes32 private constant BALANCE = keccak256("Balance(bytes32 account,uint32 asset,int128 available,uint64 held)");
    bytes32 private constant HOLD = keccak256(
        "Hold(uint8 origin,uint64 epoch,uint64 batch,bytes32 account,uint64 nonce,uint32 outAsset,uint64 outAmount,uint32 inAsset,uint64 inAmount)"
    );
    bytes32 private constant MATCH = keccak256("Match(bytes32 terms,uint64 step,bytes32[] players)");
    bytes32 private constant ORDER =
        keccak256("Order(bytes32 id,bytes32 account,uint32 market,bool buy,uint64 price,uint64 quantity,uint64 sequence)");

    /// @notice The domain names the application and no chain: an intent's signature is good on both. Guards bind a chain, by what they sign.
    function domain(bytes32 application) internal pure returns (bytes32) {
        return keccak256(abi.encode(DOMAIN, keccak256("Jurymast"), keccak256("1"), application));
    }

    /// @notice What is signed.
    /// @dev Assembly, in memory that is free and stays so: a batch has hundreds of these.
    function digest(bytes32 separator, bytes32 content) internal pure returns (bytes32 result) {
        // slither-disable-next-line assembly (why, and what it relies on, is said above)
        assembly ("memory-safe") {
            let free := mload(0x40)
            mstore(free, shl(240, 0x1901))
            mstore(add(free, 2), separator)
            mstore(add(free, 34), content)
            result := keccak256(free, 66)
        }
    }

    function hash(T.Intent calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(INTENT, it));
    }

    function hash(T.Cancel calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(CANCEL, it));
    }

    function hash(T.Withdrawal memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(WITHDRAWAL, it));
    }

    function hash(T.BridgeOut memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(BRIDGE_OUT, it));
    }

    function hash(T.Join memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(JOIN, it));
    }

    function hash(T.Verdict memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(VERDICT, it.match_, it.step, keccak256(abi.encodePacked(it.ranking))));
    }

    function hash(T.Terms memory it) internal pure returns (bytes32) {
        bytes32 prizes = keccak256(abi.encodePacked(it.prizesBps));
        return keccak256(abi.encode(TERMS, it.asset, it.stake, it.players, it.oracle, it.feeBps, prizes, it.salt));
    }

    /// @dev A list that does not end in the calldata is refused where it is read; to copy it would panic.
    function hashCalldata(T.Terms calldata it) internal pure returns (bytes32) {
        bytes32 prizes = keccak256(abi.encodePacked(it.prizesBps));
        return keccak256(abi.encode(TERMS, it.asset, it.stake, it.players, it.oracle, it.feeBps, prizes, it.salt));
    }

    function hash(T.Permit calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(PERMIT, it));
    }

    function hash(T.LockTransition calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(TRANSITION, it));
    }

    function hash(T.Rotation calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(ROTATION, it.version, keccak256(abi.encodePacked(it.guards)), it.threshold));
    }

    function hash(T.Unpause calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(UNPAUSE, it));
    }

    function hash(T.Listing calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(LISTING, it));
    }

    function hash(T.Resolve calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(RESOLVE, it));
    }

    function hash(T.Credit calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(CREDIT, it));
    }

    function hash(T.BridgeIn calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(BRIDGE_IN, it));
    }

    function hash(T.AccountLeaf calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(ACCOUNT, it));
    }

    function hash(T.BalanceLeaf calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(BALANCE, it));
    }

    function hash(T.HoldLeaf calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(HOLD, it));
    }

    function hash(T.MatchLeaf calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(MATCH, it.terms, it.step, keccak256(abi.encodePacked(it.players))));
    }

    function hash(T.OrderLeaf calldata it) internal pure returns (bytes32) {
        return keccak256(abi.encode(ORDER, it));
    }
}
