"""secp256k1 signatures that `ecrecover` and Solana's `secp256k1_recover` accept: r, s, v in 65 bytes, with a low s.

Of every signature there is a twin with n - s that recovers to the same address. Only the low one is accepted, as contracts do,
so that a signature is also an identity.
"""

from __future__ import annotations

from coincurve import PrivateKey, PublicKey

from jurymast.crypto.address import SIZE as ADDRESS_BYTES
from jurymast.crypto.address import checksummed
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

SIGNATURE_BYTES = 65
DIGEST_BYTES = 32
KEY_BYTES = 32
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
V_OFFSET = 27


class BadSignature(Rejected):
    """Not a signature that anybody made over this digest in the one accepted form."""


class SigningKey:
    """A private key that does not show itself."""

    __slots__ = ("_key", "address")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES or not 0 < int.from_bytes(secret, "big") < ORDER:
            raise ValueError(f"a secp256k1 key is {KEY_BYTES} bytes, not zero and below the order of the curve")
        self._key = PrivateKey(secret)
        self.address = address_of(self._key.public_key)

    def __repr__(self) -> str:
        return f"<SigningKey of {checksummed(self.address)}>"

    def sign(self, digest: bytes) -> bytes:
        """Deterministic (RFC 6979): the same digest gives the same signature."""
        signature = self._key.sign_recoverable(_checked(digest), hasher=None)
        return signature[:-1] + bytes([signature[-1] + V_OFFSET])


def recover(digest: bytes, signature: bytes) -> bytes:
    """The address that signed; `BadSignature` if nobody could have."""
    _checked(digest)
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
    if signature[-1] - V_OFFSET not in (0, 1):
        raise BadSignature(f"v is 27 or 28, not {signature[-1]}")
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise BadSignature("r or s is out of range, or s is the high one of the two possible")
    try:
        key = PublicKey.from_signature_and_message(signature[:-1] + bytes([signature[-1] - V_OFFSET]), digest, hasher=None)
    except ValueError:  # No point of the curve has this r.
        raise BadSignature("no key makes this signature") from None
    return address_of(key)


def address_of(key: PublicKey) -> bytes:
    return keccak256(key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def _checked(digest: bytes) -> bytes:
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(digest)}")
    return digest
