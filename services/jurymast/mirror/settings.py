from __future__ import annotations

from typing import Annotated

import msgspec

from jurymast.settings import Settings

Word = Annotated[str, msgspec.Meta(pattern="^(0x)?[0-9a-fA-F]{64}$")]


class MirrorSettings(Settings, frozen=True, kw_only=True):
    application: Word
    """The id of the application, 32 bytes in hexadecimal: part of everything that its users sign."""
    treasury: Word
    """The account that gets the fees, 32 bytes in hexadecimal."""

    @property
    def application_id(self) -> bytes:
        return word(self.application)

    @property
    def treasury_id(self) -> bytes:
        return word(self.treasury)


def word(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
