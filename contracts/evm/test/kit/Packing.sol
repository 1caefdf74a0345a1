// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../../src/Types.sol" as T;

/// @notice Writes what `Actions` reads.
library Packing {
    function intent(T.Intent memory it, bytes memory signature) internal pure returns (bytes memory) {
        bytes memory owner = abi.encodePacked(it.account, it.nonce, it.deadline);
        return
            abi.encodePacked(head(1, signature), owner, it.sellAsset, it.buyAsset, it.sellAmount, it.minBuyAmount, it.maxFeeBps);
    }

    function withdrawal(T.Withdrawal memory it, bytes memory signature) internal pure returns (bytes memory) {
        bytes memory owner = abi.encodePacked(it.account, it.nonce, it.deadline);
        return abi.encodePacked(head(2, signature), owner, it.asset, it.amount, it.chain, it.recipient);
    }

    function bridgeOut(T.BridgeOut memory it, bytes memory signature) internal pure returns (bytes memory) {
        bytes memory owner = abi.encodePacked(it.account, it.nonce, it.deadline);
        return abi.encodePacked(head(3, signature), owner, it.asset, it.amount, it.source, it.target);
    }

    function join(T.Join memory it, bytes memory signature, T.Terms memory agreed) internal pure returns (bytes memory) {
        bytes memory owner = abi.encodePacked(it.account, it.nonce, it.deadline);
        return abi.encodePacked(head(4, signature), owner, it.match_, it.asset, it.stake, terms(agreed));
    }

    function verdict(T.Verdict memory it, bytes memory signature, T.Terms memory agreed) internal pure returns (bytes memory) {
        bytes memory ranking = abi.encodePacked(uint16(it.ranking.length), it.ranking);
        return abi.encodePacked(head(5, signature), it.match_, it.step, ranking, terms(agreed));
    }

    function terms(T.Terms memory it) internal pure returns (bytes memory packed) {
        packed = abi.encodePacked(it.asset, it.stake, it.players, it.oracle, it.feeBps, it.salt, uint16(it.prizesBps.length));
        for (uint256 i; i < it.prizesBps.length; ++i) {
            packed = abi.encodePacked(packed, it.prizesBps[i]);
        }
    }

    function head(uint8 kind, bytes memory signature) internal pure returns (bytes memory) {
        return abi.encodePacked(signature.length == 65 ? kind | 0x80 : kind, signature);
    }
}
