// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IGridErrors} from "../interfaces/IGridErrors.sol";
import {Packed} from "./Packed.sol";

/// @notice secp256k1 signatures: r, s, v in 65 bytes, or in EIP-2098's 64. Of the two twins of each only the one with the low s is accepted.
library Signatures {
    uint256 internal constant LONG = 65;
    uint256 internal constant COMPACT = 64;
    uint256 private constant HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0;

    /// @return Who signed, never the zero address.
    function recover(bytes32 digest, bytes calldata signature) internal view returns (address) {
        if (signature.length != LONG && signature.length != COMPACT) revert IGridErrors.BadSignature();
        // slither-disable-next-line unused-return (the length is known already)
        (uint256 place,) = Packed.range(signature);
        return recoverAt(digest, place, signature.length);
    }

    /// @notice The same of a signature in packed calldata.
    /// @dev Assembly: the precompile is asked in memory that is free and stays so. It answers nothing for another v than 27 and 28, or
    /// where r or s is no number of the curve's order.
    function recoverAt(bytes32 digest, uint256 place, uint256 length) internal view returns (address signer) {
        unchecked {
            uint256 s = uint256(Packed.word(place + 32));
            uint256 v = Packed.u8(place + 64);
            if (length == COMPACT) (s, v) = (s & type(uint256).max >> 1, 27 + (s >> 255));
            if (s > HALF_ORDER) revert IGridErrors.BadSignature();
            // slither-disable-next-line assembly (why, and what it relies on, is said above)
            assembly ("memory-safe") {
                let free := mload(0x40)
                mstore(free, digest)
                mstore(add(free, 32), v)
                mstore(add(free, 64), calldataload(place))
                mstore(add(free, 96), s)
                mstore(0, 0)
                pop(staticcall(gas(), 1, free, 128, 0, 32))
                signer := mload(0)
            }
            if (signer == address(0)) revert IGridErrors.BadSignature();
        }
    }
}
