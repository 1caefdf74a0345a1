from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from jurymast import watchlist
from jurymast.crypto.address import parse_address
from jurymast.crypto.secp256k1 import BadGuards, Guards, SigningKey
from jurymast.errors import Misconfigured
from jurymast.settings import Secret, Settings

Word = Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{64}$")]


class MirrorSettings(Settings, frozen=True, kw_only=True):
    application: Word
    """The id of the application, 32 bytes in hexadecimal: part of everything that its users sign."""
    treasury: Word
    """The account that gets the fees, 32 bytes in hexadecimal."""
    chains_file: str = ""
    """The chains and their contracts, as `jurymast.watchlist` describes them. Without it actions are taken in, and wait."""
    guards: str = ""
    """The addresses of all guards, with commas between."""
    threshold: Annotated[int, msgspec.Meta(ge=1, le=64)] = 1
    """How many of them make a permit: more than half."""
    sender_key: Secret = Secret("")
    """Of the account that pays for transactions, 32 bytes in hexadecimal; one for each replica. Without it nothing is sent."""
    sent: str = ""
    """The directory in which the transactions of that account are kept: on a disk, never shared."""
    most_per_unit: Annotated[int, msgspec.Meta(ge=1)] = 1_000_000_000_000
    """What a unit of gas may cost, in wei."""
    first_height: Annotated[int, msgspec.Meta(ge=0)] = 0
    """The block in which the contract was made, or any before: nothing below it is looked at."""

    @property
    def application_id(self) -> bytes:
        return word(self.application)

    @property
    def treasury_id(self) -> bytes:
        return word(self.treasury)

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

    def all_guards(self) -> Guards:
        try:
            return Guards(tuple(sorted(parse_address(text.strip()) for text in self.guards.split(","))), self.threshold)
        except (BadGuards, ValueError) as error:
            raise Misconfigured(f"JURYMAST_GUARDS: {error}") from None

    def signing_key(self) -> SigningKey | None:
        """None: it does not send."""
        if not self.sender_key:
            return None
        if not self.sent:
            raise Misconfigured("JURYMAST_SENT is not set: where transactions are kept before they are sent")
        try:
            return SigningKey(bytes.fromhex(self.sender_key.removeprefix("0x")))
        except ValueError:  # Its text could hold part of the key.
            raise Misconfigured("JURYMAST_SENDER_KEY: a secp256k1 key is 32 bytes in hexadecimal") from None


def word(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
