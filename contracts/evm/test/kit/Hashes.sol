// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;

/// @notice EIP-712 struct hashes, written down once more and without a look at the ones under test.
library Hashes {
    function content(T.Intent memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Intent(bytes32 account,uint32 sellAsset,uint32 buyAsset,uint128 sellAmount,uint128 minBuyAmount,uint64 nonce,uint40 deadline,uint16 maxFeeBps)"
                ),
                it
            )
        );
    }

    function content(T.Withdrawal memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Withdrawal(bytes32 account,uint32 asset,uint64 amount,uint8 chain,bytes32 recipient,uint64 nonce,uint40 deadline)"
                ),
                it
            )
        );
    }

    function content(T.BridgeOut memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "BridgeOut(bytes32 account,uint32 asset,uint64 amount,uint8 source,uint8 target,uint64 nonce,uint40 deadline)"
                ),
                it
            )
        );
    }

    function content(T.Join memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Join(bytes32 account,bytes32 match,uint32 asset,uint64 stake,uint64 nonce,uint40 deadline)"), it
            )
        );
    }

    function content(T.Cancel memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Cancel(bytes32 account,uint64 floor,uint8 chain)"), it));
    }

    function content(T.Terms memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Terms(uint32 asset,uint64 stake,uint16 players,address oracle,uint16 feeBps,uint16[] prizesBps,bytes32 salt)"
                ),
                it.asset,
                it.stake,
                it.players,
                it.oracle,
                it.feeBps,
                keccak256(abi.encodePacked(it.prizesBps)),
                it.salt
            )
        );
    }

    function content(T.Verdict memory it) internal pure returns (bytes32) {
        bytes32 ranking = keccak256(abi.encodePacked(it.ranking));
        return
            keccak256(abi.encode(keccak256("Verdict(bytes32 match,uint64 step,bytes32[] ranking)"), it.match_, it.step, ranking));
    }

    function content(T.Permit memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Permit(uint8 chain,uint64 epoch,uint64 batch,uint64 expiry,bytes32 actions,bytes32 prices,bytes32 absent,bytes32 dead)"
                ),
                it
            )
        );
    }

    function content(T.LockTransition memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "LockTransition(uint64 epoch,uint8 active,bytes32 root,bytes32 totals,uint64 sourceHeight,uint16 feeBps)"
                ),
                it
            )
        );
    }

    function content(T.Rotation memory it) internal pure returns (bytes32) {
        bytes32 guards = keccak256(abi.encodePacked(it.guards));
        return keccak256(
            abi.encode(keccak256("Rotation(uint64 version,address[] guards,uint8 threshold)"), it.version, guards, it.threshold)
        );
    }

    function content(T.Unpause memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Unpause(uint8 chain,uint64 until)"), it));
    }

    function content(T.Listing memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Listing(uint8 chain,uint32 asset,bytes32 token,uint8 tokenDecimals,uint8 gridDecimals,uint64 bridgeLimit,uint64 bridgeWindow)"
                ),
                it
            )
        );
    }

    function content(T.Resolve memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Resolve(uint8 origin,uint64 epoch,uint64 batch,bool executed)"), it));
    }

    function content(T.Credit memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("Credit(uint8 origin,uint64 sequence,uint64 epoch,bytes32 account,uint32 asset,uint64 amount)"), it
            )
        );
    }

    function content(T.BridgeIn memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("BridgeIn(bytes32 id,uint8 chain,uint32 asset,uint64 amount,uint64 expiry)"), it));
    }

    function content(T.AccountLeaf memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Account(bytes32 account,address authority,bytes32 nonces)"), it));
    }

    function content(T.BalanceLeaf memory it) internal pure returns (bytes32) {
        return keccak256(abi.encode(keccak256("Balance(bytes32 account,uint32 asset,int128 available,uint64 held)"), it));
    }

    function content(T.HoldLeaf memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Hold(uint8 origin,uint64 epoch,uint64 batch,bytes32 account,uint64 nonce,uint32 outAsset,uint64 outAmount,uint32 inAsset,uint64 inAmount)"
                ),
                it
            )
        );
    }

    function content(T.MatchLeaf memory it) internal pure returns (bytes32) {
        bytes32 players = keccak256(abi.encodePacked(it.players));
        return keccak256(abi.encode(keccak256("Match(bytes32 terms,uint64 step,bytes32[] players)"), it.terms, it.step, players));
    }

    function content(T.OrderLeaf memory it) internal pure returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256(
                    "Order(bytes32 id,bytes32 account,uint32 market,bool buy,uint64 price,uint64 quantity,uint64 sequence)"
                ),
                it
            )
        );
    }
}
