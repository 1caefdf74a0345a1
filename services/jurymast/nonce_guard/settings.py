from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from jurymast import watchlist
from jurymast.crypto.address import parse_address
from jurymast.crypto.secp256k1 import BadGuards, Guards, SigningKey
from jurymast.errors import Misconfigured
from jurymast.settings import Secret, Settings

ALONE = "alone"

Word = Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{64}$")]


class NonceGuardSettings(Settings, frozen=True, kw_only=True):
    application: Word
    """The id of the application, 32 bytes in hexadecimal: part of everything that its users sign."""
    treasury: Word
    """The account that gets the fees, 32 bytes in hexadecimal."""
    guards: str
    """The addresses of all guards, with commas between; or `alone`."""
    threshold: Annotated[int, msgspec.Meta(ge=1, le=64)]
    """How many of them make a permit: more than half."""
    journal: str
    """The file of the veto journal: on a disk of its own machine, never a copy, never shared."""
    guard_key: Secret = Secret("")
    """32 bytes in hexadecimal. Or it is kept elsewhere:"""
    signer_url: Secret = Secret("")
    """Where a remote signer listens; its address may hold a password."""
    signer_address: str = ""
    """As whom it signs."""
    signer_timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 2.0
    chains_file: str = ""
    """The chains and their contracts, as `jurymast.watchlist` describes them. Nothing is signed for a chain that is not there."""
    longest: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 3_600
    """How far in the future a permit may expire, by the clock of its chain."""

    @property
    def application_id(self) -> bytes:
        return _bytes(self.application)

    @property
    def treasury_id(self) -> bytes:
        return _bytes(self.treasury)

    def all_guards(self, own: bytes) -> Guards:
        if self.guards == ALONE:
            return Guards((own,), self.threshold)
        try:
            return Guards(tuple(sorted(parse_address(text.strip()) for text in self.guards.split(","))), self.threshold)
        except (BadGuards, ValueError) as error:
            raise Misconfigured(f"JURYMAST_GUARDS: {error}") from None

    def signing_key(self) -> SigningKey | None:
        """None if it is kept elsewhere."""
        if bool(self.guard_key) == bool(self.signer_url):
            raise Misconfigured("set either JURYMAST_GUARD_KEY or JURYMAST_SIGNER_URL: a guard signs with one key")
        if not self.guard_key:
            return None
        try:
            return SigningKey(bytes.fromhex(self.guard_key.removeprefix("0x")))
        except ValueError:  # Its text could hold part of the key.
            raise Misconfigured("JURYMAST_GUARD_KEY: a secp256k1 key is 32 bytes in hexadecimal") from None

    def remote_address(self) -> bytes:
        try:
            return parse_address(self.signer_address)
        except ValueError as error:
            raise Misconfigured(f"JURYMAST_SIGNER_ADDRESS: {error}") from None

    def chains(self) -> tuple[watchlist.Chain, ...]:
        if not self.chains_file:
            return ()
        try:
            return watchlist.parse(Path(self.chains_file).read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: {self.chains_file} is not a text file") from None
        except OSError as error:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: cannot read {self.chains_file}: {error.strerror}") from None
        except Misconfigured as error:
            raise Misconfigured(f"JURYMAST_CHAINS_FILE: {self.chains_file}: {error}") from None


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
