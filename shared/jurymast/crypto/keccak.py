"""Keccak-256 as Ethereum uses it: the padding from before SHA-3 was standardised."""

from __future__ import annotations

from sha3 import keccak_256  # type: ignore[import-untyped]  # It has no stubs.


def keccak256(*parts: bytes) -> bytes:
    """The hash of the parts one after the other."""
    digest: bytes = keccak_256(b"".join(parts)).digest()
    return digest
