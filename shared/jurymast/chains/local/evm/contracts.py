"""Contracts at addresses that follow from their code alone. Pure.

The factory that stands at one address of every EVM chain makes them (CREATE2): the address is a hash of the code and a salt, so
that no sender, nonce or order of deployments changes it, and what stands there is what was meant.
"""

from __future__ import annotations

from typing import NamedTuple

from jurymast.crypto.keccak import keccak256

FACTORY = bytes.fromhex("4e59b44847b379578588920ca78fbf26c0b4956c")
SALT_BYTES = 32


class Deployment(NamedTuple):
    name: str
    code: bytes
    """What makes it, with the arguments of its constructor behind it."""
    salt: bytes = bytes(SALT_BYTES)

    @property
    def address(self) -> bytes:
        return keccak256(b"\xff", FACTORY, self.salt, keccak256(self.code))[12:]
