"""secp256k1 signatures that `ecrecover` and Solana's `secp256k1_recover` accept: r, s, v in 65 bytes, or in EIP-2098's 64.

Of every signature there is a twin with n - s that recovers to the same address. Only the one with the low s is accepted, as
contracts do. What is left are the two forms: whoever compares or keeps signatures makes them `canonical` first, 65 bytes. And as
the owner of a key can sign the same digest in many ways, what was signed is identified by its digest, never by a signature.

What comes from outside is refused with a `Rejected`. A `ValueError` says that our own code passed something else than a digest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coincurve import PrivateKey, PublicKey

from jurymast.crypto.address import SIZE as ADDRESS_BYTES
from jurymast.crypto.address import checksummed
from jurymast.crypto.keccak import keccak256
from jurymast.errors import Rejected

SIGNATURE_BYTES = 65
COMPACT_BYTES = 64
DIGEST_BYTES = 32
KEY_BYTES = 32
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
V_OFFSET = 27
PARITY = 0x80
"""The bit of s, never set in a low one, where EIP-2098 keeps what v says."""


class BadSignature(Rejected):
    """Not a signature that anybody made over this digest in the one accepted form."""


class NotAscending(Rejected):
    """A set of signatures is in the order of its signers' addresses, so that it has one form and nobody stands in it twice."""

    def __init__(self, position: int, signer: bytes, before: bytes) -> None:
        super().__init__(f"signature {position} is by {checksummed(signer)}, which is not above {checksummed(before)}")
        self.position, self.signer, self.before = position, signer, before


class BadGuards(Rejected):
    """Guards with whom two contradicting quorums could be found, or none."""

    def __init__(self, reason: str, addresses: tuple[bytes, ...], threshold: int) -> None:
        super().__init__(f"{threshold} of {len(addresses)} guards: {reason}")
        self.reason, self.addresses, self.threshold = reason, addresses, threshold


class TooManySignatures(Rejected):
    """More signatures than there are guards."""

    def __init__(self, count: int, guards: int) -> None:
        super().__init__(f"{count} signatures, and {guards} guards")
        self.count, self.guards = count, guards


class NoQuorum(Rejected):
    """Too few guards signed, or somebody who is none."""

    def __init__(self, guards: Guards, signed: tuple[bytes, ...]) -> None:
        self.threshold = guards.threshold
        self.signed = tuple(address for address in signed if address in guards.addresses)
        self.missing = tuple(address for address in guards.addresses if address not in signed)
        self.strangers = tuple(address for address in signed if address not in guards.addresses)
        text = (
            f"{len(self.signed)} of {len(guards.addresses)} guards signed, {self.threshold} needed; not {_listed(self.missing)}"
        )
        super().__init__(text + (f"; signed by {_listed(self.strangers)}, no guard" if self.strangers else ""))


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
    full = canonical(signature)
    try:
        key = PublicKey.from_signature_and_message(full[:-1] + bytes([full[-1] - V_OFFSET]), digest, hasher=None)
    except ValueError:  # No point of the curve has this r.
        raise BadSignature("no key makes this signature") from None
    return address_of(key)


def canonical(signature: bytes) -> bytes:
    """A signature in either form as 65 bytes; `BadSignature` for anything else."""
    if len(signature) == COMPACT_BYTES:
        signature = signature[:32] + bytes([signature[32] & ~PARITY]) + signature[33:] + bytes([V_OFFSET + (signature[32] >> 7)])
    if len(signature) != SIGNATURE_BYTES:
        raise BadSignature(f"a signature has {SIGNATURE_BYTES} or {COMPACT_BYTES} bytes, not {len(signature)}")
    if signature[-1] - V_OFFSET not in (0, 1):
        raise BadSignature(f"v is 27 or 28, not {signature[-1]}")
    r, s = (int.from_bytes(signature[start : start + 32], "big") for start in (0, 32))
    if not 0 < r < ORDER or not 0 < s <= ORDER // 2:
        raise BadSignature("r or s is out of range, or s is the high one of the two possible")
    return signature


def compact(signature: bytes) -> bytes:
    """A signature in either form as EIP-2098's 64 bytes; `BadSignature` for anything else."""
    full = canonical(signature)
    return full[:32] + bytes([full[32] | PARITY * (full[-1] - V_OFFSET)]) + full[33:-1]


# -- sets of signers ---------------------------------------------------------------------------------------------------


def signers(digest: bytes, signatures: Sequence[bytes]) -> tuple[bytes, ...]:
    """Who signed, in ascending order of address, which is the order that the signatures must have."""
    found: list[bytes] = []
    for position, signature in enumerate(signatures):
        address = recover(digest, signature)
        if found and address <= found[-1]:
            raise NotAscending(position, address, found[-1])
        found.append(address)
    return tuple(found)


@dataclass(frozen=True)
class Guards:
    """Those of whom `threshold` together decide. More than half of them: any two quorums have a member in common."""

    addresses: tuple[bytes, ...]
    threshold: int

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise BadGuards(problem, self.addresses, self.threshold)

    def _problem(self) -> str:
        if any(len(address) != ADDRESS_BYTES for address in self.addresses):
            return f"an address has {ADDRESS_BYTES} bytes"
        if bytes(ADDRESS_BYTES) in self.addresses:
            return "one has the zero address, which `ecrecover` gives for what nobody signed"
        if any(one >= other for one, other in zip(self.addresses, self.addresses[1:], strict=False)):
            return "they are listed in ascending order, each once"
        if not 0 < self.threshold <= len(self.addresses):
            return "that many can never sign"
        return "" if 2 * self.threshold > len(self.addresses) else "less than a majority, so that two quorums could contradict"


def quorum(guards: Guards, digest: bytes, signatures: Sequence[bytes]) -> tuple[bytes, ...]:
    """Which guards signed: at least as many as the threshold, nobody else; `NoQuorum` says who is missing."""
    if len(signatures) > len(guards.addresses):  # Recovering costs: a flood is refused before.
        raise TooManySignatures(len(signatures), len(guards.addresses))
    found = signers(digest, signatures)
    if len(found) < guards.threshold or not set(found) <= set(guards.addresses):
        raise NoQuorum(guards, found)
    return found


def _listed(addresses: Sequence[bytes]) -> str:
    return ", ".join(map(checksummed, addresses)) or "none"


def address_of(key: PublicKey) -> bytes:
    return keccak256(key.format(compressed=False)[1:])[-ADDRESS_BYTES:]


def _checked(digest: bytes) -> bytes:
    if len(digest) != DIGEST_BYTES:
        raise ValueError(f"a digest has {DIGEST_BYTES} bytes, not {len(digest)}")
    return digest
