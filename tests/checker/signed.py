"""What people and guards sign (EIP-712), and who signed it. Written down once more, from the published types alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from coincurve import PublicKey
from sha3 import keccak_256  # type: ignore[import-untyped]  # It has no stubs.

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
LONG, COMPACT = 65, 64
WORD = 32

_TYPE = re.compile(r"(\w+)\((.*)\)")


class Type(NamedTuple):
    """A struct type; members are named as in its text, which is what gets hashed."""

    text: str
    name: str
    members: tuple[tuple[str, str], ...]
    """Type and name of each."""

    @classmethod
    def of(cls, text: str) -> Type:
        match = _TYPE.fullmatch(text)
        assert match is not None
        kinds_and_names = (member.partition(" ") for member in match[2].split(","))
        return cls(text, match[1], tuple((kind, name) for kind, _, name in kinds_and_names))

    @property
    def abi(self) -> str:
        return f"({','.join(kind for kind, _ in self.members)})"

    def content(self, values: Mapping[str, Any]) -> bytes:
        return keccak(keccak(self.text.encode()), *(_word(kind, values[name]) for kind, name in self.members))


TYPES = {
    kind.name: kind
    for kind in map(
        Type.of,
        (
            (
                "Intent(bytes32 account,uint32 sellAsset,uint32 buyAsset,uint128 sellAmount,uint128 minBuyAmount,uint64 nonce,"
                "uint40 deadline,uint16 maxFeeBps)"
            ),
            "Withdrawal(bytes32 account,uint32 asset,uint64 amount,uint8 chain,bytes32 recipient,uint64 nonce,uint40 deadline)",
            "BridgeOut(bytes32 account,uint32 asset,uint64 amount,uint8 source,uint8 target,uint64 nonce,uint40 deadline)",
            "Join(bytes32 account,bytes32 match,uint32 asset,uint64 stake,uint64 nonce,uint40 deadline)",
            "Verdict(bytes32 match,uint64 step,bytes32[] ranking)",
            "Terms(uint32 asset,uint64 stake,uint16 players,address oracle,uint16 feeBps,uint16[] prizesBps,bytes32 salt)",
            "Cancel(bytes32 account,uint64 floor,uint8 chain)",
            (
                "Permit(uint8 chain,uint64 epoch,uint64 batch,uint64 expiry,bytes32 actions,bytes32 prices,bytes32 absent,"
                "bytes32 dead)"
            ),
            "LockTransition(uint64 epoch,uint8 active,bytes32 root,bytes32 totals,uint64 sourceHeight,uint16 feeBps)",
            "Rotation(uint64 version,address[] guards,uint8 threshold)",
            "Unpause(uint8 chain,uint64 until)",
            (
                "Listing(uint8 chain,uint32 asset,bytes32 token,uint8 tokenDecimals,uint8 gridDecimals,uint64 bridgeLimit,"
                "uint64 bridgeWindow)"
            ),
            "Resolve(uint8 origin,uint64 epoch,uint64 batch,bool executed)",
            "Credit(uint8 origin,uint64 sequence,uint64 epoch,bytes32 account,uint32 asset,uint64 amount)",
            "BridgeIn(bytes32 id,uint8 chain,uint32 asset,uint64 amount,uint64 expiry)",
        ),
    )
}
ACTIONS = ("Intent", "Withdrawal", "BridgeOut", "Join", "Verdict")


def keccak(*parts: bytes) -> bytes:
    result: bytes = keccak_256(b"".join(parts)).digest()
    return result


def separator(application: bytes) -> bytes:
    """The domain names the application and no chain."""
    domain = b"EIP712Domain(string name,string version,bytes32 salt)"
    return keccak(keccak(domain), keccak(b"Jurymast"), keccak(b"1"), application)


def digest(application: bytes, name: str, values: Mapping[str, Any]) -> bytes:
    """What is signed."""
    return keccak(b"\x19\x01", separator(application), TYPES[name].content(values))


def signer(signed: bytes, signature: bytes) -> bytes | None:
    """Whose key made the signature, in either of its two forms; nobody's where the form is another."""
    if len(signature) == COMPACT:
        parity = signature[32] >> 7
        signature = signature[:32] + bytes([signature[32] & 0x7F]) + signature[33:] + bytes([27 + parity])
    if len(signature) != LONG or signature[-1] not in (27, 28) or int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        return None
    try:
        key = PublicKey.from_signature_and_message(signature[:-1] + bytes([signature[-1] - 27]), signed, hasher=None)
    except ValueError:
        return None
    return keccak(key.format(compressed=False)[1:])[12:]


def no_quorum(signed: bytes, signatures: Sequence[bytes], guards: Sequence[bytes], threshold: int) -> str:
    """Why these are not m of the guards, each once; empty if they are."""
    signers = [signer(signed, signature) for signature in signatures]
    strangers = [each for each in signers if each not in guards]
    if strangers or len(set(signers)) != len(signers):
        return f"{len(strangers)} of {len(signers)} signatures are no guard's, or a guard signed twice"
    return "" if len(signers) >= threshold else f"{len(signers)} guards signed, of {threshold} that it takes"


def _word(kind: str, value: Any) -> bytes:
    if kind.endswith("[]"):
        return keccak(*(_word(kind[:-2], item) for item in value))
    if isinstance(value, bytes):
        return value.rjust(WORD, b"\0")  # An address is padded; 32 bytes are 32 bytes.
    return int(value).to_bytes(WORD, "big")
